"""The VGGFace2 transfer family learns, from the layer that it is told, and from nothing else."""

import copy

import numpy as np
import pytest
import torch

from offline.models.entries_vggface import ENTRIES
from offline.models.registry import MODELS
from offline.systems.frame_sequence_heads import HEADS
from offline.systems.learner import SystemLearner
from offline.systems.losses import class_loss, class_weights
from offline.systems.training import Lesson, answers, train
from offline.systems.vggface import SYSTEMS, VggFace, frame_targets
from offline.systems.vggface_net import FaceSequences
from realtime_mer.errors import ConfigError
from tests.offline.systems.face_clips import LABELS, SIDE, WIDE, material

ALL = list(SYSTEMS)
DISTINCT = [name for name in ALL if not name.endswith("_magnified")]
"""Magnified ones differ in what they read alone."""


def smoke(name, **settings):
    return SYSTEMS[name].changed(smoke=True, **settings)


def built(system, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return system.build(3, (4, 3, SIDE, SIDE))


def learnt(system, seed=1):
    found = []
    end = system.stages(LABELS)[-1].plan.epochs
    lesson = Lesson(system, LABELS, material(), np.arange(8), seed)
    train(lesson, [end], lambda _, module: found.append(module))
    return found[0]


@pytest.mark.parametrize("name", DISTINCT)
def test_eight_clips_are_learnt_by_heart(name):
    module, clips = learnt(smoke(name)), material()
    found = answers(module, clips, np.arange(8), "cpu")
    assert (found.argmax(1) == clips.labels).all()


@pytest.mark.parametrize("name", DISTINCT)
def test_gradients_reach_all_that_is_learnt_and_nothing_else(name):
    system, clips = smoke(name), material(side=WIDE)
    module = built(system)
    reached = set()
    for stage in system.stages(LABELS):
        module.eval().requires_grad_(False)
        part = stage.part(module).train().requires_grad_(True)
        inputs = torch.from_numpy(clips.inputs)
        with torch.no_grad():
            reads = inputs if stage.reads is None else stage.reads(module, inputs)
        targets = clips.targets if stage.targets is None else stage.targets(clips, np.arange(8))
        taught = torch.from_numpy(targets)
        weights = class_weights(stage.plan, taught)
        class_loss(stage.plan, stage.forward(module, reads), taught, weights).backward()
        for parameter in part.parameters():
            assert parameter.grad is not None
            assert parameter.grad.abs().sum() > 0
        reached |= {id(each) for each in part.parameters()}
    kept = {key for key, value in module.named_parameters() if id(value) not in reached}
    if name == "vggface_classifier":
        assert kept == {key for key, _ in module.named_parameters() if key.startswith("encoder.")}
    else:
        assert kept == set()


@pytest.mark.parametrize("retrain", ["layer2", "layer4", "classifier"])
def test_layers_before_the_cut_stay_as_they_are(retrain):
    system = smoke("vggface_gru", retrain=retrain, epochs=1)
    begun = {}

    def remember(module):
        begun.update(copy.deepcopy(module.state_dict()))
        return module

    class Watched(VggFace):
        def build(self, classes, shape):
            return remember(VggFace.build(self, classes, shape))

    watched = Watched(**{key: getattr(system, key) for key in system.__slots__})
    module = learnt(watched)
    order = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")
    frozen = order[: order.index(retrain)] if retrain in order else order
    for key, value in module.state_dict().items():
        held = key.startswith(tuple(f"encoder.{each}." for each in frozen))
        if held:
            assert torch.equal(value, begun[key]), key
        elif key.endswith("weight"):
            assert not torch.equal(value, begun[key]), key


def test_what_is_stored_before_the_cut_is_what_the_network_says():
    """Learning from stored maps and from the pictures answers the same."""
    module = built(smoke("vggface")).eval()
    inputs = torch.from_numpy(material().inputs)
    cuts = ("classifier", "layer3", "conv1")
    logits = []
    with torch.no_grad():
        for cut in cuts:
            (stage,) = smoke("vggface", retrain=cut).stages(LABELS)
            reads = inputs if stage.reads is None else stage.reads(module, inputs)
            logits.append(stage.forward(module, reads))
        whole = module(inputs)
    present = (inputs.flatten(2).amax(2) > 0).float()[:, :, None]
    for found in logits:
        torch.testing.assert_close(found, logits[0])
        mean = (found * present).sum(1) / present.sum(1)
        torch.testing.assert_close(mean, whole)


def test_frames_are_taught_the_label_of_their_clip_and_padding_nothing():
    clips = material()
    taught = frame_targets(clips, np.array([0, 2, 1]))
    assert taught.shape == (3, 4, 3)
    np.testing.assert_array_equal(taught.sum((1, 2)), [4, 2, 3])
    np.testing.assert_array_equal(taught[1, :2], clips.targets[[2, 2]])
    assert not taught[1, 2:].any()


def test_equal_seeds_give_equal_weights():
    system = smoke("vggface_attention", epochs=2)
    one, again, other = (learnt(system, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, again[key]) for key, value in one.items())
    assert any(not torch.equal(value, other[key]) for key, value in one.items())


def test_the_bench_learns_it():
    learner = MODELS["vggface_tcn"].learner(LABELS, True)
    assert isinstance(learner, SystemLearner)
    assert learner.found == SYSTEMS["vggface_tcn"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_list_of_models_says_what_it_is(entry):
    system = SYSTEMS[entry.system]
    with torch.device("meta"):
        module = system.build(3, (17, 3, 224, 224))
    assert entry.size == sum(each.numel() for each in module.parameters())
    assert (entry.name, entry.recipe) == (system.name, system.recipe)


def test_every_system_is_listed_and_every_head_used():
    assert [entry.name for entry in ENTRIES] == ALL
    assert {system.head for system in SYSTEMS.values()} == {"", *HEADS}


def test_the_paper_s_sizes():
    with torch.device("meta"):
        module = SYSTEMS["vggface_lstm_bi"].build(3, (11, 3, 224, 224))
        assert isinstance(module, FaceSequences)
        assert module(torch.zeros(2, 11, 3, 224, 224)).shape == (2, 3)
        assert module.encoder(torch.zeros(1, 3, 224, 224)).shape == (1, 2048, 7, 7)
    assert sum(each.numel() for each in module.encoder.parameters()) == 23_508_032


def test_settings():
    system = SYSTEMS["vggface_lstm"].changed(epochs=3)
    assert [stage.plan.epochs for stage in system.stages(LABELS)] == [3, 3]
    assert system.cut == "conv1"
    assert system.changed(weights="x.pt").cut == "layer4"
    assert system.changed(weights="x.pt", retrain="layer3.2").cut == "layer3.2"
    assert SYSTEMS["vggface_shortened"].changed(weights="x.pt").cut == "layer3"
    assert smoke("vggface").smoke
    assert smoke("vggface", retrain="layer4.2").cut == "layer4"
    assert hash(system) != hash(SYSTEMS["vggface_lstm"])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"retrain": "layer5"}, "layer4"),
        ({"retrain": "layer3.9"}, "layer4"),
        ({"last": "layer0"}, "layer4"),
        ({"last": "layer3", "retrain": "layer4"}, "layer3"),
        ({"head": "rnn"}, "lstm_bi"),
        ({"smoke": True, "weights": "x.pt"}, "leave one out"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, told):
    with pytest.raises(ConfigError, match=told):
        SYSTEMS["vggface_lstm"].changed(**settings)


def test_one_face_is_no_sequence():
    with pytest.raises(ConfigError, match=r"\(T, 3, H, W\)"):
        SYSTEMS["vggface"].build(3, (3, 224, 224))
