"""Faces of a candidate, one or a sequence."""

import numpy as np
import pytest

from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.face.topology import CROP
from realtime_mer.face_recipes import FEWEST, MOST, SIDE, sampled
from realtime_mer.recipes import RECIPES, recipe


def candidate(count, rate=100.0, onset=0, offset=None, level=None):
    rng = np.random.default_rng(count)
    crops = rng.integers(0, 256, (count, 20, 20, 3)).astype(np.uint8)
    crops = crops.repeat(CROP // 20, 1).repeat(CROP // 20, 2)
    if level is not None:
        crops[:] = level
    offset = count - 1 if offset is None else offset
    return CandidateFrames(crops, np.arange(count) / rate, onset, (onset + offset + 1) // 2, offset)


@pytest.mark.parametrize("name", ["face_frames17", "face_frames17_magnified", "face_frames11"])
@pytest.mark.parametrize("count", [3, 12, 40])
def test_a_sequence_holds_faces_then_zeros(name, count):
    values = RECIPES[name](candidate(count))
    steps = 11 if name.endswith("11") else 17
    assert values.shape == (steps, 3, SIDE, SIDE)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    filled = values.reshape(steps, -1).any(1)
    assert filled.tolist() == [k < min(count, steps) for k in range(steps)]
    assert values.min() >= 0
    assert values.max() <= 1


def test_every_length_of_the_paper_has_a_recipe():
    for steps in range(FEWEST, MOST + 1):
        assert recipe(f"face_frames{steps}")(candidate(30)).shape[0] == steps


def test_the_sequence_shows_the_crops_in_order():
    frames = candidate(9, onset=2, offset=7)
    values = recipe("face_frames17")(frames)
    for place, crop in enumerate(frames.crops_rgb[2:8]):
        means = crop.reshape(-1, 3).mean(0) / 255
        np.testing.assert_allclose(values[place].reshape(3, -1).mean(1), means, atol=1e-3)
    np.testing.assert_allclose(values[3, :, 4, 4] * 255, frames.crops_rgb[5, 5, 5], atol=0.5)
    np.testing.assert_array_equal(recipe("face_apex")(frames), values[frames.apex - 2])


@pytest.mark.parametrize("count", [18, 19, 33, 120])
def test_pictures_are_even_in_time_and_none_stands_twice(count):
    for time_s in (
        np.arange(count) / 100,
        np.sort(np.random.default_rng(count).uniform(0, 1, count)),
        np.concatenate([np.arange(count - 1) / 1000, [1.0]]),  # a gap before the last
        np.concatenate([[-1.0], np.arange(count - 1) / 1000]),  # and behind the first
    ):
        even = candidate(count)
        frames = CandidateFrames(even.crops_rgb, time_s, 0, 5, count - 1)
        places = sampled(frames, 17)
        assert len(places) == 17
        assert (np.diff(places) > 0).all()
        assert places[0] == 0
        assert places[-1] == count - 1
    evenly = sampled(candidate(count), 17)
    assert np.abs(evenly - np.linspace(0, count - 1, 17)).max() <= 0.5 + 1e-9 or count < 24


def test_time_not_the_number_of_pictures_decides():
    """Twice the frame rate gives the same moments."""
    slow, fast = candidate(33, 100), candidate(65, 200)
    np.testing.assert_array_equal(2 * sampled(slow, 17), sampled(fast, 17))


@pytest.mark.parametrize("name", ["face_frames17", "face_frames17_magnified"])
def test_a_black_picture_is_no_padding(name):
    values = RECIPES[name](candidate(4, level=0))
    assert values.reshape(17, -1).any(1).sum() == 4
    assert values.max() < 0.5 / 255


def test_magnified_faces_differ_only_where_something_moves():
    still = candidate(20, level=90)
    plain, larger = (recipe(f"face_frames17{end}")(still) for end in ("", "_magnified"))
    np.testing.assert_allclose(larger, plain, atol=1e-4)
    moving = candidate(20)
    plain, larger = (recipe(f"face_frames17{end}")(moving) for end in ("", "_magnified"))
    assert np.abs(larger - plain).max() > 0.1


@pytest.mark.parametrize("name", ["face_apex", "face_frames17", "face_frames17_magnified"])
def test_equal_frames_give_equal_bits(name):
    np.testing.assert_array_equal(RECIPES[name](candidate(25)), RECIPES[name](candidate(25)))
