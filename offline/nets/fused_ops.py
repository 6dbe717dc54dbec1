"""The layers of a network as operations on arrays that are made once for a whole training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from offline.nets import dice, kernels_block, kernels_plain, kernels_step
from offline.nets.layers import NORM_PARTS, AvgPool, Dense, Drop, MaxPool, Norm, Shape

Float = NDArray[np.float32]


@dataclass(slots=True, eq=False)
class Signal:
    """What flows between two layers.

    Attributes
    ----------
    value
        (B, …) one batch; an answer to fewer samples fills the first rows only.
    slope
        Gradient by ``value``, of the same shape; None where nobody needs it.
    shared
        Whether somebody else reads the value too, so that it must not be overwritten.
    """

    value: Float
    slope: Float | None
    shared: bool = False

    @property
    def shape(self) -> Shape:
        """Without the batch."""
        return self.value.shape[1:]


@dataclass(frozen=True, slots=True)
class Moment:
    """One pass: how many samples, and of which step of training; None while answering."""

    count: int
    step: int | None = None


class Op(Protocol):
    """One layer, or some that are done together."""

    out: Signal

    def forward(self, moment: Moment) -> None:
        """Write ``out.value`` from the value of the signal before."""

    def backward(self) -> None:
        """Write the gradients of the parameters and of the signal before."""


def signal(batch: int, shape: Shape, wanted: bool) -> Signal:
    """Return an empty signal, with a gradient if ``wanted``."""
    empty = np.zeros((batch, *shape), np.float32)
    return Signal(empty, np.zeros_like(empty) if wanted else None)


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """Values by name, and their gradients: views of two long rows."""

    values: dict[str, Float]
    slopes: dict[str, Float]


def triples(array: Float) -> Float:
    """View (B, C, …) as (B, C, n)."""
    return array.reshape(*array.shape[:2], -1)


class ReluOp:
    """Nothing below zero; in place where nobody else reads the value."""

    def __init__(self, x: Signal) -> None:
        self.x = x
        self.out = x if not x.shared else signal(len(x.value), x.shape, x.slope is not None)

    def forward(self, moment: Moment) -> None:
        """See ``Op``."""
        count = moment.count
        np.maximum(self.x.value[:count], 0, out=self.out.value[:count])

    def backward(self) -> None:
        """See ``Op``."""
        if self.x.slope is not None:
            assert self.out.slope is not None
            np.multiply(self.out.slope, self.out.value > 0, out=self.x.slope)


class DropOp:
    """Dropout by the dice; in place where nobody else reads the value."""

    def __init__(self, layer: Drop, x: Signal, key: int, stream: int) -> None:
        self.x, self.key, self.stream = x, key, stream
        self.out = x if not x.shared else signal(len(x.value), x.shape, x.slope is not None)
        self.threshold = layer.threshold
        self.start = np.uint64(0)

    def forward(self, moment: Moment) -> None:
        """See ``Op``."""
        if moment.step is not None:
            self.start = np.uint64(dice.start(self.key, moment.step, self.stream))
            self._silence(self.x.value, self.out.value)
        elif self.out is not self.x:
            self.out.value[: moment.count] = self.x.value[: moment.count]

    def backward(self) -> None:
        """See ``Op``."""
        if self.x.slope is not None:
            assert self.out.slope is not None
            self._silence(self.out.slope, self.x.slope)

    def _silence(self, values: Float, out: Float) -> None:
        kernels_step.silence(values.reshape(-1), out.reshape(-1), self.start, self.threshold)


class DenseOp:
    """Fully connected: (B, n) to (B, out)."""

    def __init__(self, layer: Dense, x: Signal, parameters: Parameters, name: str) -> None:
        self.x = x
        self.out = signal(len(x.value), (layer.out,), True)
        both = parameters.values, parameters.slopes
        self.weight, self.weight_slope = (each[f"{name}.weight"] for each in both)
        self.bias, self.bias_slope = (each[f"{name}.bias"] for each in both)

    def forward(self, moment: Moment) -> None:
        """See ``Op``."""
        out = self.out.value[: moment.count]
        np.dot(self.x.value[: moment.count], self.weight.T, out=out)
        out += self.bias

    def backward(self) -> None:
        """See ``Op``."""
        slope = self.out.slope
        assert slope is not None
        np.dot(slope.T, self.x.value, out=self.weight_slope)
        np.sum(slope, 0, out=self.bias_slope)
        if self.x.slope is not None:
            np.dot(slope, self.weight, out=self.x.slope)


class NormOp:
    """Batch normalisation of (B, C, …) that follows no convolution."""

    def __init__(self, layer: Norm, x: Signal, parameters: Parameters, name: str) -> None:
        self.x, self.layer = x, layer
        self.out = signal(len(x.value), x.shape, True)
        self.own = [parameters.values[f"{name}.{part}"] for part in NORM_PARTS]
        self.slopes = [parameters.slopes[f"{name}.{part}"] for part in NORM_PARTS[:2]]
        self.sums = np.zeros((x.shape[0], 3))
        self.norm = np.zeros((6, x.shape[0]), np.float32)

    def forward(self, moment: Moment) -> None:
        """See ``Op``."""
        training = moment.step is not None
        x = triples(self.x.value)
        if training:
            kernels_plain.measure(x, self.sums)
        momentum, epsilon = self.layer.momentum, self.layer.epsilon
        kernels_block.settle(self.sums, *self.own, momentum, epsilon, training, self.norm)
        kernels_plain.scale(x, moment.count, self.norm, triples(self.out.value))

    def backward(self) -> None:
        """See ``Op``."""
        assert self.out.slope is not None
        # Without anybody who wants it the input's gradient is written where it does no harm.
        back = self.out.slope if self.x.slope is None else self.x.slope
        kernels_plain.blame_scale(
            triples(self.x.value), triples(self.out.slope), self.norm, *self.slopes, triples(back)
        )


class MaxPoolOp:
    """Largest of a square, (B, C, H, W) to (B, C, H', W'), after what is no convolution."""

    def __init__(self, layer: MaxPool, x: Signal, shape: Shape) -> None:
        self.x, self.layer = x, layer
        self.out = signal(len(x.value), shape, x.slope is not None)
        self.spots = np.zeros(self.out.value.shape, np.int64)

    def forward(self, moment: Moment) -> None:
        """See ``Op``."""
        size, stride, padding = self.layer.size, self.layer.stride, self.layer.padding
        kernels_plain.largest(
            self.x.value, moment.count, size, stride, padding, self.out.value, self.spots
        )

    def backward(self) -> None:
        """See ``Op``."""
        if self.x.slope is not None:
            kernels_plain.blame_largest(self.out.slope, self.spots, self.x.slope)


class AvgPoolOp:
    """Mean of a square, (B, C, H, W) to (B, C, H', W')."""

    def __init__(self, layer: AvgPool, x: Signal, shape: Shape) -> None:
        self.x, self.layer = x, layer
        self.out = signal(len(x.value), shape, x.slope is not None)

    def forward(self, moment: Moment) -> None:
        """See ``Op``."""
        size, stride = self.layer.size, self.layer.stride
        kernels_plain.average(self.x.value, moment.count, size, stride, self.out.value)

    def backward(self) -> None:
        """See ``Op``."""
        if self.x.slope is not None:
            size, stride = self.layer.size, self.layer.stride
            kernels_plain.blame_average(self.out.slope, size, stride, self.x.slope)


class FlattenOp:
    """From pictures (B, C, H, W) to vectors (B, n): the same memory."""

    def __init__(self, x: Signal) -> None:
        shape = len(x.value), prod(x.shape)
        slope = None if x.slope is None else x.slope.reshape(shape)
        self.out = Signal(x.value.reshape(shape), slope, x.shared)

    def forward(self, moment: Moment) -> None:
        """See ``Op``."""

    def backward(self) -> None:
        """See ``Op``."""


class TakeOp:
    """Some channels only, in the order asked for."""

    def __init__(self, channels: Sequence[int], x: Signal) -> None:
        self.x, self.channels = x, list(channels)
        shape = len(self.channels), *x.shape[1:]
        self.out = signal(len(x.value), shape, x.slope is not None)

    def forward(self, moment: Moment) -> None:
        """See ``Op``."""
        count = moment.count
        np.take(self.x.value[:count], self.channels, 1, self.out.value[:count], "clip")

    def backward(self) -> None:
        """See ``Op``."""
        if self.x.slope is not None:
            assert self.out.slope is not None
            self.x.slope[:] = 0
            for place, channel in enumerate(self.channels):  # a channel may be taken twice
                self.x.slope[:, channel] += self.out.slope[:, place]


class BranchesOp:
    """Several ways from one signal; their ends one after another."""

    def __init__(self, x: Signal, ways: Sequence[tuple[Signal, Sequence[Op], Signal]]) -> None:
        self.x, self.ways = x, ways
        ends = [end for _, _, end in ways]
        channels = sum(end.shape[0] for end in ends)
        wanted = any(end.slope is not None for end in ends)
        self.out = signal(len(x.value), (channels, *ends[0].shape[1:]), wanted)

    def forward(self, moment: Moment) -> None:
        """See ``Op``."""
        count, low = moment.count, 0
        for _, ops, end in self.ways:
            for op in ops:
                op.forward(moment)
            high = low + end.shape[0]
            self.out.value[:count, low:high] = end.value[:count]
            low = high

    def backward(self) -> None:
        """See ``Op``."""
        low = 0
        for _, ops, end in self.ways:
            high = low + end.shape[0]
            if end.slope is not None:
                assert self.out.slope is not None
                end.slope[:] = self.out.slope[:, low:high]
            for op in reversed(ops):
                op.backward()
            low = high
        if self.x.slope is not None:
            self.x.slope[:] = 0
            for begin, _, _ in self.ways:
                assert begin.slope is not None
                self.x.slope += begin.slope
