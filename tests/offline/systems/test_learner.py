import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from offline.bench.learning import SELECTIONS, Job, Network
from offline.systems import learner as module
from offline.systems.learner import SystemLearner
from offline.systems.weights import packed, write_weights
from offline.tasks.splits import Split, leave_one_subject_out
from realtime_mer.errors import ConfigError, ModelError
from tests.offline.systems.toy_system import CLASSES, SIDE, Toy, ToyNet, toy_material

LEARNER = SystemLearner(Toy(epochs=4), CLASSES)
MATERIAL = toy_material(noise=0.6)
JOBS = [Job(split, 0) for split in leave_one_subject_out(MATERIAL.groups)]


def learnt(learner, material=MATERIAL, jobs=JOBS, selection="fixed"):
    found = {}
    learner.learn(material, jobs, selection, lambda job, outcome: found.update({job: outcome}))
    return [found[job] for job in jobs]


def test_it_is_a_network_of_the_bench_and_can_be_sent():
    assert isinstance(LEARNER, Network)
    assert pickle.loads(pickle.dumps(LEARNER)) == LEARNER
    assert "epochs=4" in repr(LEARNER)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_it_tells_people_who_were_left_out_apart(selection):
    outcomes = learnt(SystemLearner(Toy(epochs=8), CLASSES), selection=selection)
    hits = [
        outcome.test.argmax(1) == MATERIAL.labels[job.split.test]
        for job, outcome in zip(JOBS, outcomes, strict=True)
    ]
    assert np.concatenate(hits).mean() > 0.8
    for job, outcome in zip(JOBS, outcomes, strict=True):
        assert outcome.train.shape == (len(job.split.train), 3)
        np.testing.assert_allclose(outcome.test.sum(1), 1)
        assert 1 <= outcome.chosen["epochs"] <= 8


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_job_does_not_depend_on_the_others(selection):
    together = learnt(LEARNER, selection=selection)[2]
    [alone] = learnt(LEARNER, jobs=JOBS[2:3], selection=selection)
    np.testing.assert_array_equal(together.test, alone.test)
    np.testing.assert_array_equal(together.train, alone.train)
    assert together.chosen == alone.chosen


@pytest.mark.parametrize("selection", ["fixed", "inner"])
def test_labels_and_units_of_the_tested_person_change_nothing(selection):
    job = JOBS[1]
    targets = MATERIAL.targets.copy()
    targets[job.split.test] = np.roll(targets[job.split.test], 1, axis=1)
    [honest] = learnt(LEARNER, jobs=[job], selection=selection)
    [blind] = learnt(LEARNER, replace(MATERIAL, targets=targets), [job], selection)
    np.testing.assert_array_equal(honest.test, blind.test)
    assert honest.chosen == blind.chosen


def test_the_leak_takes_the_best_epoch_of_the_tested():
    def hits(outcome, job):
        return (outcome.test.argmax(1) == MATERIAL.labels[job.split.test]).sum()

    job = JOBS[3]
    by_epoch = []
    for epochs in range(1, 5):  # the rate is constant, so a shorter second stage is a beginning
        curve = module._Work(LEARNER, MATERIAL).curve(
            job.split.train, job.split.test, module.key_of(job.split.name, 0), [epochs]
        )
        by_epoch.append((curve[0].argmax(1) == MATERIAL.labels[job.split.test]).sum())
    [leaky] = learnt(LEARNER, jobs=[job], selection="test-fold")
    assert hits(leaky, job) == max(by_epoch)
    last = len(by_epoch) - by_epoch[::-1].index(max(by_epoch))
    assert leaky.chosen == {"epochs": last}


def test_the_inner_choice_is_trained_on_all_of_the_side(monkeypatch):
    asked = []
    real = module._Work.curve

    def watched(self, taught, watch, key, marks):
        asked.append((taught, watch, key, list(marks)))
        return real(self, taught, watch, key, marks)

    monkeypatch.setattr(module._Work, "curve", watched)
    [outcome] = learnt(replace(LEARNER, inner=3), jobs=JOBS[:1], selection="inner")
    *inner, last = asked
    assert len(inner) == 3
    validated = np.sort(np.concatenate([watch for _, watch, _, _ in inner]))
    np.testing.assert_array_equal(validated, JOBS[0].split.train)
    for taught, watch, _, marks in inner:
        assert not set(taught) & set(watch)
        assert not (set(taught) | set(watch)) & set(JOBS[0].split.test)
        assert marks == [1, 2, 3, 4]
    assert len({key for _, _, key, _ in asked}) == 4
    np.testing.assert_array_equal(last[0], JOBS[0].split.train)
    assert last[3] == [outcome.chosen["epochs"]]


def test_seeds_draw_their_own_numbers():
    [first] = learnt(LEARNER, jobs=JOBS[:1])
    [other] = learnt(LEARNER, jobs=[Job(JOBS[0].split, 1)])
    assert np.abs(first.test - other.test).max() > 1e-3


@pytest.mark.parametrize("selection", SELECTIONS)
def test_action_units_are_answered_one_by_one(selection):
    units = toy_material(units=True)
    targets = np.concatenate([units.targets, units.targets.max(1, keepdims=True)], 1)
    material = replace(units, targets=targets)
    learner = SystemLearner(Toy(epochs=12), ("1", "2", "4", "12"))
    [outcome] = learnt(learner, material, JOBS[:1], selection)
    assert outcome.test.shape == (6, 4)
    assert ((outcome.test > 0) & (outcome.test < 1)).all()
    if selection == "fixed":
        assert outcome.train[:, 3].mean() > outcome.train[:, :3].mean() + 0.2


def test_epochs_and_device_can_be_changed():
    assert LEARNER.changed() == LEARNER
    other = LEARNER.changed(epochs=7, device="cuda")
    assert (other.found.epochs, other.device) == (7, "cuda")
    assert other.changed(device="cpu").found == other.found


def test_features_are_what_the_last_layer_reads():
    found = LEARNER.features(MATERIAL, JOBS[0])
    assert found.shape == (len(MATERIAL.targets), 32)
    trained = module._Work(LEARNER, MATERIAL).trained(
        JOBS[0].split.train, module.key_of(JOBS[0].split.name, 0)
    )
    logits = (
        found @ trained.classes.weight.detach().numpy().T + trained.classes.bias.detach().numpy()
    )
    said = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    [outcome] = learnt(LEARNER, jobs=JOBS[:1])
    np.testing.assert_allclose(said[JOBS[0].split.test], outcome.test, atol=1e-5)


def test_a_system_may_describe_samples_itself():
    class Describing(Toy):
        def describe(self, net, inputs):
            return net.described(inputs).mean((2, 3))

    found = SystemLearner(Describing(epochs=1), CLASSES).features(MATERIAL, JOBS[0])
    assert found.shape == (len(MATERIAL.targets), 8)


def test_the_network_of_everybody_answers_as_a_fold_without_anybody_left_out():
    told = []
    net = LEARNER.trained(MATERIAL, "everybody", 3, lambda *each: told.append(each))
    everyone = np.arange(len(MATERIAL.targets))
    [outcome] = learnt(LEARNER, jobs=[Job(Split("everybody", everyone, everyone[:1]), 3)])
    with torch.no_grad():
        found = net(torch.from_numpy(MATERIAL.inputs)).softmax(1).numpy()
    np.testing.assert_allclose(found, outcome.train, atol=1e-6)
    assert not net.training
    assert told[-1] == ("whole", 4, 4)


# Weights to begin with ---------------------------------------------------------------------------


@pytest.fixture
def start(tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        net = ToyNet(3)
    net.classes.bias.data[0] += 3
    path = tmp_path / "weights.safetensors"
    write_weights(path, packed(net.state_dict(), CLASSES))
    return path


def test_training_begins_with_the_weights_of_a_file(start):
    still = Toy(epochs=1, rate=1e-9)
    [drawn] = learnt(SystemLearner(still, CLASSES), jobs=JOBS[:1])
    [begun] = learnt(SystemLearner(still, CLASSES, start=str(start)), jobs=JOBS[:1])
    assert begun.test[:, 0].min() > 0.7 > drawn.test[:, 0].max()
    five = replace(MATERIAL, targets=np.eye(5, dtype=np.float32)[MATERIAL.labels])
    [fresh] = learnt(SystemLearner(still, tuple("abcde"), start=str(start)), five, JOBS[:1])
    assert fresh.test[:, 0].max() < 0.7


def test_a_file_that_changed_since_is_refused(start):
    learner = SystemLearner(Toy(), CLASSES, start=str(start))
    assert len(learner.start_sha256) == 64
    assert learner.start_sha256 in repr(learner)
    state = ToyNet(3).state_dict()
    write_weights(start, packed(state, CLASSES))
    with pytest.raises(ModelError, match="changed since"):
        learnt(learner, jobs=JOBS[:1])


# What makes no sense -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"device": "tpu"}, ConfigError, "device is 'tpu'; give one of cpu, cuda"),
        ({"inner": 0}, ConfigError, "inner is 0"),
        ({"system": "toyy"}, ConfigError, "no system is called 'toyy'"),
        ({"start": "/nowhere"}, ModelError, "cannot read weights"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, error, said):
    with pytest.raises(error, match=said):
        replace(LEARNER, **changes)


def test_labels_must_fit_the_targets():
    with pytest.raises(ConfigError, match="2 labels for 3 columns"):
        learnt(replace(LEARNER, labels=("a", "b")))


def test_unknown_selections_are_refused():
    with pytest.raises(ConfigError, match="selection is 'best'"):
        learnt(LEARNER, selection="best")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_told():
    with pytest.raises(ConfigError, match="torch finds none"):
        learnt(LEARNER.changed(device="cuda"))


def test_pictures_of_another_size_reach_the_system():
    wide = replace(MATERIAL, inputs=np.zeros((24, 1, SIDE, SIDE + 1), np.float32))
    with pytest.raises(AssertionError):
        learnt(LEARNER, wide)
