"""Samples through the face mesh: the bundled clip as a recording, as pictures, as crops."""

import cv2
import numpy as np
import pytest

from offline.datasets.base import ImageClip, Sample, VideoClip
from offline.datasets.inputs import MARGIN, InputReader, with_margin
from realtime_mer.errors import ConfigError, SourceError
from realtime_mer.recipes import recipe

ONSET, APEX, OFFSET, RATE = 102, 112, 127, 60
FLOW = "onset_apex_flow"


@pytest.fixture(scope="module")
def reader():
    with InputReader() as opened:
        yield opened


@pytest.fixture(scope="module")
def from_video(reader, sample):
    return reader.read(of(VideoClip(sample, 1.70, 1.86, 2.12)), FLOW)


@pytest.fixture(scope="module")
def pictures(face_frames):
    return list(face_frames(ONSET - 6, OFFSET + 1))


def of(source):
    return Sample("sub01_EP01_01", "casme2", "sub01", "surprise", source)


def clip(folder, pictures, cropped=False):
    paths = [folder / f"img{number}.png" for number in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    times = tuple((ONSET - 6 + k) / RATE for k in range(len(pictures)))
    moments = (6, APEX - ONSET + 6, OFFSET - ONSET + 6)
    return of(ImageClip(tuple(paths), times, *moments, cropped))


def alike(one, other):
    return float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))


def test_a_stretch_of_a_recording_shows_the_planted_brow_raise(from_video):
    assert from_video.shape == (2, 28, 28)
    assert from_video.dtype == np.float32
    _, down = from_video
    assert down[3:10].min() < -1.5  # the brows go up


def test_pictures_show_what_the_recording_shows(reader, pictures, from_video, tmp_path):
    sample = clip(tmp_path, pictures)
    made = reader.read(sample, FLOW)
    assert alike(made, from_video) > 0.8
    again = recipe(FLOW)(reader.frames(sample))
    np.testing.assert_array_equal(made, again)


def test_offline_strain_is_the_streams_bit_for_bit(reader, pictures, tmp_path):
    sample = clip(tmp_path, pictures)
    made = reader.read(sample, "onset_apex_strain")
    np.testing.assert_array_equal(made, recipe("onset_apex_strain")(reader.frames(sample)))
    np.testing.assert_array_equal(made[:2], reader.read(sample, FLOW))


def test_cropped_pictures_get_room_around_the_face(reader, pictures, from_video, tmp_path):
    face = [np.ascontiguousarray(picture[100:400, 190:450]) for picture in pictures]
    assert alike(reader.read(clip(tmp_path, face, cropped=True), FLOW), from_video) > 0.6


def test_the_margin_leaves_the_face_alone():
    face = np.random.default_rng(0).integers(0, 256, (20, 10, 3)).astype(np.uint8)
    wide = with_margin(face)
    down, right = round(20 * MARGIN), round(10 * MARGIN)
    assert wide.shape == (20 + 2 * down, 10 + 2 * right, 3)
    np.testing.assert_array_equal(wide[down : down + 20, right : right + 10], face)


def test_two_samples_of_a_recording_in_any_order(reader, sample):
    early = of(VideoClip(sample, 0.60, 0.70, 0.80))
    late = of(VideoClip(sample, 1.50, 1.60, 1.70))
    forward = [reader.read(one, FLOW) for one in (early, late)]
    backward = [reader.read(one, FLOW) for one in (late, early)]
    for one, other in zip(forward, reversed(backward), strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_face_and_torn_pictures_name_the_sample(reader, pictures, tmp_path):
    sample = clip(tmp_path, [np.full_like(picture, 90) for picture in pictures])
    with pytest.raises(SourceError, match="no face found in sub01_EP01_01"):
        reader.read(sample, FLOW)
    sample.source.frames[3].write_bytes(b"torn")
    with pytest.raises(SourceError, match=r"cannot read the picture .*img3.png"):
        reader.read(sample, FLOW)


def test_unknown_recipes_are_refused(reader, sample):
    with pytest.raises(ConfigError, match="nonsense"):
        reader.read(of(VideoClip(sample, 1, 2, 3)), "nonsense")
