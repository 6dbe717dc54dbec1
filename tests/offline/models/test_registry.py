import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from offline.bench.learning import Job, Material
from offline.learners.blend import Blend
from offline.learners.prior import Prior
from offline.models.registry import MODELS, PLANES, card_of, find_model
from offline.nets.learner import NetLearner
from offline.scores.published import MEGC2019
from offline.tasks.splits import leave_one_subject_out
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import ARCHIVE_RECIPES, RECIPES
from tests.offline.labelled_maps import people

NAMES = (
    "default", "linear-svm", "flow_cnn", "flow_cnn_pretrained", "ststnet", "off_apexnet",
    "dual_inception", "capsulenet", "lbp_top", "lbp_sip", "bi_woof", "mdmo",
)  # fmt: skip
HANDCRAFTED = ("lbp_top", "lbp_sip", "bi_woof", "mdmo")
FIVE = ("disgust", "happiness", "others", "repression", "surprise")
EPOCHS = {"dual_inception": 3, "off_apexnet": 8}


def material_of(entry, subjects=4, units=False):
    """People of whom each class moves in its own way, as the model's recipe would show them."""
    maps, labels, owners = people(subjects, each=9, noise=0.3)
    if entry.recipe in HANDCRAFTED:
        inputs = maps[:, :, ::4, ::4].reshape(len(maps), -1)
    elif PLANES[entry.recipe] == 3:
        inputs = np.concatenate([maps, np.hypot(maps[:, :1], maps[:, 1:])], axis=1)
    else:
        inputs = maps
    targets = np.eye(3, dtype=np.float32)[labels]
    groups = tuple(("made", str(owner)) for owner in owners)
    return Material(np.ascontiguousarray(inputs, np.float32), targets, groups, not units)


def quick(learner, epochs):
    """The learner with few steps of the stacked engine."""
    if isinstance(learner, Blend):
        return Blend(tuple((quick(part, epochs), weight) for part, weight in learner.parts))
    if isinstance(learner, NetLearner):
        plan = replace(learner.plan, epochs=epochs, batch=9)
        return replace(learner, plan=plan, engine="stacked")
    return learner


def learnt(learner, material, jobs, selection="fixed"):
    found = {}
    learner.learn(material, jobs, selection, lambda job, outcome: found.update({job: outcome}))
    return [found[job] for job in jobs]


def test_the_models_are_these():
    assert tuple(name for name, entry in MODELS.items() if not entry.system) == NAMES
    systems = {name for name, entry in MODELS.items() if entry.system}
    assert systems >= {
        "cropnet", "cnn_lstm", "cnn_lstm_se", "stan", "stmn", "dstan", "vggface", "vggface_lstm",
        "vggface_gru", "vggface_tcn",
    }  # fmt: skip
    assert all(name == entry.name for name, entry in MODELS.items())


@pytest.mark.parametrize("name", NAMES)
def test_every_model_learns_what_can_be_told_apart(name):
    entry = find_model(name)
    material = material_of(entry)
    jobs = [Job(split, 0) for split in leave_one_subject_out(material.groups)]
    jobs = jobs[: 1 if name in EPOCHS else 2]
    learner = quick(entry.learner(EMOTIONS, True), EPOCHS.get(name, 8))
    hits = [
        (outcome.test.argmax(1) == material.labels[job.split.test]).mean()
        for job, outcome in zip(jobs, learnt(learner, material, jobs), strict=True)
    ]
    assert np.mean(hits) > 0.55


@pytest.mark.parametrize("name", [name for name in NAMES if name != "dual_inception"])
def test_every_model_can_learn_action_units_and_other_classes(name):
    entry = find_model(name)
    material = material_of(entry, units=True)
    jobs = [Job(split, 0) for split in leave_one_subject_out(material.groups)][:1]
    [outcome] = learnt(quick(entry.learner(("1", "2", "4"), False), 1), material, jobs)
    assert ((outcome.test >= 0) & (outcome.test <= 1)).all()
    labels = np.arange(len(material.groups)) % 5
    five = replace(material, targets=np.eye(5, dtype=np.float32)[labels], exclusive=True)
    [outcome] = learnt(quick(entry.learner(FIVE, True), 1), five, jobs)
    assert outcome.test.shape == (9, 5)
    np.testing.assert_allclose(outcome.test.sum(1), 1)


@pytest.mark.parametrize(
    "name", ["default", "linear-svm", "ststnet", "flow_cnn_pretrained", "mdmo"]
)
@pytest.mark.parametrize("selection", ["fixed", "inner"])
def test_labels_of_the_tested_person_change_nothing(name, selection):
    entry = find_model(name)
    material = material_of(entry)
    job = Job(leave_one_subject_out(material.groups)[2], 1)
    targets = material.targets.copy()
    targets[job.split.test] = np.roll(targets[job.split.test], 1, axis=1)
    learner = quick(entry.learner(EMOTIONS, True), 3)
    [honest] = learnt(learner, material, [job], selection)
    [blind] = learnt(learner, replace(material, targets=targets), [job], selection)
    np.testing.assert_allclose(honest.test, blind.test, atol=1e-6)
    assert honest.chosen == blind.chosen


def test_recipes_exist_and_flow_archives_serve_all_networks():
    for entry in MODELS.values():
        assert entry.recipe in RECIPES or entry.recipe in HANDCRAFTED
        if entry.net:
            assert entry.recipe in ARCHIVE_RECIPES


def test_the_bundled_recogniser_is_asked_about_the_three_emotions_only():
    make = find_model("default").learner

    def asked(classes, exclusive):
        return [type(part) for part, _ in make(classes, exclusive).parts]

    assert Prior in asked(EMOTIONS, True)
    assert Prior not in asked(EMOTIONS[::-1], True)
    assert Prior not in asked(FIVE, True)
    assert Prior not in asked(("1", "2", "4"), False)
    assert asked(EMOTIONS, True)[-1] is NetLearner  # the slow one last


def test_cards_are_json_with_words_sizes_and_published_figures():
    cards = {name: card_of(entry) for name, entry in MODELS.items()}
    assert json.loads(json.dumps(cards)) == cards
    for card in cards.values():
        assert all(card[key] for key in ("name", "title", "source", "recipe", "inputs", "choices"))
    assert cards["ststnet"]["parameters"] == 1683
    assert "UF1 0.7353, UAR 0.7605 †" in cards["ststnet"]["published"]
    assert cards["lbp_top"]["parameters"] is None
    assert cards["linear-svm"]["published"] == ""
    reported = [entry.published.method for entry in MODELS.values() if entry.reported]
    assert set(reported) <= {row.method for row in MEGC2019}
    assert len(reported) == 10


def test_the_manual_has_every_model_with_its_size():
    manual = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
    rows = [line for line in manual.splitlines() if line.startswith("|")]
    for entry in MODELS.values():
        [row] = [line for line in rows if f"`{entry.name}`" in line.split("|")[1]]
        assert not entry.parameters or f"| {entry.parameters:,} |" in row
        if entry.published:
            assert f"{entry.published.full[0]:.4f}"[1:] in row
            assert f"{entry.published.full[1]:.4f}"[1:] in row


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(ConfigError, match=r"'ststnett'.*ststnet"):
        find_model("ststnett")
    with pytest.raises(ConfigError, match="nearest: "):
        find_model("")


def test_learners_can_be_sent_to_another_process():
    import pickle

    for entry in MODELS.values():
        learner = entry.learner(EMOTIONS, True)
        assert pickle.loads(pickle.dumps(learner)) == learner
        assert repr(learner) == repr(entry.learner(EMOTIONS, True))
