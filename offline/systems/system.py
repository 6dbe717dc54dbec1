"""What a published system is to the trainer: a network, and the stages in which it is learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offline.bench.learning import Material
from realtime_mer.errors import ConfigError

OPTIMISERS = ("adam", "adamw", "adamp", "sgd")
LOSSES = ("cross_entropy", "label_smoothing", "focal")
SCHEDULES = ("constant", "cosine", "step")

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""What a stage reads, (n, …), and a generator on the CPU, to a changed copy of equal shape."""


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """How one stage is trained.

    Attributes
    ----------
    epochs, batch, rate
        Passes over the training side, samples of a step, learning rate. More epochs and a higher
        rate fit closer; a larger batch is steadier and slower an epoch.
    optimiser, decay
        One of ``OPTIMISERS``; weight decay.
    schedule, step_epochs, step_factor
        One of ``SCHEDULES``; with ``step`` the rate is multiplied by ``step_factor`` every
        ``step_epochs``.
    loss, smoothing, gamma
        One of ``LOSSES``. ``smoothing`` is the share of a label given to all classes
        (``label_smoothing``); ``gamma`` how little well-told samples count (``focal``, Lin 2017:
        0 is cross-entropy).
    balanced
        Classes weigh inversely to how often they occur on the training side (``focal``: its α).
    """

    epochs: int
    batch: int = 32
    rate: float = 1e-3
    optimiser: str = "adam"
    decay: float = 0.0
    schedule: str = "constant"
    step_epochs: int = 10
    step_factor: float = 0.1
    loss: str = "cross_entropy"
    smoothing: float = 0.1
    gamma: float = 2.0
    balanced: bool = False

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("optimiser", self.optimiser, OPTIMISERS),
            ("loss", self.loss, LOSSES),
            ("schedule", self.schedule, SCHEDULES),
        ):
            if value not in allowed:
                raise ConfigError(f"{name} is {value!r}; give one of {', '.join(allowed)}")
        for name, number in (("epochs", self.epochs), ("batch", self.batch), ("rate", self.rate)):
            if not number > 0:
                raise ConfigError(f"{name} is {number}; give a number above 0")


Forward = Callable[[nn.Module, Tensor], Tensor]


def _whole(module: nn.Module) -> nn.Module:
    return module


def _answers(module: nn.Module, reads: Tensor) -> Tensor:
    logits: Tensor = module(reads)
    return logits


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a system's training.

    Attributes
    ----------
    name
        For progress and reports.
    plan
        How it is trained.
    part
        Which submodule is trained: its parameters alone move, it alone is in training mode.
    forward
        Module and what is read, (n, …), to logits: (n, C), or (n, K, C) where a sample has K
        labels (regions, frames).
    reads
        Module and inputs, (n, *shape), to what the stage reads, (n, …): features stored once,
        without gradients, before the stage. None: the inputs themselves.
    targets
        Material and positions to (n, C) or (n, K, C) float32 shares of classes; a row of zeros
        weighs nothing. None: the samples' own targets.
    augment
        Changes what is read in training, anew for every step; None for nothing.
    """

    name: str
    plan: TrainPlan
    part: Callable[[nn.Module], nn.Module] = _whole
    forward: Forward = _answers
    reads: Forward | None = None
    targets: Callable[[Material, NDArray[np.int64]], NDArray[np.float32]] | None = None
    augment: Augment | None = None


class System(Protocol):
    """A published system; a frozen dataclass of its settings, so that it can be sent and hashed."""

    @property
    def name(self) -> str:
        """As on the command line."""

    @property
    def recipe(self) -> str:
        """Name of what it reads, in ``realtime_mer.recipes``."""

    @property
    def smoke(self) -> bool:
        """Whether it is small enough for a test: the same blocks with fewer channels, pooled."""

    def build(self, classes: int, shape: tuple[int, ...]) -> nn.Module:
        """Return the network, inputs (N, *shape) float32 to logits (N, classes).

        Weights are drawn from torch's global generator, which the trainer seeds. Everything that
        the network does to its input is inside, so that what is exported is what was trained.
        """

    def stages(self, classes: tuple[str, ...]) -> tuple[Stage, ...]:
        """Return the stages in their order."""

    def complete(
        self, module: nn.Module, inputs: Tensor, targets: NDArray[np.float32], seed: int
    ) -> None:
        """Finish after the last stage, in place: a closing SVM on features, say. Often nothing.

        ``inputs`` (n, *shape) and ``targets`` (n, C) are the training side's.
        """

    def changed(self, **settings: Any) -> System:
        """Return it with other settings, such as ``epochs`` of every stage or ``smoke``."""
