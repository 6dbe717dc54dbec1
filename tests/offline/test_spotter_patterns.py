import numpy as np
import pytest

from offline import spotter_patterns
from offline.spotter_patterns import COUNT, make_patterns
from realtime_mer.face.points import layout
from realtime_mer.spotting.spotter import PATTERNS

NAMES = layout().names


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spotter_patterns, "_DRAWS", 80)
    monkeypatch.setattr(spotter_patterns, "_ROUNDS", 6)


def lengths(patterns: np.ndarray) -> np.ndarray:
    return np.hypot(patterns[..., 0], patterns[..., 1])


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("count", [2, 7])
def test_patterns_move_their_farthest_channel_by_one(count: int) -> None:
    patterns = make_patterns(count=count)
    assert patterns.shape == (count, len(NAMES), 2)
    assert patterns.dtype == np.float32
    np.testing.assert_allclose(lengths(patterns).max(axis=1), 1, atol=1e-6)


@pytest.mark.usefixtures("few_draws")
def test_equal_seeds_give_equal_patterns_and_others_do_not() -> None:
    one = make_patterns(seed=3, count=4)
    np.testing.assert_array_equal(one, make_patterns(seed=3, count=4))
    assert np.abs(one - make_patterns(seed=4, count=4)).max() > 0.01


def test_mirroring_twice_changes_nothing_and_once_swaps_the_sides() -> None:
    patterns = np.random.default_rng(0).normal(size=(5, len(NAMES), 2))
    mirrored = spotter_patterns._mirrored(patterns)
    np.testing.assert_array_equal(spotter_patterns._mirrored(mirrored), patterns)
    left, right = NAMES.index("brow_inner_left"), NAMES.index("brow_inner_right")
    np.testing.assert_array_equal(mirrored[:, left], patterns[:, right] * [-1, 1])
    chin = NAMES.index("chin")
    np.testing.assert_array_equal(mirrored[:, chin], patterns[:, chin] * [-1, 1])


def test_the_bundled_patterns_are_what_the_command_makes() -> None:
    np.testing.assert_allclose(np.load(PATTERNS), make_patterns(), atol=1e-4)


def test_the_bundled_patterns_differ_and_cover_the_face() -> None:
    bundled = np.load(PATTERNS).astype(np.float64)
    assert bundled.shape == (COUNT, len(NAMES), 2)
    flat = bundled.reshape(COUNT, -1)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    alike = flat @ flat.T - np.eye(COUNT)
    assert alike.max() < 0.995
    leading = {NAMES[i].split("_")[0] for i in lengths(bundled).argmax(axis=1)}
    assert {"brow", "lip", "chin"} <= leading
