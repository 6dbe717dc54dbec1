"""``report.html`` and the figure of a run that detects action units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from offline.reports.drawing import LIGHT, Theme, dress, new_figure, png_of, stamp_of
from offline.reports.pages import counted, environment, pictures, seeds_in_words
from offline.scores.published import CD6ME

if TYPE_CHECKING:
    from offline.scores.results import Run

UNITS = "units.png"
CAPTIONS = {
    UNITS: "F1 of every action unit, pooled over all folds; below it, how many samples show the "
    "unit. The short line is what saying yes to everything would give: a detector has to be above.",
}
PROTOCOL = "cd6me"


def render(
    metrics: Mapping[str, Any], run: Run, light: Mapping[str, bytes], dark: Mapping[str, bytes]
) -> str:
    """Return the page's text.

    Parameters
    ----------
    metrics
        What ``unit_detection.unit_metrics_of`` returned for ``run``.
    light, dark
        The figures as PNG by file name, for either colour scheme.
    """
    template = environment().get_template("units.html.j2")
    return template.render(
        metrics=metrics,
        run=run,
        leaky=metrics["leaky"],
        warning=metrics["warning"],
        pictures=pictures(CAPTIONS, light, dark),
        published=CD6ME if metrics["protocol"] == PROTOCOL else (),
        seeds=seeds_in_words(metrics["seeds"]),
        left_out=counted(problem.reason for problem in run.left_out),
        problems=run.left_out,
    )


def draw(metrics: Mapping[str, Any], theme: Theme = LIGHT) -> dict[str, bytes]:
    """Return file name → PNG of the F1 of each unit, beside that of saying yes to everything."""
    units = metrics["per_unit"]
    places = np.arange(len(units))
    values = np.array([np.nan if part["F1"] is None else part["F1"] for part in units.values()])
    positives = np.array([part["samples"] for part in units.values()])
    always = 2 * positives / np.maximum(metrics["samples"] + positives, 1)
    figure = new_figure(max(7.0, 1.2 + 0.6 * len(units)), 3.6, theme, stamp_of(metrics))
    axes = figure.subplots()
    axes.bar(places, np.nan_to_num(values), 0.7, color=theme.high)
    axes.hlines(always, places - 0.42, places + 0.42, color=theme.ink, linewidth=1.4)
    for place, value, line in zip(places, values, always, strict=True):
        told = "–" if np.isnan(value) else f"{value:.2f}"
        above = max(np.nan_to_num(value), line) + 0.02
        axes.text(place, above, told, ha="center", fontsize=9, color=theme.ink)
    dress(axes, theme, "action unit, and how many samples show it", "F1")
    names = [f"{name}\n{count}" for name, count in zip(units, positives, strict=True)]
    axes.set_xticks(places, names, parse_math=False)
    axes.set_xlim(-0.7, len(units) - 0.3)
    axes.set_ylim(0, 1.1)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.spines[["top", "right"]].set_visible(False)
    return {UNITS: png_of(figure)}
