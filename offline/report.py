"""``report.html`` of a benchmark: one self-contained page, readable in light and in dark.

The page asks no network for anything; its content security policy lets a browser load nothing.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from offline.published import MEGC2019, PROTOCOL, SETS, Pair
from realtime_mer.sinks.text import decimals, plain

if TYPE_CHECKING:
    from jinja2 import Environment

    from offline.results import Run

CAPTIONS = {
    "confusion.png": "Confusion matrix: samples, and their share of each true class.",
    "reliability.png": "Reliability: on the dashed line, what is called 80 % sure is right eight "
    "times in ten. Below, how often the model was so sure.",
    "subjects.png": "Samples of every subject, and how many of them were recognised.",
}


def render(
    metrics: Mapping[str, Any], run: Run, light: Mapping[str, bytes], dark: Mapping[str, bytes]
) -> str:
    """Return the page's text.

    Parameters
    ----------
    metrics
        What ``results.metrics_of`` returned for ``run``.
    light, dark
        The figures as PNG by file name, for either colour scheme.
    """
    pictures = {
        name: {"light": _uri(light[name]), "dark": _uri(dark[name]), "caption": caption}
        for name, caption in CAPTIONS.items()
    }
    return (
        _environment()
        .get_template("result.html.j2")
        .render(
            metrics=metrics,
            run=run,
            pictures=pictures,
            published=_published(metrics),
            left_out=_counted(problem.reason for problem in run.left_out),
            problems=run.left_out,
        )
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("offline", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"ratio": _ratio, "pair": _pair, "plain": plain}
    return environment


def _published(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return this run's row and the literature's, None under any other protocol."""
    if metrics["protocol"] != PROTOCOL:
        return None
    parts: Mapping[str, Any] = metrics["per_dataset"]
    some_only = set(parts) < set(SETS)
    own = [None if some_only else metrics, *(parts.get(name) for name in SETS)]
    return {
        "own": [entry and (entry["UF1"], entry["UAR"]) for entry in own],
        "rows": [
            (row, [row.full, *(getattr(row, name) for name in SETS)])
            for row in sorted(MEGC2019, key=lambda row: row.full[0])
        ],
    }


def _counted(reasons: Any) -> list[tuple[str, int]]:
    return Counter(reasons).most_common()


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _ratio(value: float | None, digits: int = 3) -> str:
    """Return a share as .731, as the field writes it, – where it is undefined."""
    if value is None:
        return "–"
    return decimals(value, digits).removeprefix("0") if value < 1 else decimals(value, digits)


def _pair(pair: Pair | Sequence[float | None] | None) -> str:
    return "–" if pair is None else " / ".join(_ratio(value) for value in pair)
