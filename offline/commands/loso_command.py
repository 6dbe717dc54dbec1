"""`mer loso` and `mer leak-audit`: the bench."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from offline.commands.terminal import going_on_later, say, stage_bars

if TYPE_CHECKING:
    from offline.bench.executors import Executor
    from offline.bench.loso_settings import LosoSettings

loso_app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
audit_app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

DatasetName = Annotated[str, typer.Option(help="Data set, see `mer datasets list`.")]
Root = Annotated[Path, typer.Option(help="Folder that holds it.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Results go here; made if missing.")]
Model = Annotated[str, typer.Option(help="Model, see `mer models`.")]
ProtocolName = Annotated[
    str | None, typer.Option(help="Samples and classes.", show_default="the data set's own")
]
Seeds = Annotated[int, typer.Option(min=1, max=100, help="Trainings that are averaged.")]
Seed = Annotated[int, typer.Option(min=0, help="The first of them.")]
Epochs = Annotated[
    int | None, typer.Option(min=1, help="For networks.", show_default="the model's own")
]
Workers = Annotated[int, typer.Option(min=1, max=256, help="Processes on this machine.")]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="Ray cluster: HOST:PORT, auto or local."),
]
Device = Annotated[str, typer.Option(help="cpu or cuda, for networks.")]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Another setting of a published system, such as weights=FILE or retrain=layer3; "
        "repeat it for more.",
        show_default=False,
    ),
]
Start = Annotated[
    Path | None,
    typer.Option(
        help="Package or weights that a published system begins with.", show_default="drawn weights"
    ),
]
Inputs = Annotated[
    Path | None,
    typer.Option(
        help="Folder of inputs read before; runs may share it.", show_default="OUT/inputs"
    ),
]


@loso_app.command(no_args_is_help=True)
def loso(
    dataset: DatasetName,
    root: Root,
    out: Out,
    model: Model = "default",
    protocol: ProtocolName = None,
    selection: Annotated[
        str,
        typer.Option(
            help="How epochs and parameters are chosen: fixed beforehand; inner, on people of the "
            "training side; test-fold, on the tested people: a leak, to show what it is worth."
        ),
    ] = "fixed",
    seeds: Seeds = 3,
    seed: Seed = 0,
    epochs: Epochs = None,
    workers: Workers = 1,
    ray: RayAddress = None,
    device: Device = "cpu",
    inputs: Inputs = None,
    changes: Changes = None,
    start: Start = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show what moves the answers: learns one fold again."),
    ] = False,
) -> None:
    """Train and judge a model, one subject left out at a time; stopped runs go on."""
    from offline.bench.loso import run_loso
    from offline.bench.loso_settings import LosoSettings
    from offline.commands.evaluate_command import print_results
    from offline.commands.unit_results import print_units
    from offline.systems.settings import parsed

    numbers = tuple(range(seed, seed + seeds))
    settings = LosoSettings(
        dataset, root, model, protocol, numbers, selection, epochs, device,
        changes=parsed(changes or ()), start=str(start or ""),
    )  # fmt: skip
    _warn(settings)
    with going_on_later(out), stage_bars() as tell:
        where = executor(workers, ray, device)
        found = run_loso(settings, out, where, tell, inputs, workers, explain)
    tell_results = print_units if "per_unit" in found.metrics else print_results
    tell_results(found.metrics, found.files, Console())
    _warn(settings)


@audit_app.command("leak-audit", no_args_is_help=True)
def leak_audit(
    dataset: DatasetName,
    root: Root,
    out: Out,
    model: Model = "ststnet",
    protocol: ProtocolName = None,
    seeds: Seeds = 3,
    seed: Seed = 0,
    epochs: Epochs = None,
    workers: Workers = 1,
    ray: RayAddress = None,
    device: Device = "cpu",
) -> None:
    """Run a model under every rule of selection: what choosing on the test set is worth."""
    from offline.bench.leak_audit import run_audit
    from offline.bench.loso_settings import LosoSettings
    from offline.reports.audit_report import print_audit, write_audit

    numbers = tuple(range(seed, seed + seeds))
    settings = LosoSettings(dataset, root, model, protocol, numbers, epochs=epochs, device=device)
    with going_on_later(out), stage_bars() as tell:
        found = run_audit(settings, out, executor(workers, ray, device), tell, workers)
    console = Console()
    audit, files = write_audit(out, found)
    print_audit(audit, console)
    for path in files.values():
        say(console, str(path))


def executor(workers: int, address: str | None, device: str) -> Executor:
    """Return where folds are learnt; a device that is wanted here has to be there."""
    if address is not None:
        from offline.bench.cluster import ray_cluster

        return ray_cluster(address)
    from offline.bench.executors import local

    if device != "cpu":
        from offline.nets.stacked import usable

        usable(device)
    return local(workers)


def _warn(settings: LosoSettings) -> None:
    from offline.bench.learning import HONEST
    from offline.bench.loso_settings import WARNING

    if settings.selection not in HONEST:
        say(Console(stderr=True), f"WARNING: {WARNING}")
