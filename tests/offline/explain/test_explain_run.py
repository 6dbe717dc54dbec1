import dataclasses

import numpy as np
import pytest
import torch

from offline.bench.learning import Job, Material
from offline.bench.loso import run_loso
from offline.bench.loso_settings import LosoSettings
from offline.explain.explain_run import explain_fold, networks_of
from offline.learners.blend import Blend
from offline.learners.prior import Prior
from offline.models.registry import find_model
from offline.tasks.splits import Split
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS
from tests.offline.labelled_maps import patterns
from tests.offline.small_archive import write_archive

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    root = write_archive(tmp_path_factory.mktemp("archive"))
    return LosoSettings("flow-archive", root, "ststnet", seeds=(0,), epochs=6)


def test_a_toy_run_has_the_figures_and_says_what_they_are(settings, tmp_path):
    plain = run_loso(settings, tmp_path)
    assert "explained.png" not in plain.files
    found = run_loso(settings, tmp_path, explain=True)
    assert found.rows == plain.rows
    assert found.files["explained.png"].read_bytes().startswith(b"\x89PNG")
    page = found.files["report.html"].read_text()
    assert "What moved the answers" in page
    assert "not where an emotion is" in page
    assert "No photographs" in page
    run_loso(settings, tmp_path)
    assert not (tmp_path / "explained.png").exists(), "of an earlier run"


def test_what_is_no_network_is_refused(settings, tmp_path):
    svm = dataclasses.replace(settings, model="linear-svm", epochs=None)
    with pytest.raises(ConfigError, match="--explain looks into networks"):
        run_loso(svm, tmp_path, explain=True)


@pytest.fixture(scope="module")
def material():
    """Maps of two bumps and none, 12 each of three people; every third is left out."""
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1, 2], 16)
    inputs = np.stack([patterns()[n] for n in labels]) + 0.2 * rng.standard_normal((48, 2, 28, 28))
    people = tuple(("toy", f"s{number // 12}") for number in range(48))
    return Material(inputs.astype(np.float32), np.eye(3, dtype=np.float32)[labels], people)


@pytest.fixture(scope="module")
def job():
    return Job(Split("toy/s0", np.arange(12, 48), np.arange(12)), 0)


def test_what_learning_changed_is_seen(material, job):
    learner = find_model("flow_cnn").learner(EMOTIONS, True).changed(8, None)
    found = explain_fold(learner, material, job, EMOTIONS, "onset_apex_flow")
    assert [view.samples for view in found.classes] == [4, 4, 4]
    told = [view for view in found.classes if view.told_right]
    assert len(told) >= 2
    for view in told:
        assert len(view.examples) == min(view.told_right, 3)
        assert view.after.max() > 0
        assert not np.allclose(view.before, view.after)
    assert not found.attention_after


def test_the_network_is_that_of_the_fold(material, job):
    learner = find_model("ststnet").learner(EMOTIONS, True).changed(5, None)
    said = []
    learner.learn(material, [job], "fixed", lambda _, outcome: said.append(outcome))

    _, after = networks_of(learner, material, job)
    with torch.no_grad():
        again = torch.softmax(after(torch.from_numpy(material.inputs[:12])), 1).numpy()
    np.testing.assert_array_equal(again.argmax(1), said[0].test.argmax(1))


def test_of_a_blend_its_network_is_shown(material, job):
    net = find_model("ststnet").learner(EMOTIONS, True).changed(2, None)
    blend = Blend(((Prior(), 1.0), (net, 1.0)))
    found = explain_fold(blend, material, job, EMOTIONS, "onset_apex_flow")
    assert "first network of the blend" in found.note
