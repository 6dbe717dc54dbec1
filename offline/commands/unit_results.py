"""What a run that asked about action units tells on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from offline.commands.evaluate_command import ratio_of, say_unread, span_of
from offline.commands.terminal import say


def print_units(metrics: dict[str, Any], files: dict[str, Path], console: Console) -> None:
    """Print F1 of every unit, the two averages, and where the files lie."""
    say(console, f"{metrics['model']} on {metrics['dataset']}, protocol {metrics['protocol']}")
    table = Table(box=SIMPLE)
    table.add_column("action unit")
    for name in ("there", "called", "F1"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, unit in metrics["per_unit"].items():
        counts = (str(unit[key]) for key in ("samples", "predicted"))
        table.add_row(escape(name), *counts, ratio_of(unit["F1"]))
    table.add_section()
    for title, key in (("mean over units", "AU_average"), ("over data sets", "dataset_average")):
        table.add_row(title, "", "", ratio_of(metrics[key]), style="bold")
    table.add_row("95 % interval", "", "", span_of(metrics["interval"]["AU_average"]))
    console.print(table)
    say(console, "The interval is over subjects; a difference inside it means nothing.")
    say_unread(metrics, console)
    for path in files.values():
        say(console, str(path))
