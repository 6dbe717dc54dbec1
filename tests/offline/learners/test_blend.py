from dataclasses import dataclass

import numpy as np
import pytest

from engines import load_package, open_backend
from offline.bench.learning import SELECTIONS, Job, Material, Outcome
from offline.learners.blend import Blend, blended, mixed
from offline.learners.prior import Prior
from offline.learners.svm import LinearSvm
from offline.nets.learner import NetLearner
from offline.nets.plan import Plan
from offline.tasks.splits import leave_one_subject_out
from realtime_mer.errors import ConfigError
from realtime_mer.recognizer import default_package
from tests.offline.labelled_maps import people


@dataclass(frozen=True)
class Says:
    """Answers every sample with the same probabilities; from the last job to the first."""

    shares: tuple[float, ...]
    chosen: tuple[tuple[str, float], ...] = ()

    def learn(self, material, jobs, selection, done):
        for job in reversed(jobs):
            tables = (
                np.tile(self.shares, (len(part), 1)) for part in (job.split.test, job.split.train)
            )
            done(job, Outcome(*tables, dict(self.chosen)))


@pytest.fixture(scope="module")
def material():
    maps, labels, owners = people(4)
    targets = np.eye(3, dtype=np.float32)[labels]
    return Material(maps, targets, tuple(("made", str(owner)) for owner in owners))


@pytest.fixture(scope="module")
def jobs(material):
    return [Job(split, 0) for split in leave_one_subject_out(material.groups)]


def learnt(learner, material, jobs, selection="fixed"):
    found = {}
    learner.learn(material, jobs, selection, lambda job, outcome: found.update({job: outcome}))
    return [found[job] for job in jobs]


def test_logarithms_are_averaged_by_weight(material, jobs):
    one, other = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6])
    blend = Blend(((Says(tuple(one)), 3.0), (Says(tuple(other)), 1.0)))
    expected = one**0.75 * other**0.25
    expected /= expected.sum()
    for outcome in learnt(blend, material, jobs):
        np.testing.assert_allclose(outcome.test, np.tile(expected, (6, 1)))
        np.testing.assert_allclose(outcome.train, np.tile(expected, (18, 1)))


def test_only_the_proportions_of_weights_matter():
    tables = np.random.default_rng(0).dirichlet(np.ones(3), (2, 5))
    for exclusive in (True, False):
        np.testing.assert_allclose(
            mixed(tables, np.array([0.2, 0.6]), exclusive),
            mixed(tables, np.array([1.0, 3.0]), exclusive),
        )


def test_units_are_averaged_by_their_log_odds():
    tables = np.array([[[0.9, 0.2]], [[0.5, 0.8]]])
    found = mixed(tables, np.ones(2), exclusive=False)
    np.testing.assert_allclose(found, [[0.75, 0.5]])


def test_one_part_is_itself_and_zero_is_no_veto():
    table = np.array([[[0.6, 0.3, 0.1]]])
    np.testing.assert_allclose(mixed(table, np.ones(1), True), table[0])
    sure = np.array([[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 1.0]]])
    found = mixed(sure, np.ones(3), True)
    assert np.isfinite(found).all()
    assert 0.9 < found[0, 1] < 1


def test_choices_of_all_parts_are_told():
    outcomes = [
        Outcome(np.ones((1, 2)) / 2, np.ones((1, 2)) / 2, chosen)
        for chosen in ({"C": 0.3}, {}, {"epochs": 9.0, "C": 1.0})
    ]
    told = blended(outcomes, np.ones(3), True).chosen
    assert told == {"C 1": 0.3, "epochs": 9.0, "C 3": 1.0}


def test_a_job_is_told_once_by_the_last_part(material, jobs):
    order = []
    blend = Blend(((Says((0.5, 0.3, 0.2)), 1.0), (LinearSvm(), 1.0)))
    blend.learn(material, jobs, "fixed", lambda job, outcome: order.append(job))
    assert order == jobs  # the order of the last part, not of the first


def test_blends_without_parts_or_weight_are_refused():
    with pytest.raises(ConfigError, match="one part or more"):
        Blend(())
    with pytest.raises(ConfigError, match="above 0"):
        Blend(((LinearSvm(), 0.0),))


def test_networks_in_a_blend_can_be_changed_and_looked_into(material, jobs):
    net = NetLearner("flow_cnn", Plan(epochs=2, batch=8), engine="stacked")
    blend = Blend(((LinearSvm(), 1.0), (net, 2.0)))
    changed = blend.changed(epochs=1, device="cuda")
    assert changed.parts[0] == blend.parts[0]
    assert changed.parts[1] == (net.changed(1, "cuda"), 2.0)
    assert blend.features(material, jobs[0]).shape == (24, 48)
    assert Blend(((LinearSvm(), 1.0),)).features(material, jobs[0]) is None


def test_the_prior_says_what_the_bundled_recogniser_says_but_for_its_lean(material, jobs):
    package = load_package(default_package())
    with open_backend(package, "onnx") as backend:
        told = backend.infer(material.inputs)[:, :3].astype(np.float64)
    told /= np.sqrt([250, 109, 83])  # half of the published class balance, which it leans to
    told /= told.sum(1, keepdims=True)
    wrong = Material(material.inputs, material.targets[:, ::-1].copy(), material.groups)
    for selection in SELECTIONS:
        for some in (material, wrong):
            for job, outcome in zip(jobs, learnt(Prior(), some, jobs, selection), strict=True):
                np.testing.assert_allclose(outcome.test, told[job.split.test], atol=1e-3)
                np.testing.assert_allclose(outcome.train, told[job.split.train], atol=1e-3)
                assert not outcome.chosen


def test_the_prior_knows_no_other_tasks(material, jobs):
    five = Material(material.inputs, np.eye(5, dtype=np.float32)[[0] * 24], material.groups)
    units = Material(material.inputs, material.targets, material.groups, exclusive=False)
    for other in (five, units):
        with pytest.raises(ConfigError, match="take another model"):
            learnt(Prior(), other, jobs)
