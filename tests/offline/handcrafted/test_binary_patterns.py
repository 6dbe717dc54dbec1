"""Local binary patterns: the kernel against its twin, and codes that can be read off by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.handcrafted.binary_patterns import (
    block_histograms,
    block_histograms_numpy,
    every_bin,
    shares,
    uniform_bins,
    warm_up,
)
from offline.handcrafted.lbp_sip import points
from offline.handcrafted.lbp_top import planes

XY, XT, YT = planes((1, 1, 2))
SPACE, TIME = points((1, 1, 2))


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm_up()


def only_code(volume, offsets) -> int:
    """The one code that every pixel of the volume has."""
    counts = block_histograms(volume.astype(np.uint8), offsets, every_bin(len(offsets)), (1, 1))
    [[[code]]] = [[np.flatnonzero(counts[0, 0]).tolist()]]
    return code


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(5, 8), st.integers(3, 20), st.integers(3, 20)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.sampled_from([XY, XT, YT, SPACE, TIME]),
    st.booleans(),
    st.integers(2, 256),
    st.integers(0, 2**32),
)
def test_the_kernel_agrees_with_its_twin(shape, grid, offsets, uniform, greys, seed):
    volume = np.random.default_rng(seed).integers(0, greys, shape).astype(np.uint8)
    bins = uniform_bins(8) if uniform and len(offsets) == 8 else every_bin(len(offsets))
    ours = block_histograms(volume, offsets, bins, grid)
    np.testing.assert_array_equal(ours, block_histograms_numpy(volume, offsets, bins, grid))
    reach = np.abs(offsets).max(0)
    assert ours.sum() == np.prod(np.array(shape) - 2 * reach)


def test_strided_and_read_only_volumes_are_read_right():
    wide = np.random.default_rng(0).integers(0, 256, (7, 30, 40)).astype(np.uint8)
    view = wide[:, ::2, ::-1]
    view.flags.writeable = False
    ours = block_histograms(view, XY, every_bin(8), (2, 3))
    np.testing.assert_array_equal(ours, block_histograms_numpy(view, XY, every_bin(8), (2, 3)))
    assert wide.flags.writeable


def test_the_neighbours_lie_around_the_pixel():
    ring = {(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)} - {(0, 0)}
    assert {(y, x) for t, y, x in XY.tolist()} == ring
    assert XY[0].tolist() == [0, 0, 1]
    assert XY[2].tolist() == [0, -1, 0]
    assert XT[2].tolist() == [2, 0, 0]
    assert {tuple(each) for each in XT.tolist()} == {
        (0, 0, 1), (1, 0, 1), (2, 0, 0), (1, 0, -1),
        (0, 0, -1), (-1, 0, -1), (-2, 0, 0), (-1, 0, 1),
    }  # fmt: skip
    for plane, still in ((XY, 0), (XT, 1), (YT, 2)):
        assert (plane[:, still] == 0).all()
        np.testing.assert_array_equal(plane[:4], -plane[4:])


def test_codes_of_patterns_made_by_hand():
    t, y, x = np.mgrid[:5, :9, :9]
    right, up, left, down = 1 << 0, 1 << 2, 1 << 4, 1 << 6
    between = 1 << 1, 1 << 3, 1 << 5, 1 << 7
    assert only_code(np.full((5, 9, 9), 7), XY) == 255
    assert only_code(x, XY) == right + up + down + between[0] + between[3]
    assert only_code(9 - x, XY) == left + up + down + between[1] + between[2]
    assert only_code(y, XY) == right + left + down + between[2] + between[3]
    assert only_code(t, XY) == 255
    later = 1 << 2
    assert only_code(t, XT) == 1 + between[0] + later + between[1] + (1 << 4)
    assert only_code(9 - t, YT) == 1 + (1 << 4) + between[2] + (1 << 6) + between[3]
    dot = np.zeros((1, 3, 3))
    dot[0, 1, 1] = 1
    assert only_code(dot, XY) == 0
    assert only_code(1 - dot, XY) == 255


def test_six_points_of_patterns_made_by_hand():
    t, y, x = np.mgrid[:5, :9, :9]
    right, up, left, down = 1, 2, 4, 8
    assert only_code(x, SPACE) == right + up + down
    assert only_code(9 - y, SPACE) == right + up + left
    assert only_code(t, SPACE) == 15
    before, after = 1, 2
    assert only_code(t, TIME) == after
    assert only_code(9 - t, TIME) == before
    assert only_code(x, TIME) == before + after


def test_uniform_codes_change_at_most_twice_around_the_circle():
    bins = uniform_bins(8)
    names = [f"{code:08b}" for code in range(256)]
    changes = [sum(a != b for a, b in zip(n, n[1:] + n[0], strict=True)) for n in names]
    plain = [code for code in range(256) if changes[code] <= 2]
    assert len(plain) == 58
    assert bins[plain].tolist() == list(range(58))
    assert set(bins[[code for code in range(256) if changes[code] > 2]].tolist()) == {58}


def test_blocks_hold_what_lies_in_them():
    volume = np.full((1, 12, 12), 50, np.uint8)
    volume[0, 2:5, 7:10] = np.arange(9).reshape(3, 3) * 4
    counts = block_histograms(volume, XY, every_bin(8), (2, 2))
    assert counts.sum(2).tolist() == [[25, 25], [25, 25]]
    assert counts[0, 0, 255] == counts[1, 0, 255] == counts[1, 1, 255] == 25
    assert counts[0, 1, 255] < 25


def test_shares_sum_to_one_or_are_empty():
    counts = np.array([[1, 3, 0], [0, 0, 0]])
    assert shares(counts).tolist() == [[0.25, 0.75, 0], [0, 0, 0]]
