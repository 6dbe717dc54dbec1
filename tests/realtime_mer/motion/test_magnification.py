"""Eulerian magnification of waves whose motion is known."""

import numpy as np
import pytest

from realtime_mer.errors import ConfigError
from realtime_mer.motion.magnification import Magnification, band_gains, magnified, step
from realtime_mer.motion.temporal_band import KINDS, band_pass

SIDE = 96
INNER = slice(24, 72)
BAND = Magnification(alpha=8, low_hz=1, high_hz=4, wavelength_px=0)
CENTRE_HZ = 2.0
PASSED = {"butterworth": 1.0, "ideal": 1.0, "iir": (4 - 1) / (4 + 1)}
"""Share of a change in the middle of the band that each filter passes."""


def moments(rate, seconds=4.0):
    return np.arange(0, seconds, 1 / rate)


def waves(time_s, rate_hz, reach_px=0.05, length_px=12.0):
    """Return upright stripes, (T, 96, 96, 3), that swing to the right and back."""
    moved = np.arange(SIDE) - reach_px * np.sin(2 * np.pi * rate_hz * time_s)[:, None]
    rows = 0.5 + 0.25 * np.sin(2 * np.pi * moved / length_px)
    shape = (len(time_s), SIDE, SIDE, 3)
    return np.ascontiguousarray(np.broadcast_to(rows[:, None, :, None], shape), np.float32)


def reach_px(pictures, time_s, rate_hz, settled_s=1.0):
    """Return how far stripes swing at a rate: shifts by the gradient, fitted with a wave."""
    seen = pictures[:, INNER, INNER, 0].astype(np.float64)
    middle = seen.mean(0)
    slope = np.gradient(middle, axis=1)
    shift = -((seen - middle) * slope).sum((1, 2)) / (slope**2).sum()
    kept = time_s >= settled_s
    angle = 2 * np.pi * rate_hz * time_s[kept]
    basis = np.stack([np.sin(angle), np.cos(angle), np.ones_like(angle)], 1)
    found = np.linalg.lstsq(basis, shift[kept], rcond=None)[0]
    return np.hypot(found[0], found[1])


def times_as_far(time_s, rate_hz, kind, settings=BAND, **of_waves):
    clip = waves(time_s, rate_hz, **of_waves)
    made = magnified(clip, time_s, settings, kind)
    return reach_px(made, time_s, rate_hz) / reach_px(clip, time_s, rate_hz)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alpha", [0.0, 3.0, 8.0])
def test_motion_within_the_band_grows_by_alpha(kind, alpha):
    settings = Magnification(alpha=alpha, low_hz=1, high_hz=4, wavelength_px=0)
    found = times_as_far(moments(60), CENTRE_HZ, kind, settings)
    assert found == pytest.approx(1 + alpha * PASSED[kind], rel=0.04)


@pytest.mark.parametrize(("kind", "most"), [("butterworth", 2.6), ("ideal", 1.1), ("iir", 1.5)])
@pytest.mark.parametrize("rate_hz", [0.1, 20.0])
def test_motion_outside_the_band_hardly_grows(kind, most, rate_hz):
    found = times_as_far(moments(60), rate_hz, kind)
    assert 0.95 < found < most


def test_a_higher_order_cuts_more_sharply():
    sharp = Magnification(alpha=8, low_hz=1, high_hz=4, wavelength_px=0, order=4)
    assert times_as_far(moments(60), 0.3, "butterworth", sharp) < 1.2
    assert times_as_far(moments(60), CENTRE_HZ, "butterworth", sharp) == pytest.approx(9, rel=0.04)


@pytest.mark.parametrize("kind", KINDS)
def test_the_frame_rate_is_no_matter(kind):
    found = [times_as_far(moments(rate), CENTRE_HZ, kind) for rate in (25, 30, 60, 120)]
    uneven = np.sort(np.random.default_rng(0).uniform(0, 4, 240))
    found.append(times_as_far(uneven, CENTRE_HZ, kind))
    assert max(found) / min(found) < 1.06


def test_short_waves_grow_less():
    """Equation 14: what would move farther than its wavelength / 8 is held back."""
    gains = band_gains(224, 224, Magnification(alpha=8, wavelength_px=16))
    assert gains == (4 * 9 / 16 - 1, 8 * 9 / 16 - 1, 8, 8)
    held = Magnification(alpha=8, low_hz=1, high_hz=4, wavelength_px=24)
    short = times_as_far(moments(60), CENTRE_HZ, "ideal", held, length_px=6.0)
    long = times_as_far(moments(60), CENTRE_HZ, "ideal", held, length_px=16.0)
    assert 1 < short < 3
    assert short + 1 < long < 6
    assert band_gains(224, 224, Magnification(wavelength_px=0)) == (8.0,) * 4
    assert band_gains(8, 8) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_the_noise_of_a_still_picture_stays_in_bounds(kind):
    rng = np.random.default_rng(1)
    noise = rng.normal(0.5, 0.02, (100, SIDE, SIDE, 3)).astype(np.float32)
    time_s = moments(100, 1.0)

    def loudness(settings):
        return magnified(noise, time_s, settings, kind)[20:].std() / noise.std()

    usual, unheld = loudness(Magnification()), loudness(Magnification(wavelength_px=0))
    assert usual < 1.5
    assert 1.5 * usual < unheld < 1 + Magnification().alpha


@pytest.mark.parametrize("kind", KINDS)
def test_a_still_clip_stays_as_it_is(kind):
    still = np.repeat(np.random.default_rng(0).random((1, 40, 50, 3), np.float32), 9, 0)
    for count in (1, 2, 9):
        made = magnified(still[:count], moments(50)[:count], BAND, kind)
        np.testing.assert_allclose(made, still[:count], atol=2e-5)


def test_light_that_flickers_is_no_motion():
    time_s = moments(60, 2.0)
    light = 0.5 + 0.02 * np.sin(2 * np.pi * CENTRE_HZ * time_s)
    clip = np.broadcast_to(light[:, None, None, None], (len(time_s), SIDE, SIDE, 3))
    clip = clip.astype(np.float32)
    np.testing.assert_allclose(magnified(clip, time_s, BAND), clip, atol=1e-5)


def test_colour_grows_less_than_brightness():
    time_s = moments(60, 2.0)
    swing = waves(time_s, CENTRE_HZ) - 0.5
    swing -= swing.mean(0)
    bright = 0.5 + swing
    hue = 0.5 + swing * np.array([1, 0, -0.299 / 0.114], np.float32)

    def growth(clip):
        change = magnified(clip, time_s, BAND, "ideal") - 0.5
        return change[..., 0].std() / swing[..., 0].std()

    assert growth(bright) == pytest.approx(9, rel=0.05)
    assert growth(hue) == pytest.approx(1 + 8 * BAND.chroma, rel=0.05)


def test_values_stay_colours():
    loud = Magnification(alpha=500, low_hz=1, high_hz=4, wavelength_px=0)
    clip = waves(moments(30, 1.0), CENTRE_HZ, reach_px=3.0)
    made = magnified(clip, moments(30, 1.0), loud)
    assert made.dtype == np.float32
    assert made.min() == 0
    assert made.max() == 1


@pytest.mark.parametrize("uneven", [False, True])
def test_picture_by_picture_is_the_offline_form(uneven):
    time_s = moments(50, 0.6)
    if uneven:
        time_s = np.sort(np.random.default_rng(3).uniform(0, 0.6, 30))
    clip = np.random.default_rng(4).random((30, 40, 56, 3), np.float32)
    settings = Magnification(alpha=2)
    seen, made = None, []
    for picture, moment in zip(clip, time_s, strict=True):
        before = seen
        kept = None if before is None else (before.fast.copy(), before.slow.copy())
        seen, amplified = step(seen, picture, float(moment), settings)
        if before is not None:
            np.testing.assert_array_equal(before.fast, kept[0])
            np.testing.assert_array_equal(before.slow, kept[1])
        made.append(amplified)
        assert seen.fast.dtype == amplified.dtype == np.float32
    np.testing.assert_allclose(np.stack(made), magnified(clip, time_s, settings, "iir"), atol=1e-5)


def test_some_pictures_of_a_clip_are_those_of_all():
    time_s, places = moments(50, 0.4), np.array([3, 7, 19])
    clip = np.random.default_rng(4).random((20, 40, 56, 3), np.float32)
    some = magnified(clip, time_s, BAND, places=places)
    np.testing.assert_allclose(some, magnified(clip, time_s, BAND)[places], atol=1e-6)


def test_filters_of_the_past_do_not_see_the_future():
    past = band_pass(moments(60, 0.5), 1, 4, "iir")
    assert not np.triu(past, 1).any()
    assert np.triu(band_pass(moments(60, 0.5), 1, 4), 1).any()
    np.testing.assert_allclose(past.sum(1), 0, atol=1e-12)


@pytest.mark.parametrize(
    "settings",
    [{"low_hz": 0}, {"low_hz": 9}, {"alpha": -1}, {"chroma": np.nan}, {"order": 0}],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ConfigError):
        Magnification(**settings)


def test_inputs_that_do_not_fit_are_refused():
    clip = np.zeros((3, 16, 16, 3), np.float32)
    rising = np.array([0.0, 0.1, 0.2])
    with pytest.raises(ConfigError, match="rising"):
        magnified(clip, rising[::-1])
    with pytest.raises(ConfigError, match="seconds"):
        magnified(clip, rising[:2])
    with pytest.raises(ConfigError, match="butterworth, ideal, iir"):
        magnified(clip, rising, kind="none")
    seen, _ = step(None, clip[0], 1.0)
    with pytest.raises(ConfigError, match="must rise"):
        step(seen, clip[1], 1.0)
    with pytest.raises(ConfigError, match="begin anew"):
        step(seen, clip[1, :8], 1.1)
