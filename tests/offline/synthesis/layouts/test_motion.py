"""From rendered trees through the bench's reader to flow: the motion of the drawn action units."""

import cv2
import numpy as np
import pytest

from offline.datasets.inputs import InputReader
from offline.datasets.registry import open_dataset
from offline.synthesis.action_units import displacement
from offline.synthesis.dataset_tree import make_dataset
from offline.synthesis.layouts.layout import TreeSettings
from realtime_mer.face.topology import CROP, CROP_IOD, canonical_crop_xy
from realtime_mer.recipes import flow_map

FLOW = "onset_apex_flow"


@pytest.fixture(scope="module")
def reader():
    with InputReader() as opened:
        yield opened


def expected(mark, anatomy):
    """The flow map of a mark's action units on the canonical face."""
    step = 5
    axis = np.arange(step // 2, CROP, step, dtype=float)
    nodes = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    activation = {unit: (right, left) for unit, right, left in mark.intensities}
    field = displacement(activation, canonical_crop_xy(), nodes, anatomy) / CROP_IOD
    coarse = field.reshape(len(axis), len(axis), 2).astype(np.float32)
    return flow_map(cv2.resize(coarse, (CROP, CROP)))


def alike(one, other):
    return float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))


def check_motion(name, truth, root, reader, least):
    """Every clip's flow is like that of its units, and strongest where they move skin."""
    marks = {mark.sample_id: (clip, mark) for clip, mark in truth.marks}
    found = []
    for sample in open_dataset(name, root).samples:
        clip, mark = marks[sample.sample_id]
        seen, wanted = reader.read(sample, FLOW), expected(mark, clip.spec["anatomy_seed"])
        found.append(alike(seen, wanted))
        if not clip.spec["distractors"]:  # lids that close move more than any unit
            strongest = np.unravel_index(np.hypot(*seen).argmax(), seen.shape[1:])
            size = np.hypot(*wanted)
            assert size[strongest] > 0.2 * size.max()
    assert min(found) > 0.3
    assert np.mean(found) > least


@pytest.mark.parametrize(
    ("name", "variant"),
    [("casme2", "selected"), ("casme2", "cropped"), ("smic", "raw"), ("samm", "raw")],
)
def test_the_bench_sees_the_units_that_were_drawn(name, variant, portrait, reader, tmp_path):
    settings = TreeSettings(seed=2, subjects=1, clips=3, variant=variant)
    truth = make_dataset(name, tmp_path, settings, [portrait])
    check_motion(name, truth, tmp_path, reader, least=0.7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("casme2", "raw"),
        ("samm", "cropped"),
        ("smic", "cropped"),
        ("smic-vis", "raw"),
        ("smic-nir", "raw"),
        ("casme", "raw"),
        ("casme3", "raw"),
        ("mmew", "raw"),
        ("fourdme", "raw"),
    ],
)
def test_the_bench_sees_the_units_in_other_layouts(name, variant, portrait, reader, tmp_path):
    settings = TreeSettings(seed=2, subjects=1, clips=3, variant=variant)
    truth = make_dataset(name, tmp_path, settings, [portrait])
    check_motion(name, truth, tmp_path, reader, least=0.6)


def test_maps_of_an_archive_show_the_units_that_were_drawn(portrait, tmp_path):
    truth = make_dataset("flow-archive", tmp_path, TreeSettings(2, 6, 5), [portrait])
    marks = {mark.sample_id: (clip, mark) for clip, mark in truth.marks}
    found = []
    with InputReader() as reader:
        for sample in open_dataset("flow-archive", tmp_path).samples:
            clip, mark = marks[sample.sample_id]
            wanted = expected(mark, clip.spec["anatomy_seed"])
            found.append(alike(reader.read(sample, FLOW), wanted))
    assert np.mean(found) > 0.15  # an archive's faces are not aligned
    assert np.mean(np.array(found) > 0) > 0.75
