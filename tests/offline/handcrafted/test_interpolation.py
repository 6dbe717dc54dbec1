"""Interpolation in time, and the part of the face that is looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.handcrafted.framing import FACE_HW, even_blocks, frame_of_eyes, grey_face
from offline.handcrafted.interpolation import face_volume, interpolation_weights
from realtime_mer.candidate_frames import CandidateFrames
from tests.offline.handcrafted.clips import random_frames


def by_the_paper(pictures: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The model as published: singular vectors, path graph, curve of sines; places 0 … n - 1."""
    count = len(pictures)
    mean = pictures.mean(0)
    basis, sizes, turned = np.linalg.svd((pictures - mean).T, full_matrices=False)
    known = (sizes[:, None] * turned)[: count - 1]

    def curve(t: np.ndarray) -> np.ndarray:
        k = np.arange(1, count)[:, None]
        return np.sin(np.pi * k * t + np.pi * (count - k) / (2 * count))

    weights = np.linalg.solve(known @ known.T, known @ curve(np.arange(1, count + 1) / count).T)
    found = np.linalg.solve(weights.T, curve((places + 1) / count))
    return (basis[:, : count - 1] @ found).T + mean


@pytest.mark.parametrize("count", [2, 3, 7, 20])
def test_weights_are_the_published_model(count):
    rng = np.random.default_rng(count)
    pictures, places = rng.normal(size=(count, 50)), np.sort(rng.uniform(0, count - 1, 10))
    ours = interpolation_weights(np.arange(count) / 200, places / 200) @ pictures
    np.testing.assert_allclose(ours, by_the_paper(pictures, places), atol=1e-8)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 60), st.integers(0, 1000))
def test_pictures_are_met_at_their_own_time(count, seed):
    time_s = np.cumsum(np.random.default_rng(seed).uniform(0.003, 0.1, count))
    np.testing.assert_allclose(interpolation_weights(time_s, time_s), np.eye(count), atol=1e-9)
    between = interpolation_weights(time_s, np.linspace(time_s[0], time_s[-1], 10))
    np.testing.assert_allclose(between.sum(1), 1)


def test_any_frame_rate_shows_the_same_course():
    """A movement out and back, seen at 50, 200 and an uneven rate."""
    rng = np.random.default_rng(0)
    moments = np.linspace(0, 0.4, 10)
    uneven = np.concatenate([[0], np.sort(rng.uniform(0.005, 0.395, 60)), [0.4]])
    for time_s in (np.linspace(0, 0.4, 21), np.linspace(0, 0.4, 81), uneven):
        course = np.sin(np.pi * time_s / 0.4) ** 2
        seen = interpolation_weights(time_s, moments) @ course
        np.testing.assert_allclose(seen, np.sin(np.pi * moments / 0.4) ** 2, atol=0.02)


def test_the_face_is_framed_evenly():
    rows, columns = frame_of_eyes()
    assert columns.start + columns.stop == 320
    height, width = rows.stop - rows.start, columns.stop - columns.start
    assert height / width == pytest.approx(2.2 / 1.8, 0.01)
    crop = np.random.default_rng(0).integers(0, 256, (320, 320, 3)).astype(np.uint8)
    face = grey_face(crop)
    assert face.shape == FACE_HW
    np.testing.assert_allclose(grey_face(crop[:, ::-1]), face[:, ::-1], atol=1e-3)


@given(st.integers(1, 300), st.integers(1, 20))
def test_blocks_are_even_and_the_same_from_either_end(size, count):
    blocks = even_blocks(size, count)
    assert (np.diff(blocks) >= 0).all()
    assert blocks.max() < count
    if size >= count:
        sizes = np.bincount(blocks, minlength=count)
        assert sizes.max() - sizes.min() <= 1
        ties = (2 * np.arange(size) + 1) * count % (2 * size) == 0
        if not ties.any():
            np.testing.assert_array_equal(blocks[::-1], count - 1 - blocks)


def test_a_volume_goes_from_onset_to_offset():
    frames = random_frames(9)
    inner = CandidateFrames(frames.crops_rgb, frames.time_s, 2, 4, 6)
    alone = CandidateFrames(frames.crops_rgb[2:7], frames.time_s[2:7], 0, 2, 4)
    volume = face_volume(inner, 10)
    assert volume.shape == (10, *FACE_HW)
    assert volume.dtype == np.uint8
    np.testing.assert_array_equal(volume, face_volume(alone, 10))
    for place, crop in ((0, 2), (-1, 6)):
        off = volume[place].astype(float) - grey_face(frames.crops_rgb[crop])
        assert np.abs(off).max() <= 0.51
