"""A convolution with what follows it, in numba: bias, ReLU, normalisation, pooling.

All of this rises (or falls, where a channel's weight of normalisation is negative) with what the
convolution gives, so the largest of a pooling window can be found before the statistics are
known, while the row is still in the first-level cache. What is normalised then is only what the
pooling has left.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from offline.nets.kernels_conv import FAST, correlate, weigh


class Room(NamedTuple):
    """What one block works in; all arrays are made once.

    Attributes
    ----------
    shape
        Output channels, plane (from sample to sample in a row), pitch (from line to line),
        height and width that the convolution gives, samples worked on at once, zeros before a
        row of ``z``.
    pool
        Side of the pooling's windows, 1 without any, and how far the first one begins before
        the first value.
    floors
        (2,) float32 least value before and after normalisation: 0 where a ReLU is, or -inf.
    taps, weight, bias, slopes, bias_slopes
        Of the correlation, in whole tiles; slopes are the gradients.
    valid
        (samples at once × plane,) 1 where a value means something, else 0.
    z
        (outputs, row) what the convolution gives, then its gradient.
    border
        Like ``valid``, 0 where a value means something, else -inf.
    starts
        (H'·W',) int32 where in a plane each window begins.
    level, code
        (3, …) and (2, …) what ``_keep_largest`` works in.
    peaks, spots
        (B, C, H'·W') the largest of each window and where in its row it comes from.
    sums
        (C, 3) float64: count, mean, sum of squared deviations of a batch.
    norm
        (6, C): scale, offset, mean, 1/σ, and the two factors of the gradient that reaches all.
    """

    shape: Any
    pool: Any
    floors: Any
    taps: Any
    weight: Any
    bias: Any
    slopes: Any
    bias_slopes: Any
    valid: Any
    z: Any
    border: Any
    starts: Any
    level: Any
    code: Any
    peaks: Any
    spots: Any
    sums: Any
    norm: Any


class Way(NamedTuple):
    """What a block needs to pass the gradient on.

    Attributes
    ----------
    taps, weight
        Of the correlation with the turned kernels: (T,) int64, and (C, T) in whole tiles.
    part
        (C, row) its result for the samples that are worked on at once.
    """

    taps: Any
    weight: Any
    part: Any


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def convolve(
    x: Any, count: int, room: Room, scale: Any, measured: bool
) -> None:  # pragma: no cover
    """Convolve ``count`` samples of ``x`` and keep the largest of each window.

    Fused in one pass over a few samples at a time: convolution, bias, first ReLU, statistics, and
    the pooling that comes after the normalisation. ``x`` (channels · row,) is laid out by ``lay``;
    ``scale`` (O,) is the weight of the normalisation, whose sign says whether the largest or the
    smallest becomes the largest; statistics are taken if ``measured``.
    """
    outs, plane, _, height, width, some, margin = room.shape
    floor = room.floors[0]
    valid = room.valid
    room.sums[:] = 0
    for first in range(0, count, some):
        samples = min(some, count - first)
        begin, length = first * plane, samples * plane
        for o in range(room.z.shape[0]):
            room.z[o, margin + begin : margin + begin + length] = room.bias[o]
        correlate(x, begin, length, room.taps, room.weight, room.z, margin + begin)
        for o in range(outs):
            row = room.z[o, margin + begin : margin + begin + length]
            total = np.float32(0)
            for i in range(length):
                value = (row[i] if row[i] > floor else floor) * valid[i]
                row[i] = value
                total += value
            if measured:
                _measure(row, valid, total, samples * height * width, room.sums[o])
            sign = np.float32(np.sign(scale[o]))
            _keep_largest(row, sign, room, first, o)


@njit(nogil=True, error_model="numpy", fastmath=FAST)
def _measure(row: Any, valid: Any, total: Any, count: int, sums: Any) -> None:  # pragma: no cover
    """Add the values of a row to ``sums`` (3,): count, mean, squared deviations (Chan et al. 1979).

    ``valid`` is 1 where a value means something; there are ``count`` such, and ``total`` is their
    sum.
    """
    mean = total / np.float32(count)
    squares = np.float32(0)
    for i in range(row.size):
        gap = (row[i] - mean) * valid[i]
        squares += gap * gap
    old, delta = sums[0], np.float64(mean) - sums[1]
    sums[0] += count
    sums[1] += delta * count / sums[0]
    sums[2] += squares + delta * delta * old * count / sums[0]


@njit(nogil=True, error_model="numpy", fastmath=FAST)
def _keep_largest(row: Any, sign: Any, room: Any, first: int, o: int) -> None:  # pragma: no cover
    """Write the largest of ``sign`` · row in each window, and its place; the first of equals.

    Windows are looked at everywhere, first down, then along, so that the loops run over whole
    rows; those that the stride asks for are picked in the end.
    """
    plane, pitch = room.shape[1], room.shape[2]
    size, front = room.pool[0], room.pool[1]
    starts, level, code = room.starts, room.level, room.code
    if size > 1:
        length = row.size
        lifted, border = level[0, front:], room.border
        for i in range(length):
            lifted[i] = sign * row[i] + border[i]
        _down(level[0], size, pitch, length, level[1], code[0])
        _along(level[1], code[0], size, length, level[2], code[1])
    for b in range(row.size // plane):
        peaks, spots = room.peaks[first + b, o], room.spots[first + b, o]
        for j in range(starts.size):
            spot = starts[j] + b * plane
            if size > 1:
                spot += code[1, spot] - front
            peaks[j] = row[spot]
            spots[j] = first * plane + spot


@njit(nogil=True, error_model="numpy", fastmath=FAST)
def _down(
    level: Any, size: int, pitch: int, count: int, best: Any, code: Any
) -> None:  # pragma: no cover
    """Write the largest of ``size`` values below each other, and how far down; the upper wins.

    The first three are done in one pass; where there are only two, the second is seen twice.
    """
    one, other = pitch, min(2, size - 1) * pitch
    a, b, c, m, n = level, level[one:], level[other:], np.int32(one), np.int32(other)
    for i in range(count):
        p, q, r = a[i], b[i], c[i]
        name = m if q > p else np.int32(0)
        p = q if q > p else p
        code[i] = n if r > p else name
        best[i] = r if r > p else p
    for k in range(3, size):
        a, m = level[k * pitch :], np.int32(k * pitch)
        for i in range(count):
            p, q, name = best[i], a[i], code[i]
            code[i] = m if q > p else name
            best[i] = q if q > p else p


@njit(nogil=True, error_model="numpy", fastmath=FAST)
def _along(
    level: Any, below: Any, size: int, count: int, best: Any, code: Any
) -> None:  # pragma: no cover
    """Write the largest of ``size`` neighbours, and where; the upper wins, then the left."""
    one, other = np.int32(1), np.int32(min(2, size - 1))
    b, c, m, n = level[1:], level[other:], below[1:], below[other:]
    for i in range(count):
        p, q, r = level[i], b[i], c[i]
        x, y, z = below[i], np.int32(m[i] + one), np.int32(n[i] + other)
        more = (q > p) | ((q == p) & (y < x))
        p, x = q if more else p, y if more else x
        more = (r > p) | ((r == p) & (z < x))
        best[i] = r if more else p
        code[i] = z if more else x
    for k in range(3, size):
        b, m, one = level[k:], below[k:], np.int32(k)
        for i in range(count):
            p, q, x, y = best[i], b[i], code[i], np.int32(m[i] + one)
            more = (q > p) | ((q == p) & (y < x))
            best[i] = q if more else p
            code[i] = y if more else x


@njit(cache=True, nogil=True, error_model="numpy")
def settle(
    sums: Any, weight: Any, bias: Any, mean: Any, variance: Any,
    momentum: float, epsilon: float, training: bool, norm: Any,
) -> None:  # pragma: no cover  # fmt: skip
    """Write scale, offset, mean and 1/σ; move the running statistics on in training.

    ``sums`` is (C, 3) and ``norm`` (6, C), as in ``Room``; the four parameters are (C,). Outside
    training the running statistics take the place of the batch's.
    """
    for o in range(weight.size):
        if training:
            middle, spread = sums[o, 1], sums[o, 2] / sums[o, 0]
            free = sums[o, 2] / (sums[o, 0] - 1)
            mean[o] = (1 - momentum) * mean[o] + momentum * middle
            variance[o] = (1 - momentum) * variance[o] + momentum * free
        else:
            middle, spread = np.float64(mean[o]), np.float64(variance[o])
        inverse = 1 / np.sqrt(spread + epsilon)
        norm[0, o] = weight[o] * inverse
        norm[1, o] = bias[o] - middle * inverse * weight[o]
        norm[2, o] = middle
        norm[3, o] = inverse


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def finish(room: Room, count: int, out: Any) -> None:  # pragma: no cover
    """Normalise what pooling has left into ``out`` (B, O, H'·W'), cut off at the second floor."""
    floor = room.floors[1]
    for b in range(count):
        for o in range(out.shape[1]):
            scale, offset = room.norm[0, o], room.norm[1, o]
            peaks, row = room.peaks[b, o], out[b, o]
            for i in range(row.size):
                value = peaks[i] * scale + offset
                row[i] = value if value > floor else floor


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def blame_norm(
    room: Room, slopes: Any, weight_slopes: Any, bias_slopes: Any, normed: bool
) -> None:  # pragma: no cover
    """Take the gradient back through the second floor, and sum it for the normalisation.

    ``slopes`` (B, O, H'·W') is the gradient of what ``finish`` wrote, and cut off in place. The
    gradients of weight and bias, (O,), are written only if ``normed``.
    """
    floor = room.floors[1]
    for o in range(slopes.shape[1]):
        scale, offset = room.norm[0, o], room.norm[1, o]
        mean, inverse = room.norm[2, o], room.norm[3, o]
        plain, tilted = np.float64(0), np.float64(0)
        for b in range(slopes.shape[0]):
            peaks, row = room.peaks[b, o], slopes[b, o]
            one, other = np.float32(0), np.float32(0)
            for i in range(row.size):
                slope = row[i] if peaks[i] * scale + offset > floor else np.float32(0)
                row[i] = slope
                one += slope
                other += slope * (peaks[i] - mean)
            plain += one
            tilted += other * inverse
        if normed:
            weight_slopes[o], bias_slopes[o] = tilted, plain
            share = -scale * tilted * inverse / room.sums[o, 0]
            room.norm[4, o] = -scale * plain / room.sums[o, 0] - share * mean
            room.norm[5, o] = share


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def blame_convolution(
    x: Any, room: Room, slopes: Any, way: Way, back: Any, passed: bool
) -> None:  # pragma: no cover
    """Turn ``slopes`` into the gradients of weights and bias, and of the input if ``passed``.

    Fused in one pass over a few samples at a time: the gradient through pooling and normalisation
    is spread over ``room.z``, cut off by the first ReLU, and multiplied with the input (for the
    weights) and with the turned kernels (for ``back`` (B, C, H, W)) while it is in the cache.
    """
    outs, plane, _, _, _, some, margin = room.shape
    floor = room.floors[0]
    valid = room.valid
    room.slopes[:] = 0
    room.bias_slopes[:] = 0
    count = slopes.shape[0]
    for first in range(0, count, some):
        samples = min(some, count - first)
        begin, length = first * plane, samples * plane
        for o in range(outs):
            whole = room.z[o, margin:]
            row = whole[begin : begin + length]
            level, tilt, scale = room.norm[4, o], room.norm[5, o], room.norm[0, o]
            for i in range(length):
                value = (level + tilt * row[i]) * valid[i]
                row[i] = value if row[i] > floor else np.float32(0)
            for b in range(first, first + samples):
                peaks, spots = room.peaks[b, o], room.spots[b, o]
                slope = slopes[b, o]
                for i in range(slope.size):
                    if peaks[i] > floor:
                        whole[spots[i]] += scale * slope[i]
            total = np.float32(0)
            for i in range(length):
                total += row[i]
            room.bias_slopes[o] += total
        weigh(x, begin, length, room.taps, room.z, margin + begin, room.slopes)
        if passed:
            _pass_back(room, way, begin, length, back[first : first + samples])


@njit(nogil=True, error_model="numpy", fastmath=FAST)
def _pass_back(room: Any, way: Any, begin: int, length: int, back: Any) -> None:  # pragma: no cover
    """Write the gradient of some samples' input, (b, C, H, W), out of its long rows."""
    plane, pitch = room.shape[1], room.shape[2]
    way.part[:] = 0
    correlate(room.z.ravel(), begin, length, way.taps, way.weight, way.part, np.int64(0))
    samples, channels, height, width = back.shape
    for b in range(samples):
        for c in range(channels):
            for y in range(height):
                row = way.part[c, b * plane + y * pitch :]
                for x in range(width):
                    back[b, c, y, x] = row[x]


@njit(cache=True, nogil=True, error_model="numpy")
def lay(
    values: Any, count: int, front: int, plane: int, pitch: int, out: Any
) -> None:  # pragma: no cover
    """Lay (B, C, H, W) out as (C, row), zeros between lines and samples."""
    _, channels, height, width = values.shape
    for b in range(count):
        for c in range(channels):
            for y in range(height):
                source = values[b, c, y]
                row = out[c, front + b * plane + y * pitch :]
                for x in range(width):
                    row[x] = source[x]
