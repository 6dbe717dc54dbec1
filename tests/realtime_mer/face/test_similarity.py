import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.face import similarity

angle = st.floats(-3, 3)
scale = st.floats(0.2, 5)
shift = st.floats(-500, 500)


def make(a: float, s: float, x: float, y: float) -> similarity.Matrix:
    return np.array([[s * np.cos(a), -s * np.sin(a), x], [s * np.sin(a), s * np.cos(a), y]])


@given(angle, scale, shift, shift, st.integers(0, 2**31))
def test_fit_recovers_the_transform(a: float, s: float, x: float, y: float, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(5, 2)) * 50
    true = make(a, s, x, y)
    assert similarity.fit(points, similarity.apply(true, points)) == pytest.approx(true, abs=1e-6)
    assert similarity.scale_of(true) == pytest.approx(s)
    assert similarity.roll_of(true) == pytest.approx(a)


@given(angle, scale, shift, shift)
def test_invert_undoes(a: float, s: float, x: float, y: float) -> None:
    true = make(a, s, x, y)
    both = similarity.compose(similarity.invert(true), true)
    assert both == pytest.approx(similarity.IDENTITY, abs=1e-9)


def test_robust_fit_ignores_a_minority_that_moves_on_its_own() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 300, (20, 2))
    true = make(0.05, 1.02, 4.0, -3.0)
    target = similarity.apply(true, points)
    target[:6] += [25, 10]
    matrix, weights = similarity.fit_robust(points, target, np.ones(20), 0.3)
    assert matrix == pytest.approx(true, abs=0.02)
    assert weights[:6].max() < 0.05
    assert weights[6:].min() > 0.5


@given(st.integers(0, 2**31), st.integers(5, 40), st.floats(0.1, 2))
def test_robust_kernel_equals_its_numpy_twin(seed: int, count: int, scale_px: float) -> None:
    rng = np.random.default_rng(seed)
    source = rng.uniform(0, 300, (count, 2))
    target = source + rng.normal(0, 1, (count, 2)) + [3, -2]
    target[: count // 4] += 30
    weights = rng.uniform(0.1, 1, count)
    mine = similarity.fit_robust(source, target, weights, scale_px)
    twin = similarity.fit_robust_numpy(source, target, weights, scale_px)
    assert mine[0] == pytest.approx(twin[0], abs=1e-6)
    assert mine[1] == pytest.approx(twin[1], abs=1e-6)


def test_points_that_coincide_are_refused() -> None:
    with pytest.raises(ValueError, match="coincide"):
        similarity.fit(np.ones((4, 2)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="weights are 0"):
        similarity.fit(np.eye(2), np.eye(2), np.zeros(2))
