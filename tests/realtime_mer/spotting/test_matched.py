import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.spotting import SpotterSettings
from realtime_mer.spotting.history import History
from realtime_mer.spotting.matched import SCALES_S, MatchedFilter, kernels
from realtime_mer.spotting.spotter import PATTERNS
from tests.realtime_mer.spotting.faces import bump, clock

STRANGE = np.array([1.0, 0.0] * 16)
"""Every channel to the subject's left: no expression."""


def raised_cosine(time: np.ndarray, begin: float, length: float) -> np.ndarray:
    x = (time - begin) / length
    return np.where((x > 0) & (x < 1), 0.5 - 0.5 * np.cos(2 * np.pi * x), 0.0)


def patterns() -> np.ndarray:
    return np.load(PATTERNS).astype(np.float64)


def flat_pattern(number: int) -> np.ndarray:
    return patterns()[number].ravel()


class Listener:
    """A filter over all bundled patterns, and everything it said."""

    def __init__(self) -> None:
        self.filter = MatchedFilter(patterns(), SpotterSettings())
        self.history = History(32, 1024)
        self.time: list[float] = []
        self.scores: list[np.ndarray] = []

    def hear(self, times, signal, noise: float = 0.0, seed: int = 0) -> "Listener":
        """Step through ``signal(t)``, (32,), with white noise on it."""
        rng = np.random.default_rng(seed)
        for index, t in enumerate(times):
            self.history.push(t, index, signal(t) + rng.normal(0, noise, 32))
            self.scores.append(self.filter.step(self.history).copy())
            self.time.append(t)
        return self

    def best(self, since: float, until: float = np.inf) -> float:
        """Return the largest score within a span of time."""
        spoken = [
            s.max() for t, s in zip(self.time, self.scores, strict=True) if since <= t < until
        ]
        return float(max(spoken))


def still(t: float) -> np.ndarray:
    return np.zeros(32)


@settings(max_examples=60, deadline=None)
@given(st.floats(24, 200), st.floats(0, 0.3), st.integers(0, 9999))
def test_kernels_see_bumps_of_their_own_length_and_neither_place_nor_drift(
    fps: float, jitter: float, seed: int
) -> None:
    time = np.array(clock(fps, 2, jitter, seed))
    now = float(time[-1])
    weights, known = kernels(time, now, float(time[0]))
    assert known[2:].all()  # from 0.2 s on, four frames fit at any of these rates
    np.testing.assert_allclose(weights @ np.ones_like(time), 0, atol=1e-8)
    np.testing.assert_allclose(weights @ (time - now), 0, atol=1e-8)
    for length, row in zip(np.array(SCALES_S)[known], weights[known], strict=True):
        drifting = 0.03 * raised_cosine(time, now - length, length) + 0.7 - 0.2 * time
        assert row @ drifting == pytest.approx(0.03, abs=1e-6)
        assert not row[time < now - length - 1e-6].any()


@pytest.mark.parametrize(
    ("fps", "seconds", "known"),
    [
        (24, 2, [False, True, True, True, True, True]),
        (200, 2, [True] * 6),
        (200, 0.25, [True, True, True, False, False, False]),
        (200, 0.05, [False] * 6),
    ],
)
def test_scales_without_enough_frames_or_past_are_silent(
    fps: float, seconds: float, known: list[bool]
) -> None:
    listener = Listener().hear(clock(fps, seconds), still, noise=0.01)
    spoke = (listener.scores[-1] != 0).any(axis=1)
    assert spoke.tolist() == known


@pytest.mark.parametrize(("fps", "noise"), [(30, 0.002), (60, 0.004), (120, 0.004)])
def test_at_rest_scores_have_about_unit_spread_once_the_noise_is_known(
    fps: float, noise: float
) -> None:
    listener = Listener().hear(clock(fps, 25), still, noise=noise, seed=5)
    late = np.array(listener.scores)[round(5 * fps) :]
    spread = late.std(axis=(0, 2))
    assert (spread > 0.75).all()
    assert (spread < 1.25).all()
    assert abs(late.mean()) < 0.1


def test_what_happens_all_the_time_counts_little() -> None:
    way = flat_pattern(7)
    once = bump(8.0, 8.15, 8.3, 0.02)
    rare = Listener().hear(clock(60, 9), lambda t: once(t) * way, noise=0.0006)
    often = Listener().hear(clock(60, 9), lambda t: once((t % 0.5) + 8.0) * way, noise=0.0006)
    assert rare.best(8) > 10
    assert 0 < often.best(8) < 0.3 * rare.best(8)


def test_a_single_large_movement_does_not_deafen() -> None:
    """What it teaches has an end: a movement three times as large teaches little more."""

    def after(size: float) -> Listener:
        curve, small = bump(6.0, 6.2, 6.4, size), bump(9.0, 9.15, 9.3, 0.012)
        way = flat_pattern(7)
        return Listener().hear(clock(60, 10), lambda t: (small(t) + curve(t)) * way, noise=0.0015)

    quiet, large, larger = after(0.0), after(0.02), after(0.06)
    assert larger.best(6, 7) > 20
    growth = larger.filter.usual_iod() / quiet.filter.usual_iod()
    assert 0.95 < growth.min() <= growth.max() < 2
    assert 0.6 * large.best(9) < larger.best(9) < quiet.best(9)
    assert larger.best(9) > 4


def test_the_usual_movement_of_each_channel_is_learned() -> None:
    restless = np.ones(32)
    restless[:2] = 4
    rng = np.random.default_rng(2)
    listener = Listener().hear(clock(60, 20), lambda t: restless * rng.normal(0, 0.003, 32))
    usual = listener.filter.usual_iod()
    assert 3 < usual[0] / usual[1:].mean() < 5


def test_a_channel_that_cannot_be_seen_is_set_aside() -> None:
    raised = bump(3.0, 3.15, 3.3, 0.02)
    number = 7
    pattern = flat_pattern(number)
    unseen = int(np.argmin(np.abs(pattern).reshape(-1, 2).sum(1)))

    def half_hidden(t: float) -> np.ndarray:
        row = raised(t) * pattern
        row[2 * unseen : 2 * unseen + 2] = np.nan if 2.5 < t < 3.2 else 5.0
        return row

    clear = Listener().hear(clock(60, 6), lambda t: raised(t) * pattern, noise=0.0006)
    hidden = Listener().hear(clock(60, 6), half_hidden, noise=0.0006)
    assert np.isfinite(hidden.scores).all()
    assert np.isfinite(hidden.filter.usual_iod()).all()
    assert 0.7 * clear.best(3, 3.5) < hidden.best(3, 3.5) < 1.3 * clear.best(3, 3.5)


@pytest.mark.parametrize("number", range(0, 48, 5))
def test_a_patterns_own_movement_scores_highest_on_it_or_its_like(number: int) -> None:
    way = flat_pattern(number)
    raised = bump(3.0, 3.1, 3.2, 0.02)
    listener = Listener().hear(clock(60, 3.2), lambda t: raised(t) * way, noise=0.0006)
    scale, best = np.unravel_index(listener.scores[-1].argmax(), listener.scores[-1].shape)
    found = flat_pattern(int(best))
    assert way @ found / np.linalg.norm(way) / np.linalg.norm(found) > 0.9
    match = listener.filter.match(int(scale), int(best), listener.time[-1])
    assert match.moved @ match.filter == pytest.approx(match.score * match.noise_iod)
    assert found @ match.filter == pytest.approx(1)
    assert match.score**2 <= match.surprise * (1 + 1e-9)


def test_what_looks_like_no_expression_surprises_more_than_it_scores() -> None:
    moved = bump(3.0, 3.1, 3.2, 0.02)
    listener = Listener().hear(clock(60, 3.2), lambda t: moved(t) * STRANGE, noise=0.0006)
    scale, best = np.unravel_index(listener.scores[-1].argmax(), listener.scores[-1].shape)
    match = listener.filter.match(int(scale), int(best), listener.time[-1])
    assert match.surprise > 100
    assert match.score < 0.6 * match.surprise**0.5


def test_a_restart_keeps_the_noise_and_forgets_the_rest() -> None:
    listener = Listener().hear(clock(60, 10), still, noise=0.01)
    usual = listener.filter.usual_iod()
    listener.filter.restart()
    assert not listener.filter.scores.any()
    np.testing.assert_array_equal(listener.filter.usual_iod(), usual)
    assert (usual > 0.004).all()
