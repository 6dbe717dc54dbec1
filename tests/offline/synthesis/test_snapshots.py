from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.synthesis.conditions import Conditions
from offline.synthesis.snapshots import draw_head, moved, on_face, photograph_pair
from realtime_mer.motion.flow import windowed_flow

STILL = np.zeros((160, 160, 2), np.float32)
SHARP = Conditions(head=(0, 0, 0, 0), noise=(0.3, 0.3))


def texture(seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(60, 190, (54, 54)).astype(np.float32)
    return cv2.resize(coarse, (160, 160), interpolation=cv2.INTER_CUBIC)


def constant(x: float, y: float) -> np.ndarray:
    return np.broadcast_to(np.array([x, y], np.float32), (160, 160, 2)).copy()


@settings(max_examples=15, deadline=None)
@given(x=st.integers(-4, 4), y=st.integers(-4, 4))
def test_carrying_pixels_moves_them_along(x, y):
    gray = np.zeros((160, 160), np.float32)
    gray[80, 60] = 100
    dot = cv2.GaussianBlur(gray, (0, 0), 2)
    found = moved(dot, constant(x, y))
    assert np.unravel_index(found.argmax(), found.shape) == (80 + y, 60 + x)


def test_what_a_pixel_leaves_its_own_motion_carries():
    """Motion belongs to the place a pixel leaves, not to where it arrives."""
    rows, columns = np.mgrid[:160, :160].astype(np.float32)
    dot = 100 * np.exp(-((columns - 60) ** 2 + (rows - 80) ** 2) / 8)
    push = 3 * np.exp(-((columns - 60) ** 2 + (rows - 80) ** 2) / (2 * 3**2))
    found = moved(dot, np.stack([push, 0 * push], -1))
    assert np.unravel_index(found.argmax(), found.shape) == (80, 63)
    assert found[80, 63] == pytest.approx(100, abs=2)


def test_no_motion_leaves_the_picture():
    np.testing.assert_allclose(moved(texture(), STILL), texture(), atol=1e-3)


def test_a_picture_taken_twice_without_motion_is_the_same_but_for_noise(monkeypatch):
    monkeypatch.setattr("offline.synthesis.snapshots.on_face", lambda motion, rng: motion)
    for seed in range(6):
        rest, peak = photograph_pair(texture(), STILL, STILL, np.random.default_rng(seed), SHARP)
        assert rest.shape == peak.shape == (160, 160)
        assert rest.dtype == np.float32
        light = (peak.mean(0) / rest.mean(0))[:, None].T
        assert np.abs(peak - rest * np.median(light)).mean() < 8
        assert 0.85 < np.median(light) < 1.15
        assert np.abs(windowed_flow(rest, peak).motion_px[40:120, 40:120]).mean() < 0.15


def test_noise_grows_with_the_conditions(monkeypatch):
    monkeypatch.setattr("offline.synthesis.snapshots.on_face", lambda motion, rng: motion)
    grain = []
    flat = np.full((160, 160), 128, np.float32)
    for level in (0.3, 4.0):
        conditions = replace(SHARP, noise=(level, level))
        pairs = [
            photograph_pair(flat, STILL, STILL, np.random.default_rng(seed), conditions)
            for seed in range(8)
        ]
        grain.append(np.mean([rest.std() for rest, _ in pairs]))
    assert 0 <= grain[0] < 0.6
    assert 1 < grain[1] < 4.5


def test_skin_and_head_both_move_the_face():
    for skin, head in ((constant(0.03, 0), STILL), (STILL, constant(0.03, 0))):
        found = []
        for seed in range(4):
            pair = photograph_pair(texture(), skin, head, np.random.default_rng(seed), SHARP)
            found.append(np.median(windowed_flow(*pair).motion_px[50:120, 50:110, 0]))
        assert np.median(found) == pytest.approx(0.03 * 56, rel=0.2)


def test_photographs_repeat_with_the_seed():
    one, two, other = (
        photograph_pair(texture(), STILL, STILL, np.random.default_rng(seed), Conditions())
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, two)
    assert np.abs(one[0] - other[0]).max() > 1


def test_the_wall_moves_on_its_own_and_the_face_as_told():
    corners = []
    for seed in range(30):
        found = on_face(constant(0.05, -0.02), np.random.default_rng(seed))
        np.testing.assert_allclose(found[80, 80], [0.05, -0.02], atol=1e-3)
        corners.append(found[2, 2])
    assert np.abs(np.mean(corners, 0)).max() < 0.02
    assert 0.01 < np.std(corners) < 0.03


def test_heads_are_as_loose_as_asked():
    conditions = Conditions()

    def size(loose):
        fields = [
            draw_head(np.random.default_rng(seed), conditions, loose)[80, 80] for seed in range(300)
        ]
        return np.sqrt(np.mean(np.square(fields)))

    aligned, loose = size(False), size(True)
    assert 0.006 < aligned < 0.014
    assert 1.4 * aligned < loose < 4 * aligned
    still = replace(conditions, head=(0, 0, 0, 0))
    assert not draw_head(np.random.default_rng(0), still, True).any()
