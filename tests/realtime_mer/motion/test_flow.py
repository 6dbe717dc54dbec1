import cv2
import numpy as np
import pytest

from realtime_mer.face.topology import CROP_IOD
from realtime_mer.motion import flow

Y, X = np.mgrid[:320, :320].astype(np.float32)


def textured(seed: int = 0) -> np.ndarray:
    """A grey crop with texture at the scales of skin and features, (320, 320) float32."""
    rng = np.random.default_rng(seed)
    image = np.full((320, 320), 128, np.float32)
    for sigma, strength in ((2, 8), (6, 20), (20, 30)):
        noise = cv2.GaussianBlur(rng.standard_normal((320, 320)).astype(np.float32), (0, 0), sigma)
        image += strength * noise / noise.std()
    return np.clip(image, 0, 255)


def carried(image: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The picture after every pixel has moved by (u, v) crop pixels, small smooth motion."""
    back_u, back_v = u, v
    for _ in range(4):
        back_u, back_v = (
            cv2.remap(field, X - back_u, Y - back_v, cv2.INTER_LINEAR) for field in (u, v)
        )
    return cv2.remap(image, X - back_u, Y - back_v, cv2.INTER_CUBIC)


def bump(x: float, y: float, sigma: float = 20.0) -> np.ndarray:
    return np.exp(-((X - x) ** 2 + (Y - y) ** 2) / (2 * sigma**2)).astype(np.float32)


def motion_of(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return flow.face_motion(flow.half_size(before), flow.half_size(after))


@pytest.mark.parametrize(
    ("x", "y", "du", "dv"), [(215, 75, 0, -3), (102, 215, -2.5, -2), (217, 215, 2, -1.5)]
)
def test_a_planted_motion_is_found_where_it_is_and_as_large_as_it_is(x, y, du, dv):
    weight = bump(x, y)
    image = textured()
    found = motion_of(image, carried(image, du * weight, dv * weight)) * CROP_IOD
    truth = np.stack([du * weight, dv * weight], -1) * flow.face_mask()[..., None]
    similarity = (found * truth).sum() / np.sqrt((found**2).sum() * (truth**2).sum())
    gain = (found * truth).sum() / (truth**2).sum()
    assert 0.93 < similarity <= 1
    assert 0.8 < gain < 1.1
    assert np.hypot(found[y, x, 0] - du, found[y, x, 1] - dv) < 0.3 * np.hypot(du, dv)


def test_head_motion_is_taken_out():
    image = textured(1)
    head = np.array([0.01, -0.015, 0.01, 0.012, 0.02, -0.015])
    field = cv2.resize(flow.head_displacement(head), (320, 320)) * CROP_IOD
    assert np.hypot(field[..., 0], field[..., 1]).max() > 3
    left = motion_of(image, carried(image, field[..., 0].copy(), field[..., 1].copy())) * CROP_IOD
    moved = np.sqrt((field**2).sum(2)[flow.face_mask() > 0].mean())
    assert np.sqrt((left**2).sum(2)[flow.face_mask() > 0].mean()) < 0.15 * moved


def test_a_change_of_light_is_no_motion():
    image = textured(2)
    lit = image * (1.1 + 0.1 * (X - 160) / 160) + 5
    assert np.abs(motion_of(image, lit)).max() * CROP_IOD < 0.15


def test_blank_pictures_do_not_move():
    blank = np.full((320, 320), 90, np.float32)
    assert np.abs(motion_of(blank, blank + 1)).max() < 1e-6


def test_nothing_is_reported_outside_the_face():
    image = textured(3)
    found = motion_of(image, carried(image, 4 * bump(20, 300), 0 * X))
    assert (found[flow.face_mask() == 0] == 0).all()
    assert flow.face_mask()[160, 160] == 1


def test_the_number_of_threads_changes_nothing():
    image = textured(4)
    after = carried(image, 2 * bump(102, 215), 0 * X)
    before = cv2.getNumThreads()
    try:
        results = []
        for threads in (1, 3):
            cv2.setNumThreads(threads)
            results.append(motion_of(image, after))
    finally:
        cv2.setNumThreads(before)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    ("fps", "rest", "peak"), [(30, 1, 1), (60, 2, 3), (100, 4, 5), (200, 7, 9)]
)
def test_pictures_are_averaged_over_time_not_over_counts(fps, rest, peak):
    """Each picture's grey level tells its position; the means tell which ones were read."""
    time_s = np.arange(-0.1, 0.3, 1 / fps)
    onset, apex = (int(np.argmin(np.abs(time_s - t))) for t in (0.0, 0.1))
    crops = np.zeros((len(time_s), 320, 320, 3), np.uint8)
    crops += np.arange(len(time_s), dtype=np.uint8)[:, None, None, None]
    still, moved = flow.key_pictures(crops, time_s, onset, apex)
    assert still.shape == (160, 160)
    assert still.mean() == pytest.approx(onset - (rest - 1) / 2)
    assert moved.mean() == pytest.approx(apex)
    around = np.abs(time_s - time_s[apex]) <= flow.APEX_S + 1e-6
    assert around.sum() == peak
