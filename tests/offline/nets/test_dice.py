"""The dice are the same everywhere, and fair."""

import numba
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.nets import dice, dice_torch

KEYS = st.integers(0, 2**63 - 1)


@numba.njit
def compiled_lanes(start, count):
    found = np.empty(count, np.uint16)
    for place in range(count):
        found[place] = dice.word(start, place // 4) >> np.uint64(16 * (place % 4)) & np.uint64(
            0xFFFF
        )
    return found


@settings(max_examples=50, deadline=None)
@given(KEYS, st.integers(0, 10_000), st.integers(0, 255), st.integers(1, 70))
def test_numpy_numba_and_torch_say_the_same(key, step, stream, count):
    start = dice.start(key, step, stream)
    plain = dice.lanes(np.array([start], np.uint64), count)
    device = torch.device("cpu")
    there = dice_torch.lanes(dice_torch.starts([key], step, stream, device), count)
    np.testing.assert_array_equal(plain[0], compiled_lanes(np.uint64(start), count))
    np.testing.assert_array_equal(plain, there.numpy())


def test_a_training_s_numbers_do_not_depend_on_its_neighbours():
    starts = np.array([dice.start(key, 3, 1) for key in (5, 6, 7)], np.uint64)
    np.testing.assert_array_equal(dice.lanes(starts, 33)[1], dice.lanes(starts[1:2], 40)[0, :33])


def test_numbers_are_spread_evenly_over_places_steps_streams_and_keys():
    for starts in (
        [dice.start(1, 0, 0)],
        [dice.start(1, step, 0) for step in range(64)],
        [dice.start(1, 0, stream) for stream in range(64)],
        [dice.start(key, 0, 0) for key in range(64)],
    ):
        numbers = dice.lanes(np.array(starts, np.uint64), 2**16 // len(starts)).ravel()
        counts = np.bincount(numbers >> 8, minlength=256)
        chi_squared = ((counts - 256) ** 2 / 256).sum()
        assert 160 < chi_squared < 360  # 255 degrees of freedom: 4.3 σ below, 4.7 above
        neighbours = np.corrcoef(numbers[:-1], numbers[1:])[0, 1]
        assert abs(neighbours) < 0.02


def test_levels_are_a_normal_distribution():
    levels = dice.normal_levels()
    assert levels.shape == (dice.LEVELS,)
    assert abs(levels.mean()) < 1e-6
    assert abs(levels.std() - 1) < 1e-6
    assert abs((levels < -1.0).mean() - 0.15866) < 1e-3
    np.testing.assert_allclose(levels, -levels[::-1], atol=1e-6)
