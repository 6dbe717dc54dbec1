"""`mer spot-eval`: score spotter and recogniser on long videos, without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from offline.commands.terminal import going_on_later, sample_bar, say

if TYPE_CHECKING:
    from offline.spotting.spot_eval import SpotEvaluation

spot_eval_app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@spot_eval_app.command(no_args_is_help=True)
def spot_eval(
    dataset: Annotated[
        str, typer.Option(help="casme-sq, samm-lv, smic-e, smic-e-vis, smic-e-nir.")
    ],
    root: Annotated[Path, typer.Option(help="Folder that holds it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Results go here; made if missing.")],
    model: Annotated[
        str, typer.Option(help="Folder of a model package, or a bundled name.")
    ] = "default",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many videos.", show_default="all")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes at once.")] = 1,
) -> None:
    """Spot micro-expressions in long videos; stop it and run it again to go on."""
    from offline.spotting.spot_eval import evaluate_spotting
    from realtime_mer.face.quiet import quiet_stderr

    console = Console()
    with going_on_later(out), sample_bar(dataset, "videos") as advance, quiet_stderr():
        done = evaluate_spotting(dataset, root, out, model, limit, workers, advance)
    print_spotting(done, console)


def print_spotting(done: SpotEvaluation, console: Console) -> None:
    """Print the figures, what they leave out, and where the files lie."""
    found = done.metrics
    say(console, f"{found['model']} on {found['dataset']}, {found['videos']} videos")
    table = Table(box=SIMPLE)
    table.add_column("kind")
    for name in ("F1", "precision", "recall", "TP", "FP", "FN"):
        table.add_column(name, justify="right", no_wrap=True)
    for kind in ("micro", "macro", "overall"):
        part: dict[str, Any] = found[kind]
        ratios = (_ratio(part[name]) for name in ("F1", "precision", "recall"))
        counts = (str(part[name]) for name in ("TP", "FP", "FN"))
        table.add_row(kind, *ratios, *counts, style="bold" if kind == "micro" else None)
    console.print(table)
    for note in found["notes"]:
        say(console, note)
    say(
        console,
        f"False alarms a minute {_ratio(found['false_alarms_per_minute'], 2)}, ASR "
        f"{_ratio(found['ASR'])} (inclusive {_ratio(found['ASR_inclusive'])}), MAE "
        f"{_ratio(found['MAE_frames'], 1)} frames, STRS {_ratio(found['STRS'])}",
    )
    if found["unwatched"]["videos"]:
        count = found["unwatched"]["videos"]
        say(console, f"{count} videos could not be watched; all in them counts as missed.")
    for path in done.files.values():
        say(console, str(path))


def _ratio(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
