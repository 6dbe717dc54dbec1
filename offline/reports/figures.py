"""The figures of a result, drawn from the content of ``metrics.json`` alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from offline.reports.drawing import LIGHT, Theme, dress, new_figure, png_of, stamp_of

if TYPE_CHECKING:
    from offline.reports.embedding import Embedding

_CROWD = 130
"""Subjects from which their names no longer fit under the bars."""
_MARKERS = "os^DvPX"
"""One shape for each data set."""


def draw(
    metrics: Mapping[str, Any], theme: Theme = LIGHT, embedding: Embedding | None = None
) -> dict[str, bytes]:
    """Return file name → PNG of all figures that a result has; every one bears its warning.

    Parameters
    ----------
    metrics
        What ``results.metrics_of`` returned.
    theme
        The colours.
    embedding
        The one figure that does not follow from the metrics.
    """
    drawn: dict[str, Callable[[Mapping[str, Any], Theme], bytes]] = {
        "confusion.png": confusion,
        "subjects.png": subjects,
        "reliability.png": reliability,
    }
    if len(metrics["per_dataset"]) > 1:
        drawn["confusion_by_dataset.png"] = confusion_by_dataset
    found = {name: function(metrics, theme) for name, function in drawn.items()}
    if embedding is not None and embedding.points_inputs is not None:
        found["tsne.png"] = tsne(embedding, metrics, theme)
    return found


def confusion(metrics: Mapping[str, Any], theme: Theme = LIGHT) -> bytes:
    """Draw the confusion matrix: counts, and in shades and percent the share of each true class."""
    counts = np.array(metrics["confusion"])
    side = max(4.6, 1.5 + 0.95 * len(counts))
    figure = new_figure(side, side, theme, stamp_of(metrics))
    axes = figure.subplots()
    _matrix(axes, counts, metrics["classes"], theme, 15)
    dress(axes, theme, "predicted", "truth")
    return png_of(figure)


def confusion_by_dataset(metrics: Mapping[str, Any], theme: Theme = LIGHT) -> bytes:
    """Draw the confusion matrix of each data set's share of the samples, side by side."""
    parts: Mapping[str, Mapping[str, Any]] = metrics["per_dataset"]
    names = metrics["classes"]
    across = min(len(parts), 3)
    down = -(-len(parts) // across)
    side = max(2.9, 0.6 + 0.7 * len(names))
    size = (across * side + 0.9, down * (side + 0.5) + 0.3)
    figure = new_figure(*size, theme, stamp_of(metrics))
    figure.get_layout_engine().set(wspace=0.06, hspace=0.06)
    panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for axes in panels.flat[len(parts) :]:
        axes.set_axis_off()
    for axes, (name, part) in zip(panels.flat, parts.items(), strict=False):
        _matrix(axes, np.array(part["confusion"]), names, theme, 12)
        dress(axes, theme, "", "")
        title = f"{name}, {part['samples']}"
        axes.set_title(title, fontsize=10.5, color=theme.ink, parse_math=False)
    figure.supxlabel("predicted", fontsize=10, color=theme.soft)
    figure.supylabel("truth", fontsize=10, color=theme.soft)
    return png_of(figure)


def _matrix(
    axes: Any, counts: NDArray[np.int64], names: Sequence[str], theme: Theme, letters: int
) -> None:
    """Draw counts as shades of their share of a row, the letters of that many points."""
    from matplotlib.colors import LinearSegmentedColormap

    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    shades = LinearSegmentedColormap.from_list("shares", [theme.low, theme.high])
    axes.imshow(shares, cmap=shades, vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = theme.on_high if shares[row, column] > 0.55 else theme.ink
        place = {"ha": "center", "color": colour}
        axes.text(column, row, str(count), va="bottom", fontsize=letters, **place)
        percent = f"{shares[row, column]:.0%}" if counts[row].sum() else "–"
        axes.text(column, row + 0.08, percent, va="top", fontsize=letters * 2 / 3, **place)
    size = len(counts)
    axes.set_xticks(range(size), names, parse_math=False, rotation=0 if size < 5 else 30)
    axes.set_yticks(range(size), names, parse_math=False)
    axes.set_xticks(np.arange(size - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(size - 1) + 0.5, minor=True)
    axes.grid(which="minor", color=theme.paper, linewidth=3)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def subjects(metrics: Mapping[str, Any], theme: Theme = LIGHT) -> bytes:
    """Draw for every subject how many samples there were and how many were hit."""
    people = [
        (dataset, subject, entry["samples"], entry["accuracy"])
        for dataset, of_dataset in metrics["per_subject"].items()
        for subject, entry in of_dataset.items()
    ]
    width = min(max(7.0, 1.2 + 0.17 * len(people)), 16.0)
    figure = new_figure(width, 3.6, theme, stamp_of(metrics))
    axes = figure.subplots()
    places = np.arange(len(people))
    samples = np.array([count for _, _, count, _ in people])
    hits = samples * [accuracy for *_, accuracy in people]
    axes.bar(places, samples, 0.78, color=theme.line, label="samples")
    axes.bar(places, hits, 0.78, color=theme.high, label="recognised")
    dress(axes, theme, "subject", "samples")
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
    return png_of(figure)


def reliability(metrics: Mapping[str, Any], theme: Theme = LIGHT) -> bytes:
    """Draw how often the model was right against how sure it was, and how often it was so sure."""
    found = metrics["calibration"]
    edges = np.linspace(0, 1, found["bins"] + 1)
    width = edges[1]
    hits = np.array([np.nan if share is None else share for share in found["accuracy"]])
    figure = new_figure(4.6, 4.6, theme, stamp_of(metrics))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot([0, 1], [0, 1], color=theme.soft, linewidth=1.2, linestyle=(0, (4, 3)), zorder=3)
    upper.bar(edges[:-1], np.nan_to_num(hits), width * 0.92, align="edge", color=theme.high)
    lower.bar(edges[:-1], found["samples"], width * 0.92, align="edge", color=theme.soft)
    dress(upper, theme, "", "share of hits")
    dress(lower, theme, "top probability", "samples")
    upper.set(xlim=(0, 1), ylim=(0, 1))
    lower.yaxis.get_major_locator().set_params(integer=True, nbins=3)
    if found["ECE"] is not None:
        note = f"ECE {found['ECE']:.3f}"
        upper.text(0.04, 0.94, note, va="top", fontsize=10, color=theme.ink)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    return png_of(figure)


def tsne(embedding: Embedding, metrics: Mapping[str, Any], theme: Theme = LIGHT) -> bytes:
    """Draw the samples by likeness: of what the model reads, and of its last hidden layer."""
    panels = {
        "what the model reads": embedding.points_inputs,
        "its last hidden layer": embedding.points_features,
    }
    shown = {name: points for name, points in panels.items() if points is not None}
    width = 4.4 * len(shown) + 0.2
    figure = new_figure(width, 5.4, theme, stamp_of(metrics))
    for axes, (name, points) in zip(
        figure.subplots(1, len(shown), squeeze=False).flat, shown.items(), strict=True
    ):
        _cloud(axes, points, embedding, theme)
        axes.set_title(name, fontsize=10.5, color=theme.ink)
    signs = _signs(embedding, metrics["classes"], theme)
    columns = min(len(signs), 7 if len(shown) > 1 else 4)
    figure.legend(
        handles=signs, loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5,
        labelcolor=theme.ink, handletextpad=0.3, columnspacing=1.2,
    )  # fmt: skip
    return png_of(figure)


def _cloud(axes: Any, points: NDArray[np.float64], embedding: Embedding, theme: Theme) -> None:
    """Draw one sign for each sample, and a ring around those that are held out."""
    names = np.array(embedding.datasets)
    colours = np.array(theme.kinds)[embedding.classes % len(theme.kinds)]
    for number, name in enumerate(sorted(set(embedding.datasets))):
        own = names == name
        axes.scatter(
            *points[own].T, s=22, c=colours[own], marker=_MARKERS[number % len(_MARKERS)],
            alpha=0.8, linewidths=0.4, edgecolors=theme.paper,
        )  # fmt: skip
    ringed = points[embedding.held_out]
    if 0 < len(ringed) < len(points):
        axes.scatter(*ringed.T, s=95, facecolors="none", edgecolors=theme.ink, linewidths=1.1)
    dress(axes, theme, "", "")
    axes.set(xticks=[], yticks=[], box_aspect=1)
    axes.margins(0.06)


def _signs(embedding: Embedding, classes: Sequence[str], theme: Theme) -> list[Any]:
    """Return what the legend explains: colours, shapes where there are several, and the ring."""
    from matplotlib.lines import Line2D

    def sign(name: str, marker: str, colour: str, ring: str | None = None) -> Any:
        return Line2D(
            [], [], linestyle="", marker=marker, color=colour, label=name.lstrip("_"),
            markersize=9 if ring else 6, markerfacecolor="none" if ring else colour,
        )  # fmt: skip

    kinds = [
        sign(name, "o", theme.kinds[number % len(theme.kinds)])
        for number, name in enumerate(classes)
    ]
    sets = sorted(set(embedding.datasets))
    shapes = [
        sign(name, _MARKERS[number % len(_MARKERS)], theme.soft) for number, name in enumerate(sets)
    ]
    some = 0 < embedding.held_out.sum() < len(embedding.held_out)
    ring = [sign("held out", "o", theme.ink, theme.ink)] if some else []
    return kinds + (shapes if len(sets) > 1 else []) + ring


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
