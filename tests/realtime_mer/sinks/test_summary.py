import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.events import Gap
from realtime_mer.sinks.summary import render, summary_of, unseen_s
from tests.realtime_mer.sinks import makers


def test_basics_are_computed_and_the_analysis_has_the_last_word():
    events = [makers.event(1), makers.event(2, 5, 5.1, 5.2, (0.9, 0.05, 0.05))]
    facts = summary_of(makers.analysis(events, summary={"measured_fps": 199.5, "seed": 7}))
    assert facts["events"] == 2
    assert facts["events_per_emotion"] == {"negative": 1, "positive": 0, "surprise": 1, "none": 0}
    assert facts["analysed_s"] == pytest.approx(28.5)
    assert facts["alarms_per_minute"] == pytest.approx(2 / 28.5 * 60, abs=1e-4)
    assert facts["gaps"] == [{"start_s": 10.0, "end_s": 11.5, "reason": "no face"}]
    assert (facts["measured_fps"], facts["seed"]) == (199.5, 7)


def test_none_of_these_is_counted_for_itself():
    facts = summary_of(makers.analysis([makers.telling(1), makers.telling(2, p_none=0.9)]))
    assert facts["events_per_emotion"] == {"negative": 0, "positive": 0, "surprise": 1, "none": 1}


def test_nothing_analysed_has_no_alarm_rate():
    facts = json.loads(render(summary_of(makers.empty())))
    assert facts["alarms_per_minute"] is None
    assert facts["measured_fps"] is None
    assert (facts["events"], facts["frames"], facts["gaps"]) == (0, 0, [])


def test_overlapping_gaps_count_once_and_only_inside():
    gaps = [Gap(-5, 1, "cut"), Gap(2, 4, "no face"), Gap(3, 5, "occluded"), Gap(9, 99, "cut")]
    assert unseen_s(gaps, 0, 10) == pytest.approx(1 + 3 + 1)


def test_text_is_sorted_and_has_no_nan():
    text = render({"b": float("nan"), "a": {"z": float("-inf"), "y": np.float32(0.5)}})
    assert text == '{\n  "a": {\n    "y": 0.5,\n    "z": null\n  },\n  "b": null\n}\n'


@pytest.mark.parametrize("wrong", [Path("x"), b"x", {1, 2}, np.zeros(2), object()])
def test_what_json_cannot_hold_is_refused_by_name(wrong):
    with pytest.raises(TypeError, match=r"summary\['runs'\]\[1\] is a .*JSON cannot hold; give"):
        render({"runs": [1, wrong]})


def test_keys_are_strings():
    with pytest.raises(TypeError, match=r"summary\['counts'\] has the key 3; JSON keys"):
        render({"counts": {3: 1}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_any_json_survives_strict_reading(summary):
    def refuse(constant):
        raise AssertionError(constant)

    text = render(summary)
    again = json.loads(text.encode("utf-8"), parse_constant=refuse)
    assert list(again) == sorted(again)
    assert render(again) == text


def test_names_that_are_no_utf8_can_be_written():
    render({"name\udcff": "clip\udcff.mp4"}).encode("utf-8")
