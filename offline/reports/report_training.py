"""What the report says of a training: the gap, the seeds, and what was chosen in each fold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.reports.pages import points

BARS = 12
"""Different values that get a bar each."""
BINS = 8
"""Bars of what has more different values; whole numbers may need fewer."""
_TALL = 64
"""Height of the highest bar, px."""


def training_view(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return sentences and bars for the template, from the content of ``metrics.json``."""
    chosen = _chosen(metrics["chosen"])
    return {
        "shown": bool(metrics["gap"] or metrics["per_seed"] or chosen),
        "gap": _gap(metrics["gap"]) if metrics["gap"] else "",
        "seeds": _seeds(metrics["seeds_summary"]),
        "chosen": chosen,
    }


def _gap(gap: Mapping[str, float | None]) -> str:
    uf1 = gap["UF1"]
    if uf1 is None:
        return "How far they are apart cannot be told: one of them is undefined."
    if uf1 <= 0:
        return (
            f"UF1 is {points(-uf1)[1:]} points lower on the samples that the models learnt from "
            "than on people they never saw: nothing was learnt by heart."
        )
    return (
        f"UF1 is {points(uf1)[1:]} points higher on the samples that the models learnt from than "
        "on people they never saw. That gap is what was learnt by heart and helps with nobody new; "
        "it does not say which of two models is the better one."
    )


def _seeds(summary: Mapping[str, Mapping[str, float | None]] | None) -> str:
    if not summary:
        return ""
    spread = [part["std"] for part in summary.values()]
    if None in spread:
        return "One training seed: how much of the figures is luck was not measured."
    if not any(spread):
        return "No spread: nothing in this training is left to chance."
    return (
        "The deviation is that of chance in training alone. How much other people would change is "
        "in the interval above, and usually more."
    )


def _chosen(chosen: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Return for each quantity how often which value was chosen."""
    names = sorted({name for values in chosen.values() for name in values})
    found = []
    for name in names:
        values = [each[name] for each in chosen.values() if each.get(name) is not None]
        if values:
            found.append({"name": name, "words": _in_words(values), "bars": _bars(values)})
    return found


def _in_words(values: Sequence[float]) -> str:
    least, most = min(values), max(values)
    if least == most:
        return f"{_number(least)} in {'all ' * (len(values) > 1)}{_trainings(len(values))}."
    middle = float(np.median(values))
    return (
        f"Median {_number(middle)}, from {_number(least)} to {_number(most)}, in "
        f"{_trainings(len(values))}."
    )


def _bars(values: Sequence[float]) -> list[dict[str, Any]]:
    """Return label, count and height of each bar, in rising order."""
    counts = sorted(Counter(values).items())
    labels = [_number(value) for value, _ in counts]
    many = np.array([count for _, count in counts])
    if len(counts) > BARS:
        whole = all(float(value).is_integer() for value in values)
        edges = _edges(counts[0][0], counts[-1][0], whole)
        labels = [
            f"{_number(low)}–{_number(high - 1)}" if whole else f"≥ {_number(low)}"
            for low, high in pairwise(edges.tolist())
        ]
        place = np.searchsorted(edges, values, side="right") - 1
        many = np.bincount(np.clip(place, 0, len(labels) - 1), minlength=len(labels))
    return [
        {"label": label, "count": int(count), "height": round(_TALL * count / many.max())}
        for label, count in zip(labels, many, strict=True)
    ]


def _edges(least: float, most: float, whole: bool) -> NDArray[np.float64]:
    """Return where bars begin and the last one ends: equal steps, or equal ratios if far apart."""
    if whole:
        step = math.ceil((most - least + 1) / BINS)
        return np.arange(least, most + 1 + step, step, dtype=np.float64)
    space = np.geomspace if least > 0 and most > 100 * least else np.linspace
    edges: NDArray[np.float64] = space(least, most, BINS + 1)
    return edges


def _number(value: float) -> str:
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.4g}"


def _trainings(count: int) -> str:
    return f"{count} training{'s' * (count != 1)}"
