import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.events import ACTION_UNIT_GROUPS
from realtime_mer.sinks import COLUMNS, csv_sink, rows
from tests.realtime_mer.sinks import makers

CONTRACT = (
    "event_id,segment,face_id,onset_frame,apex_frame,offset_frame,onset_s,apex_s,offset_s,"
    "duration_ms,emotion,confidence,p_negative,p_positive,p_surprise,regions,spot_score,quality,"
    "model,engine,p_none,action_units,au_brow_raise,au_brow_lower,au_lid_tighten,au_nose_wrinkle,"
    "au_upper_lip_raise,au_lip_corner_pull,au_dimple,au_lip_corner_drop,au_chin_raise,au_lips_part"
)
UNITS = [f"au_{group}" for group in ACTION_UNIT_GROUPS]


def _read(*events):
    text = csv_sink.render(rows(makers.analysis(events)))
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_columns_are_the_contract():
    assert ",".join(COLUMNS) == CONTRACT
    assert csv_sink.render(()) == CONTRACT + "\n"
    assert list(COLUMNS[-len(UNITS) :]) == UNITS


def test_a_row_reads_back_what_the_event_said():
    (row,) = _read(makers.event(7, 1.25, 1.375, 1.5, (0.25, 0.5, 0.25), face_id=2, segment=4))
    assert (row["event_id"], row["segment"], row["face_id"]) == ("7", "4", "2")
    assert (row["onset_s"], row["apex_s"], row["offset_s"]) == ("1.250000", "1.375000", "1.500000")
    assert (row["onset_frame"], row["apex_frame"], row["offset_frame"]) == ("250", "275", "300")
    assert row["duration_ms"] == "250.000"
    assert (row["emotion"], row["confidence"]) == ("positive", "0.5000")
    assert (row["p_negative"], row["p_positive"], row["p_surprise"]) == (
        "0.2500",
        "0.5000",
        "0.2500",
    )
    assert row["regions"] == "brow_left+brow_right"


def test_a_model_that_tells_no_more_leaves_its_columns_empty():
    (row,) = _read(makers.event())
    assert (row["p_none"], row["action_units"]) == ("0.0000", "")
    assert {row[unit] for unit in UNITS} == {""}


def test_action_units_are_a_text_and_the_larger_of_two_sides():
    (row,) = _read(makers.telling())
    assert row["action_units"] == "brow_raise+lip_corner_pull_left"
    assert (row["au_brow_raise"], row["au_lip_corner_pull"]) == ("0.9300", "0.7100")
    assert (row["au_dimple"], row["p_none"]) == ("0.0800", "0.1200")
    assert (row["emotion"], row["confidence"]) == ("surprise", "0.6160")


def test_groups_that_the_model_does_not_know_stay_empty():
    (row,) = _read(makers.event(action_units={"dimple": (0.0, 0.0)}))
    assert [unit for unit in UNITS if row[unit]] == ["au_dimple"]
    assert row["action_units"] == ""


def test_the_three_still_sum_to_1_where_it_is_none_of_them():
    (row,) = _read(makers.telling(p_none=0.8))
    assert (row["emotion"], row["confidence"]) == ("none", "0.8000")
    assert (row["p_negative"], row["p_positive"], row["p_surprise"]) == (
        "0.1000",
        "0.2000",
        "0.7000",
    )


@settings(deadline=None)
@given(st.floats(0, 1e6), st.floats(0, 0.3), st.floats(0, 0.3))
def test_times_survive_to_a_microsecond(onset, rise, fall):
    (row,) = _read(makers.event(1, onset, onset + rise, onset + rise + fall))
    assert float(row["onset_s"]) == pytest.approx(onset, abs=1e-6)
    assert float(row["offset_s"]) == pytest.approx(onset + rise + fall, abs=1e-6)
    assert float(row["duration_ms"]) == pytest.approx(1000 * (rise + fall), abs=1e-3)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "＝"])
def test_formulas_are_defused_in_text_only(start):
    (row,) = _read(
        makers.event(model=start + 'HYPERLINK("x")', regions=(start + "1",), onset_s=-0.5)
    )
    assert row["model"].startswith("'")
    assert row["regions"].startswith("'")
    assert row["onset_s"] == "-0.500000"


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_stays_one_cell_on_one_line(model, region):
    text = csv_sink.render(rows(makers.analysis([makers.event(model=model, regions=(region,))])))
    assert len(text.splitlines()) == 2
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert None not in row
    assert row["engine"] == "onnxruntime"
    text.encode("utf-8")


def test_rows_are_ordered_by_onset():
    found = _read(makers.event(1, 5, 5.1, 5.2), makers.event(2, 1, 1.1, 1.2))
    assert [row["event_id"] for row in found] == ["2", "1"]


def test_numbers_that_are_not_finite_are_empty():
    (row,) = _read(makers.event(quality=float("nan"), spot_score=float("inf")))
    assert row["quality"] == ""
    assert row["spot_score"] == ""


def test_infinite_times_and_missing_probabilities_are_refused():
    endless = makers.event(3, offset_s=float("inf"))
    with pytest.raises(ValueError, match="event 3 needs finite times"):
        rows(makers.analysis([endless], signals=None))
    with pytest.raises(
        ValueError, match=r"3 probabilities \(negative, positive, surprise\), got 2"
    ):
        rows(makers.analysis([makers.event(probabilities=(0.5, 0.5))]))


def test_the_documentation_shows_a_real_row_and_every_column():
    text = (Path(__file__).parents[3] / "docs" / "outputs.md").read_text(encoding="utf-8")
    events = [makers.event(1), makers.telling(2, 8.0, 8.1, 8.3)]
    assert csv_sink.render(rows(makers.analysis(events))) in text
    section = text.partition("## events.csv")[2].partition("## events.eaf")[0]
    assert all(f"`{column}`" in section for column in COLUMNS)
