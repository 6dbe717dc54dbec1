import json
from dataclasses import asdict, replace
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import ConfigError
from realtime_mer.spotting import Spotter, SpotterSettings
from realtime_mer.spotting.alarm_budget import AlarmBudget
from realtime_mer.spotting.verdict import bundled_verdict

START = SpotterSettings().least_probability

judged = st.lists(
    st.tuples(st.floats(0, 20), st.floats(0, 1)), max_size=80
)  # seconds since the last movement, probability
rates = st.floats(0.05, 30)


def played(budget, steps, begin_s=0.0):
    """Feed movements; return when each was, its probability and the threshold it met."""
    now_s, met = begin_s, []
    budget.watch(now_s)
    for after_s, probability in steps:
        now_s += after_s
        met.append((now_s, probability, budget.weigh(now_s, probability)))
    return now_s, met


def test_in_the_beginning_it_is_as_without_a_budget():
    budget = AlarmBudget(2.0)
    assert budget.start == START
    budget.watch(10.0)
    assert budget.threshold(10.0) == START
    assert budget.threshold(39.9) == START
    budget.note(15.0, 0.2)
    assert budget.threshold(20.0) == START


def test_but_the_second_alarm_of_a_restless_beginning_must_fit():
    budget = AlarmBudget(2.0)
    _, met = played(budget, [(1, 0.9), (1, 0.8), (1, 0.85)])
    thresholds = [least for _, _, least in met]
    assert thresholds[:2] == [START, START]
    assert thresholds[2] > 0.8  # only one of the two before would have been claimed


def test_a_quiet_face_is_watched_down_to_the_floor():
    budget = AlarmBudget(2.0, floor=0.3)
    budget.watch(0.0)
    assert budget.threshold(120.0) == 0.3


def test_in_a_restless_face_only_the_likeliest_are_claimed():
    budget = AlarmBudget(1.0, window_s=120.0)
    now_s, _ = played(budget, [(2.0, p) for p in np.linspace(0.4, 0.99, 60)])
    least = budget.threshold(now_s)
    assert 0.9 < least < 0.99


def test_what_is_long_ago_is_forgotten():
    budget = AlarmBudget(1.0, window_s=60.0)
    played(budget, [(1.0, 0.95)] * 60)
    assert budget.threshold(61.0) > 0.9
    assert budget.threshold(200.0) == budget.floor


def test_another_recording_begins_anew():
    budget = AlarmBudget(1.0)
    played(budget, [(1.0, 0.95)] * 60, begin_s=1000.0)
    assert budget.threshold(3.0) == START


@given(judged, rates)
def test_no_more_than_the_budget_would_have_been_claimed_lately(steps, per_minute):
    budget = AlarmBudget(per_minute)
    now_s, met = played(budget, steps)
    least = budget.threshold(now_s)
    span_s = max(budget.window_s, 60 / per_minute)
    lately = [p for at_s, p, _ in met if at_s > now_s - span_s]
    allowed = max(1, floor(per_minute * min(now_s, span_s) / 60 + 1e-9))
    assert sum(p >= least for p in lately) <= allowed
    assert least >= (budget.start if min(now_s, span_s) < budget.settle_s else budget.floor)


@given(judged, rates, rates)
def test_who_accepts_more_gets_a_lower_threshold(steps, one, other):
    window_s = 60 / 0.05  # the same for both
    few, many = (
        AlarmBudget(rate, window_s=window_s) for rate in (min(one, other), max(one, other))
    )
    ends = [played(budget, steps)[0] for budget in (few, many)]
    assert many.threshold(ends[1]) <= few.threshold(ends[0])


@given(judged, rates)
def test_the_threshold_knows_nothing_of_what_comes(steps, per_minute):
    whole, _ = AlarmBudget(per_minute), None
    _, met = played(whole, steps)
    half = AlarmBudget(per_minute)
    _, first = played(half, steps[: len(steps) // 2])
    assert met[: len(first)] == first


@pytest.mark.parametrize(
    "wrong",
    [
        {"per_minute": 0.0},
        {"per_minute": -1.0},
        {"per_minute": float("nan")},
        {"per_minute": 1e9},
        {"per_minute": 1.0, "floor": 0.7},
        {"per_minute": 1.0, "floor": -0.1},
        {"per_minute": 1.0, "window_s": 0.0},
        {"per_minute": 1.0, "settle_s": -1.0},
    ],
)
def test_numbers_out_of_range(wrong):
    with pytest.raises(ConfigError):
        AlarmBudget(**wrong)


def test_settings_with_a_budget_can_be_written_down():
    settings = replace(SpotterSettings(), budget=AlarmBudget(2.0))
    told = json.loads(json.dumps(asdict(settings)))["budget"]
    assert told["per_minute"] == 2.0
    assert asdict(SpotterSettings())["budget"] is None


class Steady:
    """A judge that always says the same."""

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def probability(self, evidence):
        return self._probability

    def objection(self, evidence):
        return "too faint"


def test_the_spotter_asks_the_budget_instead_of_its_own_threshold():
    row = np.zeros(3)
    for probability, plain, eager in ((0.5, "too faint", ""), (0.7, "", "")):
        budget = AlarmBudget(10.0, settle_s=0.0)
        spotter = Spotter(SpotterSettings(), Steady(probability))
        other = Spotter(replace(SpotterSettings(), budget=budget), Steady(probability))
        for each in (spotter, other):
            each._witness.push(1.0, 0, np.zeros(each._witness.rows.shape[1]))
        assert spotter._weigh(row) == plain
        assert other._weigh(row) == eager


def test_the_bundled_verdict_is_untouched():
    assert AlarmBudget(1.0).start == START
    assert callable(bundled_verdict().probability)
