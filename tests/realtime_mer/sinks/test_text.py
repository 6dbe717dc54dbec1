import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.sinks.text import clock, decimals, plain, spoken


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00.000"),
        (59.9996, "01:00.000"),
        (61.25, "01:01.250"),
        (3725.5, "1:02:05.500"),
        (-0.5, "-00:00.500"),
    ],
)
def test_clock(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1.25, "1.2"), (-0.01, "0.0"), (float("nan"), ""), (float("inf"), "")]
)
def test_decimals(value, text):
    assert decimals(value, 1) == text


def test_spoken():
    assert spoken("brow_left") == "left brow"
    assert spoken("cheek_right") == "right cheek"
    assert spoken("nose") == "nose"


@settings(deadline=None)
@given(st.text(alphabet=st.characters()))
def test_plain_is_one_printable_line(text):
    line = plain(text)
    line.encode("utf-8")
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in line)
    assert plain(line) == line


def test_plain_takes_out_direction_tricks():
    assert plain("gpj.\u202eexe") == "gpj.\ufffdexe"
