"""The stages of a system, trained one after another on one training side.

Everything random comes from the lesson's key: weights and dropout from torch's own generator,
which is put back afterwards, batches and augmentation from one generator a stage. On a processor
equal lessons give equal weights; on a GPU a few of its sums come in no fixed order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offline.bench.learning import Material
from offline.systems.losses import class_loss, class_weights, unit_loss
from offline.systems.optimisers import optimiser_of, rate_at
from offline.systems.system import Stage, System
from offline.systems.weights import begin_with
from realtime_mer.errors import ConfigError, ModelError

AT_ONCE = 32
"""Samples that are answered or read at once. More are quicker and take more memory."""
_KEYS = (1 << 63) - 1
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)

Ready = Callable[[int, nn.Module], None]
"""Called with an epoch of the last stage and the finished network in evaluation mode, which
changes after the call."""
Told = Callable[[str, int, int], None]
"""Called with a stage's name, how many of its epochs are over, and of how many."""


def untold(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One training: a system, and what it learns from.

    Attributes
    ----------
    system, labels
        What learns, and the names of the classes or units.
    material, train
        Samples, and the (n,) int64 positions of those that are learnt from.
    key
        Seed of everything random.
    device
        ``cpu`` or ``cuda``.
    start
        Weights to begin with by name, in place of drawn ones.
    """

    system: System
    labels: tuple[str, ...]
    material: Material
    train: NDArray[np.int64]
    key: int
    device: str = "cpu"
    start: Mapping[str, Tensor] = field(default_factory=dict)


def train(lesson: Lesson, marks: Sequence[int], ready: Ready, tell: Told = untold) -> None:
    """Train all stages, and report the network after epochs of the last one.

    Parameters
    ----------
    marks
        Epochs of the last stage, rising, after which the network is finished (``complete``) and
        reported; the last one ends the training. The rate falls as for all epochs of the plan.

    Raises
    ------
    ConfigError
        The system has no stages.
    ModelError
        A loss is no number: the rate is too high for it.
    """
    stages = lesson.system.stages(lesson.labels)
    if not stages:
        raise ConfigError(f"system {lesson.system.name} has no stages: nothing would be learnt")
    with _seeded(lesson):
        module = _begun(lesson)
        moving = {id(each) for each in module.parameters() if each.requires_grad}
        for number, stage in enumerate(stages):
            last = number == len(stages) - 1
            for epoch in _epochs(lesson, module, stage, number, moving, tell):
                if last and epoch in marks:
                    _report(lesson, module, epoch, marks, ready)
                if last and epoch == marks[-1]:
                    return


@torch.no_grad()
def answers(
    module: nn.Module, material: Material, places: NDArray[np.int64], device: str
) -> NDArray[np.float32]:
    """Return the logits of the samples at some places, (n, C) float32."""
    found = [
        module(_inputs(material, places[begin : begin + AT_ONCE]).to(device)).float().cpu()
        for begin in range(0, len(places), AT_ONCE)
    ]
    if not found:
        return np.zeros((0, material.targets.shape[1]), np.float32)
    told: NDArray[np.float32] = torch.cat(found).numpy()
    return told


# One stage --------------------------------------------------------------------------------------


def _epochs(
    lesson: Lesson, module: nn.Module, stage: Stage, number: int, moving: set[int], tell: Told
) -> Iterator[int]:
    """Train one stage and yield the number of each epoch when it is over."""
    plan, device = stage.plan, lesson.device
    generator = torch.Generator().manual_seed((lesson.key + 1 + number) & _KEYS)
    targets = _targets(lesson, stage)
    weights = class_weights(plan, targets).to(device)
    by_class = lesson.material.exclusive or stage.targets is not None
    reads = _reads(lesson, module, stage)
    part = stage.part(module)
    _teach(module, part, moving)
    optimiser = optimiser_of(plan, [each for each in part.parameters() if each.requires_grad])
    tell(stage.name, 0, plan.epochs)
    for epoch in range(plan.epochs):
        _teach(module, part, moving)
        batches = _batches(len(lesson.train), plan.batch, generator)
        for step, places in enumerate(batches):
            for group in optimiser.param_groups:
                group["lr"] = rate_at(plan, epoch, step / len(batches))
            read = reads(places)
            if stage.augment is not None:
                read = stage.augment(read, generator)
            logits = stage.forward(module, read.to(device))
            taught = targets[places].to(device)
            loss = (
                class_loss(plan, logits, taught, weights)
                if by_class
                else unit_loss(plan, logits, taught)
            )
            if not torch.isfinite(loss):
                raise ModelError(
                    f"system {lesson.system.name}, stage {stage.name}: the loss is no number in "
                    f"epoch {epoch + 1}: its rate of {plan.rate:g} is too high for these samples"
                )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        for parameter in module.parameters():
            parameter.requires_grad_(id(parameter) in moving)
        module.eval()
        tell(stage.name, epoch + 1, plan.epochs)
        yield epoch + 1


def _teach(module: nn.Module, part: nn.Module, moving: set[int]) -> None:
    """Let ``part`` alone learn, but for what the system itself holds still."""
    module.eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    part.train()
    for parameter in part.parameters():
        parameter.requires_grad_(id(parameter) in moving)
    for each in part.modules():
        own = list(each.parameters(recurse=False)) if isinstance(each, _NORMS) else []
        if own and not any(parameter.requires_grad for parameter in own):
            each.eval()


def _batches(samples: int, size: int, generator: torch.Generator) -> list[Tensor]:
    """Return shuffled places in batches; a last one of a single sample joins the one before.

    Normalisation over a batch has nothing to go by in a single sample.
    """
    batches = list(torch.randperm(samples, generator=generator).split(size))
    if len(batches) > 1 and size > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _targets(lesson: Lesson, stage: Stage) -> Tensor:
    """Return what the training side is taught, (n, C) or (n, K, C), on the processor."""
    material, places = lesson.material, lesson.train
    found = material.targets[places] if stage.targets is None else stage.targets(material, places)
    return torch.from_numpy(np.array(found, np.float32))


def _reads(lesson: Lesson, module: nn.Module, stage: Stage) -> Callable[[Tensor], Tensor]:
    """Return what gives the places of a batch what they read, on the processor."""
    material, train = lesson.material, lesson.train
    if stage.reads is None:
        return lambda places: _inputs(material, train[places.numpy()])
    module.eval()
    with torch.no_grad():
        parts = [
            stage.reads(module, _inputs(material, train[begin : begin + AT_ONCE]).to(lesson.device))
            for begin in range(0, len(train), AT_ONCE)
        ]
        stored = torch.cat([part.cpu() for part in parts])
    return lambda places: stored[places]


def _inputs(material: Material, places: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(material.inputs[places])


# Before the first stage and after the last ------------------------------------------------------


@contextmanager
def _seeded(lesson: Lesson) -> Iterator[None]:
    """Draw from the lesson's key meanwhile, and choose kernels by rule, not by what is quick."""
    devices = [torch.cuda.current_device()] if lesson.device == "cuda" else []
    with (
        torch.random.fork_rng(devices=devices),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
    ):
        torch.manual_seed(lesson.key)
        yield


def _begun(lesson: Lesson) -> nn.Module:
    """Return the network as it is before the first stage; drawn alike on every device."""
    shape, classes = lesson.material.inputs.shape[1:], lesson.material.targets.shape[1]
    module = lesson.system.build(classes, shape)
    if lesson.start:
        begin_with(module, lesson.start)
    return module.to(lesson.device)


def _report(
    lesson: Lesson, module: nn.Module, epoch: int, marks: Sequence[int], ready: Ready
) -> None:
    """Finish the network and report it; undo that where more epochs follow."""
    kept = {} if epoch == marks[-1] else {k: v.clone() for k, v in module.state_dict().items()}
    devices = [torch.cuda.current_device()] if lesson.device == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        if getattr(lesson.system, "completes", True):
            inputs = _inputs(lesson.material, lesson.train).to(lesson.device)
            taught = lesson.material.targets[lesson.train]
            lesson.system.complete(module, inputs, taught, lesson.key)
        ready(epoch, module.eval())
    if kept:
        module.load_state_dict(kept)
