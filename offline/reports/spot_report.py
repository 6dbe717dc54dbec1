"""``report.html`` of a spotting run: one small self-contained page, for light and dark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from offline.datasets.long_videos import KINDS
from offline.spotting.published_spotting import NOTHING, PUBLISHED, PUBLISHED_STRS
from realtime_mer.sinks.text import decimals, plain

if TYPE_CHECKING:
    from jinja2 import Environment

    from offline.spotting.spot_results import SpotRun


def render(metrics: Mapping[str, Any], run: SpotRun) -> str:
    """Return the page's text for what ``spot_results.metrics_of`` returned for ``run``."""
    rows = [(row, row.on(run.dataset)) for row in PUBLISHED if row.on(run.dataset) != NOTHING]
    return (
        _environment()
        .get_template("spotting.html.j2")
        .render(
            metrics=metrics,
            run=run,
            warning="",
            kinds=(*KINDS, "overall"),
            published=rows,
            published_strs=PUBLISHED_STRS.get(run.dataset),
            problems=run.problems,
            counted=Counter(problem.action for problem in run.problems).most_common(),
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
    environment.filters |= {"ratio": _ratio, "number": _number, "plain": plain}
    return environment


def _ratio(value: float | None, digits: int = 4) -> str:
    """Return a share as .0731, as the field writes it, – where it is undefined."""
    text = _number(value, digits)
    return text.removeprefix("0") if value is not None and value < 1 else text


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else decimals(value, digits)
