import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from offline.bench.learning import Material
from offline.systems.system import Stage, TrainPlan
from offline.systems.training import Lesson, answers, train
from realtime_mer.errors import ConfigError, ModelError
from tests.offline.systems.toy_system import CLASSES, Toy, ToyNet, toy_material

MATERIAL = toy_material()
EVERYONE = np.arange(len(MATERIAL.targets))


def lesson(system=None, material: Material = MATERIAL, key: int = 5, **changes) -> Lesson:
    train_on = changes.pop("train", np.arange(len(material.targets)))
    return Lesson(system or Toy(), CLASSES, material, train_on, key, **changes)


def trained(given: Lesson, marks=None) -> list[dict[str, torch.Tensor]]:
    """The weights at each mark."""
    found = []

    def keep(epoch: int, module: nn.Module) -> None:
        assert not module.training
        found.append({name: each.clone() for name, each in module.state_dict().items()})

    train(given, marks or [given.system.stages(CLASSES)[-1].plan.epochs], keep)
    return found


def same(one, other) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_equal_keys_give_equal_weights_and_torchs_generator_is_left():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    [first] = trained(lesson())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert same(first, trained(lesson())[0])
    assert not same(first, trained(lesson(key=6))[0])


def test_what_is_asked_on_the_way_changes_nothing():
    [last] = trained(lesson())
    on_the_way = trained(lesson(), [1, 2, 3, 4, 5, 6])
    assert len(on_the_way) == 6
    assert same(last, on_the_way[-1])
    assert not same(last, on_the_way[-2])
    [third] = trained(lesson(), [3])
    assert same(third, on_the_way[2])


def test_finishing_on_the_way_is_undone():
    with_ends = trained(lesson(Toy(finished=True)), [2, 6])
    without = trained(lesson(), [2, 6])
    for finished, plain in zip(with_ends, without, strict=True):
        difference = finished["classes.bias"] - plain["classes.bias"]
        torch.testing.assert_close(difference, torch.tensor([100.0, 0, 0]), atol=1e-4, rtol=0)
        assert torch.equal(finished["classes.weight"], plain["classes.weight"])


def test_a_stage_moves_its_part_alone():
    """The second stage trains the classifier; the trunk and its normalisation stand still."""
    begun = trained(lesson(), [1])[0]
    ended = trained(lesson(), [6])[0]
    moved = {name for name in begun if not torch.equal(begun[name], ended[name])}
    assert moved == {"classes.weight", "classes.bias"}
    untouched = ToyNet(3).state_dict()
    assert set(untouched) == set(begun)


def test_what_a_system_freezes_stays_with_its_normalisation():
    torch.manual_seed(5)
    drawn = ToyNet(3).state_dict()
    [found] = trained(lesson(Toy(frozen=True)))
    trunk = [name for name in drawn if name.startswith("trunk.")]
    assert all(torch.equal(found[name], drawn[name]) for name in trunk)
    assert not torch.equal(found["quarters.weight"], drawn["quarters.weight"])
    [free] = trained(lesson())
    assert not torch.equal(free["trunk.1.running_mean"], drawn["trunk.1.running_mean"])


def test_flags_are_put_back():
    kept = []
    train(lesson(Toy(frozen=True, epochs=1)), [1], lambda _, module: kept.append(module))
    assert not any(each.requires_grad for each in kept[0].trunk.parameters())
    assert all(each.requires_grad for each in kept[0].classes.parameters())


def test_a_single_sample_is_never_a_batch():
    sizes = []

    def watched(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        if module.training or module.trunk.training:
            sizes.append(len(x))
        return module(x)

    class One(Toy):
        def stages(self, classes):
            return (Stage("only", TrainPlan(2, 8), forward=watched),)

    trained(lesson(One(), train=EVERYONE[:17]), [2])
    assert sizes == [8, 9, 8, 9]
    sizes.clear()
    trained(lesson(One(), train=EVERYONE[:18]), [1])
    assert sizes == [8, 8, 2]


def test_stages_are_told():
    told = []
    train(lesson(Toy(epochs=2)), [2], lambda *_: None, lambda *each: told.append(each))
    stages = [("quarters", done, 2) for done in range(3)] + [
        ("whole", done, 2) for done in range(3)
    ]
    assert told == stages


def test_a_read_only_array_is_read_without_a_word():
    inputs = MATERIAL.inputs.copy()
    inputs.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [found] = trained(lesson(material=replace(MATERIAL, inputs=inputs)))
    assert same(found, trained(lesson())[0])


def test_samples_that_are_not_learnt_from_change_nothing():
    side = EVERYONE[:18]
    spoilt = MATERIAL.inputs.copy(), MATERIAL.targets.copy()
    spoilt[0][18:], spoilt[1][18:] = 9.0, spoilt[1][18:, ::-1]
    other = replace(MATERIAL, inputs=spoilt[0], targets=spoilt[1])
    assert same(trained(lesson(train=side))[0], trained(lesson(material=other, train=side))[0])


def test_a_loss_that_is_no_number_is_told():
    inputs = MATERIAL.inputs.copy()
    inputs[3] = np.inf
    with pytest.raises(ModelError, match="toy, stage quarters: the loss is no number in epoch 1"):
        trained(lesson(material=replace(MATERIAL, inputs=inputs)))


def test_a_system_without_stages_is_refused():
    class Nothing(Toy):
        def stages(self, classes):
            return ()

    with pytest.raises(ConfigError, match="no stages"):
        train(lesson(Nothing()), [1], lambda *_: None)


def test_answers_are_logits_in_the_order_asked():
    net = ToyNet(3).eval()
    places = np.r_[EVERYONE[::-1], EVERYONE]
    found = answers(net, MATERIAL, places, "cpu")
    with torch.no_grad():
        expected = net(torch.from_numpy(MATERIAL.inputs[places])).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert answers(net, MATERIAL, EVERYONE[:0], "cpu").shape == (0, 3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_learns_nearly_the_same():
    [here] = trained(lesson(Toy(epochs=2)))
    [there] = trained(lesson(Toy(epochs=2), device="cuda"))
    assert here.keys() == there.keys()
    torch.testing.assert_close(
        here["trunk.0.weight"], there["trunk.0.weight"].cpu(), atol=0.02, rtol=0
    )
