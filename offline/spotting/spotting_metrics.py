"""How well intervals were spotted, counted as the field counts (MEGC).

A found interval and a true one may be matched when they overlap with an intersection over union
of at least 0.5. Each is matched at most once; as many pairs are made as can be made. True
positives, false positives and false negatives are pooled over all clips before any ratio is
taken. What is undefined (a ratio of nothing to nothing) is NaN, never 0 or 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from realtime_mer.errors import ConfigError

MIN_IOU = 0.5
"""Overlap from which the field calls an interval found."""
_ROUNDING = 1e-9
"""Slack below ``min_iou``, for overlaps of seconds that are equal to it but for rounding."""


class Moments(Protocol):
    """Anything with three moments in seconds: a ``Candidate``, a true micro-expression."""

    @property
    def onset_s(self) -> float:
        """When it begins."""

    @property
    def apex_s(self) -> float:
        """When it is strongest."""

    @property
    def offset_s(self) -> float:
        """When it ends."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From onset to offset, in seconds or in frames; the apex is NaN where nobody marked it."""

    onset: float
    offset: float
    apex: float = float("nan")

    def __post_init__(self) -> None:
        if not (np.isfinite([self.onset, self.offset]).all() and self.onset <= self.offset):
            raise ConfigError(
                f"an interval needs finite onset <= offset, got {self.onset} and {self.offset}: "
                "correct it or leave it out"
            )


@dataclass(frozen=True, slots=True, eq=False)
class ClipScore:
    """What was found in one clip.

    Attributes
    ----------
    pairs
        (found, true) positions of the matched intervals, by true position.
    false_positives, false_negatives
        Intervals found without a true one, and true ones not found.
    errors_s
        (pairs, 3) float64, found minus true seconds of onset, apex and offset; later is positive,
        NaN where either has no apex.
    duration_s
        Seconds of video that were watched.
    """

    pairs: tuple[tuple[int, int], ...]
    false_positives: int
    false_negatives: int
    errors_s: NDArray[np.float64]
    duration_s: float


@dataclass(frozen=True, slots=True)
class SpottingScore:
    """Counts, ratios and errors over all clips together.

    Attributes
    ----------
    true_positives, false_positives, false_negatives
        Pooled counts.
    precision, recall, f1
        tp / (tp + fp), tp / (tp + fn), 2 tp / (2 tp + fp + fn).
    onset_error_ms, apex_error_ms, offset_error_ms
        Median absolute error of the matched intervals.
    onset_bias_ms, apex_bias_ms, offset_bias_ms
        Median signed error: above zero, what was found comes late.
    false_alarms_per_minute
        False positives per minute of video.
    minutes
        Video watched.
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    precision: float
    recall: float
    f1: float
    onset_error_ms: float
    apex_error_ms: float
    offset_error_ms: float
    onset_bias_ms: float
    apex_bias_ms: float
    offset_bias_ms: float
    false_alarms_per_minute: float
    minutes: float


def interval_of(moments: Moments) -> Interval:
    """Return the interval of a candidate or of a true micro-expression, in seconds."""
    return Interval(moments.onset_s, moments.offset_s, moments.apex_s)


def overlap(
    found: Sequence[Interval], truth: Sequence[Interval], inclusive: bool = False
) -> NDArray[np.float64]:
    """Return the intersection over union of every found with every true interval.

    Parameters
    ----------
    found, truth
        M and N intervals in the same unit.
    inclusive
        True for frame numbers: the offset frame belongs to the interval, which is then
        offset - onset + 1 long. False for seconds.

    Returns
    -------
    ndarray
        (M, N) float64 in 0 … 1. Two moments without length share nothing: 0.
    """
    starts, ends = _ends(found, inclusive)
    true_starts, true_ends = _ends(truth, inclusive)
    shared = np.minimum(ends[:, None], true_ends) - np.maximum(starts[:, None], true_starts)
    shared = np.maximum(shared, 0)
    union = (ends - starts)[:, None] + (true_ends - true_starts) - shared
    iou: NDArray[np.float64] = np.zeros_like(shared)
    np.divide(shared, union, out=iou, where=union > 0)
    return iou


def match(iou: NDArray[np.float64], min_iou: float = MIN_IOU) -> tuple[tuple[int, int], ...]:
    """Return which found interval stands for which true one.

    As many pairs as possible; of all ways to make that many, one with the greatest overlap in
    total. The same overlaps always give the same pairs.

    Parameters
    ----------
    iou
        (M, N) overlaps of M found with N true intervals.
    min_iou
        Least overlap of a pair, in (0, 1]; larger is stricter. A pair that equals it counts.

    Returns
    -------
    tuple
        (found, true) positions, by true position.
    """
    if not 0 < min_iou <= 1:
        raise ConfigError(f"min_iou must lie in (0, 1], got {min_iou}; the field uses 0.5")
    allowed = iou >= min_iou - _ROUNDING
    # One pair more always outweighs all overlap that could be gained by one pair fewer.
    weight = np.where(allowed, 1 + min(iou.shape) + iou, 0)
    rows, columns = linear_sum_assignment(weight, maximize=True)
    pairs = [(int(m), int(n)) for m, n in zip(rows, columns, strict=True) if allowed[m, n]]
    return tuple(sorted(pairs, key=lambda pair: pair[1]))


def score_clip(
    found: Sequence[Interval],
    truth: Sequence[Interval],
    duration_s: float,
    *,
    unit_s: float = 1.0,
    inclusive: bool = False,
    min_iou: float = MIN_IOU,
) -> ClipScore:
    """Compare what was found in one clip with what is true.

    Parameters
    ----------
    found, truth
        Intervals of one clip, in any order.
    duration_s
        Seconds of video watched, at least 0; the base of false alarms per minute.
    unit_s
        Seconds per unit of the intervals: 1 for seconds, 1 / fps for frame numbers.
    inclusive
        True for frame numbers, see ``overlap``.
    min_iou
        See ``match``.

    Raises
    ------
    ConfigError
        A duration or a unit that is negative, zero (the unit) or not finite.
    """
    if not (np.isfinite([duration_s, unit_s]).all() and duration_s >= 0 and unit_s > 0):
        raise ConfigError(
            f"a clip needs a duration >= 0 s and a unit > 0 s, got {duration_s} and {unit_s}"
        )
    pairs = match(overlap(found, truth, inclusive), min_iou)
    errors = [
        (
            found[m].onset - truth[n].onset,
            found[m].apex - truth[n].apex,
            found[m].offset - truth[n].offset,
        )
        for m, n in pairs
    ]
    return ClipScore(
        pairs=pairs,
        false_positives=len(found) - len(pairs),
        false_negatives=len(truth) - len(pairs),
        errors_s=np.array(errors, np.float64).reshape(-1, 3) * unit_s,
        duration_s=duration_s,
    )


def pool(clips: Iterable[ClipScore]) -> SpottingScore:
    """Return the score of all clips together: counts are added first, then compared."""
    clips = list(clips)
    tp = sum(len(clip.pairs) for clip in clips)
    fp = sum(clip.false_positives for clip in clips)
    fn = sum(clip.false_negatives for clip in clips)
    minutes = sum(clip.duration_s for clip in clips) / 60
    errors_ms = 1e3 * np.concatenate([np.empty((0, 3)), *(clip.errors_s for clip in clips)])
    errors, biases = _medians(np.abs(errors_ms)), _medians(errors_ms)
    return SpottingScore(
        true_positives=tp,
        false_positives=fp,
        false_negatives=fn,
        precision=_ratio(tp, tp + fp),
        recall=_ratio(tp, tp + fn),
        f1=_ratio(2 * tp, 2 * tp + fp + fn),
        onset_error_ms=errors[0],
        apex_error_ms=errors[1],
        offset_error_ms=errors[2],
        onset_bias_ms=biases[0],
        apex_bias_ms=biases[1],
        offset_bias_ms=biases[2],
        false_alarms_per_minute=_ratio(fp, minutes),
        minutes=minutes,
    )


def _ends(
    intervals: Sequence[Interval], inclusive: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows = np.array([(each.onset, each.offset) for each in intervals], np.float64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1] + inclusive


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _medians(columns: NDArray[np.float64]) -> list[float]:
    known = (column[np.isfinite(column)] for column in columns.T)
    return [float(np.median(column)) if column.size else float("nan") for column in known]
