"""`mer bench`: find a comparison by name, run it, print what it measured."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from realtime_mer.errors import ConfigError

GROUP = "realtime_mer.benchmarks"
"""Entry points ``name = module:main``; ``main(arguments)`` returns a JSON-ready dict."""


def names() -> list[str]:
    """Return the comparisons there are."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def run_benchmark(name: str, as_json: bool, arguments: Sequence[str]) -> dict[str, object]:
    """Run one comparison, print its figures and return them.

    Raises
    ------
    ConfigError
        Unknown name, or an installation without the checkout that holds the comparisons.
    """
    found = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if not found:
        given = f"no comparison is called {name!r}" if name else "which comparison?"
        raise ConfigError(f"{given}; there are: {', '.join(names())}")
    try:
        main = found[0].load()
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the comparison {name!r} needs {error.name!r}: run it from a checkout of the project "
            'that was installed with pip install -e ".[dev]"'
        ) from error
    figures: dict[str, object] = main(list(arguments))
    if as_json:
        sys.stdout.write(json.dumps(_ready(figures)) + "\n")
    else:
        _show(name, figures)
    return figures


def _show(name: str, figures: dict[str, object]) -> None:
    console = Console()
    rows = {key: value for key, value in figures.items() if _is_rows(value)}
    table = Table(title=f"mer bench {name}", title_justify="left", show_header=False, box=SIMPLE)
    for key, value in figures.items():
        if key not in rows and value not in ([], {}, ""):
            table.add_row(escape(key), escape(_words(value)))
    console.print(table)
    for key, value in rows.items():
        assert isinstance(value, list)
        _show_rows(console, key, value)


def _show_rows(console: Console, title: str, rows: list[dict[str, object]]) -> None:
    """Print a list of like figures as a table of its own, without columns that are empty."""
    columns = [key for key in rows[0] if any(row.get(key) not in (None, "") for row in rows)]
    table = Table(title=escape(title), title_justify="left", box=SIMPLE)
    for column in columns:
        numbers = all(isinstance(row.get(column), int | float | None) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(escape(_words(row.get(column))) for column in columns))
    console.print(table)


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _words(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case dict():
            return "\n".join(f"{key}: {_words(each)}" for key, each in value.items())
        case list() | tuple():
            return ", ".join(map(_words, value))
    return str(value)


def _ready(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_ready(item) for item in value]
    return value
