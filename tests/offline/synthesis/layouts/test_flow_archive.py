from collections import Counter

import cv2
import numpy as np

from offline.datasets.registry import open_dataset
from offline.synthesis.dataset_tree import make_dataset
from offline.synthesis.layouts.flow_archive import FLOW_ARCHIVE
from offline.synthesis.layouts.flow_people import members
from offline.synthesis.layouts.layout import TreeSettings
from offline.tasks.protocols import apply_protocol
from tests.offline.synthesis.layouts.test_readers import check_samples


def test_the_archive_counts_what_the_challenge_does():
    people = members()
    assert len(people) == len({person.name for person in people}) == 68
    assert np.sum([person.counts for person in people], 0).tolist() == [250, 109, 83]
    sums = Counter()
    for person in people:
        sums[person.dataset] += sum(person.counts)
    assert sums == {"casme2": 145, "smic": 164, "samm": 133}
    settings = FLOW_ARCHIVE.settled(TreeSettings())
    clips = [truth for job in FLOW_ARCHIVE.plan(settings) for truth in job.truths]
    assert len({clip.clip for clip in clips}) == 442
    assert Counter(clip.marks[0].label for clip in clips) == {
        "negative": 250,
        "positive": 109,
        "surprise": 83,
    }


def test_maps_are_read_as_they_were_planted(portrait, tmp_path):
    truth = make_dataset("flow-archive", tmp_path, TreeSettings(1, 6, 4), [portrait])
    dataset = open_dataset("flow-archive", tmp_path)
    assert dataset.problems == ()
    check_samples(dataset, truth)
    assert {sample.dataset for sample in dataset.samples} == {"casme2", "smic", "samm"}
    assert len(apply_protocol(dataset, "megc2019").rows) == 24


def test_maps_are_pictures_of_three_planes_that_use_all_levels(portrait, tmp_path):
    make_dataset("flow-archive", tmp_path, TreeSettings(1, 3, 2), [portrait])
    paths = sorted(tmp_path.rglob("* .png"))
    assert len(paths) == 6
    for path in paths:
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert picture.shape == (28, 28, 3)
        assert picture.dtype == np.uint8
        assert picture.min((0, 1)).tolist() == [0, 0, 0]
        assert picture.max((0, 1)).tolist() == [255, 255, 255]
        strain, v, u = picture.transpose(2, 0, 1)
        assert np.median(strain) < min(np.median(u), np.median(v))


def test_copies_are_all_that_others_have(portrait, tmp_path):
    settings = TreeSettings(1, 3, 2, train_copies=True)
    truth = make_dataset("flow-archive", tmp_path, settings, [portrait])
    tree = tmp_path / "three_norm_u_v_os"
    own = {path.name: path for path in tree.glob("*/u_test/*/*")}
    assert len(own) == 6
    for subject in {clip.subject for clip in truth.clips}:
        copies = {path.name: path for path in (tree / subject / "u_train").glob("*/*")}
        mine = {path.name for path in (tree / subject / "u_test").glob("*/*")}
        assert set(copies) == set(own) - mine
        for name, path in copies.items():
            assert path.parent.name == own[name].parent.name
            assert path.read_bytes() == own[name].read_bytes()
    assert open_dataset("flow-archive", tmp_path).problems == ()
