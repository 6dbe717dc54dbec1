"""Layers that stand alone, in numba: pooling and normalisation that follow no convolution.

Arrays are float32 but for ``spots`` (int64) and ``sums`` (float64). ``x`` is (B, C, H, W) and
what is pooled (B, C, H', W'); of ``x`` the first ``count`` samples are read. Slopes are gradients
of the loss by what their array's twin holds, and of its shape. The tests hold all of this against
PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from offline.nets.kernels_conv import FAST


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def average(x: Any, count: int, size: int, stride: int, out: Any) -> None:  # pragma: no cover
    """Write the mean of each square: (B, C, H, W) to ``out`` (B, C, H', W')."""
    share = np.float32(1 / (size * size))
    _, channels, rows, columns = out.shape
    for b in range(count):
        for c in range(channels):
            for y in range(rows):
                for j in range(columns):
                    total = np.float32(0)
                    for dy in range(size):
                        for dx in range(size):
                            total += x[b, c, y * stride + dy, j * stride + dx]
                    out[b, c, y, j] = total * share


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def blame_average(slopes: Any, size: int, stride: int, out: Any) -> None:  # pragma: no cover
    """Write to ``out`` (B, C, H, W) the gradient of what was averaged, from (B, C, H', W')."""
    share = np.float32(1 / (size * size))
    out[:] = 0
    batch, channels, rows, columns = slopes.shape
    for b in range(batch):
        for c in range(channels):
            for y in range(rows):
                for j in range(columns):
                    part = slopes[b, c, y, j] * share
                    for dy in range(size):
                        for dx in range(size):
                            out[b, c, y * stride + dy, j * stride + dx] += part


@njit(cache=True, nogil=True, error_model="numpy")
def largest(
    x: Any, count: int, size: int, stride: int, padding: int, out: Any, spots: Any
) -> None:  # pragma: no cover
    """Write the largest of each square, the first of equals, and its place in the plane.

    ``out`` and ``spots`` are (B, C, H', W'); a place is a row times W plus a column.
    """
    _, channels, height, width = x.shape
    _, _, rows, columns = out.shape
    for b in range(count):
        for c in range(channels):
            for y in range(rows):
                for j in range(columns):
                    most, spot = np.float32(-np.inf), 0
                    for sy in range(max(y * stride - padding, 0),
                                    min(y * stride - padding + size, height)):  # fmt: skip
                        for sx in range(max(j * stride - padding, 0),
                                        min(j * stride - padding + size, width)):  # fmt: skip
                            if x[b, c, sy, sx] > most:
                                most, spot = x[b, c, sy, sx], sy * width + sx
                    out[b, c, y, j] = most
                    spots[b, c, y, j] = spot


@njit(cache=True, nogil=True, error_model="numpy")
def blame_largest(slopes: Any, spots: Any, out: Any) -> None:  # pragma: no cover
    """Write to ``out`` (B, C, H, W) the gradient of what was pooled: all where the largest was."""
    out[:] = 0
    batch, channels, rows, columns = slopes.shape
    width = out.shape[3]
    for b in range(batch):
        for c in range(channels):
            for y in range(rows):
                for j in range(columns):
                    spot = spots[b, c, y, j]
                    out[b, c, spot // width, spot % width] += slopes[b, c, y, j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def measure(x: Any, sums: Any) -> None:  # pragma: no cover
    """Write count, mean and squared deviations of each channel of (B, C, n), (C, 3)."""
    batch, channels, size = x.shape
    for c in range(channels):
        total, squares = np.float64(0), np.float64(0)
        for b in range(batch):
            part = np.float32(0)
            for i in range(size):
                part += x[b, c, i]
            total += part
        mean = np.float32(total / (batch * size))
        for b in range(batch):
            part = np.float32(0)
            for i in range(size):
                part += (x[b, c, i] - mean) * (x[b, c, i] - mean)
            squares += part
        sums[c, 0], sums[c, 1], sums[c, 2] = batch * size, total / (batch * size), squares


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def scale(x: Any, count: int, norm: Any, out: Any) -> None:  # pragma: no cover
    """Write x (B, C, n) times its channel's scale plus offset, from ``norm`` (6, C) of ``Room``."""
    for b in range(count):
        for c in range(x.shape[1]):
            for i in range(x.shape[2]):
                out[b, c, i] = x[b, c, i] * norm[0, c] + norm[1, c]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def blame_scale(
    x: Any, slopes: Any, norm: Any, weight_slopes: Any, bias_slopes: Any, out: Any
) -> None:  # pragma: no cover
    """Write the gradient of what a batch's statistics normalised, and of weight and bias.

    ``x``, ``slopes`` and ``out`` are (B, C, n), ``norm`` (6, C), the gradients of the parameters
    (C,). Batch statistics depend on all of ``x``, which is what the two sums account for (Ioffe &
    Szegedy 2015, section 3). ``out`` may be ``slopes`` itself.
    """
    batch, channels, size = x.shape
    for c in range(channels):
        mean, inverse = norm[2, c], norm[3, c]
        plain, tilted = np.float64(0), np.float64(0)
        for b in range(batch):
            one, other = np.float32(0), np.float32(0)
            for i in range(size):
                one += slopes[b, c, i]
                other += slopes[b, c, i] * (x[b, c, i] - mean)
            plain += one
            tilted += other * inverse
        weight_slopes[c], bias_slopes[c] = tilted, plain
        level = np.float32(plain / (batch * size))
        tilt = np.float32(tilted / (batch * size)) * inverse
        for b in range(batch):
            for i in range(size):
                rest = slopes[b, c, i] - level - tilt * (x[b, c, i] - mean)
                out[b, c, i] = norm[0, c] * rest
