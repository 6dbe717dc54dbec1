"""A published system as a learner of the bench: all stages inside each fold, and which epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, softmax
from torch import Tensor, nn

from offline.bench.learning import Done, Job, Material, Outcome
from offline.learners.selection import check_selection
from offline.nets.learner import choose_mark
from offline.nets.plan import key_of
from offline.systems.registry import find_system
from offline.systems.system import System
from offline.systems.training import AT_ONCE, Lesson, Told, answers, train, untold
from offline.systems.weights import sha256_of, start_for
from offline.tasks.splits import inner_folds, inner_split
from realtime_mer.errors import ConfigError, ModelError

Logits = NDArray[np.float32]
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class SystemLearner:
    """A system and where it is trained.

    All stages are trained anew in every fold, on its training side alone. With ``fixed``
    selection the last epoch of the last stage answers. With ``inner`` it is the epoch of the last
    stage at which people of the training side, set aside for that, were told apart best; then all
    of the training side is learnt from, stages before it with their full number of epochs. With
    ``test-fold`` it is the epoch with the most hits on the very people who are tested (of equals
    the last): a leak, to be shown.

    Attributes
    ----------
    system
        Name in ``registry.SYSTEMS``, or a system; kept as the system.
    labels
        Names of the classes, or of the action units.
    device
        ``cpu`` or ``cuda``.
    start
        File of weights or package to begin with, see ``weights.start_for``; empty draws them.
    start_sha256
        Of that file; looked up if empty. What is loaded later must have it.
    inner
        Inner splits of a job: 1 sets a fifth of the people aside once, more deals all people into
        so many folds and pools them. More choose better and take longer.
    """

    system: str | System
    labels: tuple[str, ...] = ()
    device: str = "cpu"
    start: str = ""
    start_sha256: str = ""
    inner: int = 1

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise ConfigError(f"device is {self.device!r}; give one of {', '.join(DEVICES)}")
        if self.inner < 1:
            raise ConfigError(f"inner is {self.inner}; give 1 split or more")
        object.__setattr__(self, "system", self.found)
        if self.start and not self.start_sha256:
            object.__setattr__(self, "start_sha256", sha256_of(self.start))

    @property
    def found(self) -> System:
        """The system itself, with its settings."""
        return find_system(self.system) if isinstance(self.system, str) else self.system

    def learn(self, material: Material, jobs: Sequence[Job], selection: str, done: Done) -> None:
        """Learn every job; see ``offline.bench.learning.Learner``."""
        check_selection(selection)
        work = _Work(self, material)
        for job in jobs:
            done(job, work.learnt(job, selection))

    def changed(self, epochs: int | None = None, device: str | None = None) -> SystemLearner:
        """Return it with other epochs of every stage or another device, where given."""
        system = self.found if epochs is None else self.found.changed(epochs=epochs)
        return replace(self, system=system, device=device or self.device)

    def features(self, material: Material, job: Job) -> NDArray[np.float32] | None:
        """Return what the last layer reads of every sample, (N, K), after learning a job.

        That is what the system's ``describe(module, inputs)`` says where it has one, else what
        goes into the connected layer that is called last; None if it has neither.
        """
        work = _Work(self, material)
        module = work.trained(job.split.train, key_of(job.split.name, job.seed))
        described: NDArray[np.float32] | None = _described(
            self.found, module, material, self.device
        )
        return described

    def trained(self, material: Material, name: str, seed: int, tell: Told = untold) -> nn.Module:
        """Return the network after learning from all of ``material``, in evaluation mode.

        It is the one that answers for a split called ``name`` that leaves out nobody, with
        ``fixed`` selection. Its weights are on the processor.
        """
        everyone = np.arange(len(material.targets))
        return _Work(self, material).trained(everyone, key_of(name, seed), tell).cpu()


class _Work:
    """One learner's work on one material."""

    def __init__(self, learner: SystemLearner, material: Material) -> None:
        classes = material.targets.shape[1]
        if learner.labels and len(learner.labels) != classes:
            raise ConfigError(f"{len(learner.labels)} labels for {classes} columns of targets")
        if learner.device == "cuda" and not torch.cuda.is_available():
            raise ConfigError("device is 'cuda', and torch finds none here; give cpu")
        self.learner, self.material = learner, material
        self.labels = learner.labels or tuple(map(str, range(classes)))

    @cached_property
    def epochs(self) -> int:
        """Epochs of the last stage."""
        return self.learner.found.stages(self.labels)[-1].plan.epochs

    @cached_property
    def start(self) -> dict[str, Tensor]:
        learner = self.learner
        if not learner.start:
            return {}
        if sha256_of(learner.start) != learner.start_sha256:
            raise ModelError(f"{learner.start}: the weights changed since the training was set up")
        return start_for(learner.start, learner.found, self.labels, self.material.inputs.shape[1:])

    def learnt(self, job: Job, selection: str) -> Outcome:
        """Learn one job."""
        key, watched = key_of(job.split.name, job.seed), np.r_[job.split.test, job.split.train]
        marks = [self.epochs]
        if selection == "inner":
            marks = [self._inner_epoch(job)]
        elif selection == "test-fold":
            marks = list(range(1, self.epochs + 1))
        curve = self.curve(job.split.train, watched, key, marks)
        mark = self._best_on_test(job, curve) if selection == "test-fold" else 0
        told = curve[mark].astype(np.float64)
        found = np.asarray(softmax(told, 1) if self.material.exclusive else expit(told))
        test = len(job.split.test)
        return Outcome(found[:test], found[test:], {"epochs": float(marks[mark])})

    def curve(
        self, taught: NDArray[np.int64], watched: NDArray[np.int64], key: int, marks: Sequence[int]
    ) -> Logits:
        """Return the logits of the watched samples after each marked epoch, (marks, n, C)."""
        found: list[Logits] = []

        def ready(_: int, module: nn.Module) -> None:
            found.append(answers(module, self.material, watched, self.learner.device))

        train(self._lesson(taught, key), marks, ready)
        return np.stack(found)

    def trained(self, taught: NDArray[np.int64], key: int, tell: Told = untold) -> nn.Module:
        """Return the network after all epochs."""
        found: list[nn.Module] = []
        lesson = self._lesson(taught, key)
        train(lesson, [self.epochs], lambda _, module: found.append(module), tell)
        return found[0]

    def _lesson(self, taught: NDArray[np.int64], key: int) -> Lesson:
        learner = self.learner
        return Lesson(
            learner.found, self.labels, self.material, taught, key, learner.device, self.start
        )

    def _inner_epoch(self, job: Job) -> int:
        """Return the epoch that people of the training side choose."""
        marks = list(range(1, self.epochs + 1))
        curves, watched = [], []
        for number, (taught, validation) in enumerate(self._parts(job)):
            key = key_of(f"{job.split.name}/inner/{number}", job.seed)
            curves.append(self.curve(taught, validation, key, marks))
            watched.append(validation)
        targets = self.material.targets[np.concatenate(watched)]
        curve = np.concatenate(curves, axis=1)
        return marks[choose_mark(curve, targets, self.material.exclusive)]

    def _parts(self, job: Job) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        groups, side, wanted = self.material.groups, job.split.train, self.learner.inner
        seed = key_of(f"{job.split.name}/inner", job.seed)
        if wanted == 1:
            yield inner_split(groups, side, seed)
        else:
            yield from inner_folds(groups, side, seed, wanted)

    def _best_on_test(self, job: Job, curve: Logits) -> int:
        """Return the last of the marks with the most hits on the test side: the leak."""
        truth = self.material.targets[job.split.test]
        logits = curve[:, : len(truth)]
        if self.material.exclusive:
            hits = (logits.argmax(2) == truth.argmax(1)).sum(1)
        else:
            hits = ((logits > 0) == (truth > 0.5)).sum((1, 2))
        return int(np.flatnonzero(hits == hits.max())[-1])


@torch.no_grad()
def _described(
    system: System, module: nn.Module, material: Material, device: str
) -> NDArray[np.float32] | None:
    describe = getattr(system, "describe", None)
    parts = []
    for begin in range(0, len(material.inputs), AT_ONCE):
        inputs = torch.from_numpy(material.inputs[begin : begin + AT_ONCE].copy()).to(device)
        found = describe(module, inputs) if describe else _last_read(module, inputs)
        if found is None:
            return None
        parts.append(found.reshape(len(inputs), -1).float().cpu())
    described: NDArray[np.float32] = torch.cat(parts).numpy()
    return described


def _last_read(module: nn.Module, inputs: Tensor) -> Tensor | None:
    """Return what goes into the connected layer that is called last; steps are averaged."""
    seen: list[Tensor] = []

    def see(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        seen[:] = [given[0]]

    layers = [each for each in module.modules() if isinstance(each, nn.Linear)]
    hooks = [each.register_forward_pre_hook(see) for each in layers]
    try:
        module(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        return None
    found = seen[0]
    return found.mean(1) if found.ndim == 3 and len(found) == len(inputs) else found


def pretrain(
    system: str | System,
    labels: tuple[str, ...],
    material: Material,
    seed: int = 0,
    device: str = "cpu",
    tell: Told = untold,
) -> dict[str, Tensor]:
    """Return the weights of a system after learning from all of ``material``, by name.

    ``weights.packed`` makes a file of them, with which another training may begin.

    Parameters
    ----------
    system, labels, device
        See ``SystemLearner``.
    seed
        Equal seeds give equal weights on the same machine.
    tell
        Called with a stage, how many of its epochs are over, and of how many.
    """
    learner = SystemLearner(system, labels, device)
    return dict(learner.trained(material, "everybody", seed, tell).state_dict())
