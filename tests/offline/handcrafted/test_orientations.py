"""Directions of motion: the kernel against its twin, and against the angle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.handcrafted.orientations import (
    direction_sums,
    direction_sums_numpy,
    directions_numpy,
    warm_up,
)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm_up()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 20), st.integers(1, 20), st.integers(1, 40), st.integers(0, 2**32), st.booleans()
)
def test_the_kernel_agrees_with_its_twin(height, width, regions, seed, coarse):
    rng = np.random.default_rng(seed)
    motion = rng.normal(size=(height, width, 2)).astype(np.float32)
    if coarse:
        motion = np.rint(motion)
    labels = rng.integers(0, regions + 1, (height, width)).astype(np.uint16)
    ours = direction_sums(motion, labels, regions)
    for one, other in zip(ours, direction_sums_numpy(motion, labels, regions), strict=True):
        np.testing.assert_array_equal(one, other)


@settings(deadline=None)
@given(st.floats(-np.pi, np.pi), st.floats(1e-3, 10))
def test_directions_are_angles_rounded_to_45_degrees(angle, length):
    eighths = angle / (np.pi / 4)
    if abs(eighths - np.floor(eighths) - 0.5) < 1e-6:
        return
    vector = length * np.array([[np.cos(angle), np.sin(angle)]])
    assert directions_numpy(vector)[0] == round(eighths) % 8


@pytest.mark.parametrize("direction", range(8))
def test_a_shift_falls_into_one_direction(direction):
    """0 right, 2 down, 4 left, 6 up."""
    angle = np.pi / 4 * direction
    step = np.array([np.cos(angle), np.sin(angle)], np.float32)
    motion = np.broadcast_to(3 * step, (6, 5, 2))
    labels = np.ones((6, 5), np.uint16)
    labels[0] = 0
    pixels, length, total = direction_sums(motion, labels, 2)
    assert pixels[0].tolist() == [25.0 * (place == direction) for place in range(8)]
    assert length[0, direction] == pytest.approx(75)
    np.testing.assert_allclose(total[0, direction], 75 * step, rtol=1e-5)
    assert pixels[1].sum() == length[1].sum() == 0


def test_what_does_not_move_has_no_direction():
    pixels, length, total = direction_sums(
        np.zeros((4, 4, 2), np.float32), np.ones((4, 4), np.uint16), 1
    )
    assert pixels.sum() == length.sum() == total.sum() == 0
