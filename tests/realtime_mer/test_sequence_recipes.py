"""Nine pictures and nine maps of motion of a candidate."""

from functools import cache

import cv2
import numpy as np
import pytest

from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.face.topology import CROP_EYES_XY, CROP_IOD
from realtime_mer.motion.flow import face_mask
from realtime_mer.recipes import ABOVE_EYES_IOD, FRAME_IOD, RECIPES, recipe
from realtime_mer.sequence_recipes import ABOVE_EYES_IOD as ABOVE
from realtime_mer.sequence_recipes import (
    FLOW_UNIT_IOD,
    SIDE,
    STEPS,
    STILL,
    faces_at,
    flow_between,
    never_blank,
    square_of_eyes,
)
from realtime_mer.sequence_recipes import FRAME_IOD as SQUARE_IOD
from tests.realtime_mer.motion.test_flow import bump, carried, textured
from tests.realtime_mer.test_recipes import candidate

PLANES = {"tim9_faces": 1, "tim9_windowed_flow": 2, "tim9_faces_windowed_flow": 3}


def clip(rate: float, peak_px: float = 3.0) -> CandidateFrames:
    """Brows that rise and fall once over 0.36 s."""
    image, weight = textured(), bump(102, 75) + bump(217, 75)
    time_s = np.linspace(0, 0.36, round(0.36 * rate) + 1)
    crops = []
    for amount in peak_px * np.sin(np.pi * time_s / 0.36) ** 2:
        grey = np.clip(np.rint(carried(image, 0 * weight, -amount * weight)), 0, 255)
        crops.append(np.repeat(grey[..., None], 3, 2).astype(np.uint8))
    last = len(time_s) - 1
    return CandidateFrames(np.stack(crops), time_s, 0, last // 2, last)


@cache
def slow() -> CandidateFrames:
    return clip(25)


def still(value: int) -> CandidateFrames:
    crops = np.full((4, 320, 320, 3), value, np.uint8)
    return CandidateFrames(crops, np.arange(4) / 30, 0, 2, 3)


@pytest.mark.parametrize(("name", "planes"), PLANES.items())
def test_shapes_ranges_and_no_empty_step(name, planes):
    found = RECIPES[name](slow())
    assert found.shape == (STEPS, planes, SIDE, SIDE)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert (np.abs(found).reshape(STEPS, -1).max(1) > 0).all()
    if planes != 2:
        assert 0 <= found[:, 0].min() < 0.2
        assert 0.8 < found[:, 0].max() <= 1
    if planes > 1:
        assert 0.3 < np.abs(found[:, -2:]).max() < 6


def test_both_are_the_one_and_the_other():
    both = recipe("tim9_faces_windowed_flow")(slow())
    np.testing.assert_array_equal(both[:, :1], recipe("tim9_faces")(slow()))
    np.testing.assert_array_equal(both[:, 1:], recipe("tim9_windowed_flow")(slow()))


@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("value", [0, 128])
def test_a_clip_without_texture_or_motion_still_has_steps(name, value):
    """Where nothing is seen to move, or all is black."""
    found = RECIPES[name](still(value))
    assert np.isfinite(found).all()
    assert (np.abs(found).reshape(STEPS, -1).max(1) > 0).all()
    assert np.abs(found[:, -2:] if name != "tim9_faces" else 0).max() <= 1e-2


def test_only_blank_steps_are_filled():
    sequence = np.zeros((3, 2, 4, 4), np.float32)
    sequence[1, 0, 2, 2] = -5.0
    found = never_blank(sequence)
    np.testing.assert_array_equal(found[1], sequence[1])
    np.testing.assert_array_equal(found[[0, 2]], np.float32(STILL))
    assert np.float16(STILL) > 0


def test_pictures_begin_at_the_onset_and_end_at_the_offset():
    frames = candidate(noise=2.0)
    found = faces_at(frames, STEPS)
    rows, columns = square_of_eyes()
    for step, place in ((0, frames.onset), (-1, frames.offset)):
        grey = cv2.cvtColor(frames.crops_rgb[place], cv2.COLOR_RGB2GRAY)[rows, columns]
        side = (SIDE, SIDE)
        wanted = cv2.resize(grey.astype(np.float32), side, interpolation=cv2.INTER_AREA) / 255
        np.testing.assert_allclose(found[step, 0], wanted, atol=1e-3)


def test_what_lies_outside_the_candidate_is_not_read():
    frames = candidate(noise=2.0)
    crops = frames.crops_rgb.copy()
    crops[: frames.onset] = 0
    crops[frames.offset + 1 :] = 0
    changed = CandidateFrames(crops, frames.time_s, frames.onset, frames.apex, frames.offset)
    for name in PLANES:
        np.testing.assert_array_equal(RECIPES[name](changed), RECIPES[name](frames))


def test_the_square_is_the_other_recipes_frame_made_wider():
    rows, columns = square_of_eyes()
    height = rows.stop - rows.start
    assert (FRAME_IOD[1], ABOVE_EYES_IOD) == (SQUARE_IOD, ABOVE)
    assert height == columns.stop - columns.start
    assert height == pytest.approx(SQUARE_IOD * CROP_IOD, abs=1)
    assert columns.start + columns.stop == pytest.approx(2 * CROP_EYES_XY[0] + 1, abs=1)
    assert min(rows.start, columns.start) >= 0
    assert max(rows.stop, columns.stop) <= 320


def test_motion_adds_up_to_what_the_brows_did_and_back():
    """First half up, second half down, in the stated unit."""
    motion = flow_between(slow(), STEPS) * FLOW_UNIT_IOD * CROP_IOD
    rows, columns = square_of_eyes()
    scale = SIDE / (rows.stop - rows.start)
    y, x = round((75 - rows.start) * scale), round((102 - columns.start) * scale)
    brow = motion[:, 1, y, x]
    assert brow[1:4].max() < 0 < brow[5:8].min()
    assert -3.6 < brow[:4].sum() + brow[4] / 2 < -2.0
    assert abs(brow.sum()) < 0.6
    assert np.abs(motion[:, :, round((230 - rows.start) * scale), x]).max() < 0.4


def test_motion_does_not_depend_on_the_frame_rate():
    shown, mask = square_of_eyes(), face_mask()
    face = cv2.resize(mask[shown], (SIDE, SIDE), interpolation=cv2.INTER_AREA) > 0.9
    few, many = (flow_between(each, STEPS)[..., face].ravel() for each in (slow(), clip(100)))
    assert np.corrcoef(few, many)[0, 1] > 0.85
    assert 0.7 < np.linalg.norm(few) / np.linalg.norm(many) < 1.4


def test_two_pictures_are_enough():
    frames = candidate()
    pair = CandidateFrames(frames.crops_rgb[[2, 9]], frames.time_s[[2, 9]], 0, 1, 1)
    for name, planes in PLANES.items():
        found = RECIPES[name](pair)
        assert found.shape == (STEPS, planes, SIDE, SIDE)
        assert np.isfinite(found).all()
