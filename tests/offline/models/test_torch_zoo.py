from functools import cache

import pytest
import torch
from torch import nn

from offline.models.flow_cnn import LABELS, SCORES, Deployed, FlowCnn, FlowLinear
from offline.models.registry import MODELS, PLANES
from offline.models.torch_zoo import TORCH_MODELS, find_torch_model, seeded
from offline.nets.answering import Answering
from offline.systems.registry import PUBLISHED, SYSTEMS
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import RECIPES

PARAMETERS = {
    "default": 5 * 87288 + 393 * 24,
    "ststnet": 1683,
    "off_apexnet": 2_664_475,
    "dual_inception": 6_449_867,
    "capsulenet": 167_136,
    "flow_cnn": 86_259,
}
NAMES = [*PARAMETERS, *PUBLISHED]
LEAST = {"dstan": 0.002}
"""Its closing machine says little of streams that learnt nothing."""


@cache
def made(name: str) -> nn.Module:
    """In its small size, where it is a system."""
    return seeded(name, 0, smoke=True)


def answers(name: str, count: int, seed: int = 1) -> torch.Tensor:
    with torch.inference_mode():
        return made(name)(TORCH_MODELS[name].inputs(count, seed))


def test_every_network_is_listed_once_by_its_own_name():
    assert list(TORCH_MODELS) == NAMES
    assert [model.name for model in TORCH_MODELS.values()] == NAMES
    assert all(model.title for model in TORCH_MODELS.values())


@pytest.mark.parametrize("name", PARAMETERS)
def test_sizes(name):
    model = TORCH_MODELS[name]
    with torch.random.fork_rng(devices=[]):
        net = model.build(len(model.labels))
    assert sum(each.numel() for each in net.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_probabilities_and_then_scores(name):
    model, found = TORCH_MODELS[name], answers(name, 3)
    assert found.shape == (3, len(model.columns))
    assert found.dtype == torch.float32
    assert ((found >= 0) & (found <= 1)).all()
    torch.testing.assert_close(found[:, : len(model.labels)].sum(1), torch.ones(3))
    assert len(set(model.columns)) == len(model.columns)


@pytest.mark.parametrize("name", NAMES)
def test_answers_differ_between_inputs_and_not_between_batches(name):
    together = answers(name, 3)
    inputs = TORCH_MODELS[name].inputs(3, 1)
    with torch.inference_mode():
        alone = torch.cat([made(name)(each[None]) for each in inputs])
    torch.testing.assert_close(together, alone, atol=2e-5, rtol=1e-4)
    assert together.std(0).max() > LEAST.get(name, 0.01)


@pytest.mark.parametrize("name", PARAMETERS)
def test_no_label_is_answered_always(name):
    """So that label agreement between two backends says something."""
    shares = answers(name, 200)[:, : len(TORCH_MODELS[name].labels)].argmax(1).bincount() / 200
    assert shares.max() < 0.9
    assert (shares > 0).sum() >= 2


@pytest.mark.parametrize("name", NAMES)
def test_normalisation_is_alive(name):
    for module in made(name).modules():
        assert not module.training
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_var.isfinite().all()
            assert module.running_var.max() > 1e-4
            assert module.running_mean.any()
            assert module.momentum in (0.1, 0.5)  # 1 while it is fitted


@pytest.mark.parametrize("name", ["default", "capsulenet", "dual_inception", "cropnet"])
def test_the_same_seed_gives_the_same_weights_and_leaves_torchs_generator(name):
    torch.manual_seed(11)
    before = torch.get_rng_state()
    again = seeded(name, 0, smoke=True).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    first = made(name).state_dict()
    assert all(torch.equal(first[part], again[part]) for part in first)


def test_another_seed_gives_another_network():
    one, other = made("capsulenet").state_dict(), seeded("capsulenet", 1).state_dict()
    assert not torch.equal(one["net.0.weight"], other["net.0.weight"])
    assert not torch.equal(one["net.5.weight"], other["net.5.weight"])


@pytest.mark.parametrize("name", [name for name in NAMES if name != "default"])
def test_other_numbers_of_classes(name):
    model = TORCH_MODELS[name]
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        found = model.build(5, smoke=True).eval()(model.inputs(1, 0))
    assert found.shape == (1, 5)
    torch.testing.assert_close(found.sum(1), torch.ones(1))


def test_the_default_network_is_made_like_the_bundled_one():
    model, net = TORCH_MODELS["default"], made("default")
    assert (model.labels, model.scores) == (LABELS, SCORES)
    assert isinstance(net, Deployed)
    assert [type(member) for member in net.members] == [FlowCnn] * 5 + [FlowLinear]
    assert net.shares == pytest.approx([0.16] * 5 + [0.2])
    assert net.temperature == 0.64
    assert net.bias.any()
    with pytest.raises(ConfigError, match="has 4 classes, not 3"):
        model.build(3)


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name != "default"])
def test_networks_of_the_bench_read_what_they_read_there(name):
    model = TORCH_MODELS[name]
    assert model.recipe == MODELS[name].recipe
    assert model.recipe in RECIPES
    assert model.input_shape == (PLANES[model.recipe], 28, 28)
    assert model.labels == EMOTIONS
    assert isinstance(made(name), Answering)


@pytest.mark.parametrize("name", PUBLISHED)
def test_systems_read_what_they_read_on_the_bench(name):
    model = TORCH_MODELS[name]
    assert model.system == name
    assert model.title == MODELS[name].title
    assert model.recipe == MODELS[name].recipe == SYSTEMS[name].recipe
    assert model.inputs(2, 0).shape == (2, *model.input_shape)


def test_ablations_are_found_by_name():
    [ablation] = [name for name in SYSTEMS if name == "cropnet_whole"]
    model = find_torch_model(ablation)
    assert (model.name, model.system, model.input_shape) == (ablation, ablation, (3, 320, 320))
    assert ablation not in TORCH_MODELS


def test_cropnet_reads_pictures():
    model = TORCH_MODELS["cropnet"]
    assert (model.recipe, model.input_shape) == ("ars", (3, 320, 320))
    drawn = model.inputs(2, 0)
    assert 0 <= drawn.min() < 0.01
    assert 0.5 < drawn.max() <= 1
    assert torch.equal(drawn, model.inputs(2, 0))
    assert not torch.equal(drawn, model.inputs(2, 1))


def test_answering_is_the_softmax_of_the_logits():
    logits = torch.tensor([[0.0, 1.0, 2.0], [1000.0, 0.0, 0.0]])
    expected = torch.tensor([[0.0900, 0.2447, 0.6652], [1.0, 0.0, 0.0]])
    torch.testing.assert_close(Answering(nn.Identity())(logits), expected, atol=1e-4, rtol=0)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ConfigError, match=r"'crop_net'.*nearest: cropnet"):
        find_torch_model("crop_net")
