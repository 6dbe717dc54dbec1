"""What every published system promises, checked over the whole registry in its small size.

The systems that the papers propose are trained; their ablations, which have the same
blocks or fewer, are built, counted and asked. Clips are rendered and go through the real recipes.
That what is exported answers alike is checked in ``test_systems_build``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from offline.bench.learning import Job, Material
from offline.models.registry import MODELS
from offline.models.torch_zoo import find_torch_model, seeded
from offline.synthesis.aligned_clips import aligned_clip
from offline.systems.learner import SystemLearner
from offline.systems.registry import PUBLISHED, SYSTEMS, find_system
from offline.systems.system import Stage
from offline.systems.training import Lesson, answers, train
from offline.systems.weights import class_layers
from offline.tasks.splits import leave_one_subject_out
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import RECIPES

pytestmark = pytest.mark.slow

CLIPS = 8
UNITS = {"negative": "4+7", "positive": "6+12", "surprise": "1+2+25"}
"""What a coder would have written beside each emotion."""
ENOUGH = 150
"""Epochs in which every system must have learnt the clips by heart …"""
LOOK_EVERY = 3
"""… and after how many of them it is asked."""
EARLIER = 12
"""Epochs of each stage before the last, whose answers nobody sees."""
DIFFERENCE = 1e-4
SEQUENCES = 4
"""Axes of an input that has steps."""
WHOLE = 2_000
"""Weights of a system are counted on torch's meta device, which holds none; a smoke size with
fewer than this would not have all blocks."""


@cache
def clips():
    return [aligned_clip(EMOTIONS[number % 3], number) for number in range(CLIPS)]


@cache
def inputs_of(recipe: str) -> np.ndarray:
    return np.stack([RECIPES[recipe](clip) for clip in clips()])


def material_of(name: str, people: int = 4) -> Material:
    labels = np.arange(CLIPS) % 3
    groups = tuple(("made", str(number * people // CLIPS)) for number in range(CLIPS))
    units = tuple(UNITS[EMOTIONS[label]] for label in labels)
    targets = np.eye(3, dtype=np.float32)[labels]
    return Material(inputs_of(find_system(name).recipe), targets, groups, True, units)


@cache
def drawn(name: str) -> nn.Module:
    """The small size with drawn weights and normalisation that fits, as logits."""
    return seeded(name, 0, smoke=True).net


@dataclass(frozen=True)
class Watching:
    """A system whose parameters are watched for gradients, with short stages before the last."""

    system: Any
    wanted: set[str] = field(default_factory=set)
    got: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.system, name)

    def build(self, classes: int, shape: tuple[int, ...]) -> nn.Module:
        module = self.system.build(classes, shape)
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                self.wanted.add(name)
                parameter.register_post_accumulate_grad_hook(self._seen(name))
        return module

    def stages(self, classes: tuple[str, ...]) -> tuple[Stage, ...]:
        *earlier, last = self.system.stages(classes)
        short = (replace(each, plan=replace(each.plan, epochs=EARLIER)) for each in earlier)
        return (*short, last)

    def _seen(self, name: str):
        def see(parameter: nn.Parameter) -> None:
            if parameter.grad.abs().max() > 0:
                self.got.add(name)

        return see


class LearntError(Exception):
    """Everything is known by heart."""


@pytest.fixture(params=SYSTEMS)
def name(request) -> str:
    return request.param


@pytest.fixture(params=PUBLISHED)
def published(request) -> str:
    return request.param


def test_recipes_make_what_the_network_reads(name):
    system = find_system(name).changed(smoke=True)
    assert system.recipe in RECIPES
    inputs = RECIPES[system.recipe](clips()[0])
    assert inputs.dtype == np.float32
    assert inputs.shape == find_torch_model(name).input_shape
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        module = system.build(5, inputs.shape).eval()
        pair = torch.from_numpy(inputs)[None].repeat(2, *[1] * inputs.ndim)
        assert module(pair).shape == (2, 5)


def test_the_full_network_has_the_size_that_is_listed(name):
    system, entry = find_system(name), MODELS[name]
    shape = find_torch_model(name).input_shape
    with torch.device("meta"):
        full = system.build(3, shape)
        small = system.changed(smoke=True).build(3, shape)
    found = sum(each.numel() for each in full.parameters())
    assert found == entry.size == entry.parameters
    assert WHOLE < sum(each.numel() for each in small.parameters()) < found / 5


def test_some_layers_depend_on_the_classes(name):
    system = find_system(name).changed(smoke=True)
    assert class_layers(system, 3, find_torch_model(name).input_shape)


def test_clips_are_learnt_by_heart_and_gradients_reach_every_block(published):
    system = Watching(find_system(published).changed(smoke=True, epochs=ENOUGH))
    material, everyone = material_of(published), np.arange(CLIPS)
    told = []

    def look(epoch: int, module: nn.Module) -> None:
        found = answers(module, material, everyone, "cpu").argmax(1)
        told.append((found == material.labels).mean())
        if told[-1] == 1:
            raise LearntError

    marks = list(range(LOOK_EVERY, ENOUGH + 1, LOOK_EVERY))
    with pytest.raises(LearntError):
        train(Lesson(system, EMOTIONS, material, everyone, 7), marks, look)
    assert system.wanted
    assert system.wanted == system.got


def test_one_fold_end_to_end_and_the_same_again(published):
    material = material_of(published)
    learner = SystemLearner(find_system(published).changed(smoke=True, epochs=1), EMOTIONS)
    split = leave_one_subject_out(material.groups)[1]
    found = []
    for seed in (0, 0, 1):
        learner.learn(material, [Job(split, seed)], "fixed", lambda _, out: found.append(out))
    first, again, other = found
    assert first.test.shape == (2, 3)
    assert first.train.shape == (6, 3)
    np.testing.assert_allclose(first.test.sum(1), 1)
    np.testing.assert_array_equal(first.train, again.train)
    np.testing.assert_array_equal(first.test, again.test)
    assert not np.array_equal(first.train, other.train)


def test_padded_and_unpadded_clips_are_answered_alike(published):
    """Steps that are all zero stand at the end of a shorter clip, and count for nothing."""
    inputs = torch.from_numpy(inputs_of(find_system(published).recipe)[:3])
    if inputs.ndim - 1 < SEQUENCES:
        pytest.skip("reads one picture")
    seen = int(inputs.flatten(2).abs().amax((0, 2)).nonzero().max()) + 1
    module = drawn(published)
    for steps in (seen, seen - 2, 3):
        short = inputs[:, :steps]
        padded = torch.cat([short, torch.zeros(3, 4, *inputs.shape[2:])], 1)
        with torch.no_grad():
            alone = torch.cat([module(short[:1]), module(short[1:])])
            torch.testing.assert_close(module(padded), alone, atol=DIFFERENCE, rtol=DIFFERENCE)


def test_every_published_system_is_checked():
    assert set(PUBLISHED) <= set(SYSTEMS)
    assert {entry.system for entry in MODELS.values() if entry.system} == set(SYSTEMS)
