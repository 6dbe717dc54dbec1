"""The carried residual sum against its definition computed from scratch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError
from realtime_mer.face.regions import region_labels
from realtime_mer.motion.sliding import RegionResiduals, SlidingResidual, sliding_numpy, warm_up

U8 = NDArray[np.uint8]


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm_up()


def scene(seed: int, shape: tuple[int, ...], length: int) -> tuple[U8, U8, U8]:
    """Return frames, a reference and labels of up to four regions, all noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, shape[:2], dtype=np.uint8)
    labels[0, 0] = 1
    low, high = sorted(rng.integers(0, 257, 2))
    frames = rng.integers(low, max(high, low + 1), (length, *shape)).astype(np.uint8)
    return frames, rng.integers(0, 256, shape, dtype=np.uint8), labels


def assert_same(ours: RegionResiduals, theirs: RegionResiduals) -> None:
    np.testing.assert_array_equal(ours.newest, theirs.newest)
    np.testing.assert_array_equal(ours.running, theirs.running)
    np.testing.assert_array_equal(ours.gain, theirs.gain)
    assert ours.filled == theirs.filled


@settings(max_examples=60)
@given(
    st.integers(0, 2**32),
    st.sampled_from([(1, 1), (5, 7), (16, 65), (4, 9, 3), (33, 70, 3)]),
    st.integers(1, 14),
    st.integers(1, 5),
    st.integers(1, 4),
    st.booleans(),
)
def test_carrying_equals_recomputing(
    seed: int, shape: tuple[int, ...], length: int, n_key: int, spacing: int, remove_gain: bool
) -> None:
    frames, reference, labels = scene(seed, shape, length)
    sliding = SlidingResidual(labels, n_key, spacing, remove_gain)
    sliding.rebase(reference)
    for seen, frame in enumerate(frames, start=1):
        ours = sliding.push(frame)
        theirs, picture = sliding_numpy(
            frames[:seen], reference, labels, n_key, spacing, remove_gain
        )
        assert_same(ours, theirs)
        np.testing.assert_array_equal(sliding.running_sum(), picture)


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 5))
def test_without_gain_the_sum_is_the_papers(seed: int, length: int, n_key: int) -> None:
    frames, reference, labels = scene(seed, (6, 11), length)
    sliding = SlidingResidual(labels, n_key, remove_gain=False)
    sliding.rebase(reference)
    for frame in frames:
        found = sliding.push(frame)
    by_hand = np.abs(frames[-n_key:].astype(int) - reference).sum(axis=0)
    np.testing.assert_array_equal(sliding.running_sum(), np.where(labels > 0, by_hand, 0))
    first = by_hand[labels == 1]
    assert found.running[0] == first.sum() / first.size
    assert (found.gain == 1).all()


def test_flicker_is_not_motion() -> None:
    """Mains light swings by 20 %; what is left is the rounding of grey levels."""
    rng = np.random.default_rng(3)
    face = rng.uniform(60, 190, (320, 320))
    sliding = SlidingResidual(region_labels())
    blind = SlidingResidual(region_labels(), remove_gain=False)
    for each in (sliding, blind):
        each.rebase(np.rint(face).astype(np.uint8))
    for brightness in (0.9, 0.95, 1.05, 1.1):
        lit = np.rint(face * brightness).astype(np.uint8)
        found = sliding.push(lit)
        np.testing.assert_allclose(found.gain, 1 / brightness, rtol=2e-3)
        assert (found.newest < 0.5).all()
        assert (found.newest < blind.push(lit).newest / 8).all()


def test_each_region_has_its_own_light() -> None:
    labels = np.repeat(np.array([[1, 0, 2]], np.uint8), 4, axis=0)
    sliding = SlidingResidual(labels)
    sliding.rebase(np.full((4, 3), 100, np.uint8))
    found = sliding.push(np.repeat(np.array([[80, 7, 125]], np.uint8), 4, axis=0))
    np.testing.assert_allclose(found.gain, [1.25, 0.8], rtol=1e-4)
    assert found.newest.tolist() == [0, 0]


def test_movement_survives_the_gain() -> None:
    """A pattern that shifts by a pixel keeps its mean, and nearly all of its residual."""
    x = np.arange(320)
    still = np.rint(120 + 60 * np.sin(x / 6) * np.ones((320, 1))).astype(np.uint8)
    moved = np.roll(still, 1, axis=1)
    found = {}
    for remove_gain in (True, False):
        sliding = SlidingResidual(region_labels(), remove_gain=remove_gain)
        sliding.rebase(still)
        found[remove_gain] = sliding.push(moved).newest
    ratio = found[True] / found[False]
    assert ratio.min() > 0.9
    assert ratio.max() < 1.1
    assert found[True].min() > 4


def test_gains_are_limited_and_black_is_left_alone() -> None:
    labels = np.ones((2, 2), np.uint8)
    sliding = SlidingResidual(labels)
    for reference, picture, gain in ((200, 10, 2.0), (10, 200, 0.5), (0, 50, 1.0), (50, 0, 1.0)):
        sliding.rebase(np.full((2, 2), reference, np.uint8))
        found = sliding.push(np.full((2, 2), picture, np.uint8))
        assert found.gain.tolist() == [gain]
        assert found.newest.tolist() == [abs(min(picture * gain, 255) - reference)]


def test_bright_pixels_saturate_rather_than_wrap() -> None:
    sliding = SlidingResidual(np.ones((1, 4), np.uint8))
    sliding.rebase(np.array([[255, 255, 255, 255]], np.uint8))
    found = sliding.push(np.array([[100, 100, 100, 255]], np.uint8))
    assert found.gain[0] > 1.8
    assert sliding.running_sum().max() == 255 - min(round(100 * found.gain[0]), 255)


def test_grey_colour_equals_grey() -> None:
    frames, reference, labels = scene(5, (9, 40), 4)
    grey, colour = SlidingResidual(labels), SlidingResidual(labels)
    grey.rebase(reference)
    colour.rebase(np.repeat(reference[..., None], 3, axis=2))
    for frame in frames:
        assert_same(grey.push(frame), colour.push(np.repeat(frame[..., None], 3, axis=2)))


def test_a_new_reference_starts_over() -> None:
    frames, reference, labels = scene(6, (12, 13), 9)
    used, fresh = SlidingResidual(labels, 3, 2), SlidingResidual(labels, 3, 2)
    used.rebase(frames[0])
    for frame in frames:
        used.push(frame)
    for each in (used, fresh):
        each.rebase(reference)
    assert not used.running_sum().any()
    for frame in frames:
        assert_same(used.push(frame), fresh.push(frame))


def test_results_do_not_change_afterwards() -> None:
    frames, reference, labels = scene(7, (8, 9), 3)
    sliding = SlidingResidual(labels, 2)
    sliding.rebase(reference)
    first = sliding.push(frames[0])
    kept = first.newest.copy(), first.running.copy()
    sliding.push(frames[1])
    np.testing.assert_array_equal(first.newest, kept[0])
    np.testing.assert_array_equal(first.running, kept[1])


def test_an_empty_region_is_nan_and_the_others_are_not() -> None:
    sliding = SlidingResidual(np.array([[1, 3, 3]], np.uint8))
    sliding.rebase(np.array([[10, 20, 30]], np.uint8))
    found = sliding.push(np.array([[10, 30, 20]], np.uint8))
    assert np.isnan(found.newest).tolist() == [False, True, False]
    assert np.isnan(found.running).tolist() == [False, True, False]
    assert found.newest[2] == 10


def test_views_and_read_only_frames() -> None:
    rng = np.random.default_rng(8)
    wide = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    view = wide[::2, ::-2]
    labels = np.ones((10, 15), np.uint8)
    locked = view.copy()
    locked.flags.writeable = False
    results = []
    for frame in (view, locked):
        sliding = SlidingResidual(labels)
        sliding.rebase(np.zeros((10, 15), np.uint8))
        results.append(sliding.push(frame))
    assert_same(*results)


def test_full_crop_at_full_length() -> None:
    """The longest window does not overflow, and every frame of the crop counts."""
    labels = np.ones((320, 320), np.uint8)
    sliding = SlidingResidual(labels, n_key=257, remove_gain=False)
    sliding.rebase(np.zeros((320, 320), np.uint8))
    white = np.full((320, 320), 255, np.uint8)
    for _ in range(259):
        found = sliding.push(white)
    assert found.filled == 257
    assert found.running.tolist() == [257 * 255]
    assert (sliding.running_sum() == 65535).all()


def test_misuse_is_refused() -> None:
    labels = np.ones((4, 5), np.uint8)
    sliding = SlidingResidual(labels)
    frame = np.zeros((4, 5), np.uint8)
    with pytest.raises(ConfigError, match="rebase"):
        sliding.push(frame)
    sliding.rebase(frame)
    for wrong in (np.zeros((5, 4), np.uint8), np.zeros((4, 5, 4), np.uint8), frame.astype(float)):
        with pytest.raises(ConfigError, match="align the face"):
            sliding.push(wrong)  # type: ignore[arg-type]
    for wrong_labels in (np.zeros((4, 5), np.uint8), np.ones((4, 5)), np.ones(4, np.uint8)):
        with pytest.raises(ConfigError, match="labels"):
            SlidingResidual(wrong_labels)  # type: ignore[arg-type]
    for settings_ in ({"n_key": 0}, {"n_key": 258}, {"spacing": 0}):
        with pytest.raises(ConfigError, match="n_key"):
            SlidingResidual(labels, **settings_)


def test_warm_up_is_enough() -> None:
    from realtime_mer.motion import sliding

    warm_up()
    kernels = (sliding._pack, sliding._grey, sliding._advance)
    before = [len(kernel.signatures) for kernel in kernels]
    frames, reference, labels = scene(9, (30, 40, 3), 2)
    carried = SlidingResidual(labels)
    carried.rebase(reference)
    carried.push(frames[0])
    carried.push(np.zeros((30, 40), np.uint8))
    assert [len(kernel.signatures) for kernel in kernels] == before
