"""What every engine is asked and answers, whichever way it trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from offline.bench.learning import Material
from offline.nets.layers import Net, Weights
from offline.nets.plan import Plan


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One training.

    Attributes
    ----------
    train
        (n,) positions in the material that it learns from.
    watch
        (w,) positions that it is asked about at every mark.
    key
        Seed of everything random, see ``plan.key_of``.
    weights
        What it begins with; drawn from ``key`` if None.
    """

    train: NDArray[np.int64]
    watch: NDArray[np.int64]
    key: int
    weights: Weights | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What came of a run.

    Attributes
    ----------
    curve
        (marks, w, C) float32 logits of the watched samples after each marked epoch.
    weights
        At the end.
    """

    curve: NDArray[np.float32]
    weights: Weights


Ready = Callable[[int, Fit], None]
"""Called with a run's place in the list and what came of it."""


class Engine(Protocol):
    """A way to train networks: ``stacked.train``, ``fused.train``."""

    def __call__(
        self,
        net: Net,
        plan: Plan,
        material: Material,
        runs: Sequence[Run],
        marks: Sequence[int],
        ready: Ready,
    ) -> None:
        """Train every run and report it.

        Parameters
        ----------
        marks
            Epochs, rising, after which the watched samples are asked about; the last one ends
            the training.
        """


def marked_steps(plan: Plan, samples: int, marks: Sequence[int]) -> list[int]:
    """Return after how many steps each mark lies."""
    return [mark * plan.steps_per_epoch(samples) for mark in marks]
