"""How well action units were detected, counted as MEB counts (Varanka et al., CD6ME).

Each unit is a yes or no of its own. All predictions are pooled before any ratio is taken: F1 of a
unit is 2 TP / (2 TP + FP + FN), the *AU average* the mean over units. For the *data set average*
the same mean is taken within each data set, and then over data sets. What is undefined is NaN: the
F1 of a unit that neither occurs nor is predicted; the means are over what is defined, and how much
is not is counted beside them. The literature counts those as 0: ``zeros`` has its convention.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offline.scores.metrics import DRAWS, draw_people, ends, mean_defined, ratio
from realtime_mer.errors import ConfigError

Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class UnitScores:
    """What the counts of each unit say.

    Attributes
    ----------
    hits, false_alarms, misses, rests
        (A,) int64: TP, FP, FN, TN of each unit.
    """

    hits: NDArray[np.int64]
    false_alarms: NDArray[np.int64]
    misses: NDArray[np.int64]
    rests: NDArray[np.int64]

    @property
    def samples(self) -> int:
        """Number of samples."""
        every = self.hits + self.false_alarms + self.misses + self.rests
        return int(every.max(initial=0))

    @property
    def precision(self) -> NDArray[np.float64]:
        """(A,), NaN for a unit that is never predicted."""
        return ratio(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> NDArray[np.float64]:
        """(A,), NaN for a unit that never occurs."""
        return ratio(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> NDArray[np.float64]:
        """(A,), NaN for a unit that neither occurs nor is predicted."""
        return binary_f1(self.hits, self.false_alarms, self.misses)

    @property
    def macro_f1(self) -> NDArray[np.float64]:
        """(A,) mean of the F1 of *there* and of *not there*, of those that are defined."""
        absent = binary_f1(self.rests, self.misses, self.false_alarms)
        return mean_defined(np.stack([self.f1, absent], axis=-1))

    @property
    def average(self) -> float:
        """Mean F1 of the units, of those where it is defined."""
        return float(mean_defined(self.f1))

    @property
    def zeros(self) -> float:
        """Mean F1 of the units, 0 where it is undefined: the convention of the literature."""
        return float(np.nan_to_num(self.f1).mean()) if self.samples else float("nan")

    @property
    def macro_average(self) -> float:
        """Mean macro F1 of the units."""
        return float(mean_defined(self.macro_f1))

    @property
    def undefined(self) -> int:
        """Units without an F1."""
        return int(np.isnan(self.f1).sum())


def binary_f1(hits: ArrayLike, false_alarms: ArrayLike, misses: ArrayLike) -> NDArray[np.float64]:
    """Return 2 TP / (2 TP + FP + FN) element by element; NaN where there is nothing."""
    twice = 2 * np.asarray(hits)
    return ratio(twice, twice + np.asarray(false_alarms) + np.asarray(misses))


def score_units(labels: ArrayLike, predictions: ArrayLike) -> UnitScores:
    """Count and score (N, A) tables of 0 and 1.

    Raises
    ------
    ConfigError
        The tables have different shapes, or hold anything else.
    """
    truth, guess = _bits(labels), _bits(predictions)
    if truth.shape != guess.shape:
        raise ConfigError(
            f"labels are {truth.shape}, predictions {guess.shape}: give one row for each sample"
        )
    return _scores(_counts(truth, guess).sum(1))


def unit_interval(
    groups: Sequence[Hashable],
    labels: ArrayLike,
    predictions: ArrayLike,
    seed: int = 0,
    draws: int = DRAWS,
) -> tuple[float, float]:
    """Return the percentile interval of the AU average under drawing people anew.

    Whole people are drawn with replacement; NaN for fewer than two. In a draw that lacks a unit,
    the mean is over those that are left.

    Parameters
    ----------
    groups
        The person of each sample: (data set, subject).
    labels, predictions
        See ``score_units``.
    seed
        Equal seeds give equal intervals.
    draws
        See ``metrics.DRAWS``.

    Raises
    ------
    ConfigError
        ``draws`` is below 1, or the samples are inconsistent.
    """
    truth, guess = _bits(labels), _bits(predictions)
    names = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    member = np.array([names[group] for group in groups], np.int64)
    if not len(member) == len(truth) == len(guess):
        raise ConfigError(f"{len(member)} groups for {len(truth)} labels: give one for each")
    times = draw_people(len(names), seed, draws)
    if len(names) < 2:
        return float("nan"), float("nan")
    counts = _counts(truth, guess)
    stack = np.zeros((len(counts), len(names), truth.shape[1]), np.int64)
    for table, of_people in zip(counts, stack, strict=True):
        np.add.at(of_people, member, table)
    hits, false_alarms, misses, _ = np.einsum("dp,kpa->kda", times, stack)
    averages = mean_defined(binary_f1(hits, false_alarms, misses))
    defined = averages[~np.isnan(averages)]
    return ends(defined) if len(defined) else (float("nan"), float("nan"))


def _counts(truth: Bits, guess: Bits) -> NDArray[np.int64]:
    """Return (4, N, A): TP, FP, FN, TN of every single answer."""
    return np.stack([truth & guess, ~truth & guess, truth & ~guess, ~truth & ~guess]).astype(
        np.int64
    )


def _scores(counts: NDArray[np.int64]) -> UnitScores:
    hits, false_alarms, misses, rests = counts
    return UnitScores(hits, false_alarms, misses, rests)


def _bits(table: ArrayLike) -> Bits:
    found = np.asarray(table)
    if found.ndim != 2 or not np.isin(found, (0, 1)).all():
        raise ConfigError(f"give an (N, units) table of 0 and 1, got {found.shape}")
    return found.astype(bool)
