"""What a model is to the bench: something that learns from some samples and judges the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from offline.tasks.splits import Split

Group = tuple[str, str]
"""Data set and subject: one person."""

SELECTIONS = ("fixed", "inner", "test-fold")
"""How epochs and parameters are chosen: beforehand; on people of the training side who are set
aside; or, to show what the leak is worth, on the very people who are tested."""
HONEST = ("fixed", "inner")


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """All samples of a task, read.

    Attributes
    ----------
    inputs
        (N, …) float32, what the model's recipe makes of each sample.
    targets
        (N, C) float32: one-hot classes, or 0 and 1 for each of C action units.
    groups
        The person of each sample.
    exclusive
        True for classes, of which each sample has one; False for action units.
    action_units
        What the sheet says of each sample, for instance ``4+R14``, empty where it is silent; or
        nothing at all. Systems that learn regions of the face read it on the training side.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]
    groups: tuple[Group, ...]
    exclusive: bool = True
    action_units: tuple[str, ...] = ()

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) class numbers, where classes are exclusive."""
        numbers: NDArray[np.int64] = self.targets.argmax(1).astype(np.int64)
        return numbers


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One piece of work: a split, with one seed."""

    split: Split
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a model says after having learnt a split's training side.

    Attributes
    ----------
    test
        (len(split.test), C) float64 probabilities, in the order of ``split.test``.
    train
        (len(split.train), C) float64: the same for what it learnt from, to show the gap.
    chosen
        What was selected, by name: ``epochs``, ``C``.
    """

    test: NDArray[np.float64]
    train: NDArray[np.float64]
    chosen: Mapping[str, float] = field(default_factory=dict)


Done = Callable[[Job, Outcome], None]


class Learner(Protocol):
    """A way to learn; holds settings only, so that it can be sent to another process."""

    def learn(self, material: Material, jobs: Sequence[Job], selection: str, done: Done) -> None:
        """Learn every job from its training side, and report each as soon as it is ready.

        What is reported for a job depends on its split and seed, never on the other jobs. With
        an honest ``selection`` it does not depend on the targets of ``split.test``, nor on the
        inputs of other samples there.
        """


@runtime_checkable
class Network(Learner, Protocol):
    """A learner that trains a network: ``offline.nets.learner.NetLearner``, or a blend."""

    def changed(self, epochs: int | None, device: str | None) -> Learner:
        """Return it with another number of epochs or another device, where given."""

    def features(self, material: Material, job: Job) -> NDArray[np.float32] | None:
        """Return what the last layer reads of every sample, (N, K), after learning a job."""
