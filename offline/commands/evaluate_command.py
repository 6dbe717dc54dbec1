"""`mer evaluate`: score a model package on a data set, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from offline.commands.terminal import sample_bar, say

evaluate_app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@evaluate_app.command(no_args_is_help=True)
def evaluate(
    dataset: Annotated[str, typer.Option(help="Name of the data set, such as casme2.")],
    root: Annotated[Path, typer.Option(help="Folder that holds it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Results go here; made if missing.")],
    model: Annotated[
        str, typer.Option(help="Folder of a model package, or a bundled name.")
    ] = "default",
    protocol: Annotated[
        str | None, typer.Option(help="Which labels count.", show_default="the data set's own")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals.")] = 0,
) -> None:
    """Score a model package on a data set; nothing is trained."""
    from offline.bench import evaluation
    from realtime_mer.face.quiet import quiet_stderr

    console = Console()
    with sample_bar(dataset) as advance, quiet_stderr():
        found = evaluation.evaluate(model, dataset, root, out, protocol, seed, advance)
    print_results(found.metrics, found.files, console)


def print_results(metrics: dict[str, Any], files: dict[str, Path], console: Console) -> None:
    """Print the figures, overall and by data set, and where the files lie."""
    say(console, f"{metrics['model']} on {metrics['dataset']}, protocol {metrics['protocol']}")
    table = Table(box=SIMPLE)
    table.add_column("data set")
    for name in ("samples", "subjects", "UF1", "UAR", "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    parts: dict[str, Any] = metrics["per_dataset"]
    if list(parts) != [metrics["dataset"]]:
        for name, part in parts.items():
            table.add_row(*_cells(name, part))
        table.add_section()
    table.add_row(*_cells(metrics["dataset"], metrics), style="bold")
    interval = metrics["interval"]
    table.add_row("95 % interval", "", "", span_of(interval["UF1"]), span_of(interval["UAR"]), "")
    console.print(table)
    say(console, "The interval is over subjects; a difference inside it means nothing.")
    say_unread(metrics, console)
    undefined = metrics["undefined"]
    if any(undefined.values()):
        say(
            console,
            f"Classes left out because they do not occur: {undefined['UF1']} in UF1, "
            f"{undefined['UAR']} in UAR.",
        )
    for path in files.values():
        say(console, str(path))


def say_unread(metrics: dict[str, Any], console: Console) -> None:
    """Tell how many samples could not be judged."""
    left = metrics["unreadable"]["samples"]
    if left:
        say(console, f"{left} samples could not be judged and count nowhere: see the report.")


def _cells(name: str, part: dict[str, Any]) -> list[str]:
    ratios = [ratio_of(part[key]) for key in ("UF1", "UAR", "accuracy")]
    return [escape(name), str(part["samples"]), str(part["subjects"]), *ratios]


def ratio_of(value: float | None) -> str:
    """Return a share with three digits, – where it is undefined."""
    return "–" if value is None else f"{value:.3f}"


def span_of(ends: list[float | None]) -> str:
    """Return both ends of an interval, – where there is none."""
    return "–" if None in ends else "–".join(ratio_of(end) for end in ends)
