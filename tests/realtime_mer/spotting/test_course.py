import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.spotting import SpotterSettings
from realtime_mer.spotting.course import Course, lengths, measure, measure_course
from realtime_mer.spotting.history import History
from realtime_mer.spotting.matched import Match, MatchedFilter
from realtime_mer.spotting.spotter import PATTERNS
from tests.realtime_mer.spotting.faces import Curve, bump, clock, step_up

PATTERN = np.load(PATTERNS)[:1].astype(np.float64)
WAY = PATTERN[0].ravel()


def seen(
    curve: Curve, times, *, noise: float = 0.0, drift: float = 0.0
) -> tuple[History, Match | None]:
    """Show a curve along a pattern; return the history and the best match by its end."""
    rng = np.random.default_rng(0)
    history, scored = History(32, 1024), MatchedFilter(PATTERN, SpotterSettings())
    best = None
    for index, t in enumerate(times):
        history.push(t, index, curve(t) * WAY + drift * t + rng.normal(0, noise, 32))
        scale = int(scored.step(history)[:, 0].argmax())
        match = scored.match(scale, 0, t)
        if match.score > (best.score if best else 3):
            best = match
    return history, best


def course_of(curve: Curve, times, **shown: float) -> Course:
    history, match = seen(curve, times, **shown)
    assert match is not None
    course = measure(history, match, WAY)
    assert course is not None
    return course


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([30, 60, 100, 200]),
    st.floats(0.18, 0.45),
    st.floats(0.35, 0.6),
    st.floats(0.01, 0.05),
    st.integers(0, 9999),
)
def test_onset_apex_and_offset_are_found_between_frames(
    fps: float, length: float, share: float, height: float, seed: int
) -> None:
    onset = 1.5 + seed / 1e5
    apex, offset = onset + share * length, onset + length
    times = [t for t in clock(fps, 3, 0.2, seed) if t < offset + 0.1]
    course = course_of(bump(onset, apex, offset, height), times)
    assert abs(course.onset_s - onset) < 0.02 + 0.2 / fps
    assert abs(course.apex_s - apex) < 0.02 + 0.3 / fps
    assert abs(course.offset_s - offset) < 0.02 + 0.2 / fps
    assert course.amplitude_iod == pytest.approx(height, rel=0.15)
    assert course.unreturned < 0.05


@pytest.mark.parametrize("ramp", [False, True])
@pytest.mark.parametrize(("rise", "fall"), [(0.05, 0.08), (0.1, 0.2), (0.3, 0.2)])
def test_flanks_give_onset_and_offset_whatever_their_shape(
    rise: float, fall: float, ramp: bool
) -> None:
    time = np.arange(0, 1, 1 / 200)
    if ramp:
        away = np.interp(time, [0.3, 0.3 + rise, 0.3 + rise + fall], [0, 1, 0])
    else:
        curve = bump(0.3, 0.3 + rise, 0.3 + rise + fall, 1.0)
        away = np.array([curve(t) for t in time])
    onset, apex, offset = measure_course(time, away, int(away.argmax()))
    assert abs(onset - 0.3) < 0.15 * rise
    assert abs(apex - 0.3 - rise) < 0.1 * max(rise, fall)
    assert abs(offset - 0.3 - rise - fall) < 0.15 * fall


def test_the_apex_of_a_plateau_is_its_middle() -> None:
    time = np.arange(0, 1, 1 / 100)
    away = np.interp(time, [0.2, 0.3, 0.5, 0.6], [0, 1, 1, 0])
    _, apex, _ = measure_course(time, away, int(away.argmax()))
    assert apex == pytest.approx(0.4, abs=0.005)


@pytest.mark.parametrize("fps", [30, 100])
def test_a_step_that_stays_is_unreturned(fps: float) -> None:
    """Seen half a second later, half-way up a chord that leads nowhere back."""
    stays = step_up(1.5, 1.65, 0.03)
    history, match = seen(stays, clock(fps, 2.0))
    assert match is not None
    course = measure(history, match, WAY)
    assert course is not None
    lost = course.unreturned * course.amplitude_iod
    assert lost == pytest.approx(0.03, rel=0.15)
    assert course.unreturned > 0.8
    assert course.astray > 0.8


@pytest.mark.parametrize("drift", [-0.02, 0.02])
def test_drift_is_forgiven(drift: float) -> None:
    """A hundredth of an inter-ocular distance in half a second, half the movement's way."""
    curve = bump(1.5, 1.65, 1.9, 0.02)
    times = clock(60, 2.0)
    still, drifting = course_of(curve, times), course_of(curve, times, drift=drift)
    assert drifting.unreturned < 0.1
    assert drifting.astray < 0.15
    for moment in ("onset_s", "apex_s", "offset_s"):
        assert abs(getattr(drifting, moment) - getattr(still, moment)) < 0.01
    assert drifting.amplitude_iod == pytest.approx(still.amplitude_iod, rel=0.05)


def test_a_movement_just_before_is_restless() -> None:
    before = bump(1.36, 1.42, 1.48, 0.015)
    movement = bump(1.5, 1.65, 1.9, 0.02)
    times = clock(100, 2.0)
    assert course_of(movement, times).restless < 0.05
    assert 0.4 < course_of(lambda t: movement(t) + before(t), times).restless < 1.1


def test_what_moves_beside_the_pattern_is_kept_apart() -> None:
    course = course_of(bump(1.5, 1.65, 1.9, 0.02), clock(100, 2.0))
    assert lengths(course.beside).max() < 0.001
    np.testing.assert_allclose(course.off, 0.02 * WAY, atol=0.002)
    assert course.along.max() == pytest.approx(1)


@pytest.mark.parametrize("frames", [1, 3, 4])
def test_too_little_around_a_match_gives_nothing(frames: int) -> None:
    _, match = seen(bump(1.5, 1.65, 1.9, 0.02), clock(60, 2.0))
    short = History(32, 1024)
    for index in range(frames):
        short.push(1.6 + index / 60, index, WAY * 0.01 * index)
    assert match is not None
    assert measure(short, match, WAY) is None


def test_nothing_that_rises_gives_nothing() -> None:
    _, match = seen(bump(1.5, 1.65, 1.9, 0.02), clock(60, 2.0))
    sunken, _ = seen(bump(1.5, 1.65, 1.9, -0.02), clock(60, 2.0))
    assert match is not None
    assert measure(sunken, match, WAY) is None
