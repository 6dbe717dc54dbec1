"""The figures of a result, drawn from the content of ``metrics.json`` alone."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

DPI = 144
_CROWD = 130
"""Subjects from which their names no longer fit under the bars."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours; ``low`` and ``high`` are the ends of the shades of a share from 0 to 1."""

    paper: str
    ink: str
    soft: str
    line: str
    low: str
    high: str
    on_high: str


LIGHT = Theme("#ffffff", "#23282d", "#5f676e", "#d9d7d0", "#f1f5f4", "#1f6a70", "#ffffff")
DARK = Theme("#1c2226", "#e6e8e8", "#9ea8ae", "#3a444a", "#232c30", "#7cc3c0", "#101416")


def draw(metrics: Mapping[str, Any], theme: Theme = LIGHT) -> dict[str, bytes]:
    """Return file name → PNG of the confusion matrix, the subjects and the reliability diagram.

    Parameters
    ----------
    metrics
        What ``results.metrics_of`` returned.
    """
    drawn: dict[str, Callable[[Mapping[str, Any], Theme], bytes]] = {
        "confusion.png": confusion,
        "subjects.png": subjects,
        "reliability.png": reliability,
    }
    return {name: function(metrics, theme) for name, function in drawn.items()}


def confusion(metrics: Mapping[str, Any], theme: Theme = LIGHT) -> bytes:
    """Draw the confusion matrix: counts, and in shades and percent the share of each true class."""
    from matplotlib.colors import LinearSegmentedColormap

    counts = np.array(metrics["confusion"])
    names, size = metrics["classes"], len(counts)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = max(4.6, 1.5 + 0.95 * size)
    figure = _figure(side, side, theme)
    axes = figure.subplots()
    shades = LinearSegmentedColormap.from_list("shares", [theme.low, theme.high])
    axes.imshow(shares, cmap=shades, vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = theme.on_high if shares[row, column] > 0.55 else theme.ink
        place = {"ha": "center", "color": colour}
        axes.text(column, row, str(count), va="bottom", fontsize=15, **place)
        percent = f"{shares[row, column]:.0%}" if counts[row].sum() else "–"
        axes.text(column, row + 0.08, percent, va="top", fontsize=10, **place)
    _dress(axes, theme, "predicted", "truth")
    axes.set_xticks(range(size), names, parse_math=False, rotation=0 if size < 5 else 30)
    axes.set_yticks(range(size), names, parse_math=False)
    axes.set_xticks(np.arange(size - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(size - 1) + 0.5, minor=True)
    axes.grid(which="minor", color=theme.paper, linewidth=3)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    return _png(figure)


def subjects(metrics: Mapping[str, Any], theme: Theme = LIGHT) -> bytes:
    """Draw for every subject how many samples there were and how many were hit."""
    people = [
        (dataset, subject, entry["samples"], entry["accuracy"])
        for dataset, of_dataset in metrics["per_subject"].items()
        for subject, entry in of_dataset.items()
    ]
    figure = _figure(min(max(7.0, 1.2 + 0.17 * len(people)), 16.0), 3.6, theme)
    axes = figure.subplots()
    places = np.arange(len(people))
    samples = np.array([count for _, _, count, _ in people])
    hits = samples * [accuracy for *_, accuracy in people]
    axes.bar(places, samples, 0.78, color=theme.line, label="samples")
    axes.bar(places, hits, 0.78, color=theme.high, label="recognised")
    _dress(axes, theme, "subject", "samples")
    small = 7 if len(people) > 30 else 9
    ticks = [subject for _, subject, _, _ in people] if len(people) < _CROWD else []
    axes.set_xticks(
        places[: len(ticks)], ticks, rotation=90 if len(ticks) > 12 else 0,
        fontsize=small, parse_math=False,
    )  # fmt: skip
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_xlim(-0.7, max(len(people), 1) - 0.3)
    axes.set_ylim(0, samples.max(initial=1) * 1.15)
    _separate(axes, [dataset for dataset, *_ in people], theme)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False,
        fontsize=9, labelcolor=theme.ink,
    )  # fmt: skip
    return _png(figure)


def reliability(metrics: Mapping[str, Any], theme: Theme = LIGHT) -> bytes:
    """Draw how often the model was right against how sure it was, and how often it was so sure."""
    found = metrics["calibration"]
    edges = np.linspace(0, 1, found["bins"] + 1)
    width = edges[1]
    hits = np.array([np.nan if share is None else share for share in found["accuracy"]])
    figure = _figure(4.6, 4.6, theme)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot([0, 1], [0, 1], color=theme.soft, linewidth=1.2, linestyle=(0, (4, 3)), zorder=3)
    upper.bar(edges[:-1], np.nan_to_num(hits), width * 0.92, align="edge", color=theme.high)
    lower.bar(edges[:-1], found["samples"], width * 0.92, align="edge", color=theme.soft)
    _dress(upper, theme, "", "share of hits")
    _dress(lower, theme, "top probability", "samples")
    upper.set(xlim=(0, 1), ylim=(0, 1))
    lower.yaxis.get_major_locator().set_params(integer=True, nbins=3)
    if found["ECE"] is not None:
        note = f"ECE {found['ECE']:.3f}"
        upper.text(0.04, 0.94, note, va="top", fontsize=10, color=theme.ink)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def _separate(axes: Any, datasets: list[str], theme: Theme) -> None:
    """Write the data sets above their bars, with a line between two."""
    starts = [n for n, name in enumerate(datasets) if n == 0 or name != datasets[n - 1]]
    for start in starts:
        if start:
            axes.axvline(start - 0.5, color=theme.line, linewidth=1)
        axes.text(
            start - 0.4, 0.97, datasets[start], transform=axes.get_xaxis_transform(), va="top",
            fontsize=9, color=theme.soft, parse_math=False, clip_on=True,
        )  # fmt: skip


def _figure(width: float, height: float, theme: Theme) -> Any:
    """Return an empty figure in inches, bound to no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=DPI, layout="constrained", facecolor=theme.paper)
    FigureCanvasAgg(figure)
    return figure


def _dress(axes: Any, theme: Theme, x: str, y: str) -> None:
    axes.set_facecolor(theme.paper)
    axes.set_xlabel(x, color=theme.soft)
    axes.set_ylabel(y, color=theme.soft)
    axes.tick_params(colors=theme.soft, labelcolor=theme.ink, labelsize=9)
    axes.spines[:].set_color(theme.line)


def _png(figure: Any) -> bytes:
    """Return the picture; equal figures give equal bytes."""
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()
