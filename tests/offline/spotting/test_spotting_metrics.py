"""Spotting scores against brute force and against examples worked by hand."""

from __future__ import annotations

import itertools
import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from offline.spotting.spotting_metrics import (
    Interval,
    interval_of,
    match,
    overlap,
    pool,
    score_clip,
)
from realtime_mer.errors import ConfigError
from realtime_mer.events import Candidate


@st.composite
def frame_intervals(draw: st.DrawFn) -> Interval:
    onset = draw(st.integers(0, 30))
    length = draw(st.integers(0, 12))
    return Interval(onset, onset + length, onset + draw(st.integers(0, length)))


clips = st.lists(frame_intervals(), max_size=5)


def iou_by_counting(a: Interval, b: Interval) -> float:
    one = set(range(int(a.onset), int(a.offset) + 1))
    other = set(range(int(b.onset), int(b.offset) + 1))
    return len(one & other) / len(one | other)


def best_by_trying(iou: NDArray[np.float64], min_iou: float) -> tuple[int, float]:
    """Return most pairs and, among those, greatest total overlap, over every assignment."""
    found, truth = iou.shape
    best = (0, 0.0)
    for chosen in itertools.product([None, *range(truth)], repeat=found):
        taken = [n for n in chosen if n is not None]
        if len(set(taken)) < len(taken):
            continue
        overlaps = [iou[m, n] for m, n in enumerate(chosen) if n is not None]
        if all(each >= min_iou for each in overlaps):
            best = max(best, (len(overlaps), float(sum(overlaps))))
    return best


# Overlap ----------------------------------------------------------------------------------------


@given(clips, clips)
def test_inclusive_overlap_is_counted_frames(found: list[Interval], truth: list[Interval]) -> None:
    iou = overlap(found, truth, inclusive=True)
    assert iou.shape == (len(found), len(truth))
    for m, n in itertools.product(range(len(found)), range(len(truth))):
        assert iou[m, n] == pytest.approx(iou_by_counting(found[m], truth[n]), abs=1e-12)


def test_seconds_have_no_extra_frame() -> None:
    one, two = Interval(0.0, 0.2), Interval(0.1, 0.3)
    np.testing.assert_allclose(overlap([one], [two]), [[1 / 3]])
    np.testing.assert_allclose(overlap([one], [one, Interval(0.2, 0.4)]), [[1, 0]])
    assert overlap([Interval(1, 1)], [Interval(1, 1)]).tolist() == [[0]]
    assert overlap([Interval(1, 1)], [Interval(1, 1)], inclusive=True).tolist() == [[1]]


@given(clips, clips)
def test_overlap_is_symmetric(found: list[Interval], truth: list[Interval]) -> None:
    np.testing.assert_array_equal(overlap(found, truth), overlap(truth, found).T)


# Matching ---------------------------------------------------------------------------------------


@given(
    st.integers(0, 4).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 8), min_size=n, max_size=n), max_size=4)
    ),
    st.sampled_from([0.25, 0.5, 1.0]),
)
def test_matching_is_the_best_there_is(eighths: list[list[int]], min_iou: float) -> None:
    width = len(eighths[0]) if eighths else 3
    iou = np.array(eighths, np.float64).reshape(len(eighths), width) / 8
    pairs = match(iou, min_iou)
    assert len({m for m, _ in pairs}) == len({n for _, n in pairs}) == len(pairs)
    assert all(iou[pair] >= min_iou for pair in pairs)
    assert [n for _, n in pairs] == sorted(n for _, n in pairs)
    assert (len(pairs), sum(iou[pair] for pair in pairs)) == best_by_trying(iou, min_iou)
    assert match(iou.copy(), min_iou) == pairs


def test_more_pairs_beat_better_pairs() -> None:
    """Taking the best overlap first would leave the second one alone."""
    iou = np.array([[0.9, 0.6], [0.6, 0.0]])
    assert match(iou) == ((1, 0), (0, 1))


def test_a_pair_at_the_threshold_counts_in_seconds_too() -> None:
    found, true = Interval(0.1, 0.3), Interval(0.1, 0.7)
    just = overlap([found], [true])[0, 0]
    assert just == pytest.approx(1 / 3)
    assert match(overlap([found], [true]), min_iou=1 / 3) == ((0, 0),)
    assert match(overlap([Interval(0, 9)], [Interval(0, 19)], inclusive=True)) == ((0, 0),)
    assert match(overlap([Interval(0, 8)], [Interval(0, 19)], inclusive=True)) == ()


@pytest.mark.parametrize("min_iou", [0.0, -0.5, 1.01, float("nan")])
def test_impossible_thresholds_are_refused(min_iou: float) -> None:
    with pytest.raises(ConfigError, match="min_iou"):
        match(np.zeros((1, 1)), min_iou)


# Scores -----------------------------------------------------------------------------------------


@given(clips, clips, st.randoms(use_true_random=False))
def test_counts_add_up_in_any_order(
    found: list[Interval], truth: list[Interval], random: object
) -> None:
    score = score_clip(found, truth, 10.0, inclusive=True)
    assert len(score.pairs) + score.false_positives == len(found)
    assert len(score.pairs) + score.false_negatives == len(truth)
    assert score.errors_s.shape == (len(score.pairs), 3)
    iou = overlap(found, truth, inclusive=True)
    assert len(score.pairs) == best_by_trying(iou, 0.5)[0]
    random.shuffle(found)  # type: ignore[attr-defined]
    assert len(score_clip(found, truth, 10.0, inclusive=True).pairs) == len(score.pairs)


@given(st.lists(st.tuples(clips, clips), max_size=4))
def test_pooling_counts_before_dividing(
    videos: list[tuple[list[Interval], list[Interval]]],
) -> None:
    scores = [score_clip(found, truth, 30.0, inclusive=True) for found, truth in videos]
    pooled = pool(iter(scores))
    tp = sum(len(score.pairs) for score in scores)
    found_total = sum(len(found) for found, _ in videos)
    true_total = sum(len(truth) for _, truth in videos)
    assert pooled.true_positives == tp
    expected = [
        (pooled.precision, tp, found_total),
        (pooled.recall, tp, true_total),
        (pooled.f1, 2 * tp, found_total + true_total),
        (pooled.false_alarms_per_minute, found_total - tp, len(videos) / 2),
    ]
    for value, part, whole in expected:
        assert value == part / whole if whole else math.isnan(value)


def test_a_worked_example() -> None:
    truth = [Interval(1.0, 1.3, 1.1), Interval(4.0, 4.4, 4.2), Interval(8.0, 8.2, 8.1)]
    found = [
        Interval(8.02, 8.22, 8.11),  # late by 20, 10, 20 ms
        Interval(0.99, 1.28, 1.08),  # early by 10, 20, 20 ms
        Interval(6.0, 6.3, 6.1),  # nothing there
        Interval(4.3, 4.6, 4.4),  # too little overlap
    ]
    clip = score_clip(found, truth, 90.0)
    assert clip.pairs == ((1, 0), (0, 2))
    np.testing.assert_allclose(clip.errors_s, [[-0.01, -0.02, -0.02], [0.02, 0.01, 0.02]])
    score = pool([clip, score_clip([], [], 30.0)])
    assert (score.true_positives, score.false_positives, score.false_negatives) == (2, 2, 1)
    assert (score.precision, score.recall) == (0.5, 2 / 3)
    assert score.f1 == pytest.approx(4 / 7)
    assert score.minutes == 2
    assert score.false_alarms_per_minute == 1
    errors = score.onset_error_ms, score.apex_error_ms, score.offset_error_ms
    np.testing.assert_allclose(errors, [15, 15, 20])
    biases = score.onset_bias_ms, score.apex_bias_ms, score.offset_bias_ms
    np.testing.assert_allclose(biases, [5, -5, 0], atol=1e-9)


def test_frames_become_milliseconds() -> None:
    clip = score_clip(
        [Interval(101, 140, 120)], [Interval(100, 140, 118)], 5.0, unit_s=1 / 200, inclusive=True
    )
    score = pool([clip])
    errors = score.onset_error_ms, score.apex_error_ms, score.offset_error_ms
    np.testing.assert_allclose(errors, [5, 10, 0])


def test_a_missing_apex_leaves_the_other_errors_alone() -> None:
    truth = [Interval(0.0, 0.3), Interval(1.0, 1.3, 1.1)]
    found = [Interval(0.01, 0.3, 0.1), Interval(1.03, 1.3, 1.14)]
    score = pool([score_clip(found, truth, 2.0)])
    assert score.onset_error_ms == pytest.approx(20)
    assert score.apex_error_ms == pytest.approx(40)


def test_nothing_to_nothing_is_nan() -> None:
    empty = pool([])
    assert astuple(empty)[:3] == (0, 0, 0)
    assert all(math.isnan(value) for value in astuple(empty)[3:-1])
    assert empty.minutes == 0
    quiet = pool([score_clip([], [], 60.0)])
    assert math.isnan(quiet.f1)
    assert quiet.false_alarms_per_minute == 0
    missed = pool([score_clip([], [Interval(0, 1)], 60.0)])
    assert math.isnan(missed.precision)
    assert (missed.recall, missed.f1) == (0, 0)
    assert math.isnan(missed.onset_error_ms)


def test_candidates_become_intervals() -> None:
    candidate = Candidate(0, 0, 2, 4, 9, 0.2, 0.4, 0.9, ("nose",), 5.0, 0.02, 1.0)
    assert interval_of(candidate) == Interval(onset=0.2, offset=0.9, apex=0.4)


@pytest.mark.parametrize("ends", [(1.0, 0.5), (float("nan"), 1.0), (0.0, float("inf"))])
def test_broken_intervals_are_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="onset <= offset"):
        Interval(*ends)


@pytest.mark.parametrize(("duration_s", "unit_s"), [(-1, 1), (float("nan"), 1), (1, 0)])
def test_broken_clips_are_refused(duration_s: float, unit_s: float) -> None:
    with pytest.raises(ConfigError, match="duration"):
        score_clip([], [], duration_s, unit_s=unit_s)
