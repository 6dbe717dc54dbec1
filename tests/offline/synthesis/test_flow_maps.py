from dataclasses import replace

import cv2
import numpy as np
import pytest

from offline.synthesis import flow_maps
from offline.synthesis.aligned_faces import Face, draw_faces
from offline.synthesis.conditions import Conditions
from offline.synthesis.flow_maps import CHUNK, LABELS, Maps, draw_map, draw_maps
from offline.synthesis.skin_motion import draw_expression
from offline.synthesis.snapshots import draw_head, photograph_pair
from realtime_mer.events import EMOTIONS, NONE
from realtime_mer.motion.flow import face_mask, face_motion
from realtime_mer.recipes import flow_map, map_mask

CHEAP = Conditions(pixels=0)
CALM = Conditions(
    peak_iod=(0.03, 0.03), late=(1.0, 1.0), unrelated=0, blink=0, gaze=0, scatter=0,
    head=(0, 0, 0, 0), noise=(0.3, 0.3), pixels=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    return draw_faces(3, np.random.default_rng(0))


@pytest.fixture(scope="module")
def many(faces) -> Maps:
    return draw_maps(2 * CHUNK + 50, faces, 1, CHEAP, processes=1)


def assert_equal(one: Maps, other: Maps) -> None:
    for name in ("flow", "labels", "groups", "archive"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_labels_are_the_emotions_and_none():
    assert (*EMOTIONS, NONE) == LABELS


def test_maps_are_what_they_say(many):
    count = 2 * CHUNK + 50
    assert len(many) == count
    assert many.flow.shape == (count, 2, 28, 28)
    assert many.flow.dtype == many.groups.dtype == np.float32
    assert many.labels.dtype == np.int64
    assert many.archive.dtype == np.bool_
    assert many.groups.shape == (count, 10, 2)
    assert np.isfinite(many.flow).all()
    assert ((many.groups >= 0) & (many.groups <= 1)).all()
    assert not many.flow[:, :, ~map_mask()].any()
    sizes = np.sqrt((many.flow[:, :, map_mask()] ** 2).sum(1).mean(1))
    assert 0.8 < np.median(sizes) <= 1.01
    assert sizes.max() < 1.01


def test_labels_and_readings_come_as_often_as_asked(many):
    counts = np.bincount(many.labels, minlength=4)
    assert 0.13 < counts[3] / len(many) < 0.27
    assert np.ptp(counts[:3]) < 0.15 * len(many)
    assert 0.4 < many.archive.mean() < 0.6


def test_emotions_are_balanced_exactly_without_none(faces):
    maps = draw_maps(33, faces, 0, replace(CHEAP, nothing=0, archive=0), processes=1)
    assert np.bincount(maps.labels, minlength=4).tolist() == [11, 11, 11, 0]
    assert not maps.archive.any()
    only = draw_maps(12, faces, 0, replace(CHEAP, nothing=1, archive=1), processes=1)
    assert (only.labels == 3).all()
    assert only.archive.all()


def test_processes_do_not_change_the_maps(faces, many):
    told = []
    again = draw_maps(len(many), faces, 1, CHEAP, processes=2, progress=told.append)
    assert_equal(again, many)
    assert told == [CHUNK, CHUNK, 50]


def test_the_seed_does(faces, many):
    again, other = (draw_maps(20, faces, seed, CHEAP, processes=1) for seed in (7, 8))
    assert_equal(again, draw_maps(20, faces, 7, CHEAP, processes=1))
    assert np.abs(again.flow - other.flow).max() > 0.5
    assert np.abs(many.flow[:50] - many.flow[CHUNK : CHUNK + 50]).max() > 0.5


def test_every_fourth_class_has_its_groups(many):
    """Positive maps show the lip corner or the cheek, surprised ones the brow; none are blank."""
    brow, lid, lip = (many.groups[:, row].max(1) for row in (0, 2, 5))
    positive, surprise = (many.labels == EMOTIONS.index(e) for e in ("positive", "surprise"))
    assert (np.maximum(lid, lip)[positive] > 0.5).mean() > 0.85
    assert (brow[surprise] > 0.5).mean() > 0.7
    assert many.groups[many.labels == 3].mean() < 0.05
    assert not many.groups[many.labels == 3][:, [0, 1, 2, 3, 4, 5, 6, 7]].any()


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("archive", [False, True])
def test_pictures_and_fields_both_make_maps(faces, label, archive):
    for pixels in (0.0, 1.0):
        rng = np.random.default_rng(3)
        flow, groups = draw_map(label, archive, faces[0], rng, replace(CALM, pixels=pixels))
        assert flow.shape == (2, 28, 28)
        assert groups.shape == (10, 2)
        assert np.isfinite(flow).all()


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_pixels_tell_nearly_what_the_field_says(faces, emotion):
    """With little noise the estimator reads the planted field back."""
    similarities = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        face = faces[seed % 3]
        skin = draw_expression(emotion, face, rng, CALM).field
        pair = photograph_pair(face.gray, skin, draw_head(rng, CALM), rng, CALM)
        found = flow_map(face_motion(*pair))
        full = cv2.resize(skin, (320, 320), interpolation=cv2.INTER_LINEAR)
        truth = flow_map(full * face_mask()[..., None])
        product = (found * truth).sum()
        similarities.append(product / np.sqrt((found**2).sum() * (truth**2).sum()))
    assert 0.5 < np.median(similarities) <= 1


def test_archive_maps_of_a_class_resemble_the_streams_on_average(faces):
    """What the two readings of the same class share is the expression."""
    for label in ("surprise",):
        means = []
        for archive in (False, True):
            drawn = [
                draw_map(label, archive, faces[seed % 3], np.random.default_rng(seed), CALM)[0]
                for seed in range(16)
            ]
            means.append(np.mean(drawn, 0)[1])
        one, other = means
        assert 0.5 < (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()) < 1
        assert one[1:5, 4:24].mean() < -0.3
        assert other[1:5, 4:24].mean() < -0.2


def test_progress_is_told_here_too(faces):
    told = []
    flow_maps.draw_maps(CHUNK + 5, faces, 0, CHEAP, processes=1, progress=told.append)
    assert told == [CHUNK, 5]
