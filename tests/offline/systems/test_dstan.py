"""DSTAN's networks: sizes, padding, attentions, and how the parts go together."""

import numpy as np
import pytest
import torch
from torch import nn

from offline.models.entries_dstan import ENTRIES
from offline.systems.closing_svm import ClosingSvm
from offline.systems.dstan import SYSTEMS
from offline.systems.dstan_attention import ChannelAttention, SpatialAttention, TemporalAttention
from offline.systems.dstan_network import described, motion, pictures
from offline.systems.dstan_streams import real_steps
from offline.systems.system import System
from realtime_mer.errors import ConfigError
from realtime_mer.recipes import RECIPES
from tests.offline.systems.dstan_clips import CLASSES, clips, network, one_hot, planes_of

NAMES = tuple(SYSTEMS)
DUAL = tuple(name for name in NAMES if name not in ("stan", "stmn"))


def smoke_shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(each.shape) for name, each in module.named_parameters()}


@pytest.mark.parametrize("name", NAMES)
def test_full_size_is_what_the_entry_says(name):
    entry = {each.name: each for each in ENTRIES}[name]
    system: System = SYSTEMS[name]
    with torch.device("meta"):
        module = system.build(CLASSES, (9, planes_of(name), 224, 224))
    assert sum(each.numel() for each in module.parameters()) == entry.size
    assert (entry.system, entry.recipe) == (name, system.recipe)
    assert system.recipe in RECIPES
    assert entry.parameters == entry.size


def test_every_system_has_an_entry():
    assert {each.name for each in ENTRIES} == set(NAMES)
    assert {"stan", "stmn", "dstan", "dstan_average"} <= set(NAMES)


@pytest.mark.parametrize("parts", ["dstan_basic", "dstan_fusion"])
def test_what_table_2_takes_away_is_gone(parts):
    module = network(parts)
    assert not [m for m in module.modules() if type(m) in (SpatialAttention, ChannelAttention)]
    assert not [m for m in module.modules() if isinstance(m, TemporalAttention)]
    assert (module.stan.frame.fuse_low is None) == (parts == "dstan_basic")
    assert module.stmn.frame.fuse_low is None
    assert module.attention(clips(parts, 1)[0]) == {}


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("dstan", None),
        ("dstan_no_temporal", TemporalAttention),
        ("dstan_no_spatial", SpatialAttention),
        ("dstan_no_channel", ChannelAttention),
    ],
)
def test_one_attention_is_missing(name, gone):
    module = network(name)
    for kind in (SpatialAttention, ChannelAttention, TemporalAttention):
        found = [each for each in module.modules() if isinstance(each, kind)]
        assert len(found) == (0 if kind is gone else 2)


@pytest.mark.parametrize(
    ("name", "fitted"),
    [("stan", False), ("stmn", False), ("dstan", False), ("dstan", True), ("dstan_basic", True)],
)
def test_padding_changes_nothing(name, fitted):
    module = network(name)
    inputs, labels = clips(name, 6, steps=7)
    if fitted:
        SYSTEMS[name].changed(smoke=True).complete(module, inputs, one_hot(labels), 0)
        for each in module.modules():
            if isinstance(each, ClosingSvm):
                each.weights.mul_(1000)  # streams that learnt nothing say nearly the same of all
    padded = torch.cat([inputs, torch.zeros_like(inputs[:, :4])], 1)
    with torch.no_grad():
        torch.testing.assert_close(module(padded), module(inputs), atol=1e-5, rtol=1e-5)
        mixed = padded.clone()
        mixed[0, 5:] = 0
        alone = module(inputs[:1, :5])
        torch.testing.assert_close(module(mixed)[:1], alone, atol=1e-5, rtol=1e-5)
        assert not torch.allclose(alone, module(inputs[:1]), atol=1e-5)


@pytest.mark.parametrize("name", ["stan", "stmn", "dstan"])
def test_padding_changes_nothing_in_training_either(name):
    inputs, labels = clips(name, 4, steps=5)
    padded = torch.cat([inputs, torch.zeros_like(inputs[:, :3])], 1)
    told = []
    for given in (inputs, padded):
        module = network(name).train()
        loss = nn.functional.cross_entropy(module(given), torch.from_numpy(labels))
        loss.backward()
        slopes = {k: p.grad for k, p in module.named_parameters()}
        told.append((loss, slopes, {k: v for k, v in module.state_dict().items() if "mean" in k}))
    torch.testing.assert_close(*told, atol=1e-5, rtol=1e-4)


def test_real_steps_are_those_that_show_something():
    sequence = torch.zeros(2, 3, 2, 4, 4)
    sequence[0, 0, 1, 2, 2] = -1e-3
    sequence[1, :2] = 1.0
    assert real_steps(sequence).tolist() == [[1, 0, 0], [1, 1, 0]]
    with pytest.raises(ConfigError, match="sequences"):
        real_steps(torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize("name", NAMES)
def test_attention_says_where_which_and_when(name):
    module = network(name)
    inputs, _ = clips(name, 2)
    inputs[1, 6:] = 0
    found = module.attention(inputs)
    streams = ("",) if name in ("stan", "stmn") else ("stan_", "stmn_")
    parts = SYSTEMS[name].parts
    kinds = [kind for kind in ("spatial", "channel", "temporal") if getattr(parts, kind)]
    assert set(found) == {stream + kind for stream in streams for kind in kinds}
    for kind, weights in found.items():
        shape = {"spatial": (7, 7), "channel": (16,), "temporal": ()}[kind.rpartition("_")[2]]
        assert weights.shape == (2, 9, *shape)
        assert not weights.requires_grad
        assert 0 < weights[0].min() <= weights[0].max() < 1
        assert not weights[1, 6:].any()
        assert (weights[1, :6] > 0).all()


def test_attention_is_what_the_network_weighs_by():
    module = network("stmn")
    inputs, _ = clips("stmn", 2)
    seen = {}
    attention = module.frame.spatial
    attention.register_forward_hook(lambda _, given, answer: seen.update(maps=given[0], out=answer))
    with torch.no_grad():
        module(inputs)
    weights = module.attention(inputs)["spatial"].flatten(0, 1)[:, None]
    torch.testing.assert_close(seen["out"], weights * seen["maps"])


@pytest.mark.parametrize("kind", [SpatialAttention, ChannelAttention])
def test_an_attention_that_sees_nothing_weighs_all_a_half(kind):
    layer = kind(8)
    for each in layer.parameters():
        nn.init.zeros_(each)
    maps = torch.randn(2, 8, 5, 5)
    torch.testing.assert_close(layer(maps), maps / 2)


def test_mean_and_maximum_share_their_layers():
    layer = ChannelAttention(32, 4)
    maps = torch.randn(3, 32, 6, 6)
    mean, most = maps.mean((2, 3)), maps.amax((2, 3))
    assert layer.fc[0].out_features == 8
    torch.testing.assert_close(layer.weights(maps), torch.sigmoid(layer.fc(mean) + layer.fc(most)))
    flat = mean[:, :, None, None].expand_as(maps)
    torch.testing.assert_close(layer.weights(flat), torch.sigmoid(2 * layer.fc(mean)))


@pytest.mark.parametrize("name", DUAL)
def test_before_the_machine_the_streams_probabilities_are_averaged(name):
    module = network(name)
    inputs, _ = clips(name, 3)
    with torch.no_grad():
        real = real_steps(inputs)
        seen = module.stan.judge(module.stan.describe(pictures(inputs), real)).softmax(1)
        moved = module.stmn.judge(module.stmn.describe(motion(inputs), real)).softmax(1)
        torch.testing.assert_close(module(inputs).softmax(1), (seen + moved) / 2)
        weighed = SYSTEMS[name].changed(smoke=True, share=0.8)
        other = weighed.build(CLASSES, (9, 3, 224, 224)).eval()
        other.load_state_dict(module.state_dict())
        torch.testing.assert_close(other(inputs).softmax(1), 0.8 * seen + 0.2 * moved)


def test_the_machine_decides_once_it_is_fitted():
    name = "dstan"
    system, module = SYSTEMS[name].changed(smoke=True), network(name)
    inputs, labels = clips(name, 9)
    before = {k: v.clone() for k, v in module.named_parameters()}
    with torch.no_grad():
        unfitted = module(inputs)
        module.train()
        system.complete(module, inputs, one_hot(labels), 0)
        assert module.training
        module.eval()
        features = torch.from_numpy(described(module, inputs)).float()
        torch.testing.assert_close(module(inputs), module.closing(features))
        assert not torch.allclose(module(inputs), unfitted)
    assert features.shape == (9, 32)
    for key, value in module.named_parameters():
        torch.testing.assert_close(value, before[key], atol=0, rtol=0)
    fresh = system.build(CLASSES, tuple(inputs.shape[1:])).eval()
    fresh.load_state_dict(module.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(fresh(inputs), module(inputs), atol=0, rtol=0)


def test_averaging_has_no_machine():
    system, module = SYSTEMS["dstan_average"].changed(smoke=True), network("dstan_average")
    inputs, labels = clips("dstan_average", 3)
    with torch.no_grad():
        before = module(inputs)
        system.complete(module, inputs, one_hot(labels), 0)
        torch.testing.assert_close(module(inputs), before, atol=0, rtol=0)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match=r"stan reads sequences"):
        SYSTEMS["stan"].build(3, (2, 28, 28))
    with pytest.raises(ConfigError, match=r"dstan reads sequences .* of 3 planes"):
        SYSTEMS["dstan"].build(3, (9, 1, 224, 224))
    module = network("dstan")
    inputs, _ = clips("dstan", 3)
    units = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0]], np.float32)
    with pytest.raises(ConfigError, match="action units"):
        SYSTEMS["dstan"].complete(module, inputs, units, 0)
    with pytest.raises(ConfigError, match="no setting colour"):
        SYSTEMS["dstan"].changed(colour=True)
    with pytest.raises(ConfigError, match="share"):
        SYSTEMS["dstan"].changed(share=1.0)


@pytest.mark.parametrize("name", NAMES)
def test_settings_reach_every_stage(name):
    changed = SYSTEMS[name].changed(epochs=3, batch=4, rate=0.01, smoke=True)
    stages = changed.stages(("a", "b", "c"))
    assert len(stages) == (1 if name in ("stan", "stmn") else 2)
    for stage in stages:
        plan = stage.plan
        assert (plan.epochs, plan.batch, plan.rate) == (3, 4, 0.01)
        assert (plan.optimiser, plan.loss, plan.decay) == ("adam", "cross_entropy", 0.0)
    assert SYSTEMS[name].stages(("a", "b"))[0].plan.batch == 32
    assert not SYSTEMS[name].smoke
    small = smoke_shapes(changed.build(3, (9, planes_of(name), 224, 224)))
    with torch.device("meta"):
        large = smoke_shapes(SYSTEMS[name].build(3, (9, planes_of(name), 224, 224)))
    assert set(small) == set(large)
