"""Spotting in long videos, counted as the challenges count (MEGC 2020–2025).

Frames are the pictures' own numbers and intervals include their last one. A found interval and a
true one of the same kind may be matched from an intersection over union of 0.5 on, each at most
once. Counts are pooled over all videos, those without a true interval among them, before any
ratio is taken; *overall* pools both kinds. What is undefined is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offline.spotting.spotting_metrics import Interval
from realtime_mer.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives, false negatives; adding two pools them."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        """Share of what was found that is true."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of what is true that was found."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """2 tp / (2 tp + fp + fn)."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


@dataclass(frozen=True, slots=True)
class ApexScore:
    """How well the first apex found in a video tells the first true one (Liong et al. 2023).

    Attributes
    ----------
    asr
        Apex spotting rate: share of the videos with a true interval in which the apex lies
        strictly between its onset and offset. Where nothing was found, it does not.
    asr_inclusive
        The same with onset and offset counted as inside.
    mae
        Mean distance of found and true apex in frames, over the ``compared`` videos.
    videos, silent, compared
        Videos with a true interval; those of them in which nothing was found; those in which
        something was found and the true apex is known.
    """

    asr: float
    asr_inclusive: float
    mae: float
    videos: int
    silent: int
    compared: int


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How the spotted were named.

    Attributes
    ----------
    precision, recall
        Means over the classes that occur, in truth or in answers. Among those, a ratio of nothing
        to nothing (a class that was never answered) counts as 0, as in the field's programs.
    f1
        Harmonic mean of the two: neither UF1 nor the mean of the classes' F1s.
    absent
        Classes that occur neither way and are in no mean.
    """

    precision: float
    recall: float
    f1: float
    absent: int


def pooled(counts: Iterable[Counts]) -> Counts:
    """Return the counts of all videos together."""
    return sum(counts, Counts())


def score_apexes(videos: Iterable[tuple[Sequence[Interval], Sequence[Interval]]]) -> ApexScore:
    """Score the apexes of found and true intervals, video by video.

    Parameters
    ----------
    videos
        (found, true) of each video, in any order; those without a true interval do not count.
    """
    strict = inclusive = count = silent = 0
    distances = []
    for found, truth in videos:
        if not truth:
            continue
        count += 1
        if not found:
            silent += 1
            continue
        first = min(truth, key=lambda each: (each.onset, each.offset))
        apex = min(found, key=lambda each: (each.onset, each.offset)).apex
        strict += first.onset < apex < first.offset
        inclusive += first.onset <= apex <= first.offset
        if math.isfinite(first.apex) and math.isfinite(apex):
            distances.append(abs(apex - first.apex))
    return ApexScore(
        asr=_ratio(strict, count),
        asr_inclusive=_ratio(inclusive, count),
        mae=float(np.mean(distances)) if distances else math.nan,
        videos=count,
        silent=silent,
        compared=len(distances),
    )


def score_classes(confusion: ArrayLike) -> ClassScore:
    """Return how the spotted true positives were named.

    Parameters
    ----------
    confusion
        (C, C) counts, rows the truth; or (C, C + 1), where the last column holds answers that are
        no class: each is a miss of its class.
    """
    counts: NDArray[np.int64] = np.asarray(confusion, np.int64)
    classes = len(counts)
    if counts.ndim != 2 or counts.shape[1] - classes not in (0, 1):
        raise ConfigError(
            f"a confusion matrix of shape {counts.shape} is not square; one column more may hold "
            "answers that are no class"
        )
    hits, true, said = np.diag(counts[:, :classes]), counts.sum(1), counts[:, :classes].sum(0)
    occurs = (true > 0) | (said > 0)
    recall, precision = (
        float(np.mean(hits[occurs] / np.maximum(whole[occurs], 1))) if occurs.any() else math.nan
        for whole in (true, said)
    )
    both = precision + recall
    f1 = math.nan if math.isnan(both) else 2 * precision * recall / both if both else 0.0
    return ClassScore(precision, recall, f1, classes - int(occurs.sum()))


def spot_then_recognise(spotting_f1: float, recognition_f1: float) -> float:
    """Return STRS, the product of both; NaN where either is."""
    return spotting_f1 * recognition_f1


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
