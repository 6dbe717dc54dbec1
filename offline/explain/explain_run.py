"""What moved the answers of a benchmark's network, before and after it learnt one fold.

The fold that leaves out most samples is learnt once more; it says what it said in the run. Only
people that it never learnt from are looked at. Maps are laid over the aligned crop of the
canonical face: no photograph of anybody is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offline.bench.learning import Job, Learner, Material
from offline.explain.attention import Weighed, attention_of
from offline.explain.class_maps import AT_ONCE, class_maps
from offline.explain.overlays import frame_of, on_crop
from offline.learners.blend import Blend
from offline.nets.layers import initial
from offline.nets.learner import NetLearner, engine_of
from offline.nets.modules import module_of
from offline.nets.plan import key_of
from offline.nets.pretrained import start_weights
from offline.nets.training import Fit, Run
from offline.systems.learner import SystemLearner
from offline.systems.weights import begin_with, start_for
from realtime_mer.errors import ConfigError
from realtime_mer.face.topology import CROP

Float = NDArray[np.float32]

EXAMPLES = 3
"""Single samples of each class that are shown."""
MOST_MEANT = 24
"""Samples of a class that a mean is taken of, at most; more are steadier and take longer."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassView:
    """What spoke for one class in samples of it.

    Attributes
    ----------
    name
        Of the class.
    told_right, samples
        Samples of it that were left out and recognised, and all that were left out.
    before, after
        (320, 320) float32 mean map over those recognised, before and after learning.
    examples
        Up to ``EXAMPLES`` maps of single ones, after learning.
    """

    name: str
    told_right: int
    samples: int
    before: Float
    after: Float
    examples: tuple[Float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Explanations:
    """What the report shows.

    Attributes
    ----------
    classes
        One view a class.
    attention_before, attention_after
        The same kinds of attention in the same order; empty if the network has none.
    note
        Of which network and whose samples.
    """

    classes: tuple[ClassView, ...]
    attention_before: tuple[Weighed, ...]
    attention_after: tuple[Weighed, ...]
    note: str


def check_explainable(learner: Learner, shape: Sequence[int], exclusive: bool) -> None:
    """Refuse what cannot be explained, before the long work.

    Raises
    ------
    ConfigError
        The model is no network, reads no maps, or does not tell classes apart.
    """
    if _network_in(learner) is None:
        raise ConfigError("--explain looks into networks, and this model is none: leave it out")
    if not exclusive:
        raise ConfigError("--explain explains classes, not action units: leave it out")
    if len(shape) not in (4, 5):
        raise ConfigError(f"--explain needs maps with rows and columns, got {tuple(shape[1:])}")


def explain_fold(
    learner: Learner, material: Material, job: Job, classes: tuple[str, ...], recipe: str
) -> Explanations:
    """Learn one fold again and look at what moved its answers.

    Parameters
    ----------
    learner, material, job
        What learns, from what, and the fold.
    classes
        Names of the classes.
    recipe
        Name of what the network reads, which says where that lies on the face.

    Raises
    ------
    ConfigError
        See ``check_explainable``.
    """
    check_explainable(learner, material.inputs.shape, material.exclusive)
    network = _network_in(learner)
    assert network is not None
    before, after = networks_of(network, material, job)
    test = np.asarray(job.split.test)
    inputs = torch.from_numpy(np.ascontiguousarray(material.inputs[test], np.float32))
    labels = material.labels[test]
    said = _answers(after, inputs)
    views = tuple(
        _view(name, number, (before, after), inputs, labels, said, recipe)
        for number, name in enumerate(classes)
    )
    part = " The first network of the blend alone." if network is not learner else ""
    return Explanations(
        views,
        tuple(attention_of(before, inputs, labels, len(classes))),
        tuple(attention_of(after, inputs, labels, len(classes))),
        f"The network of the fold that leaves out {job.split.name}, seed {job.seed}, and what it "
        f"says of these {len(test)} samples that it never learnt from.{part}",
    )


def networks_of(
    learner: NetLearner | SystemLearner, material: Material, job: Job
) -> tuple[nn.Module, nn.Module]:
    """Return the network before and after learning a job, both on the processor, judging."""
    key = key_of(job.split.name, job.seed)
    if isinstance(learner, SystemLearner):
        taught = _taught(material, job.split.train)
        learnt = learner.trained(taught, job.split.name, job.seed)
        return _begun(learner, taught, key), learnt.eval()
    net = learner.net_of(material)
    begun = start_weights(net, learner.labels, job.seed, key) if learner.start else None
    fits: dict[int, Fit] = {}
    run = Run(job.split.train, job.split.train[:1], key, begun)
    train = engine_of(learner, net)
    train(net, learner.plan, material, [run], [learner.plan.epochs], fits.__setitem__)
    drawn = begun if begun is not None else initial(net, key)
    return module_of(net, drawn).eval(), module_of(net, fits[0].weights).eval()


def _network_in(learner: Learner) -> NetLearner | SystemLearner | None:
    """Return the network that a learner is, or the first in a blend."""
    if isinstance(learner, NetLearner | SystemLearner):
        return learner
    if isinstance(learner, Blend):
        found = (_network_in(part) for part, _ in learner.parts)
        return next((each for each in found if each is not None), None)
    return None


def _taught(material: Material, train: NDArray[np.int64]) -> Material:
    units = material.action_units
    return replace(
        material,
        inputs=material.inputs[train],
        targets=material.targets[train],
        groups=tuple(material.groups[place] for place in train),
        action_units=tuple(units[place] for place in train) if units else units,
    )


def _begun(learner: SystemLearner, taught: Material, key: int) -> nn.Module:
    """Return a system as it is before its first stage."""
    shape = taught.inputs.shape[1:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key)
        module = learner.found.build(taught.targets.shape[1], shape)
        if learner.start:
            begin_with(module, start_for(learner.start, learner.found, learner.labels, shape))
    return module.eval()


def _answers(module: nn.Module, inputs: Tensor) -> NDArray[np.int64]:
    with torch.no_grad():
        told = [module(some).argmax(1) for some in inputs.split(AT_ONCE)]
    return np.asarray(torch.cat(told).numpy(), np.int64)


def _view(
    name: str, number: int, networks: tuple[nn.Module, nn.Module], inputs: Tensor,
    labels: NDArray[np.int64], said: NDArray[np.int64], recipe: str,
) -> ClassView:  # fmt: skip
    of_class = labels == number
    right = np.flatnonzero(of_class & (said == number))
    shown = torch.from_numpy(right[:MOST_MEANT])
    frame = frame_of(recipe, inputs.shape)
    before, after = (
        [on_crop(each, frame) for each in _stills(net, inputs[shown], number)] for net in networks
    )
    nothing = np.zeros((1, CROP, CROP), np.float32)
    return ClassView(
        name,
        len(right),
        int(of_class.sum()),
        np.mean([*before] or nothing, axis=0),
        np.mean([*after] or nothing, axis=0),
        tuple(after[:EXAMPLES]),
    )


def _stills(module: nn.Module, inputs: Tensor, number: int) -> list[Float]:
    """Return one map for each input, (H, W): sequences summed over their steps."""
    found: list[Float] = []
    for some in inputs.split(AT_ONCE) if len(inputs) else ():
        found.extend(class_maps(module, some, [number]).maps[0].sum(1))
    return found
