"""Challenge counts against published ones, brute force and examples worked by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.spotting.megc_spotting import (
    Counts,
    pooled,
    score_apexes,
    score_classes,
    spot_then_recognise,
)
from offline.spotting.spotting_metrics import Interval, score_clip
from realtime_mer.errors import ConfigError

# Published counts and F1 of MDMD, the baseline of MEGC 2020, and of the baseline of MEGC 2025.
MDMD = {
    ("casme-sq", "macro"): (Counts(109, 1414, 191), 0.1196),
    ("casme-sq", "micro"): (Counts(21, 5014, 36), 0.0082),
    ("samm-lv", "macro"): (Counts(22, 334, 321), 0.0629),
    ("samm-lv", "micro"): (Counts(29, 1407, 130), 0.0364),
}


@st.composite
def spans(draw):
    onset = draw(st.integers(1, 30))
    return Interval(onset, onset + draw(st.integers(0, 12)))


intervals = st.lists(spans(), max_size=5)


def matched(found, truth):
    """Judged as ``mer spot-eval`` judges frames."""
    return score_clip(found, truth, 1.0, unit_s=0.01, inclusive=True)


def test_pooling_gives_the_published_figures():
    for counts, printed in MDMD.values():
        assert counts.f1 == pytest.approx(printed, abs=5e-5)
    for dataset, counts, printed in (
        ("casme-sq", Counts(130, 6428, 227), 0.0376),
        ("samm-lv", Counts(51, 1741, 451), 0.0445),
    ):
        both = pooled(counts for (name, _), (counts, _) in MDMD.items() if name == dataset)
        assert both == counts
        assert both.f1 == pytest.approx(printed, abs=5e-5)
    overall = pooled(counts for counts, _ in MDMD.values())
    assert overall == Counts(181, 8169, 678)
    assert overall.f1 == pytest.approx(0.0393, abs=5e-5)


def test_the_baseline_of_2025():
    samm, casme = Counts(6, 217, 202), Counts(3, 115, 34)
    assert samm.f1 == pytest.approx(0.0278, abs=5e-5)
    assert casme.f1 == pytest.approx(0.0387, abs=5e-5)
    # 3 of 6 right, all called one of three classes, which is what its F1_A of .2222 fits.
    named = score_classes([[3, 0, 0], [2, 0, 0], [1, 0, 0]])
    assert named.f1 == pytest.approx(0.2222, abs=5e-5)
    assert spot_then_recognise(samm.f1, named.f1) == pytest.approx(0.0062, abs=5e-5)


def test_nothing_to_nothing_is_nan():
    assert all(math.isnan(x) for x in (Counts().precision, Counts().recall, Counts().f1))
    assert Counts(0, 2, 0).f1 == 0
    assert pooled([]) == Counts()


@given(intervals, intervals)
def test_matching_makes_as_many_pairs_as_can_be_made(found, truth):
    """Second derivation: frames are counted in sets, and every way of pairing is tried."""
    frames = [
        [set(range(int(each.onset), int(each.offset) + 1)) for each in side]
        for side in (found, truth)
    ]
    fits = {
        (m, n)
        for m, n in itertools.product(range(len(found)), range(len(truth)))
        if 2 * len(frames[0][m] & frames[1][n]) >= len(frames[0][m] | frames[1][n])
    }
    best = max(
        sum(pair in fits for pair in zip(range(len(found)), chosen, strict=True))
        for chosen in itertools.permutations([*range(len(truth)), *([-1] * len(found))], len(found))
    )
    score = matched(found, truth)
    pairs = score.pairs
    assert set(pairs) <= fits
    assert len({m for m, _ in pairs}) == len({n for _, n in pairs}) == len(pairs) == best
    assert (score.false_positives, score.false_negatives) == (len(found) - best, len(truth) - best)


def test_the_last_frame_belongs_to_an_interval():
    assert matched([Interval(1, 5)], [Interval(1, 10)]).pairs == ((0, 0),)
    assert matched([Interval(1, 4)], [Interval(1, 10)]).pairs == ()
    assert matched([Interval(7, 7)], [Interval(7, 7)]).pairs == ((0, 0),)


@given(st.lists(st.builds(Counts, *[st.integers(0, 50)] * 3), max_size=5))
def test_pooling_adds_before_it_divides(counts):
    total = pooled(counts)
    tp, fp, fn = (sum(getattr(each, name) for each in counts) for name in ("tp", "fp", "fn"))
    assert total == Counts(tp, fp, fn)
    if tp:
        expected = 2 / (1 / total.precision + 1 / total.recall)
        assert total.f1 == pytest.approx(expected)


# Apexes -------------------------------------------------------------------------------------------


def test_apexes_worked_by_hand():
    true = Interval(10, 20, 15)
    videos = [
        ([Interval(40, 50, 45), Interval(8, 18, 13)], [Interval(60, 70, 65), true]),  # inside, 2
        ([Interval(2, 12, 10)], [true]),  # on the onset, 5 away
        ([Interval(30, 40, 35)], [true]),  # outside, 20 away
        ([], [true]),  # silent
        ([Interval(8, 18, 12)], [Interval(10, 20)]),  # inside, no apex to compare
        ([Interval(1, 2, 1)], []),  # nothing true: counts nowhere
    ]
    score = score_apexes(videos)
    assert (score.videos, score.silent, score.compared) == (5, 1, 3)
    assert score.asr == pytest.approx(2 / 5)
    assert score.asr_inclusive == pytest.approx(3 / 5)
    assert score.mae == pytest.approx((2 + 5 + 20) / 3)


def test_no_apex_to_spot_is_nan():
    score = score_apexes([([Interval(1, 2, 1)], [])])
    assert math.isnan(score.asr)
    assert math.isnan(score.mae)
    silent = score_apexes([([], [Interval(1, 2, 1)])])
    assert (silent.asr, silent.silent) == (0, 1)
    assert math.isnan(silent.mae)


# Names --------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=12))
def test_class_means_by_counting(answers):
    """Second derivation from (true, said) pairs; 3 is an answer that is no class."""
    table = np.zeros((3, 4), int)
    for true, said in answers:
        table[true, said] += 1
    occurring = {c for pair in answers for c in pair if c < 3}
    recalls, precisions = [], []
    for c in occurring:
        of = [said for true, said in answers if true == c]
        to = [true for true, said in answers if said == c]
        recalls.append(of.count(c) / len(of) if of else 0)
        precisions.append(to.count(c) / len(to) if to else 0)
    score = score_classes(table)
    assert score.absent == 3 - len(occurring)
    if not occurring:
        assert math.isnan(score.f1)
        return
    recall, precision = sum(recalls) / len(recalls), sum(precisions) / len(precisions)
    assert (score.recall, score.precision) == (pytest.approx(recall), pytest.approx(precision))
    both = recall + precision
    assert score.f1 == pytest.approx(2 * recall * precision / both if both else 0)


def test_undefined_parts_make_an_undefined_product():
    assert math.isnan(spot_then_recognise(0.3, score_classes(np.zeros((3, 4))).f1))
    assert spot_then_recognise(0.5, score_classes(np.eye(3)).f1) == 0.5


def test_the_product_is_what_is_printed():
    """F1_S, F1_A and STRS as published for MEAN; its SMIC-VIS row is rounded from other digits."""
    for spotted, named, printed in (
        (0.6516, 0.5927, 0.3862),
        (0.3822, 0.5149, 0.1968),
        (0.1214, 0.6667, 0.0809),
        (0.0949, 0.5263, 0.0499),
    ):
        assert spot_then_recognise(spotted, named) == pytest.approx(printed, abs=1e-4)


@pytest.mark.parametrize("shape", [(3, 2), (3, 5), (3,)])
def test_what_is_no_confusion_matrix_is_refused(shape):
    with pytest.raises(ConfigError, match="not square"):
        score_classes(np.zeros(shape))
