"""What a leak is worth: the same folds, chosen honestly and on the very people who are tested.

``audit.json`` holds the figures, ``audit.png`` shows them, ``audit.html`` explains them. Two runs
are compared on the same people, drawn anew for both at once.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from offline.bench.learning import HONEST, SELECTIONS
from offline.commands.terminal import say
from offline.reports.pages import environment, pictures, points, ratio, seeds_in_words
from offline.scores.comparison import paired_difference
from offline.scores.published import LEAKS
from offline.scores.result_files import json_ready, render_json, write_together
from offline.scores.result_metrics import HEADLINES, STAMP
from realtime_mer.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from offline.scores.results import Row

JSON, PICTURE, PAGE = "audit.json", "audit.png", "audit.html"
CAPTION = (
    "UF1 of the same folds under each way of choosing, with 95 % intervals over subjects; on the "
    "right, what the same leak did to published models."
)
_TOLD = ("dataset", "protocol", "model", "classes", "samples", "subjects", "seeds", "versions")
"""What all runs of an audit share."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One run of an audit.

    Attributes
    ----------
    selection
        One of ``learning.SELECTIONS``.
    metrics
        The content of its ``metrics.json``.
    rows
        Its samples, judged.
    """

    selection: str
    metrics: Mapping[str, Any]
    rows: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """How much higher the UF1 of one selection is than that of another, in shares of 1.

    Attributes
    ----------
    selection, against
        The higher one, if all goes the usual way, and what it is compared with.
    uf1
        The difference, None where one of the two is undefined.
    low, high
        Its 95 % interval, the same people drawn for both; None where there is only one.
    """

    selection: str
    against: str
    uf1: float | None
    low: float | None
    high: float | None


class Audited(Protocol):
    """A finished run: a ``loso.LosoResult``."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The content of its ``metrics.json``."""

    @property
    def rows(self) -> Sequence[Row]:
        """Its samples, judged."""


def audit_rows(runs: Mapping[str, Audited]) -> tuple[AuditRow, ...]:
    """Return runs by selection in the order of ``learning.SELECTIONS``: honest ones first."""
    names = sorted(runs, key=SELECTIONS.index)
    return tuple(AuditRow(name, runs[name].metrics, runs[name].rows) for name in names)


def differences_of(rows: Sequence[AuditRow], seed: int = 0) -> tuple[Difference, ...]:
    """Return the difference of every two runs, the dishonest ones first, each against ``inner``.

    Parameters
    ----------
    rows
        The runs with their samples, the honest ones first.
    seed
        Of the intervals.

    Raises
    ------
    ConfigError
        The runs did not judge the same samples.
    """
    found = []
    for before, after in combinations(rows, 2):
        classes = len(after.metrics["classes"])
        value, (low, high) = paired_difference(after.rows, before.rows, classes, seed)
        numbers = [number if math.isfinite(number) else None for number in (value, low, high)]
        found.append(Difference(after.selection, before.selection, *numbers))
    return tuple(
        sorted(found, key=lambda each: (each.selection in HONEST, each.against != "inner"))
    )


def audit_json(rows: Sequence[AuditRow], differences: Sequence[Difference]) -> dict[str, Any]:
    """Return the content of ``audit.json``; what is undefined is None.

    Differences are in points, hundredths of UF1, UAR and accuracy.
    """
    by_name = {row.selection: row.metrics for row in rows}
    shared: dict[str, Any] = {name: rows[0].metrics[name] for name in _TOLD}
    return shared | {
        "selections": {
            name: {key: metrics[key] for key in (*HEADLINES, "interval", "leaky", "warning")}
            for name, metrics in by_name.items()
        },
        "differences": [
            {
                "selection": each.selection,
                "against": each.against,
                "unit": "points",
                "UF1": _points(each.uf1),
                "UF1_interval": [_points(each.low), _points(each.high)],
                **{
                    key: _apart(by_name[each.selection][key], by_name[each.against][key])
                    for key in HEADLINES
                    if key != "UF1"
                },
            }
            for each in differences
        ],
        "published": [
            {
                "method": leak.method, "UF1": leak.clean[0], "UF1_leaky": leak.leaky[0],
                "points": _points(leak.gain), "source": "MEB, table 3",
            }
            for leak in LEAKS
        ],
    }  # fmt: skip


def render_audit(
    rows: Sequence[AuditRow],
    differences: Sequence[Difference],
    title: str,
    light: bytes,
    dark: bytes,
) -> str:
    """Return the page's text; ``light`` and ``dark`` are the figure for either colour scheme."""
    first = rows[0].metrics
    return (
        environment()
        .get_template("audit.html.j2")
        .render(
            title=title,
            rows=rows,
            honest=HONEST,
            first=first,
            leaky=False,
            warning="",
            sentence=_sentence(differences),
            seeds=seeds_in_words(first["seeds"]),
            differences=[(each, _line(each, rows)) for each in differences],
            published=[(leak, points(leak.gain)) for leak in LEAKS],
            picture=pictures({PICTURE: CAPTION}, {PICTURE: light}, {PICTURE: dark})[PICTURE],
        )
    )


def write_audit(
    out_dir: str | os.PathLike[str], runs: Mapping[str, Audited], title: str = "", seed: int = 0
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Write ``audit.json``, ``audit.png`` and ``audit.html``; return the first and name → path.

    Parameters
    ----------
    out_dir
        Made if it is missing; see ``result_files.write_together``.
    runs
        Selection → its run, on the same samples.
    title
        Of the page; model and data set if empty.
    seed
        Of the intervals.

    Raises
    ------
    ConfigError
        There are fewer than two runs, they tell no classes apart, or they did not judge the same
        samples.
    OutputError
        The folder cannot be written.
    """
    from offline.reports.audit_figure import audit_figure
    from offline.reports.drawing import DARK, LIGHT

    if len(runs) < 2:
        raise ConfigError(f"an audit of {len(runs)} runs compares nothing: give two or more")
    rows = audit_rows(runs)
    if any("UF1" not in row.metrics for row in rows):
        raise ConfigError("a leak audit is of classes, not of action units: give such a --protocol")
    differences = differences_of(rows, seed)
    found: dict[str, Any] = json_ready(audit_json(rows, differences))
    light, dark = (audit_figure(rows, differences, theme) for theme in (LIGHT, DARK))
    first = rows[0].metrics
    page = render_audit(
        rows, differences, title or f"{first['model']} on {first['dataset']}", light, dark
    )
    contents = {
        JSON: render_json(found),
        PICTURE: light,
        PAGE: page.encode(),
    }
    return found, write_together(out_dir, contents)


def print_audit(audit: Mapping[str, Any], console: Console) -> None:
    """Print the content of ``audit.json``: each selection, and what lies between them."""
    say(console, f"{audit['model']} on {audit['dataset']}, protocol {audit['protocol']}")
    table = Table(box=SIMPLE)
    table.add_column("selection")
    for name in ("UF1", "95 % interval", "UAR", "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, part in audit["selections"].items():
        low, high = part["interval"]["UF1"]
        ends = "–" if low is None else f"{ratio(low)}–{ratio(high)}"
        cells = [ratio(part[key]) for key in HEADLINES]
        table.add_row(escape(name), cells[0], ends, *cells[1:], style="red" * part["leaky"])
    console.print(table)
    for each in audit["differences"]:
        low, high = each["UF1_interval"]
        told = "" if low is None else f" (95 %: {points(low / 100)} to {points(high / 100)})"
        gain = _signed(each["UF1"], 1)
        say(console, f"{each['selection']} over {each['against']}: {gain} points of UF1{told}")
    for name, part in audit["selections"].items():
        if part["leaky"]:
            say(console, f"{name}: {STAMP}")


def _sentence(differences: Sequence[Difference]) -> str:
    """Say what the leak is worth, or that it cannot be told."""
    worth = next((each for each in differences if each.selection not in HONEST), None)
    if worth is None or worth.uf1 is None:
        return "What the leak is worth cannot be told: there is nothing to compare."
    words = (
        f"Choosing on the tested people moves UF1 by {points(worth.uf1)} points against the "
        f"selection {worth.against}"
    )
    if worth.low is None or worth.high is None:
        return f"{words}; there is one subject, so nothing is known of other people."
    words += (
        f" (95 %: {points(worth.low)} to {points(worth.high)}, the same people drawn for both)."
    )
    if worth.low <= 0 <= worth.high:
        return f"{words} The interval holds 0: on so few people it may be nothing."
    return f"{words} Nothing was recognised better for it: these points are the leak's own."


def _line(each: Difference, rows: Sequence[AuditRow]) -> dict[str, str]:
    """Return a difference as the table shows it."""
    by_name = {row.selection: row.metrics for row in rows}
    known = each.low is not None and each.high is not None
    return {
        "UF1": _signed(each.uf1),
        "interval": f"{_signed(each.low)} to {_signed(each.high)}" if known else "–",
        **{
            key: _signed(_apart(by_name[each.selection][key], by_name[each.against][key]), 1)
            for key in ("UAR", "accuracy")
        },
    }


def _signed(value: float | None, unit: int = 100) -> str:
    return "–" if value is None else points(value * unit / 100)


def _points(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 4)


def _apart(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else _points(value - other)
