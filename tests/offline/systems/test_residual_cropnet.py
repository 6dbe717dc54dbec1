"""ARS, RRS and CropNet as systems: they learn by heart, repeat by seed, and leave as ONNX."""

import pickle
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from engines.spec import BuildSpec
from offline.bench.learning import Material
from offline.export import Answering, export_module
from offline.models.entries_cropnet import ENTRIES
from offline.nets.cropnet import SIDE, CropNet
from offline.nets.rexnet import Bottleneck, Weighed, rexnet_trunk
from offline.systems.augmentation import augmented
from offline.systems.residual_cropnet import SYSTEMS, CropNetSystem
from offline.systems.training import Lesson, answers, train
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.errors import ConfigError, ModelError
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import RECIPES, recipe
from tests.realtime_mer.motion.test_flow import bump, carried, textured

SHAPE = (3, SIDE, SIDE)
PLACES = (
    (102, 75), (217, 75), (160, 75), (102, 215), (217, 215), (160, 215), (160, 150), (160, 260)
)  # fmt: skip
LABELS = np.arange(8) * 5 % 3
EPOCHS = 20


def moving(number: int) -> CandidateFrames:
    """Another face each, of which another place rises and falls again."""
    image, weight = textured(number), bump(*PLACES[number], 18)
    shown = [carried(image, 0 * weight, -3 * size * weight) for size in (0, 0.3, 0.7, 1, 0.6)]
    crops = np.clip(np.stack([np.stack([gray] * 3, -1) for gray in shown]), 0, 255)
    return CandidateFrames(crops.astype(np.uint8), np.arange(5) / 30, 0, 3, 4)


@pytest.fixture(scope="module")
def material() -> Material:
    inputs = np.stack([recipe("ars")(moving(number)) for number in range(8)])
    targets = np.eye(3, dtype=np.float32)[LABELS]
    return Material(inputs, targets, tuple(("made", str(number)) for number in range(8)))


def smoke(name: str = "cropnet", **settings) -> CropNetSystem:
    return SYSTEMS[name].changed(smoke=True, **settings)


def trained(system: CropNetSystem, material: Material, seed: int = 0) -> nn.Module:
    [stage] = system.stages(EMOTIONS)
    found = []
    lesson = Lesson(system, EMOTIONS, material, np.arange(len(material.targets)), seed)
    train(lesson, [stage.plan.epochs], lambda _, module: found.append(module))
    return found[0]


# Learning ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cropnet", "cropnet_whole"])
def test_eight_clips_are_learnt_by_heart(name, material):
    module = trained(smoke(name, epochs=EPOCHS), material)
    logits = answers(module, material, np.arange(8), "cpu")
    assert logits.shape == (8, 3)
    np.testing.assert_array_equal(logits.argmax(1), LABELS)
    shuffled = answers(module, material, np.array([5, 0]), "cpu")
    np.testing.assert_allclose(shuffled, logits[[5, 0]], atol=1e-4)


@pytest.mark.parametrize("name", ["cropnet", "cropnet_whole"])
def test_gradients_reach_every_value_of_every_block(name, material):
    torch.manual_seed(0)
    system = smoke(name)
    [stage] = system.stages(EMOTIONS)
    module = system.build(3, SHAPE)
    optimiser = torch.optim.Adam(module.parameters(), 1e-3)
    reached = {key: torch.zeros_like(each) for key, each in module.named_parameters()}
    for _ in range(3):
        optimiser.zero_grad()
        logits = stage.forward(stage.part(module), torch.from_numpy(material.inputs))
        nn.functional.cross_entropy(logits, torch.from_numpy(LABELS)).backward()
        optimiser.step()
        for key, each in module.named_parameters():
            assert each.grad.isfinite().all(), key
            reached[key] += each.grad.abs()
    assert len(reached) > 40
    assert all(each.any() for each in reached.values())
    assert (reached["classes.weight"] > 0).all()
    assert "positions" not in reached or (reached["positions"] > 0).all()


def test_equal_seeds_give_equal_networks_and_others_another(material):
    system = smoke(epochs=2)
    first, same, other = (trained(system, material, seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[key], same[key]) for key in first)
    assert not torch.equal(first["classes.weight"], other["classes.weight"])


def test_statistics_are_of_changed_pictures_where_training_changed_them(material):
    inputs = torch.from_numpy(material.inputs)
    states = []
    for change, seed in ((False, 0), (False, 1), (True, 0), (True, 0), (True, 1)):
        torch.manual_seed(0)
        small = smoke(augment=change)
        module = small.build(3, SHAPE)
        replace(small, smoke=False).complete(module, inputs, material.targets, seed)
        assert not module.training
        states.append(module.state_dict()["extractor.1.running_var"])
    plain, plain_again, once, again, other = states
    assert torch.equal(plain, plain_again)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert not torch.equal(once, plain)


# Settings ---------------------------------------------------------------------------------------


def test_systems_and_entries_are_the_same_and_read_recipes_that_exist():
    assert [entry.name for entry in ENTRIES] == list(SYSTEMS)
    assert {"cropnet", "cropnet_rrs", "cropnet_whole", "cropnet_k1"} <= set(SYSTEMS)
    for entry in ENTRIES:
        system = SYSTEMS[entry.name]
        assert entry.system == system.name == entry.name
        assert entry.recipe == system.recipe
        assert system.recipe in RECIPES
        assert entry.learner(EMOTIONS, True).found == system
    assert SYSTEMS["cropnet"].recipe == SYSTEMS["cropnet_whole"].recipe == "ars"
    assert SYSTEMS["cropnet_k9"].recipe == "ars_k9"


@pytest.mark.parametrize("name", ["cropnet", "cropnet_whole"])
def test_entries_state_the_size(name):
    [entry] = [entry for entry in ENTRIES if entry.name == name]
    net = SYSTEMS[name].build(3, SHAPE)
    assert sum(each.numel() for each in net.parameters()) == entry.parameters
    assert abs(entry.parameters / 7.6e6 - 1) < 0.05


def test_published_figures_are_found():
    figures = {entry.name: entry.published for entry in ENTRIES if entry.reported}
    assert figures["cropnet"].full == (0.911, 0.904)
    assert figures["cropnet_rrs"].full == (0.875, 0.877)
    assert len(figures) == 2


def test_it_is_trained_as_published_and_small_ones_without_changes_of_pictures():
    [stage] = SYSTEMS["cropnet"].stages(EMOTIONS)
    assert (stage.plan.optimiser, stage.plan.loss) == ("adamp", "label_smoothing")
    assert stage.augment is augmented
    assert stage.part(nn.Identity()) is not None
    for other in (smoke(), SYSTEMS["cropnet"].changed(augment=False)):
        [plain] = other.stages(EMOTIONS)
        assert plain.augment is None
        assert plain.plan == replace(stage.plan, rate=(3 if other.smoke else 1) * 1e-3)
    [short] = SYSTEMS["cropnet"].changed(epochs=7, batch=4).stages(EMOTIONS)
    assert (short.plan.epochs, short.plan.batch) == (7, 4)


def test_the_small_network_has_every_kind_of_block():
    small, full = smoke().build(3, SHAPE), SYSTEMS["cropnet"].build(3, SHAPE)
    kinds = [{type(each) for each in net.modules()} for net in (small, full)]
    assert kinds[0] == kinds[1]
    assert isinstance(small, CropNet)
    for net in (small, full):
        blocks = [each for each in net.modules() if isinstance(each, Bottleneck)]
        weighed = [any(isinstance(part, Weighed) for part in each.modules()) for each in blocks]
        partly = [0 < each.kept < each.out[-1].num_features for each in blocks]
        assert any(weighed)
        assert not all(weighed)
        assert any(partly)
        assert not all(partly)
        assert net.positions.shape == (9, 24)
    assert sum(each.numel() for each in small.parameters()) < 20_000
    assert small.views.view == 40
    assert small.views.places[1] == (0, 28)


def test_settings_can_be_sent_and_unknown_ones_are_refused():
    for system in SYSTEMS.values():
        assert pickle.loads(pickle.dumps(system)) == system
        assert hash(system) == hash(system.changed())
    assert len({*SYSTEMS.values()}) == len(SYSTEMS)
    with pytest.raises(ConfigError, match=r"no setting epoch;.*epochs"):
        SYSTEMS["cropnet"].changed(epoch=3)
    with pytest.raises(ConfigError, match=r"320.*recipe rrs"):
        SYSTEMS["cropnet_rrs"].build(3, (2, 28, 28))


def test_weights_of_imagenet_come_from_a_file(tmp_path):
    torch.manual_seed(9)
    trunk, _ = rexnet_trunk(1.0)
    torch.save(trunk.state_dict(), tmp_path / "rexnet.pth")
    system = SYSTEMS["cropnet"].changed(width=1.0, trunk=str(tmp_path / "rexnet.pth"))
    begun = system.build(3, SHAPE).extractor.state_dict()
    assert all(torch.equal(begun[key], each) for key, each in trunk.state_dict().items())
    with pytest.raises(ModelError, match="same width"):
        system.changed(width=1.3).build(3, SHAPE)
    with pytest.raises(ModelError, match="cannot read"):
        system.changed(trunk=str(tmp_path / "none.pth")).build(3, SHAPE)


# Leaving ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def deployed(material) -> tuple[nn.Module, bytes]:
    """The network without views; ``test_systems_build`` exports the one with views."""
    module = Answering(trained(smoke("cropnet_whole", epochs=3), material)).eval()
    return module, export_module(module, SHAPE)


@pytest.mark.parametrize("count", [1, 3])
def test_onnx_runtime_answers_the_same(deployed, material, count):
    module, model = deployed
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    given = material.inputs[:count]
    with torch.inference_mode():
        expected = module(torch.from_numpy(given)).numpy()
    (found,) = session.run(None, {session.get_inputs()[0].name: given})
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.shape == (count, 3)


def test_tensorrt_rtx_compiles_it(deployed):
    from engines.nvidia.tensorrt_build import build_plan
    from engines.nvidia.tensorrt_flavour import load_flavour

    _, model = deployed
    version = load_flavour("tensorrt-rtx").version
    spec = BuildSpec("0" * 64, "tensorrt-rtx", version, "fp32", ("sm89",))
    assert len(build_plan(model, "cropnet", spec)) > len(model) // 4
