"""`mer bench`: find a comparison by name, run it, print what it measured."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

from rich.console import Console
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
    table = Table(title=f"mer bench {name}", show_header=False)
    for key, value in figures.items():
        table.add_row(key, f"{value:.4g}" if isinstance(value, float) else str(value))
    Console().print(table)


def _ready(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_ready(item) for item in value]
    return value
