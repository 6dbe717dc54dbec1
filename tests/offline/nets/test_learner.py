from dataclasses import replace

import numpy as np
import pytest

from engines import load_package, open_backend
from offline.bench.learning import SELECTIONS, Job, Material
from offline.nets import learner as module
from offline.nets.learner import NetLearner, choose_mark
from offline.nets.plan import Plan
from offline.nets.pretrained import members, start_weights
from offline.nets.training import Fit
from offline.nets.zoo import flow_cnn, ststnet
from offline.tasks.splits import inner_split, leave_one_subject_out
from realtime_mer.errors import ConfigError, ModelError
from realtime_mer.events import EMOTIONS
from realtime_mer.recognizer import default_package
from tests.offline.labelled_maps import people

PLAN = Plan(epochs=4, batch=8, rate=3e-3)
LEARNER = NetLearner("ststnet", PLAN, engine="stacked")


def material_of(maps, labels, owners, classes=3, exclusive=True):
    targets = np.eye(classes, dtype=np.float32)[labels]
    groups = tuple(("made" if owner % 2 else "up", str(owner)) for owner in owners)
    return Material(maps, targets, groups, exclusive)


@pytest.fixture(scope="module")
def material():
    return material_of(*people(6, each=6))


@pytest.fixture(scope="module")
def jobs(material):
    return [Job(split, 0) for split in leave_one_subject_out(material.groups)]


def learnt(material, jobs, selection="fixed", learner=LEARNER):
    found = {}
    learner.learn(material, jobs, selection, lambda job, outcome: found.update({job: outcome}))
    assert list(found) == list(jobs) or set(found) == set(jobs)
    return [found[job] for job in jobs]


def same(one, other):
    np.testing.assert_allclose(one.test, other.test, atol=1e-4)
    np.testing.assert_allclose(one.train, other.train, atol=1e-4)
    assert one.chosen == other.chosen


def scrambled(material, places, seed=0):
    """The same, with other labels at ``places``."""
    targets = material.targets.copy()
    targets[places] = np.roll(targets[places], 1, axis=1)
    return replace(material, targets=targets)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_outcomes_are_probabilities_in_the_order_of_the_split(material, jobs, selection):
    for job, outcome in zip(jobs, learnt(material, jobs, selection), strict=True):
        assert outcome.test.shape == (len(job.split.test), 3)
        assert outcome.train.shape == (len(job.split.train), 3)
        assert outcome.test.dtype == outcome.train.dtype == np.float64
        np.testing.assert_allclose(outcome.test.sum(1), 1)
        assert set(outcome.chosen) == {"epochs"}
        assert 1 <= outcome.chosen["epochs"] <= PLAN.epochs


def test_what_can_be_told_apart_is_learnt(material, jobs):
    outcomes = learnt(
        material, jobs, learner=NetLearner("flow_cnn", replace(PLAN, rate=1e-3), "stacked")
    )
    hits = [
        (outcome.test.argmax(1) == material.labels[job.split.test]).mean()
        for job, outcome in zip(jobs, outcomes, strict=True)
    ]
    assert np.mean(hits) > 0.7
    assert all(outcome.chosen == {"epochs": 4.0} for outcome in outcomes)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_job_does_not_depend_on_the_others(material, jobs, selection):
    together = learnt(material, jobs, selection)
    for place in (0, 4):
        [alone] = learnt(material, [jobs[place]], selection)
        same(alone, together[place])
    same(learnt(material, jobs[::-1], selection)[0], together[-1])


@pytest.mark.parametrize("selection", ["fixed", "inner"])
@pytest.mark.parametrize("inner", [1, 3])
def test_labels_of_the_tested_person_change_nothing(material, jobs, selection, inner):
    job = jobs[1]
    learner = replace(LEARNER, inner=inner)
    [honest] = learnt(material, [job], selection, learner)
    [blind] = learnt(scrambled(material, job.split.test), [job], selection, learner)
    np.testing.assert_array_equal(honest.test, blind.test)
    assert honest.chosen == blind.chosen
    other = replace(material, inputs=material.inputs.copy())
    other.inputs[job.split.test] *= -3
    [moved] = learnt(other, [job], selection, learner)
    np.testing.assert_array_equal(honest.train, moved.train)
    assert honest.chosen == moved.chosen


class Told:
    """An engine whose watched answers are right from an epoch on that each sample has."""

    def __init__(self, material, right_from):
        self.material, self.right_from = material, right_from
        self.asked = []

    def __call__(self, net, plan, material, runs, marks, ready):
        for place, run in enumerate(runs):
            self.asked.append((run.train, run.watch, run.key, tuple(marks)))
            labels = self.material.labels[run.watch]
            curve = np.zeros((len(marks), len(run.watch), 3), np.float32)
            for number, mark in enumerate(marks):
                right = self.right_from[run.watch] == mark
                curve[number, np.arange(len(labels)), (labels + ~right) % 3] = 5
            ready(place, Fit(curve, {}))


def told(monkeypatch, material, right_from):
    engine = Told(material, right_from)
    monkeypatch.setattr(module, "engine_of", lambda learner, net: engine)
    return engine


def test_test_fold_takes_the_epoch_of_the_tested_and_inner_that_of_others(
    material, jobs, monkeypatch
):
    job = jobs[2]
    right_from = np.where(np.isin(np.arange(len(material.labels)), job.split.test), 2, 9)
    engine = told(monkeypatch, material, right_from)
    learner = replace(LEARNER, plan=replace(PLAN, epochs=12))
    [leaky] = learnt(material, [job], "test-fold", learner)
    assert leaky.chosen == {"epochs": 2.0}
    assert (leaky.test.argmax(1) == material.labels[job.split.test]).all()
    [honest] = learnt(material, [job], "inner", learner)
    assert abs(honest.chosen["epochs"] - 9) <= 2  # within the smoothing
    _, (fit, validation, key, marks), (train, watch, outer, last) = engine.asked
    assert key != outer
    assert marks == tuple(range(1, 13))
    assert last == (int(honest.chosen["epochs"]),)
    whom = [{material.groups[place] for place in part} for part in (fit, validation)]
    assert not whom[0] & whom[1]
    np.testing.assert_array_equal(np.sort(np.r_[fit, validation]), job.split.train)
    np.testing.assert_array_equal(train, job.split.train)
    np.testing.assert_array_equal(watch, np.r_[job.split.test, job.split.train])


def test_the_leak_is_chosen_on_the_answers_as_they_are_given():
    """What an answer believes of the class balance counts when the best epoch is looked for."""
    maps, labels, owners = people(10, each=9, seed=3, noise=6)
    labels = np.where(np.arange(len(labels)) % 3 == 0, labels, 0)
    material = material_of(maps, labels, owners)
    jobs = [Job(split, 0) for split in leave_one_subject_out(material.groups)]
    plan = replace(PLAN, epochs=8, believed=1.0)

    def hits(selection, epochs):
        learner = NetLearner("ststnet", replace(plan, epochs=epochs), engine="fused")
        outcomes = learnt(material, jobs, selection, learner)
        pairs = zip(outcomes, jobs, strict=True)
        return [(o.test.argmax(1) == labels[j.split.test]).sum() for o, j in pairs]

    by_epoch = np.array([hits("fixed", epochs) for epochs in range(1, 9)])
    assert (by_epoch.max(0) > by_epoch.min(0)).any()
    np.testing.assert_array_equal(hits("test-fold", 8), by_epoch.max(0))


def test_folds_let_every_person_validate_once(material, jobs, monkeypatch):
    engine = told(monkeypatch, material, np.full(len(material.labels), 3))
    learnt(material, [jobs[0]], "inner", replace(LEARNER, inner=5))
    validated = np.concatenate([watch for _, watch, _, _ in engine.asked[:5]])
    np.testing.assert_array_equal(np.sort(validated), jobs[0].split.train)
    assert len({key for _, _, key, _ in engine.asked}) == 6


def test_jobs_in_several_lots_are_all_learnt(material, jobs, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 5)
    monkeypatch.setattr(module, "usable_cores", lambda: 2)
    told(monkeypatch, material, np.full(len(material.labels), 3))
    many = [Job(job.split, seed) for seed in range(4) for job in jobs]
    assert len(many) > 4 * module.AT_ONCE
    outcomes = learnt(material, many, "inner")
    assert len(outcomes) == len(many)


def test_equal_epochs_of_the_tested_give_the_last(material, jobs, monkeypatch):
    told(monkeypatch, material, np.full(len(material.labels), -1))
    [outcome] = learnt(material, jobs[:1], "test-fold")
    assert outcome.chosen == {"epochs": 4.0}


def test_a_lone_peak_of_a_validation_curve_is_not_taken():
    targets = np.eye(3, dtype=np.float32)[np.arange(30) % 3]
    curve = np.zeros((20, 30, 3), np.float32)
    for mark in range(20):
        share = 30 if mark == 3 else 24 if 12 <= mark <= 18 else 10
        right = np.arange(30) < share
        curve[mark, np.arange(30), (np.arange(30) + ~right) % 3] = 1
    assert choose_mark(curve, targets, True) in range(13, 18)
    assert choose_mark(curve[:1], targets, True) == 0
    assert choose_mark(curve[:2] * 0, targets, True) == 0
    assert choose_mark(curve - 0.5, targets, False) in range(13, 18)


def test_action_units_are_answered_one_by_one(material):
    targets = np.concatenate([material.targets, material.targets.max(1, keepdims=True)], 1)
    units = replace(material, targets=targets, exclusive=False)
    jobs = [Job(split, 1) for split in leave_one_subject_out(units.groups)[:2]]
    learner = NetLearner("capsulenet_units", replace(PLAN, epochs=2), "stacked")
    for selection in SELECTIONS:
        for outcome in learnt(units, jobs, selection, learner):
            assert outcome.test.shape[1] == 4
            assert ((outcome.test > 0) & (outcome.test < 1)).all()
    [outcome] = learnt(units, jobs[:1], "fixed", learner.changed(epochs=12))
    assert outcome.train[:, 3].mean() > outcome.train[:, :3].mean() + 0.2


def test_seeds_and_splits_draw_their_own_numbers(material, jobs):
    [first] = learnt(material, [jobs[0]])
    [other] = learnt(material, [Job(jobs[0].split, 1)])
    assert np.abs(first.test - other.test).max() > 1e-3
    [again] = learnt(material, [Job(jobs[0].split, 0)])
    np.testing.assert_array_equal(first.test, again.test)


def test_a_single_person_to_learn_from_cannot_be_parted():
    maps, labels, owners = people(2)
    material = material_of(maps, labels, owners)
    jobs = [Job(leave_one_subject_out(material.groups)[0], 0)]
    assert len(learnt(material, jobs)) == 1
    with pytest.raises(ConfigError, match="two people"):
        learnt(material, jobs, "inner")
    with pytest.raises(ConfigError, match="two people"):
        inner_split(material.groups, jobs[0].split.train, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"net": "resnet"}, "net is 'resnet'; give one of 'ststnet'"),
        ({"engine": "magic"}, "engine"),
        ({"device": "tpu"}, "device"),
        ({"start": "imagenet"}, "start"),
        ({"inner": 0}, "inner"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        replace(LEARNER, **change)


def test_unknown_selections_and_vectors_are_refused(material, jobs):
    with pytest.raises(ConfigError, match="selection is 'best'"):
        learnt(material, jobs, "best")
    with pytest.raises(ConfigError, match="recipe that makes maps"):
        LEARNER.net_of(replace(material, inputs=np.zeros((36, 5), np.float32)))


def test_epochs_and_device_can_be_changed():
    assert LEARNER.changed() == LEARNER
    other = LEARNER.changed(epochs=7, device="cuda")
    assert (other.plan.epochs, other.device) == (7, "cuda")
    assert LEARNER.changed(device="cuda").plan == PLAN


def test_the_fused_engine_is_taken_where_it_can(monkeypatch):
    pytest.importorskip("offline.nets.fused")

    def engine(name, **changes):
        made = replace(LEARNER, net=name, **({"engine": "auto"} | changes))
        taken = module.engine_of(made, module.NETS[name](3, 2, 28))
        return taken.func.__module__.rpartition(".")[2], taken.keywords

    monkeypatch.setenv("MER_THREADS", "3")
    assert engine("ststnet") == ("fused", {"threads": 3})
    monkeypatch.delenv("MER_THREADS")
    assert engine("flow_cnn") == ("fused", {"threads": None})
    assert engine("ststnet", engine="stacked")[0] == "stacked"
    assert engine("ststnet", device="cuda") == ("stacked", {"device": "cuda", "at_once": 128})
    assert engine("dual_inception", device="cuda")[1]["at_once"] < 64
    assert engine("capsulenet")[0] == "stacked"
    for name, device in (("capsulenet", "cpu"), ("ststnet", "cuda")):
        with pytest.raises(ConfigError, match=f"cannot train {name} on {device}"):
            engine(name, engine="fused", device=device)


def test_both_engines_say_nearly_the_same(material, jobs):
    pytest.importorskip("offline.nets.fused")
    plan = replace(PLAN, flip=True, noise=0.1, mixup=0.4, shift=1, mirror_test=True)
    stacked, fused = (
        learnt(material, jobs[:2], "inner", NetLearner("flow_cnn", plan, engine))
        for engine in ("stacked", "fused")
    )
    for one, other in zip(stacked, fused, strict=True):
        np.testing.assert_allclose(one.test, other.test, atol=5e-3)


def test_features_are_what_the_last_layer_reads(material, jobs):
    learner = NetLearner("flow_cnn", PLAN, engine="stacked")
    found = learner.features(material, jobs[0])
    assert found.shape == (len(material.labels), 48)
    assert (found >= 0).all()
    assert found.std() > 0


# Weights to begin with ---------------------------------------------------------------------------


def answers(weights, maps):
    """Logits of ``flow_cnn`` with normalisation as in use."""
    from offline.nets.modules import module_of

    torch = pytest.importorskip("torch")
    with torch.no_grad():
        return module_of(flow_cnn(3), weights).eval()(torch.from_numpy(maps)).numpy()


def test_the_bundled_members_are_taken_apart_without_loss():
    """The mean logits of the five members are all of the bundled file but its linear fifth."""
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(5, 2, 28, 28)).astype(np.float32)
    onnx = pytest.importorskip("onnx")
    package = load_package(default_package())
    model = onnx.load_model_from_string(package.model)
    for number, weights in enumerate(members()):
        wanted = f"/members.{number}/classes/Gemm_output_0"
        assert wanted in {name for node in model.graph.node for name in node.output}
        expected = outputs_of(onnx, model, wanted, maps)[:, :3]
        np.testing.assert_allclose(answers(weights, maps), expected, atol=1e-4)
    assert len(members()) == 5


def outputs_of(onnx, model, name, maps):
    import onnxruntime

    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    del copied.graph.output[:]
    copied.graph.output.append(onnx.helper.make_tensor_value_info(name, 1, None))
    session = onnxruntime.InferenceSession(
        copied.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"flow": maps})[0]


def test_training_begins_where_the_member_stands():
    """Normalised by a batch's own statistics the answers are nearly the same."""
    torch = pytest.importorskip("torch")
    from offline.nets.modules import module_of

    maps = load_package(default_package()).samples()[0].astype(np.float32)
    weights = start_weights(flow_cnn(3), EMOTIONS, 0, 1)
    module = module_of(flow_cnn(3), weights)
    module.train()
    for each in module.modules():
        if isinstance(each, torch.nn.Dropout):
            each.eval()
    with torch.no_grad():
        found = module(torch.from_numpy(maps)).numpy()
    expected = answers(weights, maps)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.999


def test_the_last_layer_is_copied_for_the_three_emotions_only():
    copied = start_weights(flow_cnn(3), EMOTIONS, 6, 1)
    drawn = start_weights(flow_cnn(3), ("a", "b", "c"), 6, 1)
    np.testing.assert_array_equal(copied["15.weight"], members()[1]["15.weight"])
    assert np.abs(copied["15.weight"] - drawn["15.weight"]).max() > 0.01
    np.testing.assert_array_equal(copied["13.weight"], drawn["13.weight"])
    assert start_weights(flow_cnn(5), ("a",) * 5, 0, 1)["15.weight"].shape == (5, 48)
    for net in (ststnet(3), flow_cnn(3, channels=3)):
        with pytest.raises(ModelError, match="do not fit"):
            start_weights(net, EMOTIONS, 0, 1)


def test_synthetic_weights_know_the_emotions_before_they_learn():
    package = load_package(default_package())
    maps = package.samples()[0].astype(np.float32)
    with open_backend(package, "onnx") as backend:
        told = backend.infer(maps)[:, :3].argmax(1)
    firsts = [answers(weights, maps).argmax(1) == told for weights in members()]
    assert np.mean(firsts) > 0.75
