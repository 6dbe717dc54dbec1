"""``mer train``: models that this project trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from typer.core import TyperGroup

if TYPE_CHECKING:
    from offline.net_package import Trained

TOLD = 10
"""Unreadable samples that are told one by one."""


class _Models(TyperGroup):
    """`default`, and every network and system of the bench, looked up when it is asked for."""

    # Typer ≥ 0.2x carries its own click, older ones use the package: ``Any`` serves both.
    def list_commands(self, ctx: Any) -> list[str]:
        from offline.models.registry import MODELS

        trained = [name for name, each in MODELS.items() if each.net or each.system]
        return super().list_commands(ctx) + trained

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        from offline.models.registry import MODELS

        # Models that are no networks have the command too: it says what to do instead.
        return _command_of(MODELS[cmd_name].title) if cmd_name in MODELS else None


train_app = typer.Typer(
    cls=_Models,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Train models; each ends as a package for `mer analyze --model`.",
)


@train_app.callback()
def _root() -> None:
    """Keep the model's name a word of its own: `mer train default`."""


@train_app.command()
def default(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the model package.")],
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal weights.")] = 0,
    processes: Annotated[
        int | None, typer.Option(min=1, help="At once.", show_default="one for each core")
    ] = None,
    maps: Annotated[
        int | None,
        typer.Option(min=400, help="Training maps; fewer is quicker and worse."),
    ] = None,
    members: Annotated[
        int | None, typer.Option(min=1, max=32, help="Networks in the ensemble.")
    ] = None,
) -> None:
    """Train the default recogniser from synthetic motion; stop it and run it again to go on."""
    from dataclasses import replace

    from offline.commands.synth_command import folder
    from offline.commands.terminal import say
    from offline.training import TrainSettings, train_default
    from realtime_mer.face.quiet import quiet_stderr

    settings = TrainSettings(seed=seed)
    if maps is not None:
        settings = replace(settings, maps=maps, held_out=max(maps // 10, 200))
    if members is not None:
        settings = replace(settings, members=members)
    console = Console()
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}")
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar, quiet_stderr():
        tasks: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done)

        package = train_default(folder(out), settings, None, processes, tell)
    say(console, f"{package.model_id}: {out}")


def network(
    context: typer.Context,
    dataset: Annotated[str, typer.Option(help="Data set, see `mer datasets list`.")],
    root: Annotated[Path, typer.Option(help="Folder that holds it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the model package.")],
    protocol: Annotated[
        str,
        typer.Option(help="Samples and classes; `mer analyze` takes those of megc2019 only."),
    ] = "megc2019",
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal weights.")] = 0,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="More fit closer.", show_default="the model's own")
    ] = None,
    inputs: Annotated[
        Path | None,
        typer.Option(help="Folder of inputs read before, as by mer loso.", show_default="none"),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    start: Annotated[
        Path | None,
        typer.Option(
            help="Package or weights to begin with, for systems; same network.",
            show_default="drawn weights",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Another setting of a published system, such as weights=FILE; repeat for more.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train a network of the bench, named by the command, on a whole data set."""
    from offline.net_package import train_package
    from offline.systems.settings import parsed

    model = str(context.info_name)
    with _stages() as tell:
        found = train_package(
            model, dataset, root, out, protocol, seed, epochs, inputs, tell, device, start or "",
            parsed(changes or ()),
        )  # fmt: skip
    print_trained(found, Console())


def print_trained(found: Trained, console: Console) -> None:
    """Print what was learnt from, where the package is, and how to use and judge it."""
    from offline.commands.terminal import say
    from realtime_mer.events import EMOTIONS

    task, unreadable = found.prepared.task, found.prepared.unreadable
    shown = ", ".join(f"{count} {label}" for label, count in task.counts.items())
    say(console, f"{len(task.samples)} samples of {len(set(task.groups))} subjects: {shown}")
    if unreadable:
        say(console, f"{len(unreadable)} more cannot be read and were left out:")
        for each in unreadable[:TOLD]:
            say(console, f"  {each.sample_id}: {each.reason}")
        if len(unreadable) > TOLD:
            say(console, f"  … and {len(unreadable) - TOLD} others")
    if found.left_out:
        say(
            console,
            f"{found.left_out} take no part in {task.name}; mer datasets describe says why.",
        )
    package = found.package
    say(console, f"{package.model_id}: {package.folder}")
    if found.live:
        say(console, f"Use it: mer analyze VIDEO --model {package.folder}")
    else:
        say(
            console,
            f"It tells apart {', '.join(task.labels)}; mer analyze takes models of "
            f"{', '.join(EMOTIONS)} only. Run this one from Python: engines.open_engine.",
        )
    say(console, f"How good it is was not tested here: {found.estimate}")


def _command_of(title: str) -> Any:
    """Return the command that trains one network, whose name it finds as its own."""
    one = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    one.command(help=title, no_args_is_help=True)(network)
    return typer.main.get_command(one)


@contextmanager
def _stages() -> Iterator[Callable[[str, int, int], None]]:
    """Show a line for each stage, with a spinner; yield what is called with (stage, done, total).

    On a terminal's stderr only, and gone at the end, like ``terminal.stage_bars``.
    """
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield tell
