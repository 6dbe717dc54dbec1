import html
import io

import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.sinks import rows, vtt
from tests.realtime_mer.sinks import makers


def _read(analysis):
    text = vtt.render(analysis.media, rows(analysis))
    return text, list(webvtt.from_buffer(io.StringIO(text)))


def test_cues_span_onset_to_offset():
    events = [makers.event(1), makers.event(2, 3700.5, 3700.6, 3700.75, (0.6, 0.3, 0.1))]
    _, (first, second) = _read(makers.analysis(events))
    assert (first.start, first.end) == ("00:00:03.000", "00:00:03.250")
    assert first.text == "#1 surprise 0.70 · brow_left+brow_right"
    assert (second.start, second.end) == ("01:01:40.500", "01:01:40.750")
    assert second.identifier == "event-2"


def test_action_units_follow_the_regions():
    events = [makers.telling(1, p_none=0.75), makers.telling(2, 8.0, 8.1, 8.2, regions=())]
    _, (first, second) = _read(makers.analysis(events))
    units = "brow_raise+lip_corner_pull_left"
    assert first.text == f"#1 none 0.75 · brow_left+brow_right · {units}"
    assert second.text == f"#2 surprise 0.62 · {units}"


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_can_break_a_cue(name, region):
    analysis = makers.analysis(
        [makers.event(regions=(region, "nose"))],
        media=makers.media(name=name),
        signals=None,
        evidence={},
    )
    text, (cue,) = _read(analysis)
    assert text.count("-->") == 1
    assert "<" not in text
    assert html.unescape(cue.text).startswith("#1 surprise 0.70")
    text.encode("utf-8")


@pytest.mark.parametrize("hostile", ["--> 00:00", "<c.red>x</c>", "a & b", "\n\n00:01.000 --> 2"])
def test_markup_reads_back_as_written(hostile):
    _, (cue,) = _read(makers.analysis([makers.event(regions=(hostile,))]))
    assert html.unescape(cue.raw_text) == f"#1 surprise 0.70 · {hostile.strip()}"


def test_an_event_of_no_length_gets_a_millisecond():
    _, (cue,) = _read(makers.analysis([makers.event(1, -2.0, -2.0, -2.0)]))
    assert (cue.start, cue.end) == ("00:00:00.000", "00:00:00.001")


def test_transport_streams_count_from_their_first_picture():
    _, (cue,) = _read(makers.analysis(media=makers.media(path="a.ts", start_s=1.4)))
    assert cue.start == "00:00:01.600"


def test_nothing_found_is_a_valid_file():
    text, cues = _read(makers.empty())
    assert text.startswith("WEBVTT\n")
    assert cues == []
