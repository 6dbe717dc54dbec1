"""Residual sums and flow as pictures: by the paper's equations, and by time."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.errors import ConfigError
from realtime_mer.motion.keyframes import key_frames
from realtime_mer.motion.residual import ars_numpy, residual_sum_numpy, rrs_numpy
from realtime_mer.recipes import RECIPES, recipe
from realtime_mer.residual_recipes import RECIPES as RESIDUAL
from realtime_mer.residual_recipes import SWEEP, absolute_residual, ars_name
from tests.realtime_mer.motion.test_flow import bump, carried, textured

QUICK = [name for name in RESIDUAL if name != "tvl1"]
SUMS = [name for name in QUICK if name != "farneback"]


def noisy(count: int = 60, apex: int = 40, offset: int = 55, fps: float = 200.0) -> CandidateFrames:
    """Random pictures: every pixel of every frame tells which frame was read."""
    crops = np.random.default_rng(1).integers(0, 256, (count, 320, 320, 3), np.uint8)
    return CandidateFrames(crops, 7.5 + np.arange(count) / fps, 4, apex, offset)


def raised(u: float, v: float, count: int = 6) -> CandidateFrames:
    """A brow that moves by (u, v) pixels up to the apex, in a tinted picture."""
    image, weight = textured(), bump(102, 75, 30)
    grays = [carried(image, share * u * weight, share * v * weight) for share in (0, 0.5, 1)]
    shown = [grays[min(number, 2)] for number in range(count)]
    crops = np.stack([np.stack([gray, 0.9 * gray, 0.7 * gray], -1) for gray in shown])
    return CandidateFrames(np.clip(crops, 0, 255).astype(np.uint8), np.arange(count) / 30, 0, 2, 4)


def still(level: int = 90) -> CandidateFrames:
    """As ``Recognizer.warm_up`` asks: pictures without anything on them."""
    return CandidateFrames(np.full((3, 320, 320, 3), level, np.uint8), np.arange(3) / 30, 0, 1, 2)


def test_the_names_are_the_inputs_of_the_paper():
    swept = {"ars_k1", "ars_k3", "ars_k7", "ars_k9", "ars_k11"}
    assert set(RESIDUAL) == {"ars", "rrs", "farneback", "tvl1"} | swept
    assert {ars_name(count) for count in SWEEP} == swept | {"ars"}
    assert all(recipe(name) is RECIPES[name] is RESIDUAL[name] for name in RESIDUAL)


@pytest.mark.parametrize("name", QUICK)
def test_every_recipe_makes_a_picture_from_0_to_1(name):
    for frames in (raised(0, -3), still(), still(0)):
        picture = recipe(name)(frames)
        assert picture.shape == (3, 320, 320)
        assert picture.dtype == np.float32
        assert picture.flags.c_contiguous
        assert picture.min() >= 0
        assert picture.max() <= 1
    assert recipe(name)(raised(0, -3)).any()


@pytest.mark.parametrize("name", QUICK)
def test_where_nothing_moves_pictures_are_black(name):
    assert not recipe(name)(still()).any()


# Residual sums ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_key", SWEEP)
@pytest.mark.parametrize(("apex", "offset"), [(40, 55), (9, 55), (9, 11), (40, 40)])
def test_at_200_frames_a_second_it_is_the_papers_equations(n_key, apex, offset):
    frames = noisy(apex=apex, offset=offset)
    picks = key_frames(4, apex, offset, n_key)
    expected = ars_numpy(frames.crops_rgb[4], frames.crops_rgb[list(picks)])
    found = recipe(ars_name(n_key))(frames)
    np.testing.assert_array_equal(found * np.float32(255), expected.transpose(2, 0, 1))


def test_the_relative_sum_spans_the_whole_range():
    frames = noisy()
    key = frames.crops_rgb[list(key_frames(4, 40, 55))]
    found = recipe("rrs")(frames)
    expected = rrs_numpy(frames.crops_rgb[4], key).transpose(2, 0, 1)
    np.testing.assert_array_equal(np.rint(found * 255), expected)
    assert found.min() == 0
    assert found.max() == 1


def test_absolute_sums_begin_again_at_256_and_relative_ones_do_not():
    crops = np.zeros((6, 320, 320, 3), np.uint8)
    crops[1:, :100] = 60  # five times 60 is 300
    crops[1:, 100:200] = 30
    frames = CandidateFrames(crops, np.arange(6) / 30, 0, 5, 5)
    absolute, relative = (recipe(name)(frames)[1, :, 0] * 255 for name in ("ars", "rrs"))
    assert [*absolute[[0, 150, 250]]] == [300 - 256, 150, 0]
    assert [*np.rint(relative[[0, 150, 250]])] == [255, 128, 0]


def test_channels_keep_their_order_and_their_places():
    crops = np.zeros((7, 320, 320, 3), np.uint8)
    crops[1:, 10:20, 30:60, 0] = 7
    crops[1:, 200:210, 5:9, 2] = 20
    red, green, blue = recipe("ars")(CandidateFrames(crops, np.arange(7) / 30, 0, 6, 6)) * 255
    assert not green.any()
    assert {*np.unique(red)} == {0, 35}
    assert {*np.unique(blue)} == {0, 100}
    assert red[10:20, 30:60].all()
    assert blue[200:210, 5:9].all()


def test_the_frame_rate_does_not_matter():
    """Of one movement, every second picture gives the same sum where key moments are shared."""
    frames = noisy(61, apex=40, offset=58)  # 36 frames of rise: a key frame every 6
    half = CandidateFrames(frames.crops_rgb[::2], frames.time_s[::2], 2, 20, 29)
    np.testing.assert_array_equal(recipe("ars")(frames), recipe("ars")(half))
    slower = replace(frames, time_s=frames.time_s * 2)
    np.testing.assert_array_equal(recipe("ars")(frames), recipe("ars")(slower))
    assert not np.array_equal(recipe("ars")(frames), recipe("ars_k7")(frames))


@pytest.mark.parametrize("name", QUICK)
def test_a_stream_reads_the_same_bits_as_a_file(name):
    """The stream holds other pictures around it, in a ring, at other times, perhaps read-only."""
    frames = noisy()
    first, last = 4, 56
    ring = np.zeros((2 * len(frames.crops_rgb), 320, 320, 3), np.uint8)
    ring[::2] = frames.crops_rgb
    ring[: 2 * first] = 255
    ring[2 * last :] = 255
    ring.setflags(write=False)
    live = CandidateFrames(ring[::2], frames.time_s - 7.5, 4, 40, 55)
    alone = CandidateFrames(
        frames.crops_rgb[first:last].copy(), frames.time_s[first:last], 0, 36, 51
    )
    expected = recipe(name)(alone)
    assert expected.std() > 0.1
    for other in (live, frames):
        before = other.crops_rgb.copy()
        np.testing.assert_array_equal(recipe(name)(other), expected)
        np.testing.assert_array_equal(other.crops_rgb, before)


def test_a_short_rise_is_prolonged_but_not_beyond_the_offset():
    frames = noisy(apex=6, offset=9)
    short = recipe("ars")(frames) * 255
    key = frames.crops_rgb[[5, 6, 7, 8, 9]]
    total = residual_sum_numpy(frames.crops_rgb[4], key).transpose(2, 0, 1)
    np.testing.assert_array_equal(short, total % 256)


def test_no_key_frames_are_refused():
    with pytest.raises(ConfigError, match="key"):
        absolute_residual(still(), 0)


# Flow -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("u", "v", "hue"), [(3, 0, 0), (0, 3, 90), (-3, 0, 180), (0, -3, 270)])
def test_directions_are_hues_and_speed_is_brightness(u, v, hue):
    picture = recipe("farneback")(raised(u, v)).transpose(1, 2, 0)
    hues, _, bright = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV))
    away = (hues - hue + 180) % 360 - 180
    moving = bump(102, 75, 30) > 0.7
    assert abs(np.median(away[moving])) < 15
    assert bright[moving].mean() > 0.6
    assert bright[200:, 200:].mean() < 0.1
    assert bright.max() == pytest.approx(1, abs=1e-6)


@pytest.mark.slow
def test_both_flows_see_the_same_motion():
    frames = raised(0, -3)
    one, other = (recipe(name)(frames) for name in ("farneback", "tvl1"))
    moving = bump(102, 75, 30) > 0.7
    for picture in (one, other):
        assert picture[:, moving].mean() > 0.4
        assert picture[:, 200:, 200:].mean() < 0.1
    cosine = (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())
    assert 0.8 < cosine < 1
    np.testing.assert_array_equal(recipe("tvl1")(frames), other)
    assert not recipe("tvl1")(still()).any()
