import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.face import patches


def picture(seed: int, side: int = 120) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(side, side)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.asarray(128 + 40 * smooth / smooth.std(), np.float32)


def shifted(image: np.ndarray, x: float, y: float) -> np.ndarray:
    """Move the content by (x, y) exactly, in the frequency domain."""
    fy, fx = np.meshgrid(*(np.fft.fftfreq(n) for n in image.shape), indexing="ij")
    moved = np.fft.ifft2(np.fft.fft2(image) * np.exp(-2j * np.pi * (fx * x + fy * y)))
    return np.ascontiguousarray(moved.real, np.float32)


CENTRES = np.array([(30, 40), (60, 60), (85.5, 33.25), (70, 90)], np.float64)


@settings(max_examples=25, deadline=None)
@given(st.floats(-4, 4), st.floats(-4, 4), st.integers(0, 1000))
def test_finds_a_shift_to_a_hundredth_of_a_pixel(x: float, y: float, seed: int) -> None:
    image = picture(seed)
    templates = patches.make_templates(image, CENTRES, 21)
    found, ncc = patches.track(shifted(image, x, y), templates, np.zeros((4, 2), np.float32), 20)
    assert np.abs(found - [x, y]).max() < 0.03
    assert ncc.min() > 0.99


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([7, 11, 21]), st.floats(-2, 2))
def test_kernel_equals_its_numpy_twin(seed: int, side: int, x: float) -> None:
    image = picture(seed)
    centres = np.vstack([CENTRES, [(2, 3), (118, 60)]])  # two at the border
    templates = patches.make_templates(image, centres, side)
    moved = shifted(image, x, -x / 2)
    start = np.zeros((len(centres), 2), np.float32)
    for mine, twin in zip(
        patches.track(moved, templates, start),
        patches.track_numpy(moved, templates, start),
        strict=True,
    ):
        assert mine == pytest.approx(twin, abs=5e-3)


@pytest.mark.parametrize(("gain", "offset"), [(1.3, 0), (0.7, 20), (1.0, -30)])
def test_brightness_is_not_motion(gain: float, offset: float) -> None:
    image = picture(3)
    templates = patches.make_templates(image, CENTRES, 21)
    found, ncc = patches.track(
        image * np.float32(gain) + np.float32(offset), templates, np.zeros((4, 2), np.float32)
    )
    assert np.abs(found).max() < 0.01
    assert ncc.min() > 0.999


def test_flat_skin_gives_no_information_and_no_nan() -> None:
    flat = np.full((60, 60), 100, np.float32)
    templates = patches.make_templates(flat, np.array([(30.0, 30.0)]), 11)
    found, ncc = patches.track(flat, templates, np.zeros((1, 2), np.float32))
    assert np.isfinite(found).all()
    assert np.isfinite(ncc).all()
    assert templates.information.max() == 0


def test_patch_outside_the_picture_has_no_information() -> None:
    templates = patches.make_templates(picture(1), np.array([(-5.0, 10.0), (60.0, 60.0)]), 11)
    assert templates.information[0].max() == 0
    assert templates.information[1].max() > 1
