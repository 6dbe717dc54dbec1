"""CNN-LSTM and its variants: what they are, that they learn, that they become packages."""

import numpy as np
import onnxruntime as ort
import pytest
import torch

from engines.half import half_precision
from offline.export import Answering, export_module
from offline.models.registry import MODELS
from offline.systems.local_regions import SYSTEMS, judged_pictures
from realtime_mer.errors import ConfigError
from realtime_mer.recipes import RECIPES
from tests.offline.systems.region_clips import (
    LABELS,
    SHAPE,
    STEPS,
    accuracy,
    built,
    material,
    trained,
)

pytestmark = pytest.mark.slow

SMALL = {name: system.changed(smoke=True) for name, system in SYSTEMS.items()}


def test_every_variant_is_a_model_of_the_bench():
    for name, system in SYSTEMS.items():
        entry = MODELS[name]
        assert (system.name, entry.system, entry.recipe) == (name, name, system.recipe)
        assert system.recipe in RECIPES
        learnt = sum(each.numel() for each in built(system).parameters())
        assert entry.parameters == learnt


def test_settings_as_published():
    first, second = SYSTEMS["cnn_lstm_se"].stages(LABELS)
    assert (first.plan.rate, second.plan.rate) == (1e-4, 5e-5)
    assert {stage.plan.loss for stage in (first, second)} == {"focal"}
    assert {stage.plan.gamma for stage in (first, second)} == {2.0}
    assert first.plan.balanced
    assert second.plan.balanced
    pictures = {name: each.spatial.batch * each.pictures for name, each in SYSTEMS.items()}
    assert pictures.pop("cnn_lstm") == 64
    assert pictures.pop("cnn_lstm_se_m16") == 32
    assert set(pictures.values()) == {128}
    first, second = SYSTEMS["cnn_lstm"].stages(LABELS)
    assert (first.plan.epochs, second.plan.epochs, second.plan.batch) == (100, 60, 244)


def test_epochs_are_those_of_both_stages():
    few = SYSTEMS["cnn_lstm_se"].changed(epochs=3)
    assert [stage.plan.epochs for stage in few.stages(LABELS)] == [3, 3]
    small = few.changed(smoke=True)
    assert [stage.plan.epochs for stage in small.stages(LABELS)] == [3, 3]
    assert hash(few) != hash(small)


@pytest.mark.parametrize("name", ["cnn_lstm", "cnn_lstm_se"])
def test_it_overfits_eight_clips_and_every_weight_moves(name):
    own = material()
    found = trained(SMALL[name].changed(epochs=25), own)
    assert found.unmoved == set()
    assert accuracy(found.net, own) == 1


def test_stages_leave_each_other_alone():
    own, system = material(4), SMALL["cnn_lstm_se"].changed(epochs=1)
    before = built(system).state_dict()
    first, second = system.stages(LABELS)
    net = built(system)
    part = second.part(net)
    reads = second.reads(net.eval(), torch.from_numpy(own.inputs)).detach()
    part.train()
    second.forward(net, reads).sum().backward()
    assert all(each.grad is None for each in net.spatial.parameters())
    assert all(each.grad is not None for each in part.parameters())
    net = built(system)
    first.part(net).train()
    first.forward(net, torch.from_numpy(own.inputs)).sum().backward()
    assert all(each.grad is None for each in net.temporal.parameters())
    assert torch.equal(net.temporal.standardised.mean, before["temporal.standardised.mean"])


def test_what_is_stored_answers_as_the_pictures_do():
    net = built(SMALL["cnn_lstm_se"]).eval()
    inputs = torch.from_numpy(material(3).inputs)
    with torch.no_grad():
        stored = net.stored(inputs)
        assert stored.shape == (3, STEPS, 6 * 32 + 1)
        assert torch.allclose(net.from_stored(stored), net(inputs), atol=1e-6)


@pytest.mark.parametrize("labelling", ["units", "face"])
def test_a_region_of_a_picture_has_a_row(labelling):
    own, system = material(3), SMALL["cnn_lstm_se_m1"].changed(labelling=labelling)
    stage = system.stages(LABELS)[0]
    net = built(system).eval()
    told = stage.forward(net, torch.from_numpy(own.inputs))
    assert stage.targets is not None
    assert tuple(told.shape) == stage.targets(own, np.arange(3)).shape
    assert told.shape == (3, STEPS * 6, 3 + (labelling == "units"))
    one = net.spatial(torch.from_numpy(own.inputs[1, :2]))
    assert torch.allclose(told[1].reshape(STEPS, 6, -1)[:2], one, atol=1e-5)


def test_in_training_a_few_pictures_stand_for_their_neighbours():
    torch.manual_seed(0)
    net = built(SMALL["cnn_lstm_se_m1"]).spatial
    inputs = torch.rand(2, 7, *SHAPE[1:])
    inputs[1, 4:] = 0
    for each in net.modules():
        each.training = isinstance(each, type(net))  # without dropout
    with torch.no_grad():
        own = net(inputs.flatten(0, 1)).unflatten(0, (2, 7))
        seen = [judged_pictures(net, inputs, 3).reshape(2, 7, 6, -1) for _ in range(9)]
    begins = set()
    for told in seen:
        matches = [b for b in range(3) if torch.allclose(told[0, 0], own[0, b], atol=1e-5)]
        assert len(matches) == 1
        begin = matches[0]
        begins.add(begin)
        for step in range(7):
            asked = begin + 3 * (step // 3)
            assert torch.allclose(told[0, step], own[0, min(asked, 6)], atol=1e-5)
            assert torch.allclose(told[1, step], own[1, min(asked, 3)], atol=1e-5)
    assert begins == {0, 1, 2}


def test_the_whole_chain_is_exported_padding_and_all():
    """Regions weigh and patches do not; ``test_systems_build`` exports both and neither."""
    net = Answering(built(SMALL["cnn_lstm_se_temporal"])).eval()
    inputs = torch.rand(3, *SHAPE)
    inputs[1, 4:] = 0
    with torch.no_grad():
        wanted = net(inputs).numpy()
    model = export_module(net, SHAPE)
    for bytes_, bound in ((model, 1e-5), (half_precision(model), 0.02)):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(bytes_, options, providers=["CPUExecutionProvider"])
        (entry,) = session.get_inputs()
        found = session.run(None, {entry.name: inputs.numpy()})[0]
        alone = session.run(None, {entry.name: inputs.numpy()[1:2]})[0]
        assert np.abs(found - wanted).max() < bound
        assert np.abs(alone - wanted[1:2]).max() < bound
    assert np.ptp(wanted, axis=0).max() > 1e-3


@pytest.mark.parametrize("shape", [(31, 1, 320, 320), (31, 3, *SHAPE[2:]), SHAPE[1:]])
def test_other_inputs_are_refused(shape):
    with pytest.raises(ConfigError, match="cnn_lstm_se reads"):
        SYSTEMS["cnn_lstm_se"].build(3, shape)


def test_unknown_labellings_are_refused():
    with pytest.raises(ConfigError, match="labelling is 'whole'; give one of units, face"):
        SYSTEMS["cnn_lstm_se"].changed(labelling="whole")
