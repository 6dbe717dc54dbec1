"""Convolution as a sum of shifted rows, in numba.

A channel of a whole batch is one long row: samples one after another, their lines one after
another, with as many zeros between as the padding needs. A tap of a kernel then is a shift of
the whole row, and a convolution the weighted sum of shifted rows, where nothing is gathered and
no border is special. What a line's end or a sample's end gets is of no meaning and cleared later.

Both kernels work on tiles of 3 output rows × 9 taps: 27 numbers stay in registers, and every
value that is read is used three times. Outputs and taps are filled up to whole tiles with zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

TILE = 3
TAPS = 9
FAST = {"reassoc", "contract", "nsz", "arcp"}
"""Sums may be taken in another order; infinities and NaN stay what they are."""


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def correlate(
    x: Any, begin: int, count: int, taps: Any, weight: Any, out: Any, at: int
) -> None:  # pragma: no cover
    """Add Σ_t weight[o, t] · x[begin + taps[t] + i] to out[o, at + i], for i < count.

    ``x`` is one long row of all channels, ``taps`` (T,) int64 places in it, ``weight`` (O, T) and
    ``out`` (O, row) float32, with O in whole ``TILE``s and T in whole ``TAPS``.
    """
    for o in range(0, weight.shape[0], 3):
        a, b, c = out[o, at:], out[o + 1, at:], out[o + 2, at:]
        u, v, w = weight[o], weight[o + 1], weight[o + 2]
        for t in range(0, taps.size, 9):
            x0, x1, x2 = x[begin + taps[t] :], x[begin + taps[t + 1] :], x[begin + taps[t + 2] :]
            x3, x4 = x[begin + taps[t + 3] :], x[begin + taps[t + 4] :]
            x5, x6 = x[begin + taps[t + 5] :], x[begin + taps[t + 6] :]
            x7, x8 = x[begin + taps[t + 7] :], x[begin + taps[t + 8] :]
            u0, u1, u2, u3, u4 = u[t], u[t + 1], u[t + 2], u[t + 3], u[t + 4]
            u5, u6, u7, u8 = u[t + 5], u[t + 6], u[t + 7], u[t + 8]
            v0, v1, v2, v3, v4 = v[t], v[t + 1], v[t + 2], v[t + 3], v[t + 4]
            v5, v6, v7, v8 = v[t + 5], v[t + 6], v[t + 7], v[t + 8]
            w0, w1, w2, w3, w4 = w[t], w[t + 1], w[t + 2], w[t + 3], w[t + 4]
            w5, w6, w7, w8 = w[t + 5], w[t + 6], w[t + 7], w[t + 8]
            for i in range(count):
                p0, p1, p2, p3, p4 = x0[i], x1[i], x2[i], x3[i], x4[i]
                p5, p6, p7, p8 = x5[i], x6[i], x7[i], x8[i]
                p = u0 * p0 + u1 * p1 + u2 * p2 + u3 * p3 + u4 * p4
                q = v0 * p0 + v1 * p1 + v2 * p2 + v3 * p3 + v4 * p4
                r = w0 * p0 + w1 * p1 + w2 * p2 + w3 * p3 + w4 * p4
                p += a[i] + u5 * p5 + u6 * p6 + u7 * p7 + u8 * p8
                q += b[i] + v5 * p5 + v6 * p6 + v7 * p7 + v8 * p8
                r += c[i] + w5 * p5 + w6 * p6 + w7 * p7 + w8 * p8
                a[i], b[i], c[i] = p, q, r


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def weigh(
    x: Any, begin: int, count: int, taps: Any, rows: Any, at: int, out: Any
) -> None:  # pragma: no cover
    """Add Σ_i rows[o, at + i] · x[begin + taps[t] + i], over i < count, to out[o, t].

    Shapes are those of ``correlate``, of which this is the gradient by the weights: ``rows`` is
    (O, row), ``out`` (O, T).
    """
    for o in range(0, out.shape[0], 3):
        a, b, c = rows[o, at:], rows[o + 1, at:], rows[o + 2, at:]
        u, v, w = out[o], out[o + 1], out[o + 2]
        for t in range(0, taps.size, 9):
            x0, x1, x2 = x[begin + taps[t] :], x[begin + taps[t + 1] :], x[begin + taps[t + 2] :]
            x3, x4 = x[begin + taps[t + 3] :], x[begin + taps[t + 4] :]
            x5, x6 = x[begin + taps[t + 5] :], x[begin + taps[t + 6] :]
            x7, x8 = x[begin + taps[t + 7] :], x[begin + taps[t + 8] :]
            u0 = u1 = u2 = u3 = u4 = u5 = u6 = u7 = u8 = np.float32(0)
            v0 = v1 = v2 = v3 = v4 = v5 = v6 = v7 = v8 = np.float32(0)
            w0 = w1 = w2 = w3 = w4 = w5 = w6 = w7 = w8 = np.float32(0)
            for i in range(count):
                p, q, r = a[i], b[i], c[i]
                z = x0[i]
                u0, v0, w0 = u0 + p * z, v0 + q * z, w0 + r * z
                z = x1[i]
                u1, v1, w1 = u1 + p * z, v1 + q * z, w1 + r * z
                z = x2[i]
                u2, v2, w2 = u2 + p * z, v2 + q * z, w2 + r * z
                z = x3[i]
                u3, v3, w3 = u3 + p * z, v3 + q * z, w3 + r * z
                z = x4[i]
                u4, v4, w4 = u4 + p * z, v4 + q * z, w4 + r * z
                z = x5[i]
                u5, v5, w5 = u5 + p * z, v5 + q * z, w5 + r * z
                z = x6[i]
                u6, v6, w6 = u6 + p * z, v6 + q * z, w6 + r * z
                z = x7[i]
                u7, v7, w7 = u7 + p * z, v7 + q * z, w7 + r * z
                z = x8[i]
                u8, v8, w8 = u8 + p * z, v8 + q * z, w8 + r * z
            _add_nine(u, t, (u0, u1, u2, u3, u4, u5, u6, u7, u8))
            _add_nine(v, t, (v0, v1, v2, v3, v4, v5, v6, v7, v8))
            _add_nine(w, t, (w0, w1, w2, w3, w4, w5, w6, w7, w8))


@njit(inline="always")
def _add_nine(row: Any, at: int, values: Any) -> None:  # pragma: no cover
    for t in range(9):
        row[at + t] += values[t]


def correlate_numpy(
    x: NDArray[np.float32],
    begin: int,
    count: int,
    taps: NDArray[np.int64],
    weight: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return what ``correlate`` adds, (outputs, count): its definition, and its judge."""
    shifted = np.stack([x[begin + tap : begin + tap + count] for tap in taps])
    added: NDArray[np.float32] = weight @ shifted
    return added


def weigh_numpy(
    x: NDArray[np.float32], begin: int, taps: NDArray[np.int64], rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return what ``weigh`` adds, (outputs, taps), for rows cut out: its judge in the tests."""
    count = rows.shape[1]
    shifted = np.stack([x[begin + tap : begin + tap + count] for tap in taps])
    added: NDArray[np.float32] = rows @ shifted.T
    return added
