"""Figures of what moved a network's answers: maps on the canonical face, and attention weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from offline.reports.drawing import LIGHT, Theme, dress, new_figure, png_of, stamp_of
from realtime_mer.face.topology import REGIONS

if TYPE_CHECKING:
    from offline.explain.attention import Weighed
    from offline.explain.explain_run import ClassView, Explanations

MAPS, ATTENTION = "explained.png", "attention.png"
CAPTIONS = {
    MAPS: "Grad-CAM on the outline of an average face: what moved the answer towards each class in "
    "samples of it that were left out and recognised. Every picture has its own scale.",
    ATTENTION: "What attention weighs how much in the samples left out, by their true class, "
    "before and after learning.",
}
_DARK = 128
"""Brightness of a paper below which ink is light."""


def draw(found: Explanations, metrics: Mapping[str, Any], theme: Theme = LIGHT) -> dict[str, bytes]:
    """Return file name → PNG of the figures that there are.

    Parameters
    ----------
    found
        What ``explain_run.explain_fold`` returned.
    metrics
        What ``results.metrics_of`` returned; every figure bears its warning.
    theme
        The colours.
    """
    drawn = {MAPS: maps(found.classes, stamp_of(metrics), theme)}
    if found.attention_after:
        drawn[ATTENTION] = attention(found, metrics["classes"], stamp_of(metrics), theme)
    return drawn


def maps(classes: Sequence[ClassView], warning: str, theme: Theme = LIGHT) -> bytes:
    """Draw one row for each class: the mean before and after learning, then single samples."""
    examples = max(1, *(len(view.examples) for view in classes))
    across = 2 + examples
    figure = new_figure(1.75 * across + 0.4, 1.95 * len(classes) + 0.3, theme, warning)
    grid = figure.subplots(len(classes), across, squeeze=False)
    heads = ["mean, before", "mean, after", *(f"sample {n + 1}" for n in range(examples))]
    for row, view in zip(grid, classes, strict=True):
        heats = [view.before, view.after, *view.examples] if view.told_right else []
        for place, axes in enumerate(row):
            _face(axes, heats[place] if place < len(heats) else None, theme)
        told = f"{view.name}\n{view.told_right} of {view.samples} told right"
        row[0].set_ylabel(told, fontsize=9.5, color=theme.ink, parse_math=False)
    for axes, head in zip(grid[0], heads, strict=True):
        axes.set_title(head, fontsize=9.5, color=theme.soft)
    return png_of(figure)


def _face(axes: Any, heat: NDArray[np.float32] | None, theme: Theme) -> None:
    """Draw heat over the outline of a face, or nothing at all."""
    from offline.explain.overlays import outline, painted

    paper = int(theme.paper[1:3], 16)
    if heat is not None:
        face = outline(170, paper) if paper < _DARK else outline(130, paper)
        axes.imshow(painted(face, heat, float(heat.max())))
        if not heat.any():
            axes.text(0.5, 0.5, "nothing spoke for it", ha="center", fontsize=8.5,
                      color=theme.soft, transform=axes.transAxes)  # fmt: skip
    dress(axes, theme, "", "")
    axes.set(xticks=[], yticks=[], box_aspect=1)
    axes.spines[:].set_visible(False)


def attention(
    found: Explanations, classes: Sequence[str], warning: str, theme: Theme = LIGHT
) -> bytes:
    """Draw one row for each kind of attention, before learning on the left, after on the right."""
    kinds = list(zip(found.attention_before, found.attention_after, strict=True))
    figure = new_figure(8.6, 2.3 * len(kinds) + 0.7, theme, warning)
    grid = figure.subplots(len(kinds), 2, squeeze=False)
    for row, pair in zip(grid, kinds, strict=True):
        for axes, weighed, when in zip(row, pair, ("before", "after"), strict=True):
            (_picture if weighed.flat else _lines)(axes, weighed, theme)
            name = f"{weighed.name.replace('_', ' ')}, {when}"
            axes.set_title(name, fontsize=9.5, color=theme.ink, parse_math=False)
    if not all(weighed.flat for weighed, _ in kinds):
        from matplotlib.lines import Line2D

        signs = [
            Line2D([], [], color=theme.kinds[number % len(theme.kinds)], label=name.lstrip("_"))
            for number, name in enumerate(classes)
        ]
        figure.legend(
            handles=signs, loc="outside lower center", ncols=min(len(signs), 7), frameon=False,
            fontsize=8.5, labelcolor=theme.ink,
        )  # fmt: skip
    return png_of(figure)


def _picture(axes: Any, weighed: Weighed, theme: Theme) -> None:
    """Draw rows and columns, the mean over the classes that there are."""
    from matplotlib.colors import LinearSegmentedColormap

    there = ~np.isnan(weighed.by_class).any((1, 2))
    mean = weighed.by_class[there].mean(0)
    shades = LinearSegmentedColormap.from_list("weights", [theme.low, theme.high])
    shown = axes.imshow(mean, cmap=shades, aspect="auto" if _of_regions(mean) else "equal")
    bar = axes.figure.colorbar(shown, ax=axes, shrink=0.85)
    bar.ax.tick_params(labelsize=8, labelcolor=theme.ink, color=theme.soft)
    bar.outline.set_edgecolor(theme.line)
    dress(axes, theme, "patch" if _of_regions(mean) else "", "")
    if _of_regions(mean):
        axes.set_yticks(range(len(REGIONS)), [name.replace("_", " ") for name in REGIONS])
        axes.set_xticks(range(mean.shape[1]), [str(n + 1) for n in range(mean.shape[1])])
    else:
        axes.set(xticks=[], yticks=[])


def _of_regions(mean: NDArray[np.float32]) -> bool:
    return len(mean) == len(REGIONS) and mean.shape != (len(REGIONS),) * 2


def _lines(axes: Any, weighed: Weighed, theme: Theme) -> None:
    """Draw one line a class: over steps, over regions by name, or channels by falling weight."""
    count = weighed.by_class.shape[1]
    regions = weighed.name.endswith("regions") and count == len(REGIONS)
    order = np.arange(count)
    if not regions and not weighed.over_time:
        order = np.argsort(-np.nanmean(weighed.by_class, axis=0), kind="stable")
    for number, values in enumerate(weighed.by_class):
        if not np.isnan(values).any():
            axes.plot(
                np.arange(count) + 1, values[order], color=theme.kinds[number % len(theme.kinds)],
                marker="o" if count <= 40 else "", markersize=3.5,
                linestyle="" if regions else "-", linewidth=1.2,
            )  # fmt: skip
    what = "" if regions else "step" if weighed.over_time else "channel, by weight"
    dress(axes, theme, what, "weight")
    if regions:
        names = [name.replace("_", "\n") for name in REGIONS]
        axes.set_xticks(range(1, count + 1), names, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
