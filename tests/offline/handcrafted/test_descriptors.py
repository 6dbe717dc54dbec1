"""The four descriptors: sizes, invariances, and what they say about known motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offline.handcrafted.bi_woof import BiWoof, bi_woof, bi_woof_of, block_labels
from offline.handcrafted.lbp_sip import LbpSip, lbp_sip
from offline.handcrafted.lbp_top import LbpTop, lbp_top
from offline.handcrafted.mdmo import (
    REGIONS,
    Mdmo,
    main_motion,
    mdmo,
    mdmo_of,
    region_labels,
    region_points,
)
from offline.handcrafted.registry import HANDCRAFTED
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.face.topology import CROP, mirror_index
from realtime_mer.motion.flow import face_mask
from tests.offline.handcrafted.clips import bump, clip, random_frames

SIZES = {
    "lbp_top": LbpTop().size,
    "lbp_sip": LbpSip().size,
    "bi_woof": BiWoof().size,
    "mdmo": Mdmo().size,
}
BROW, MOUTH = 105, 57
UP = np.array([0, -1])


def mirrored(frames: CandidateFrames) -> CandidateFrames:
    return replace(frames, crops_rgb=np.ascontiguousarray(frames.crops_rgb[:, :, ::-1]))


def turned(motion: np.ndarray) -> np.ndarray:
    return motion[:, ::-1] * np.array([-1, 1], np.float32)


# All of them ------------------------------------------------------------------------------------


def test_sizes_are_the_published_ones():
    assert SIZES == {"lbp_top": 25 * 3 * 59, "lbp_sip": 25 * 20, "bi_woof": 200, "mdmo": 72}
    assert set(HANDCRAFTED) == set(SIZES)


@pytest.mark.parametrize("name", HANDCRAFTED)
@pytest.mark.parametrize("count", [2, 3, 5, 23])
def test_any_number_of_pictures_at_any_time_will_do(name, count):
    frames = random_frames(count)
    found = HANDCRAFTED[name](frames)
    assert found.shape == (SIZES[name],)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, HANDCRAFTED[name](frames))
    later = replace(frames, time_s=frames.time_s + 64.0)
    np.testing.assert_allclose(HANDCRAFTED[name](later), found, atol=2e-3)


@pytest.mark.parametrize("name", HANDCRAFTED)
def test_what_comes_after_the_offset_is_not_read(name):
    frames = random_frames(6)
    short = replace(frames, offset=4)
    crops = frames.crops_rgb.copy()
    crops[5] = 0
    np.testing.assert_array_equal(
        HANDCRAFTED[name](short), HANDCRAFTED[name](replace(short, crops_rgb=crops))
    )


@pytest.mark.parametrize("name", HANDCRAFTED)
def test_the_frame_rate_hardly_matters(name):
    """The same movement at 50 and at 200 pictures a second; another movement beside it."""

    def seen(motion: np.ndarray, rate: int) -> np.ndarray:
        return HANDCRAFTED[name](clip(motion, np.arange(int(0.4 * rate) + 1) / rate))

    raised, smiled = bump(BROW, (0, -4)), bump(MOUTH, (-3, -3))
    slow, fast, other = seen(raised, 50), seen(raised, 200), seen(smiled, 200)
    assert np.linalg.norm(slow - fast) < 0.5 * np.linalg.norm(other - fast)


# Local binary patterns --------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "parts"), [("lbp_top", 3), ("lbp_sip", 2)])
def test_every_histogram_sums_to_one(name, parts):
    found = HANDCRAFTED[name](random_frames(4))
    if name == "lbp_top":
        blocks = found.reshape(25, 3, 59)
        np.testing.assert_allclose(blocks.sum(2), 1, rtol=1e-5)
    else:
        blocks = found.reshape(25, 20)
        np.testing.assert_allclose(blocks[:, :16].sum(1), 1, rtol=1e-5)
        np.testing.assert_allclose(blocks[:, 16:].sum(1), 1, rtol=1e-5)
    assert found.sum() == pytest.approx(25 * parts, rel=1e-5)


@pytest.mark.parametrize("name", ["lbp_top", "lbp_sip"])
def test_brightness_does_not_matter(name):
    frames = random_frames(5)
    brighter = replace(frames, crops_rgb=frames.crops_rgb + np.uint8(32))
    one, other = (HANDCRAFTED[name](each) for each in (frames, brighter))
    assert np.abs(one - other).max() < 5e-3


def test_still_pictures_have_no_patterns_in_time():
    """Every point is as bright as before and after: all bits along t are set."""
    crops = np.repeat(random_frames(2).crops_rgb[:1], 6, axis=0)
    still = CandidateFrames(crops, np.arange(6) / 100, 0, 3, 5)
    in_time = lbp_sip(still).reshape(25, 20)[:, 16:]
    np.testing.assert_allclose(in_time, np.broadcast_to([0, 0, 0, 1], (25, 4)), atol=1e-3)
    codes = lbp_top(still, LbpTop(uniform=False)).reshape(25, 3, 256)[:, 1:].mean((0, 1))
    later_and_earlier = (1 << 2) | (1 << 6)
    both = np.arange(256) & later_and_earlier == later_and_earlier
    assert codes[both].sum() > 0.999


def test_patterns_of_the_mirror_image():
    frames = random_frames(5)
    how = LbpTop(uniform=False)
    ours, image = (lbp_top(each, how).reshape(5, 5, 3, 256) for each in (frames, mirrored(frames)))
    back = np.zeros(256, np.int64)
    for code in range(256):
        back[code] = sum(((code >> bit) & 1) << ((4 - bit) % 8) for bit in range(8))
    assert np.abs(image[:, ::-1, :2][..., back] - ours[:, :, :2]).max() < 5e-3
    assert np.abs(image[:, ::-1, 2] - ours[:, :, 2]).max() < 5e-3


def test_settings_change_the_size_and_nothing_else():
    frames = random_frames(4)
    for how in (LbpTop((8, 8)), LbpTop((2, 3), 7, (2, 2, 1), False), LbpTop(radius=(3, 3, 4))):
        found = lbp_top(frames, how)
        assert found.shape == (how.size,)
        assert found.sum() == pytest.approx(3 * how.grid[0] * how.grid[1], rel=1e-4)
    small = LbpSip((8, 8), 5, (3, 2, 1))
    assert lbp_sip(frames, small).shape == (small.size,)
    assert bi_woof_of(bump(BROW, (0, -1)), BiWoof((8, 8))).shape == (512,)
    assert mdmo(frames, Mdmo(3)).shape == (72,)


# Bi-WOOF ----------------------------------------------------------------------------------------


def test_rigid_motion_strains_nothing_and_says_nothing():
    shift = np.broadcast_to(np.float32([0.25, -0.5]), (CROP, CROP, 2))
    for motion in (shift, shift * face_mask()[..., None]):
        np.testing.assert_array_equal(bi_woof_of(motion), 0)


def test_strain_weighs_the_blocks():
    """Two bumps, one twice as strong: half the weight, whichever way they move."""
    motion = bump(BROW, (0, -1), 8.0) + bump(MOUTH, (0, 2), 8.0)
    bars = bi_woof_of(motion).reshape(5, 5, 8)
    assert np.linalg.norm(bars) == pytest.approx(1, rel=1e-5)
    top, bottom = bars[:2].sum((0, 1)), bars[2:].sum((0, 1))
    assert top.argmax() == 6
    assert bottom.argmax() == 2
    assert bottom[2] == pytest.approx(2 * top[6], rel=0.1)
    np.testing.assert_allclose(bi_woof_of(motion * np.float32(7)), bars.reshape(-1), rtol=1e-4)


def test_bi_woof_of_the_mirror_image():
    rng = np.random.default_rng(0)
    motion = bump(BROW, (0.3, -1)) + bump(MOUTH, (-1, -0.7))
    motion += 0.01 * rng.normal(size=motion.shape).astype(np.float32)
    ours, image = (bi_woof_of(each).reshape(5, 5, 8) for each in (motion, turned(motion)))
    np.testing.assert_allclose(image[:, ::-1][..., [4, 3, 2, 1, 0, 7, 6, 5]], ours, atol=2e-3)


def test_blocks_share_the_face_out():
    labels = block_labels((5, 5))
    counts = np.bincount(labels.reshape(-1))
    assert counts[0] == 0
    assert len(counts) == 26
    assert counts[1:].min() > 0.9 * counts[1:].max()


# MDMO -------------------------------------------------------------------------------------------


def test_regions_are_36_and_mirror_each_other():
    labels = region_labels()
    counts = np.bincount(labels.reshape(-1), minlength=37)[1:]
    assert REGIONS == 36
    assert counts.min() > 400
    assert len(set(region_points())) == 36
    order = [*range(16, 32), *range(16), *range(32, 36)]
    assert [int(mirror_index()[point]) for point in region_points()] == [
        region_points()[place] for place in order
    ]
    image = np.concatenate([[0], np.array(order) + 1])[labels[:, ::-1]]
    assert (image != labels).mean() < 1e-3


def test_a_shift_moves_every_region_the_same_way():
    shift = np.broadcast_to(np.float32([0.003, -0.004]), (CROP, CROP, 2))
    np.testing.assert_allclose(main_motion(shift), np.tile([0.003, -0.004], (36, 1)), rtol=1e-5)
    found = mdmo_of([shift, 3 * shift]).reshape(36, 2)
    np.testing.assert_allclose(found, np.tile([0.6, -0.8], (36, 1)), rtol=1e-5)


def test_the_most_common_direction_is_heard_alone():
    motion = np.zeros((CROP, CROP, 2), np.float32)
    places = np.argwhere(region_labels() == 5)
    many = int(0.6 * len(places))
    motion[tuple(places[:many].T)] = [0.01, 0.001]
    motion[tuple(places[many:].T)] = [-0.5, 0]
    found = main_motion(motion)
    np.testing.assert_allclose(found[4], [0.01, 0.001], rtol=1e-5)
    np.testing.assert_array_equal(np.delete(found, 4, axis=0), 0)


def test_moments_that_contradict_each_other_cancel():
    out = bump(BROW, (0, -0.01))
    assert np.abs(mdmo_of([out, -out])).max() < 1e-6
    np.testing.assert_allclose(mdmo_of([out, 0 * out]), mdmo_of([out]), rtol=1e-5)


def test_next_to_nothing_is_not_blown_up():
    faint = np.broadcast_to(np.float32([1e-5, 0]), (CROP, CROP, 2))
    assert np.abs(mdmo_of([faint])).max() == pytest.approx(0.01, rel=1e-3)
    np.testing.assert_array_equal(mdmo_of([0 * faint]), 0)


def test_mdmo_of_the_mirror_image():
    motion = bump(BROW, (0.001, -0.01)) + bump(MOUTH, (-0.01, -0.003))
    ours, image = (mdmo_of([each]).reshape(36, 2) for each in (motion, turned(motion)))
    order = [*range(16, 32), *range(16), *range(32, 36)]
    np.testing.assert_allclose(image[order] * [-1, 1], ours, atol=0.02)


# From pictures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 5, 60])
def test_a_raised_brow_is_seen_going_up(count):
    time_s = 3.0 + np.linspace(0, 0.4, count)
    if count == 2:
        still = clip(bump(BROW, (0, 0)), time_s)
        raised = clip(bump(BROW, (0, -4)), np.array([0, 0.2, 0.4]))
        crops = np.stack([still.crops_rgb[0], raised.crops_rgb[1]])
        frames = CandidateFrames(crops, time_s, 0, 1, 1)
    else:
        frames = clip(bump(BROW, (0, -4)), time_s)
    found = mdmo(frames).reshape(36, 2)
    longest = int(np.hypot(*found.T).argmax())
    assert region_points()[longest] in (BROW, 104)
    assert found[longest] @ UP > 0.95
    bars = bi_woof(frames).reshape(5, 5, 8)
    block = np.unravel_index(np.linalg.norm(bars, axis=2).argmax(), (5, 5))
    assert block[0] <= 1
    assert block[1] <= 1
    assert bars[block].argmax() == 6
