"""How well expressions were recognised, counted as the field counts (MEGC 2019).

All predictions are pooled before any ratio is taken; nothing is averaged over folds. With the
confusion matrix of C classes, F1 = 2 TP / (2 TP + FP + FN) and recall = TP / N for each class, and
UF1 and UAR are their unweighted means (See et al., *MEGC 2019*, FG 2019). What is undefined is NaN,
never 0 or 1: the recall of a class that never occurs, the F1 of one that is never predicted either.
Means are over what is defined, and the number of classes left out of each is reported beside it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_mer.errors import ConfigError

DRAWS = 2000
"""Bootstrap draws. More make the ends of an interval steadier, in proportion to the square root."""
LEVEL = 0.95
BINS = 15
"""Equal-width bins of the calibration error (Guo et al. 2017)."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a confusion matrix says.

    Attributes
    ----------
    confusion
        (C, C) int64 counts; rows are the truth, columns the predictions.
    precision, recall, f1
        (C,) float64, one for each class; NaN where undefined.
    uf1, uar, accuracy
        Mean of the defined F1s, mean of the defined recalls, share of hits; NaN without samples.
    undefined_f1, undefined_recall
        Number of classes left out of UF1 and of UAR.
    """

    confusion: NDArray[np.int64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    uf1: float
    uar: float
    accuracy: float
    undefined_f1: int
    undefined_recall: int

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.confusion.sum())


@dataclass(frozen=True, slots=True)
class Interval:
    """Bootstrap intervals over ``groups`` people, (low, high); NaN where there is only one."""

    uf1: tuple[float, float]
    uar: tuple[float, float]
    groups: int
    draws: int
    level: float = LEVEL


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Whether a probability of 0.8 is right eight times in ten.

    Attributes
    ----------
    error
        Expected calibration error: mean distance of accuracy and confidence, weighted by samples.
    log_loss
        Mean negative logarithm (natural) of the probability of the true class.
    samples
        (bins,) int64 samples whose top probability falls into each bin.
    confidence, accuracy
        (bins,) float64 mean top probability and share of hits; NaN in empty bins.
    """

    error: float
    log_loss: float
    samples: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Return the (classes, classes) counts; rows are the truth, columns the predictions.

    Parameters
    ----------
    labels, predictions
        (N,) class numbers 0 … classes - 1; N may be 0.

    Raises
    ------
    ConfigError
        Lengths differ, or a number is no class.
    """
    truth, guess = _numbers(labels, classes), _numbers(predictions, classes)
    if len(truth) != len(guess):
        raise ConfigError(f"{len(truth)} labels and {len(guess)} predictions: give one for each")
    flat = np.bincount(truth * classes + guess, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def score(confusion: ArrayLike) -> Scores:
    """Return everything that a (C, C) confusion matrix, rows truth, says."""
    counts: NDArray[np.int64] = np.asarray(confusion, np.int64)
    f1, recall = _f1(counts), _recall(counts)
    hits, total = np.trace(counts), counts.sum()
    return Scores(
        confusion=counts,
        precision=_recall(counts.T),
        recall=recall,
        f1=f1,
        uf1=float(mean_defined(f1)),
        uar=float(mean_defined(recall)),
        accuracy=float(hits / total) if total else float("nan"),
        undefined_f1=int(np.isnan(f1).sum()),
        undefined_recall=int(np.isnan(recall).sum()),
    )


def score_by(
    groups: Sequence[Hashable], labels: ArrayLike, predictions: ArrayLike, classes: int
) -> dict[Any, Scores]:
    """Return the scores of each group, in the order in which the groups first appear.

    Parameters
    ----------
    groups
        One key per sample: its data set, or (data set, subject).
    labels, predictions, classes
        See ``confusion_matrix``.
    """
    names, stack = confusions_by(groups, labels, predictions, classes)
    return {name: score(counts) for name, counts in zip(names, stack, strict=True)}


def bootstrap(
    groups: Sequence[Hashable],
    labels: ArrayLike,
    predictions: ArrayLike,
    classes: int,
    seed: int = 0,
    draws: int = DRAWS,
) -> Interval:
    """Return percentile intervals of UF1 and UAR under drawing people anew.

    Whole people are drawn with replacement, not samples: the clips of one person resemble each
    other. In a draw that lacks a class, the means are over the classes that are left.

    Parameters
    ----------
    groups
        The person of each sample: (data set, subject).
    labels, predictions, classes
        See ``confusion_matrix``.
    seed
        Equal seeds give equal intervals.
    draws
        See ``DRAWS``.

    Raises
    ------
    ConfigError
        ``draws`` is below 1, or the samples are inconsistent.
    """
    names, stack = confusions_by(groups, labels, predictions, classes)
    people = len(names)
    times = draw_people(people, seed, draws)
    if people < 2:
        nothing = (float("nan"), float("nan"))
        return Interval(nothing, nothing, people, draws)
    drawn = np.tensordot(times, stack, axes=1)
    return Interval(ends(uf1_of(drawn)), ends(mean_defined(_recall(drawn))), people, draws)


def draw_people(people: int, seed: int, draws: int = DRAWS) -> NDArray[np.int64]:
    """Return (draws, people): how often each person is drawn, with replacement, in every draw.

    Raises
    ------
    ConfigError
        ``draws`` is below 1.
    """
    if draws < 1:
        raise ConfigError(f"draws is {draws}; give 1 or more, {DRAWS} is usual")
    if not people:
        return np.zeros((draws, 0), np.int64)
    generator = np.random.default_rng(seed)
    return generator.multinomial(people, np.full(people, 1 / people), draws)


def calibrate(labels: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> Calibration:
    """Compare how sure the model was with how often it was right.

    Bins of the top probability are equally wide and closed above, as in Guo et al., *On
    calibration of modern neural networks*, ICML 2017. A probability of 0 counts as the smallest
    step of float64 in the logarithm.

    Parameters
    ----------
    labels
        (N,) class numbers.
    probabilities
        (N, C), rows summing to 1.
    bins
        Number of bins; more show finer steps, with fewer samples in each.

    Raises
    ------
    ConfigError
        The shapes do not fit, or a label is no class.
    """
    table: NDArray[np.float64] = np.asarray(probabilities, np.float64)
    if table.ndim != 2 or len(table) != len(np.asarray(labels)):
        raise ConfigError(f"probabilities must be (N, C), one row per label, got {table.shape}")
    truth = _numbers(labels, table.shape[1])
    top = table.max(1, initial=0)
    hit = (table.argmax(1) == truth).astype(np.float64)
    place = np.clip(np.ceil(top * bins).astype(np.int64) - 1, 0, bins - 1)
    samples = np.bincount(place, minlength=bins)
    confidence = ratio(np.bincount(place, top, bins), samples)
    accuracy = ratio(np.bincount(place, hit, bins), samples)
    gap = np.where(samples > 0, np.abs(accuracy - confidence), 0)
    known = np.clip(table[np.arange(len(truth)), truth], np.finfo(np.float64).eps, 1)
    return Calibration(
        error=float(ratio(gap @ samples, samples.sum())),
        log_loss=float(mean_defined(-np.log(known))),
        samples=samples.astype(np.int64),
        confidence=confidence,
        accuracy=accuracy,
    )


def confusions_by(
    groups: Sequence[Hashable], labels: ArrayLike, predictions: ArrayLike, classes: int
) -> tuple[list[Hashable], NDArray[np.int64]]:
    """Return the groups as they first appear and their (groups, C, C) confusion matrices."""
    truth, guess = np.asarray(labels, np.int64), np.asarray(predictions, np.int64)
    names = list(dict.fromkeys(groups))
    number = {name: index for index, name in enumerate(names)}
    member = np.array([number[name] for name in groups], np.int64)
    if not len(member) == len(truth) == len(guess):
        raise ConfigError(f"{len(member)} groups for {len(truth)} labels: give one for each")
    stack = [
        confusion_matrix(truth[member == n], guess[member == n], classes) for n in range(len(names))
    ]
    return names, np.array(stack, np.int64).reshape(-1, classes, classes)


def _numbers(values: ArrayLike, classes: int) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = np.asarray(values, np.int64)
    if numbers.ndim != 1 or (len(numbers) and not 0 <= numbers.min() <= numbers.max() < classes):
        raise ConfigError(f"class numbers must be a list of integers 0 … {classes - 1}")
    return numbers


def _f1(confusions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Map (…, C, C) to (…, C): 2 TP / (2 TP + FP + FN), whose lower part is row plus column."""
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)
    return ratio(2 * hits, confusions.sum(-1) + confusions.sum(-2))


def uf1_of(confusions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Map (…, C, C) confusion matrices, rows truth, to (…) UF1."""
    return mean_defined(_f1(confusions))


def _recall(confusions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Map (…, C, C) to (…, C): TP / N; of the transposed matrix it is the precision."""
    return ratio(np.diagonal(confusions, axis1=-2, axis2=-1), confusions.sum(-1))


def ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    """Divide element by element; what is divided by 0 is NaN."""
    above, below = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    result: NDArray[np.float64] = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def mean_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the last axis of what is defined; NaN where nothing is."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0).sum(-1), defined.sum(-1))


def ends(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the percentiles between which the share ``LEVEL`` of the values lies."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
