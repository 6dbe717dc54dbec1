"""Residual sums: kernels against their NumPy twins, twins against the paper's formulas."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError
from realtime_mer.motion import residual
from realtime_mer.motion.residual import (
    ars,
    ars_numpy,
    residual_sum,
    residual_sum_numpy,
    rrs,
    rrs_numpy,
)

SHAPES = [(1, 1), (1, 1, 3), (3, 5), (7, 3, 3), (1, 4097), (61, 67), (64, 64, 1), (37, 111, 3)]
U8 = NDArray[np.uint8]


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    residual.warm_up()


def picture(shape: tuple[int, ...], n: int, seed: int = 0) -> tuple[U8, U8]:
    rng = np.random.default_rng([seed, n, *shape])
    key = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    return rng.integers(0, 256, shape, dtype=np.uint8), key


# The twins say what the paper says ----------------------------------------------------------


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(0, 255), min_size=4, max_size=4), min_size=2, max_size=8))
def test_twins_follow_the_equations_pixel_by_pixel(frames: list[list[int]]) -> None:
    start, *key = frames
    sums = [sum(abs(frame[i] - start[i]) for frame in key) for i in range(4)]
    spread = max(sums) - min(sums)
    ours = np.array(start, np.uint8).reshape(2, 2), np.array(key, np.uint8).reshape(-1, 2, 2)
    assert residual_sum_numpy(*ours).ravel().tolist() == sums
    assert ars_numpy(*ours).ravel().tolist() == [total % 256 for total in sums]
    stretched = [
        10 + (Fraction(total - min(sums), spread) * 190 if spread else 0) for total in sums
    ]
    half_up = [int(value + Fraction(1, 2)) for value in stretched]
    assert rrs_numpy(*ours, gmin=10, gmax=200).ravel().tolist() == half_up


# The kernels say what the twins say ---------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [*range(1, 10), 11, 17])
def test_kernels_agree_with_their_twins(shape: tuple[int, ...], n: int) -> None:
    start, key = picture(shape, n)
    for kernel, twin in ((ars, ars_numpy), (rrs, rrs_numpy), (residual_sum, residual_sum_numpy)):
        ours, theirs = kernel(start, key), twin(start, key)
        assert ours.dtype == theirs.dtype
        assert ours.shape == shape
        np.testing.assert_array_equal(ours, theirs)


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_kernels_agree_on_any_size(n: int, height: int, width: int, seed: int) -> None:
    start, key = picture((height, width), n, seed)
    np.testing.assert_array_equal(ars(start, key), ars_numpy(start, key))
    np.testing.assert_array_equal(rrs(start, key), rrs_numpy(start, key))


@pytest.mark.parametrize("extreme", [0, 255])
def test_extremes_wrap_in_ars_and_not_in_the_sum(extreme: int) -> None:
    start = np.full((3, 70), extreme, np.uint8)
    key = np.full((5, 3, 70), 255 - extreme, np.uint8)
    assert (ars(start, key) == 5 * 255 % 256).all()
    assert (residual_sum(start, key) == 5 * 255).all()


def test_many_frames_leave_sixteen_bits() -> None:
    start, frame = np.zeros((2, 3), np.uint8), np.array([[0, 1, 2], [253, 254, 255]], np.uint8)
    for n in (256, 257, 258, 300):
        key = np.repeat(frame[None], n, axis=0)
        np.testing.assert_array_equal(rrs(start, key), frame)
        np.testing.assert_array_equal(ars(start, key), ars_numpy(start, key))


def test_strided_input_is_read_right() -> None:
    _, wide = picture((40, 60, 3), 12)
    start, key = wide[0, ::2, ::-1], wide[1::2, ::2, ::-1]
    assert not start.flags.c_contiguous
    np.testing.assert_array_equal(ars(start, key), ars_numpy(start, key))
    np.testing.assert_array_equal(rrs(start, key), rrs_numpy(start, key))
    grey = wide[..., 1]
    np.testing.assert_array_equal(ars(grey[3], grey[4:]), ars_numpy(grey[3], grey[4:]))


def test_read_only_input_is_accepted() -> None:
    start, key = picture((8, 9, 3), 5)
    for locked in (start, key):
        locked.flags.writeable = False
        np.testing.assert_array_equal(ars(start, key), ars_numpy(start, key))
        np.testing.assert_array_equal(rrs(start, key), rrs_numpy(start, key))
        np.testing.assert_array_equal(residual_sum(start, key), residual_sum_numpy(start, key))


def test_the_callers_arrays_stay_writeable() -> None:
    start, key = picture((1, 9), 1)
    flat = start.reshape(-1)
    ars(flat, key.reshape(1, -1))
    assert flat.flags.writeable
    assert key.flags.writeable


@given(st.lists(st.integers(0, 7), min_size=1, max_size=9))
def test_picked_frames_of_a_ring(pick: list[int]) -> None:
    start, ring = picture((9, 31, 3), 8)
    chosen = ring[pick]
    np.testing.assert_array_equal(ars(start, ring, pick=pick), ars_numpy(start, chosen))
    np.testing.assert_array_equal(rrs(start, ring, pick=pick), rrs_numpy(start, chosen))
    np.testing.assert_array_equal(
        residual_sum(ring[0], ring, pick=pick), residual_sum_numpy(ring[0], chosen)
    )


def test_out_is_filled_and_returned() -> None:
    start, key = picture((11, 13, 3), 7)
    for kernel, twin in ((ars, ars_numpy), (rrs, rrs_numpy)):
        out = np.full(start.shape, 99, np.uint8)
        assert kernel(start, key, out) is out
        np.testing.assert_array_equal(out, twin(start, key))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_other_pixel_types(dtype: type) -> None:
    rng = np.random.default_rng(4)
    key = (rng.random((6, 17, 19, 3)) * 60000).astype(dtype)
    start = (rng.random((17, 19, 3)) * 60000).astype(dtype)
    total = residual_sum(start, key)
    assert total.dtype == (np.uint32 if dtype is np.uint16 else dtype)
    np.testing.assert_array_equal(total, residual_sum_numpy(start, key))
    np.testing.assert_array_equal(rrs(start, key), rrs_numpy(start, key))
    assert rrs(start, key).min() == 0
    assert rrs(start, key).max() == 255


# Rounding and the constant picture ----------------------------------------------------------


def test_rrs_of_a_constant_picture_is_gmin() -> None:
    start = np.full((5, 6, 3), 100, np.uint8)
    for moved in (0, 40):
        key = np.full((5, 5, 6, 3), 100 + moved, np.uint8)
        assert (rrs(start, key, gmin=17, gmax=200) == 17).all()
        assert (rrs_numpy(start, key, gmin=17, gmax=200) == 17).all()
        assert (rrs(start.astype(np.float32), key.astype(np.float32)) == 0).all()


def half_up(spread: int, gmin: int, gmax: int) -> NDArray[np.int64]:
    steps = np.arange(spread + 1, dtype=np.int64)
    return (2 * steps * (gmax - gmin) + spread) // (2 * spread) + gmin


def stretched(spread: int, gmin: int, gmax: int, number: type[np.floating[Any]]) -> U8:
    out = np.empty(spread + 1, np.uint8)
    diff = np.arange(spread + 1, dtype=np.uint16)
    scale, bias = number((gmax - gmin) / spread), number(gmin + 0.5 + 0.25 / spread)
    residual._stretch(diff, np.uint16(0), scale, bias, out)
    return out


@pytest.mark.parametrize(("gmin", "gmax"), [(0, 255), (0, 1), (13, 200), (255, 255)])
def test_every_narrow_spread_rounds_halves_up(gmin: int, gmax: int) -> None:
    for spread in range(1, residual._MAX_FLOAT32_RANGE + 1):
        ours = stretched(spread, gmin, gmax, np.float32)
        assert (ours == half_up(spread, gmin, gmax)).all(), spread


@pytest.mark.parametrize("spread", [4081, 4096, 9999, 32768, 65025, 65534, 65535])
def test_wide_spreads_round_halves_up(spread: int) -> None:
    ours = stretched(spread, 0, 255, np.float64)
    np.testing.assert_array_equal(ours, half_up(spread, 0, 255))


# What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "key", "message"),
    [
        (np.zeros((4, 4), np.uint8), np.zeros((5, 4, 3), np.uint8), "start.shape"),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), "start.shape"),
        (np.zeros((4, 4), np.uint8), np.zeros((5, 4, 4), np.uint16), "one type"),
        (np.zeros((4, 4), np.uint8), np.zeros((0, 4, 4), np.uint8), "nothing to sum"),
        (np.zeros((0, 4), np.uint8), np.zeros((5, 0, 4), np.uint8), "nothing to sum"),
        (np.zeros((4, 4), np.int32), np.zeros((5, 4, 4), np.int32), "must be uint8"),
    ],
)
def test_misfits_are_refused(start: U8, key: U8, message: str) -> None:
    for kernel in (ars, rrs, residual_sum):
        with pytest.raises(ConfigError, match=message):
            kernel(start, key)


def test_other_bad_arguments_are_refused() -> None:
    start, key = picture((4, 5), 3)
    with pytest.raises(ConfigError, match="modulo 256"):
        ars(start.astype(np.uint16), key.astype(np.uint16))  # type: ignore[arg-type]
    for pick in ([], [3], [-1]):
        with pytest.raises(ConfigError, match=r"positions 0 … 2"):
            ars(start, key, pick=pick)
    for out in (np.empty((5, 4), np.uint8), np.empty((4, 5), np.int8), key[:, :, 0]):
        with pytest.raises(ConfigError, match="out must be"):
            ars(start, key, out)  # type: ignore[arg-type]
    for out in (start, key[1]):
        with pytest.raises(ConfigError, match="overlaps"):
            rrs(start, key, out)
    for greys in ({"gmin": -1}, {"gmax": 256}, {"gmin": 9, "gmax": 8}):
        for kernel in (rrs, rrs_numpy):
            with pytest.raises(ConfigError, match="0 <= gmin"):
                kernel(start, key, **greys)
    with pytest.raises(ConfigError, match="finite"):
        rrs(start.astype(np.float32), np.full(key.shape, np.nan, np.float32))
