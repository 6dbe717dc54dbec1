"""What a network's attention weighs how much, as numbers that can be drawn.

A module offers ``attention(inputs)``: by name, what it weighs of each sample, from 0 to 1.
``spatial`` is (N, …, h, w), ``patches`` (N, …, regions, m), anything else (N, …, K): regions,
steps, channels; a tensor without a name is spatial. Steps without a picture hold zeros
throughout, and are left out of means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offline.explain.class_maps import AT_ONCE
from offline.exported_attention import named_weights

Float = NDArray[np.float32]

PLANES = ("spatial", "patches")
"""Names, or ends of names, of what has two axes; of ``STEPS`` the one axis is time."""
STEPS = ("temporal", "frames")


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """One kind of attention, averaged.

    Attributes
    ----------
    name
        As the module calls it.
    by_class
        (C, K) or (C, rows, columns): mean over the samples of each true class; NaN where a class
        has none.
    """

    name: str
    by_class: Float

    @property
    def flat(self) -> bool:
        """Whether it is drawn as a picture: rows and columns."""
        return self.by_class.ndim == 3

    @property
    def over_time(self) -> bool:
        """Whether its one axis counts steps."""
        return self.name.endswith(STEPS)


def attention_of(
    module: nn.Module, inputs: Tensor, labels: NDArray[np.int64], classes: int
) -> list[Weighed]:
    """Return what a network's attention weighs, by true class; empty if it offers none.

    Parameters
    ----------
    module
        Offers ``attention``, or not; in evaluation mode.
    inputs
        (N, …) float32.
    labels, classes
        (N,) true classes, and how many there are.
    """
    if not len(inputs):
        return []
    parts: dict[str, list[Tensor]] = {}
    with torch.no_grad():
        for some in inputs.split(AT_ONCE):
            for name, weights in named_weights(module, some).items():
                parts.setdefault(name, []).append(weights.float())
    found = []
    for name, pieces in parts.items():
        each = _reduced(torch.cat(pieces).numpy(), _axes(name))
        by_class = [_mean(each[labels == number], each.shape[1:]) for number in range(classes)]
        found.append(Weighed(name, np.stack(by_class)))
    return found


def _axes(name: str) -> int:
    return 2 if name.endswith(PLANES) else 1


def _reduced(weights: Float, axes: int) -> Float:
    """Average (N, …, *axes) over what lies between, without what is zero throughout."""
    while weights.ndim > axes + 1:
        seen = np.abs(weights).reshape(*weights.shape[:2], -1).max(2) > 0
        counts = np.maximum(seen.sum(1), 1).reshape(-1, *(1,) * (weights.ndim - 2))
        weights = np.asarray(weights.sum(1) / counts, np.float32)
    return weights


def _mean(some: Float, shape: Sequence[int]) -> Float:
    return some.mean(0) if len(some) else np.full(shape, np.nan, np.float32)
