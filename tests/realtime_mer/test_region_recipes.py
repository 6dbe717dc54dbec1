import numpy as np
import pytest

from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.face.topology import CROP, REGIONS, canonical_crop_xy, mirror_index
from realtime_mer.recipes import recipe
from realtime_mer.region_recipes import (
    REGION_SIZES,
    STEP_S,
    STEPS,
    face_sequence,
    region_boxes,
    region_window,
    step_places,
)

LANDMARKS = {
    "brow_right": (70, 105, 55, 33, 133, 145),
    "nose": (6, 4, 98, 327),
    "cheek_right": (50, 205),
    "mouth": (61, 291, 0, 17),
}
"""Points that a region must show, of the subject's right half."""


def clip(fps: float, seconds: float, onset: int = 2) -> CandidateFrames:
    """A face that brightens by 100 levels a second, at some frame rate."""
    count = onset + round(seconds * fps) + 1
    time_s = 3.0 + np.arange(count) / fps
    levels = np.round(50 + 100 * (time_s - time_s[onset]))
    crops = np.broadcast_to(levels[:, None, None, None], (count, CROP, CROP, 3))
    return CandidateFrames(crops.astype(np.uint8), time_s, onset, count - 2, count - 1)


def steps_of(sequence: np.ndarray) -> np.ndarray:
    return sequence[sequence.reshape(len(sequence), -1).any(1)]


def within(point: int, name: str) -> bool:
    x, y = canonical_crop_xy()[point] + 0.5
    box = region_boxes()[name]
    return box.top < y < box.top + box.height and box.left < x < box.left + box.width


def test_boxes_have_the_sizes_of_the_paper_and_show_their_landmarks():
    boxes = region_boxes()
    assert tuple(boxes) == REGIONS
    assert {name: (box.height, box.width) for name, box in boxes.items()} == REGION_SIZES
    assert all(within(point, name) for name, points in LANDMARKS.items() for point in points)
    assert not within(61, "nose")
    assert not within(33, "mouth")


def test_left_is_the_subjects_left():
    boxes = region_boxes()
    for kind in ("brow", "cheek"):
        left, right = boxes[f"{kind}_left"], boxes[f"{kind}_right"]
        assert left.left > right.left
        assert (left.left, left.top) == (CROP - right.left - right.width, right.top)
        for point in LANDMARKS[f"{kind}_right"]:
            assert within(mirror_index()[point], f"{kind}_left")
            assert not within(point, f"{kind}_left")


def test_the_window_is_the_smallest_around_all_boxes():
    window = region_window()
    shown = np.zeros((CROP, CROP), bool)
    for box in region_boxes().values():
        shown[box.top : box.top + box.height, box.left : box.left + box.width] = True
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    assert (rows[0], rows[-1] + 1) == (window.top, window.top + window.height)
    assert (columns[0], columns[-1] + 1) == (window.left, window.left + window.width)


def test_the_recipe_is_known_and_small():
    made = recipe("face_sequence")(clip(100, 0.3))
    window = region_window()
    assert made.shape == (STEPS, 1, window.height, window.width)
    assert made.dtype == np.float32
    assert made.nbytes < 6e6


def test_it_shows_the_window_of_the_crop_in_grey():
    frames = clip(60, 0.2)
    frames.crops_rgb[frames.onset] = (200, 100, 50)
    window = region_window()
    frames.crops_rgb[frames.onset, window.top, window.left] = 255
    frames.crops_rgb[frames.onset, window.top - 1] = 0
    first = face_sequence(frames)[0, 0]
    assert first[0, 0] == 1
    assert first[1, 1] == pytest.approx((0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255, abs=0.002)
    assert first.min() > 0.4


@pytest.mark.parametrize("fps", [24, 25, 30, 50, 60, 100, 120, 200])
def test_time_passes_alike_at_every_frame_rate(fps):
    frames = clip(fps, 0.25)
    lasts = frames.time_s[-1] - frames.time_s[frames.onset]
    found = steps_of(face_sequence(frames))[:, 0, 0, 0] * 255
    assert len(found) == round(lasts / STEP_S) + 1
    wanted = 50 + 100 * np.arange(len(found)) * STEP_S
    assert np.abs(found - wanted).max() <= 100 * 0.5 / fps + 1.5  # half a frame, and rounding


def test_an_uneven_clock_shows_what_is_nearest():
    time_s = np.array([0.0, 0.004, 0.02, 0.055, 0.1])
    assert step_places(time_s).tolist() == [0, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize(("seconds", "steps"), [(0.02, 2), (0.1, 7), (0.5, STEPS), (0.9, STEPS)])
def test_steps_after_the_offset_are_zero(seconds, steps):
    made = face_sequence(clip(200, seconds))
    assert made[:steps].min() > 0
    assert not made[steps:].any()


def test_one_picture_after_the_onset_makes_two_steps():
    assert step_places(np.array([1.0, 1.002])).tolist() == [0, 1]


def test_a_black_picture_is_no_empty_step():
    crops = np.zeros((3, CROP, CROP, 3), np.uint8)
    made = face_sequence(CandidateFrames(crops, np.arange(3) / 30, 0, 1, 2))
    assert (made[:5] == np.float32(1 / 255)).all()
    assert not made[5:].any()


def test_what_lies_before_the_onset_and_after_the_offset_is_not_read():
    whole = clip(100, 0.3)
    inner = CandidateFrames(whole.crops_rgb, whole.time_s, 5, 9, 20)
    alone = CandidateFrames(whole.crops_rgb[5:21], whole.time_s[5:21], 0, 4, 15)
    assert np.array_equal(face_sequence(inner), face_sequence(alone))
    later = CandidateFrames(whole.crops_rgb, whole.time_s, 5, 9, 25)
    assert not np.array_equal(face_sequence(inner), face_sequence(later))
