import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.sources.timeline import GAP_AT_LEAST_S, Placed, Timeline


def place_all(raw: list[float | None], *, ahead: bool = True, interval=None) -> list[Placed]:
    timeline = Timeline(interval)
    following = [*raw[1:], None] if ahead else [None] * len(raw)
    return [timeline.place(r, f) for r, f in zip(raw, following, strict=True)]


def times(placed: list[Placed]) -> list[float]:
    return [p.time_s for p in placed]


def regular(n: int, fps: float, start: float = 0.0) -> list[float]:
    return [start + k / fps for k in range(n)]


raw_times = st.one_of(
    st.none(),
    st.floats(-10, 1e6, allow_nan=False),
    st.sampled_from([0.0, 1 / 30, 2 / 30, 0.1, 0.2, 95443.7]),
)


@given(st.lists(raw_times, min_size=1, max_size=60), st.booleans())
def test_whatever_comes_time_rises(raw, ahead):
    placed = place_all(raw, ahead=ahead)
    got = times(placed)
    assert all(math.isfinite(t) for t in got)
    assert all(a < b for a, b in pairwise(got))


@given(st.lists(raw_times, min_size=2, max_size=60), st.booleans())
def test_a_step_beyond_the_limit_is_a_declared_break_or_a_repair(raw, ahead):
    placed = place_all(raw, ahead=ahead)
    for before, now in pairwise(placed):
        if now.gap_from_s is not None:
            assert now.breaks
            assert now.gap_from_s == before.time_s
        elif now.note is None:
            assert not now.breaks


@given(
    st.lists(st.floats(0.004, 0.24), min_size=1, max_size=80),
    st.floats(-1, 1e5),
    st.booleans(),
)
def test_variable_rate_with_steps_under_the_limit_is_left_alone(steps, start, ahead):
    raw = [start]
    for step in steps:
        raw.append(raw[-1] + step)
    placed = place_all(raw, ahead=ahead)
    assert times(placed) == raw
    assert not any(p.breaks or p.note for p in placed)


@pytest.mark.parametrize("fps", [2, 24, 30, 60, 200])
@pytest.mark.parametrize("ahead", [True, False])
def test_regular_times_pass_unchanged(fps, ahead):
    raw = regular(50, fps, start=1.4)
    placed = place_all(raw, ahead=ahead, interval=1 / fps)
    assert times(placed) == raw
    assert not any(p.breaks or p.note for p in placed)


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize(("step", "gap"), [(0.24, False), (0.26, True), (10.0, True)])
def test_a_forward_gap_over_a_quarter_second_breaks(step, gap, ahead):
    raw = regular(20, 30)
    raw += [raw[-1] + step + k / 30 for k in range(5)]
    placed = place_all(raw, ahead=ahead)
    assert times(placed) == raw
    assert [k for k, p in enumerate(placed) if p.breaks] == ([20] if gap else [])
    assert placed[20].gap_from_s == (raw[19] if gap else None)


def test_in_slow_video_four_intervals_are_the_limit():
    raw = regular(20, 2)
    raw += [raw[-1] + 1.9, raw[-1] + 1.9 + 2.1]
    placed = place_all(raw, interval=0.5)
    assert [k for k, p in enumerate(placed) if p.breaks] == [21]
    assert GAP_AT_LEAST_S < 1.9


def test_one_gap_at_the_start_does_not_hide_the_next():
    raw = [0.0, 10.0, 10.033, 10.066, 11.0]
    assert [p.breaks for p in place_all(raw)] == [False, True, False, False, True]


@pytest.mark.parametrize(
    ("wrong", "note"),
    [(None, "missing"), (9 / 30, "duplicate"), (-5.0, "backward"), (0.2, "backward"),
     (1e6, "leap"), (0.9, "leap")],
)  # fmt: skip
def test_a_lone_odd_timestamp_is_put_between_its_neighbours(wrong, note):
    raw: list[float | None] = [*regular(20, 30)]
    raw[10] = wrong
    placed = place_all(raw)
    assert times(placed) == pytest.approx(regular(20, 30), abs=1e-9)
    assert [p.note for p in placed].count(note) == 1
    assert not any(p.breaks for p in placed)


@pytest.mark.parametrize("wrong", [None, 9 / 30, 0.2])
def test_without_looking_ahead_repairs_stay_within_an_interval(wrong):
    raw: list[float | None] = [*regular(20, 30)]
    raw[10] = wrong
    placed = place_all(raw, ahead=False)
    assert abs(placed[10].time_s - 10 / 30) < 1 / 30
    assert times(placed)[11:] == raw[11:]
    assert not any(p.breaks for p in placed)


def test_all_missing_counts_on_at_the_declared_rate():
    placed = place_all([None] * 10, interval=1 / 50)
    assert times(placed) == pytest.approx(regular(10, 50))


def test_pairs_of_equal_timestamps_are_spread_evenly():
    raw = [k // 2 / 15 for k in range(20)]
    assert times(place_all(raw))[:19] == pytest.approx(regular(19, 30))


@pytest.mark.parametrize("ahead", [True, False])
def test_a_clock_that_starts_again_goes_on_in_a_new_segment(ahead):
    raw = [*regular(30, 30, start=100), *regular(30, 30)]
    placed = place_all(raw, ahead=ahead)
    assert times(placed) == pytest.approx(regular(60, 30, start=100))
    assert [k for k, p in enumerate(placed) if p.breaks] == [30]
    assert placed[30].note == "reset"


def test_a_clock_that_comes_back_after_a_detour_is_believed_again():
    raw = [*regular(30, 30, start=100), 3.0, 3.033, *regular(30, 30, start=100 + 32 / 30)]
    placed = place_all(raw)
    assert times(placed)[32:] == pytest.approx(raw[32:])


def test_measured_interval_is_the_median():
    timeline = Timeline(1.0)
    assert timeline.measured_interval_s is None
    assert timeline.interval_s == 1.0
    for t in (0, 0.1, 0.2, 0.3, 3.0):
        timeline.place(t)
    assert timeline.measured_interval_s == pytest.approx(0.1)
