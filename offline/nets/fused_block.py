"""A convolution and what follows it as one operation.

A convolutional layer of the shallow networks here is bound by memory, not by arithmetic. So what
comes after it (ReLU, normalisation, ReLU, max pooling) is done while its rows are in the cache;
``kernels_block`` holds the passes, this file their arrays, which are made once for a training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.nets import kernels_block
from offline.nets.fused_ops import Float, Moment, Parameters, Signal, signal, triples
from offline.nets.kernels_block import Room, Way
from offline.nets.kernels_conv import TAPS, TILE
from offline.nets.layers import NORM_PARTS, Conv, Layer, MaxPool, Norm, Relu, shape_after

AT_ONCE = 1024
"""Places of a row worked on at once: with its neighbours it stays in the first-level cache."""
LANE = 16
"""float32 in the widest register: rows begin and end at whole ones."""


@dataclass(frozen=True, slots=True)
class Block:
    """A convolution with the layers that are done in the same pass, in their order.

    Attributes
    ----------
    conv
        The convolution.
    rectified
        Whether a ReLU follows it.
    norm, norm_place
        The normalisation and its place in the list of layers, which names its parameters.
    again
        Whether a ReLU follows the normalisation.
    pool
        The pooling at the end.
    length
        How many layers these are.
    """

    conv: Conv
    rectified: bool = False
    norm: Norm | None = None
    norm_place: int = 0
    again: bool = False
    pool: MaxPool | None = None
    length: int = 1

    @property
    def floors(self) -> tuple[float, float]:
        """Least value before and after normalisation."""
        low = -np.inf
        return (0.0 if self.rectified else low), (0.0 if self.again else low)


def recognised(layers: Sequence[Layer], begin: int) -> Block:
    """Return the longest block that begins with the convolution at ``begin``."""
    conv, rest = layers[begin], list(layers[begin + 1 :])
    assert isinstance(conv, Conv)
    place = begin + 1
    rectified, again, norm_place = False, False, 0
    norm: Norm | None = None
    pool: MaxPool | None = None
    if rest and isinstance(rest[0], Relu):
        rectified, place = True, place + 1
        rest.pop(0)
    if rest and isinstance(rest[0], Norm):
        norm, norm_place, place = rest[0], place, place + 1
        rest.pop(0)
        if rest and isinstance(rest[0], Relu):
            again, place = True, place + 1
            rest.pop(0)
    if rest and isinstance(rest[0], MaxPool):
        pool, place = rest[0], place + 1
    return Block(conv, rectified, norm, norm_place, again, pool, place - begin)


class Rows:
    """A batch of pictures laid out so that a shifted row is a shifted picture.

    ``margin`` places are kept free on every side of what the convolution gives.
    """

    def __init__(self, x: Signal, conv: Conv, margin: int) -> None:
        self.x = x
        channels, height, width = x.shape
        side, padding = conv.kernel, conv.padding
        grown = 2 * padding - side + 1
        self.pitch = max(width + padding, width + grown + margin)
        lines = max(height + padding, height + grown + margin)
        self.plane = _rounded(lines * self.pitch, LANE)
        self.front = padding * (self.pitch + 1)
        slack = max(self.front, (side - 1) * (self.pitch + 1)) + LANE
        self.row = _row(len(x.value) * self.plane + slack)
        self.array = _aligned(channels, self.row)

    def fill(self, count: int) -> None:
        """Lay out the first ``count`` samples."""
        kernels_block.lay(self.x.value, count, self.front, self.plane, self.pitch, self.array)


class RowsStore:
    """Layouts that several convolutions of one signal share."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int, int], Rows] = {}

    def find(self, x: Signal, conv: Conv, margin: int) -> tuple[Rows, bool]:
        """Return a layout and whether it is new, so that it must be filled."""
        key = id(x.value), conv.kernel, conv.padding, margin
        new = key not in self._known
        if new:
            self._known[key] = Rows(x, conv, margin)
        return self._known[key], new


class BlockOp:
    """Convolution, then ReLU, normalisation, ReLU, pooling, as far as they are there."""

    def __init__(
        self,
        block: Block,
        x: Signal,
        parameters: Parameters,
        path: str,
        place: int,
        store: RowsStore,
    ) -> None:
        self.block, self.x = block, x
        margin = 0 if block.pool is None else block.pool.padding
        self.rows, self.fills = store.find(x, block.conv, margin)
        conv, batch = block.conv, len(x.value)
        self.shape = shape_after((conv,), x.shape)
        name = f"{path}{place}"
        self.weight = parameters.values[f"{name}.weight"]
        self.weight_slope = parameters.slopes[f"{name}.weight"]
        self.bias = parameters.values.get(f"{name}.bias")
        self.bias_slope = parameters.slopes.get(f"{name}.bias")
        pooled = self.shape if block.pool is None else shape_after((block.pool,), self.shape)
        self.out = signal(batch, pooled, True)
        self.room = self._room(batch)
        self.way = self._way()
        self.back = np.zeros((0, 0, 0, 0), np.float32) if x.slope is None else x.slope
        outs = conv.out
        self.scale = np.ones(outs, np.float32)
        self.norm_slopes = [np.zeros(outs, np.float32), np.zeros(outs, np.float32)]
        self.norm: list[Float] = []
        if block.norm is not None:
            name = f"{path}{block.norm_place}"
            self.norm = [parameters.values[f"{name}.{part}"] for part in NORM_PARTS]
            self.norm_slopes = [parameters.slopes[f"{name}.{part}"] for part in NORM_PARTS[:2]]
            self.scale = self.norm[0]

    def _room(self, batch: int) -> Room:
        """Return what the passes of this block work in; shapes are told by ``Room``."""
        conv, rows, pool = self.block.conv, self.rows, self.block.pool or MaxPool(1, 1, 0)
        outs, height, width = self.shape
        some = max(1, AT_ONCE // rows.plane)
        filled = _rounded(outs, TILE)
        taps = np.array([channel * rows.row for channel in range(self.x.shape[0])])
        taps = (taps[:, None] + _within(conv.kernel, rows.pitch)).ravel()
        margin = _rounded(max(0, (conv.kernel - 1 - conv.padding) * (rows.pitch + 1)), LANE)
        slack = conv.padding * (rows.pitch + 1) + LANE
        valid = np.zeros((some, rows.plane), np.float32)
        lines = valid[:, : height * rows.pitch].reshape(some, height, rows.pitch)
        lines[:, :, :width] = 1
        border = np.where(valid > 0, np.float32(0), np.float32(-np.inf)).ravel()
        reach = _row(valid.size + 2 * (pool.size + pool.padding) * (rows.pitch + 1))
        norm = np.zeros((6, filled), np.float32)
        norm[0] = 1
        lines_out, columns = self.out.shape[1:]
        starts = np.arange(lines_out)[:, None] * rows.pitch + np.arange(columns)
        return Room(
            shape=(outs, rows.plane, rows.pitch, height, width, some, margin),
            pool=(pool.size, pool.padding * (rows.pitch + 1)),
            floors=np.array(self.block.floors, np.float32),
            taps=_filled(taps),
            weight=np.zeros((filled, _rounded(taps.size, TAPS)), np.float32),
            bias=np.zeros(filled, np.float32),
            slopes=np.zeros((filled, _rounded(taps.size, TAPS)), np.float32),
            bias_slopes=np.zeros(outs, np.float32),
            valid=valid.ravel(),
            z=_aligned(filled, _row(margin + batch * rows.plane + slack)),
            border=border,
            starts=(starts * pool.stride).ravel().astype(np.int32),
            level=_aligned(3, reach) - np.float32(np.inf),
            code=np.zeros((2, reach), np.int32),
            peaks=np.zeros((batch, outs, starts.size), np.float32),
            spots=np.zeros((batch, outs, starts.size), np.int32),
            sums=np.ones((outs, 3)),
            norm=norm,
        )

    def _way(self) -> Way:
        """Return what passes the gradient on; empty arrays where nobody wants it."""
        if self.x.slope is None:
            return Way(np.zeros(0, np.int64), *(np.zeros((0, 0), np.float32) for _ in range(2)))
        conv, rows, room = self.block.conv, self.rows, self.room
        channels = _rounded(self.x.shape[0], TILE)
        begin = room.shape[-1] + conv.padding * (rows.pitch + 1)
        taps = begin + np.arange(conv.out)[:, None] * room.z.shape[1]
        taps = (taps - _within(conv.kernel, rows.pitch)).ravel()
        part = _aligned(channels, _row(room.valid.size))
        weight = np.zeros((channels, _rounded(taps.size, TAPS)), np.float32)
        return Way(_filled(taps), weight, part)

    def forward(self, moment: Moment) -> None:
        """See ``Op``."""
        training, outs = moment.step is not None, self.block.conv.out
        room = self.room
        if self.fills:
            self.rows.fill(moment.count)
        flat = self.weight.reshape(outs, -1)
        room.weight[:outs, : flat.shape[1]] = flat
        if self.bias is not None:
            room.bias[:outs] = self.bias
        normed = self.block.norm is not None
        kernels_block.convolve(
            self.rows.array.reshape(-1), moment.count, room, self.scale, training and normed
        )
        if self.block.norm is not None:
            momentum, epsilon = self.block.norm.momentum, self.block.norm.epsilon
            kernels_block.settle(room.sums, *self.norm, momentum, epsilon, training, room.norm)
        kernels_block.finish(room, moment.count, triples(self.out.value))

    def backward(self) -> None:
        """See ``Op``."""
        assert self.out.slope is not None
        room, outs, channels = self.room, self.block.conv.out, self.x.shape[0]
        slopes = triples(self.out.slope)
        normed, passed = self.block.norm is not None, self.x.slope is not None
        kernels_block.blame_norm(room, slopes, *self.norm_slopes, normed)
        if passed:
            turned = self.weight.reshape(outs, channels, -1).transpose(1, 0, 2)
            count = turned.shape[1] * turned.shape[2]
            view = self.way.weight[:channels, :count].reshape(turned.shape)
            view[:] = turned
        kernels_block.blame_convolution(
            self.rows.array.reshape(-1), room, slopes, self.way, self.back, passed
        )
        flat = self.weight_slope.reshape(outs, -1)
        flat[:] = room.slopes[:outs, : flat.shape[1]]
        if self.bias_slope is not None:
            self.bias_slope[:] = room.bias_slopes


def _within(side: int, pitch: int) -> NDArray[np.int64]:
    """Return where each tap of a square kernel looks, in the order of its weights."""
    lines, columns = np.indices((side, side), np.int64)
    taps: NDArray[np.int64] = (lines * pitch + columns).ravel()
    return taps


def _filled(taps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Add taps to a whole tile; they have no weight and look where another one does."""
    more = _rounded(taps.size, TAPS) - taps.size
    return np.concatenate([taps, np.full(more, taps[0])])


def _rounded(count: int, unit: int) -> int:
    return -(-count // unit) * unit


def _row(count: int) -> int:
    """Return a row's length in whole registers; rows must not lie a memory page apart."""
    length = _rounded(count, LANE)
    return length + 5 * LANE if length % 1024 < 4 * LANE else length


def _aligned(rows: int, length: int) -> Float:
    """Return zeros that begin at a cache line."""
    room = np.zeros(rows * length + LANE, np.float32)
    skip = -(room.ctypes.data // 4) % LANE
    return room[skip : skip + rows * length].reshape(rows, length)
