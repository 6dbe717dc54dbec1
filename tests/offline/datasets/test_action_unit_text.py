import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.datasets.action_unit_text import (
    CHOICES,
    ActionUnit,
    activated,
    parse_action_units,
)

NUMBERS = st.integers(1, 99)
SIDES = st.sampled_from(["", "L", "R", "A", "B", "T", "A/L"])
INTENSITIES = st.sampled_from(["", "A", "E", "B/C"])
UNITS = st.builds(ActionUnit, NUMBERS, SIDES, INTENSITIES, st.booleans(), st.booleans())


def written(unit, prefix=""):
    text = f"{prefix}{unit.side}{unit.number}{unit.intensity}{'(k)' if unit.kept else ''}"
    return f"ref({text})" if unit.reference else text


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("", ()),
        ("12", (ActionUnit(12),)),
        ("4+7+L10", (ActionUnit(4), ActionUnit(7), ActionUnit(10, "L"))),
        ("12+15 ", (ActionUnit(12), ActionUnit(15))),
        ("10A/B", (ActionUnit(10, "", "A/B"),)),
        ("4(B/C)+7B", (ActionUnit(4, "", "B/C"), ActionUnit(7, "", "B"))),
        ("A/L12", (ActionUnit(12, "A/L"),)),
        ("A12b", (ActionUnit(12, "A", "B"),)),
        ("ref(7B)+43", (ActionUnit(7, "", "B", reference=True), ActionUnit(43))),
        ("AU4(k)+AU7", (ActionUnit(4, kept=True), ActionUnit(7))),
        ("4，11", (ActionUnit(4), ActionUnit(11))),
        ("4,R2,", (ActionUnit(4), ActionUnit(2, "R"))),
    ],
)
def test_units_are_read_as_written(text, units):
    assert parse_action_units(text, "any") == (units, ())


@pytest.mark.parametrize(
    "text", ["13?", "soft focus", "612", "0", "4-7", "(4", "4)", "ref(4", "ref(5+20)", "R6 or R12"]
)
def test_what_is_no_unit_is_told_and_not_guessed(text):
    units, told = parse_action_units(f"9+{text}", "casme2")
    assert [unit.number for unit in units] == [9]
    assert told == (f"{text!r} is no action unit",)


@pytest.mark.parametrize(("text", "chosen"), CHOICES["samm"].items())
def test_what_the_coders_left_open_is_decided_for_their_own_sheet_only(text, chosen):
    units, told = parse_action_units(text.replace(" ", "  "), "samm")
    assert units == parse_action_units(chosen, "samm")[0]
    assert told == (f"{text!r} is read as {chosen}",)
    assert parse_action_units(text, "smic")[1]
    assert not activated(text, "smic") & activated(chosen, "samm") - {15}


def test_only_what_moves_is_activated():
    assert activated("ref(7B)+43+AU4(k)+4", "fourdme") == {4, 43}
    assert activated("", "casme2") == frozenset()


@given(st.lists(UNITS, max_size=6), st.sampled_from(["+", ",", "，", " + "]), st.sampled_from("Aa"))
def test_every_way_of_writing_comes_back(units, separator, case):
    prefix = "AU" if case == "A" else ""
    text = separator.join(written(unit, prefix) for unit in units)
    assert parse_action_units(text, "samm") == (tuple(units), ())


@given(st.text(alphabet=st.sampled_from("0123456789+,，()/ABELRTkref? or")) | st.text())
def test_no_text_breaks_it_and_every_part_is_read_or_told(text):
    units, told = parse_action_units(text, "samm")
    assert all(1 <= unit.number <= 99 for unit in units)
    assert activated(text, "samm") <= {unit.number for unit in units}
    assert units or told or not text.strip("+,， \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85").strip()
