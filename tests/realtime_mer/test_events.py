import copy
import pickle
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.events import ACTION_UNIT_GROUPS, EMOTIONS, NONE
from tests.realtime_mer.sinks import makers

SHARES = st.floats(0, 1)
SIDES = st.tuples(SHARES, SHARES)
UNITS = st.dictionaries(st.sampled_from(list(ACTION_UNIT_GROUPS)), SIDES)


def test_groups_hold_every_action_unit_once():
    numbers = [number for group in ACTION_UNIT_GROUPS.values() for number in group]
    assert len(ACTION_UNIT_GROUPS) == 10
    assert len(set(numbers)) == len(numbers)
    with pytest.raises(TypeError):
        ACTION_UNIT_GROUPS["wink"] = (46,)


@pytest.mark.parametrize(
    ("p_none", "emotion", "confidence"),
    [(0.0, "surprise", 0.7), (0.5, "surprise", 0.35), (0.51, NONE, 0.51), (1.0, NONE, 1.0)],
)
def test_none_is_what_it_is_where_that_is_likelier_than_not(p_none, emotion, confidence):
    event = replace(makers.event(), p_none=p_none)
    assert event.emotion == emotion
    assert event.confidence == pytest.approx(confidence)


@given(st.lists(st.floats(0.001, 1), min_size=3, max_size=3), SHARES)
def test_no_emotion_beats_the_one_named(weights, p_none):
    shares = [weight / sum(weights) for weight in weights]
    event = replace(makers.event(probabilities=shares), p_none=p_none)
    each = dict(zip(EMOTIONS, ((1 - p_none) * share for share in shares), strict=True))
    assert sum(each.values()) + p_none == pytest.approx(1)
    assert event.confidence == pytest.approx((each | {NONE: p_none})[event.emotion])
    if event.emotion != NONE:
        assert event.confidence == max(each.values())


@pytest.mark.parametrize(
    ("units", "text"),
    [
        ({}, ""),
        ({"brow_raise": (0.49, 0.1)}, ""),
        ({"brow_raise": (0.5, 0.5)}, "brow_raise"),
        ({"brow_raise": (0.5, 0.49)}, "brow_raise_right"),
        ({"brow_raise": (0.49, 0.5)}, "brow_raise_left"),
        (
            {"lip_corner_pull": (0.2, 0.7), "dimple": (0.3, 0.4), "brow_raise": (0.9, 0.8)},
            "brow_raise+lip_corner_pull_left",
        ),
        ({"chin_raise": (0.6, 0.6), "lips_part": (0.6, 0.1)}, "chin_raise+lips_part_right"),
    ],
)
def test_action_units_in_a_few_words(units, text):
    assert replace(makers.event(), action_units=units).action_unit_text == text


@given(UNITS)
def test_the_text_names_what_reaches_the_mark_strongest_first(units):
    names = replace(makers.event(), action_units=units).action_unit_text.split("+")
    groups = [name.removesuffix("_right").removesuffix("_left") for name in names if name]
    assert set(groups) == {group for group, sides in units.items() if max(sides) >= 0.5}
    strengths = [max(units[group]) for group in groups]
    assert strengths == sorted(strengths, reverse=True)


def test_an_event_can_be_hashed_copied_and_sent():
    event = replace(makers.event(), p_none=0.2, action_units={"dimple": (0.1, 0.6)})
    assert hash(event) == hash(copy.deepcopy(event))
    assert pickle.loads(pickle.dumps(event)) == event != makers.event()
    assert asdict(event)["action_units"] == {"dimple": (0.1, 0.6)}
