"""`mer experiment`: published tables and figures, run again, ours beside the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from offline.commands.loso_command import Device, Epochs, RayAddress, Seed, Workers, executor
from offline.commands.terminal import going_on_later, say, stage_bars

if TYPE_CHECKING:
    from offline.experiments.run import Runner
    from offline.experiments.table import Experiment

ALL = "all"
"""Name that stands for every experiment."""
RUN, RESULTS = "run", "results"


class _ByName(TyperGroup):
    """Commands, and experiments by their names: what is no command goes to ``run``."""

    # Typer ≥ 0.2x carries its own click, older ones use the package: ``Any`` serves both.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = [RUN, *args]
        return super().resolve_command(ctx, args)


experiment_app = typer.Typer(
    cls=_ByName, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@experiment_app.callback(invoke_without_command=True)
def experiment(ctx: typer.Context) -> None:
    """Run a published table again: `mer experiment NAME --root DIR --out DIR`.

    NAME is one of the experiments that are listed without any, or `all`; options of such a run:
    `mer experiment run --help`. `mer experiment results` writes all finished ones into one page.
    """
    if ctx.invoked_subcommand is None:
        _list()


def _list() -> None:
    from offline.experiments.registry import EXPERIMENTS
    from offline.models.registry import MODELS

    console = Console()
    for each in EXPERIMENTS.values():
        protocols = ", ".join(f"{setup.dataset} ({setup.protocol})" for setup in each.setups)
        lacking = [model for model in each.models if model not in MODELS]
        say(console, f"{each.name}: {each.title}")
        say(console, f"  {each.source}")
        say(console, f"  on {protocols}; {len(each.rows)} rows, {len(each.models)} models of ours")
        if lacking:
            say(console, f"  not there: {', '.join(lacking)}")


@experiment_app.command(RUN, no_args_is_help=True)
def run(
    name: Annotated[str, typer.Argument(help="An experiment, or all.")],
    root: Annotated[
        Path,
        typer.Option(help="Folder with one folder for each data set the paper used."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Results go here; made if missing.")],
    dataset: Annotated[
        str | None,
        typer.Option(help="Take this one; --root is its own folder.", show_default="the paper's"),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Run this model alone; repeat for more.")
    ] = None,
    selection: Annotated[str, typer.Option(help="As for `mer loso`.")] = "fixed",
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, max=100, help="Trainings that are averaged.", show_default="3, smoke 1"
        ),
    ] = None,
    seed: Seed = 0,
    epochs: Epochs = None,
    workers: Workers = 1,
    ray: RayAddress = None,
    device: Device = "cpu",
    smoke: Annotated[
        bool,
        typer.Option("--smoke", help="Small systems, few epochs: to see that everything works."),
    ] = False,
) -> None:
    """Run a published table, our figures beside the paper's; stopped runs go on."""
    from offline.experiments.plan import RunPlan
    from offline.experiments.registry import EXPERIMENTS, find_experiment
    from offline.experiments.run import Runner

    wanted = list(EXPERIMENTS.values()) if name == ALL else [find_experiment(name)]
    numbers = tuple(range(seed, seed + (seeds or (1 if smoke else 3))))
    plan = RunPlan(root, dataset, numbers, selection, epochs, device, smoke, tuple(model or ()))
    with going_on_later(out), stage_bars() as tell:
        runner = Runner(plan, out, executor(workers, ray, device), tell, workers)
        good = [_one(runner, each, out if name != ALL else out / each.name) for each in wanted]
    if False in good or not any(good):
        raise typer.Exit(1)


def _one(runner: Runner, experiment: Experiment, out: Path) -> bool | None:
    """Run and print one experiment.

    Returns
    -------
    Whether every row whose data are there could be run; None where none of the data are, which of
    several experiments is no error.
    """
    from offline.experiments.compared import FAILED
    from offline.reports.experiment_report import MARKDOWN, table_files
    from offline.scores.result_files import write_together
    from realtime_mer.errors import SourceError

    try:
        table = runner.compare(experiment)
    except SourceError as error:
        if out == runner.out:
            raise
        say(Console(stderr=True), f"mer: left out: {error}")
        return None
    files = write_together(out, table_files(table))
    say(Console(), files[MARKDOWN].read_text(encoding="utf-8"))
    for path in files.values():
        say(Console(), str(path))
    failed: dict[str, list[str]] = {}
    for row in table["rows"]:
        if row["state"] == FAILED:
            failed.setdefault(row["reason"], []).append(row["model"])
    for reason, models in failed.items():
        say(Console(stderr=True), f"mer: {', '.join(dict.fromkeys(models))}: {reason}")
    return not failed


@experiment_app.command(RESULTS, no_args_is_help=True)
def results(
    folders: Annotated[list[Path], typer.Argument(help="Folders that experiments wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page, Markdown.")],
) -> None:
    """Write all finished experiments into one page: every system, published and ours."""
    from offline.reports.results_table import read_tables, results_page
    from offline.scores.result_files import write_together

    page = results_page(read_tables(folders))
    written = write_together(out.parent, {out.name: page.encode()})
    say(Console(), str(written[out.name]))
