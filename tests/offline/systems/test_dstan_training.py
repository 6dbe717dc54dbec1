"""DSTAN learns: slopes reach every block, and eight clips are learnt by heart."""

import numpy as np
import pytest
import torch

from offline.bench.learning import Job, Material
from offline.systems.dstan import SYSTEMS
from offline.systems.learner import SystemLearner
from offline.tasks.splits import Split
from tests.offline.systems.dstan_clips import CLASSES, clips, one_hot

FAST = {"smoke": True, "batch": 8, "rate": 0.01}


def material(name: str, labels: np.ndarray | None = None, seed: int = 0) -> Material:
    inputs, drawn = clips(name, 8, seed=seed)
    targets = one_hot(drawn if labels is None else labels)
    people = tuple(("made", str(number)) for number in range(8))
    return Material(inputs.numpy(), targets, people)


def learner(name: str, epochs: int) -> SystemLearner:
    return SystemLearner(SYSTEMS[name].changed(**FAST, epochs=epochs), ("a", "b", "c"))


def test_eight_clips_are_learnt_by_heart():
    """By each stream, by their mean, and by the machine; the mean is checked without it."""
    lesson = material("dstan")
    module = learner("dstan", 25).trained(lesson, "all", 0)
    inputs = torch.from_numpy(lesson.inputs)
    assert module.closing.fitted.all()
    with torch.no_grad():
        said = [stage.forward(module, inputs) for stage in SYSTEMS["dstan"].stages(("a", "b", "c"))]
        said.append(module(inputs))
        module.closing.fitted.zero_()
        said.append(module(inputs))
    for logits in said:
        told = logits.softmax(1)
        np.testing.assert_array_equal(told.argmax(1).numpy(), lesson.labels)
        assert told.max(1).values.mean() > 0.6


@pytest.mark.parametrize("name", SYSTEMS)
def test_slopes_reach_every_value_of_every_block(name):
    """Each parameter that a stage trains moves within two steps, and no other does."""
    system = SYSTEMS[name].changed(**FAST)
    inputs, labels = clips(name, 6)
    torch.manual_seed(0)
    module = system.build(CLASSES, tuple(inputs.shape[1:]))
    reached = {key: False for key, _ in module.named_parameters()}
    for stage in system.stages(("a", "b", "c")):
        part = stage.part(module)
        own = {id(each) for each in part.parameters()}
        steps = torch.optim.Adam(part.parameters(), 0.01)
        module.eval()
        part.train()
        for _ in range(2):
            module.zero_grad()
            logits = stage.forward(module, inputs)
            torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels)).backward()
            for key, value in module.named_parameters():
                told = value.grad is not None and bool((value.grad != 0).any())
                assert not told or id(value) in own
                reached[key] |= told
            steps.step()
    assert [key for key, told in reached.items() if not told] == []


def test_the_same_seed_is_the_same_network_and_another_is_another():
    lesson = material("dstan")
    one, again = (learner("dstan", 1).trained(lesson, "all", 3).state_dict() for _ in range(2))
    other = learner("dstan", 1).trained(lesson, "all", 4).state_dict()
    torch.testing.assert_close(one, again, atol=0, rtol=0)
    assert not torch.equal(one["closing.weights"], other["closing.weights"])
    assert not torch.equal(one["stmn.classes.weight"], other["stmn.classes.weight"])


def test_its_features_are_what_the_machine_reads():
    lesson = material("dstan")
    split = Split("all", np.arange(8), np.arange(0))
    found = learner("dstan", 1).features(lesson, Job(split, 0))
    assert found.shape == (8, 32)
    assert np.abs(found).max() <= 1
