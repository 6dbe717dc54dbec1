"""How a network is trained, and everything random about it, drawn before it begins."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Plan:
    """How a network is trained.

    Attributes
    ----------
    epochs
        Passes over the samples of the whole task. The number of steps is ``epochs`` times the
        number of full batches in it, the same for every fold, so that all folds can be trained
        at once; a fold sees its own samples a little more often than ``epochs`` times.
    batch
        Samples in a step.
    rate, schedule
        Learning rate of Adam, and whether it stays (``constant``) or falls to 0 along a
        half cosine (``cosine``).
    decay
        Decoupled weight decay (AdamW, Loshchilov & Hutter 2019). Higher keeps weights smaller.
    balanced
        Weigh every class alike in the loss, however rare it is.
    smoothing
        Share of each label spread over all classes. Higher is less sure of itself.
    flip
        Show mirror images: left and right exchanged, u negated. The channel of u is 0.
    shift, gain, noise
        Shift in cells at most; standard deviation of a factor's logarithm; standard deviation
        of white noise, in units of the map.
    mixup
        Parameter of the Beta distribution that blends two samples (Zhang et al. 2018); 0 blends
        none, 1 blends most.
    believed
        How much of the training side's class balance the answers believe, see
        ``class_balance.believing``; for classes taught as equally common.
    mirror_test
        Answer with the mean logits of a map and its mirror image.
    """

    epochs: int = 20
    batch: int = 64
    rate: float = 1e-3
    schedule: str = "constant"
    decay: float = 0.0
    balanced: bool = True
    smoothing: float = 0.0
    flip: bool = False
    shift: int = 0
    gain: float = 0.0
    noise: float = 0.0
    mixup: float = 0.0
    mirror_test: bool = False
    believed: float = 0.0

    def __post_init__(self) -> None:
        if self.schedule not in ("constant", "cosine"):
            raise ConfigError(f"schedule is {self.schedule!r}; give constant or cosine")
        if self.epochs < 1 or self.batch < 2 or self.rate <= 0:
            raise ConfigError(
                f"epochs {self.epochs}, batch {self.batch}, rate {self.rate}: give at least 1 "
                "epoch, 2 samples a batch and a rate above 0"
            )

    def steps(self, samples: int) -> int:
        """Return the number of steps for a task of so many samples."""
        return self.epochs * self.steps_per_epoch(samples)

    def steps_per_epoch(self, samples: int) -> int:
        """Return the number of steps that count as one epoch."""
        return max(1, round(samples / self.batch))

    def rates(self, steps: int) -> NDArray[np.float64]:
        """Return the learning rate of each step, (steps,)."""
        if self.schedule == "constant":
            return np.full(steps, self.rate)
        half_cosine = 0.5 * (1 + np.cos(np.pi * np.arange(steps) / steps))
        return np.asarray(self.rate * half_cosine, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Everything random about one training but dropout and noise, which ``dice`` gives.

    Attributes
    ----------
    first, second
        (steps, batch) int64 positions of the samples of each batch, and of those that they are
        blended with.
    share
        (steps, batch) float32 weight of the first in the blend; 1 without mixup.
    flips
        (2, steps, batch) bool: whether first and second are mirrored.
    shifts
        (2, steps, batch) int64 cells down and right.
    gains
        (steps, batch) float32 factor.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    share: NDArray[np.float32]
    flips: NDArray[np.bool_]
    shifts: NDArray[np.int64]
    gains: NDArray[np.float32]


def key_of(name: str, seed: int) -> int:
    """Return a 63-bit seed for a split's name and a seed."""
    return (zlib.crc32(name.encode()) << 31 | seed % (1 << 31)) & ((1 << 63) - 1)


def draw(plan: Plan, train: NDArray[np.int64], steps: int, key: int) -> Draws:
    """Draw a training on the samples at ``train``; it depends on the arguments alone.

    Batches are cut from one permutation after another, so that all are full and every sample is
    seen equally often.
    """
    generator = np.random.default_rng(key)
    shape = steps, plan.batch
    first = _stream(generator, train, shape)
    blended = plan.mixup > 0
    second = _stream(generator, train, shape) if blended else first
    share = generator.beta(plan.mixup, plan.mixup, shape) if blended else np.ones(shape)
    flips = generator.random((2, *shape)) < (0.5 if plan.flip else 0)
    shifts = generator.integers(-plan.shift, plan.shift, (2, *shape), endpoint=True)
    gains = np.exp(plan.gain * generator.standard_normal(shape))
    return Draws(
        first,
        second,
        share.astype(np.float32),
        flips,
        shifts.astype(np.int64),
        gains.astype(np.float32),
    )


def _stream(
    generator: np.random.Generator, train: NDArray[np.int64], shape: tuple[int, int]
) -> NDArray[np.int64]:
    count = shape[0] * shape[1]
    rounds = -(-count // len(train))
    order = np.concatenate([generator.permutation(train) for _ in range(rounds)])
    return np.ascontiguousarray(order[:count].reshape(shape), np.int64)


def class_weights(
    plan: Plan, targets: NDArray[np.float32], train: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the weight of each class in the loss, (C,), from the training side alone.

    Balanced weights are N / (C n_c); a class that the training side lacks gets 0.
    """
    if not plan.balanced:
        return np.ones(targets.shape[1], np.float32)
    counts = targets[train].sum(0, dtype=np.float64)
    present = max(int((counts > 0).sum()), 1)
    weights = np.divide(len(train), present * counts, out=np.zeros_like(counts), where=counts > 0)
    return np.asarray(weights, np.float32)
