"""Residual sums of a clip: Zhao et al. 2021, equations 5 to 7.

``ars`` (absolute, modulo 256) and ``rrs`` (relative, stretched to a grey range) turn the first
frame and the key frames of a clip into one picture of what moved. ``residual_sum`` is the sum both
build on, for any pixel type. Each has a plain NumPy twin that says the same in three lines.

The pictures pass through the kernels once, 4096 pixels of every frame at a time, five key frames
to a pass, so that a block stays in the first-level cache and the sum never leaves the registers.
Frames missing from a group of five are stood in for by the start frame, which adds zero.
Throughput is bound by memory: n + 1 pictures read and one written, where copying the key frames
reads n and writes n.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError

_BLOCK = 4096
_MAX_UINT16_FRAMES = 65535 // 255
_SUM_TYPES = {
    np.dtype(pixels): np.dtype(sums)
    for pixels, sums in {"u1": "u4", "u2": "u4", "f4": "f4", "f8": "f8"}.items()
}
_MAX_FLOAT32_RANGE = 4080
"""Widest range of sums that float32 still rounds without a mistake (see ``_stretch``)."""


# The public functions -----------------------------------------------------------------------


def ars(
    start: NDArray[np.uint8],
    key: NDArray[np.uint8],
    out: NDArray[np.uint8] | None = None,
    *,
    pick: Sequence[int] | None = None,
) -> NDArray[np.uint8]:
    """Return the absolute residual sum, the sum of |key - start| modulo 256 (equation 5).

    Parameters
    ----------
    start
        First frame, (H, W, C) or (H, W) uint8, channels in any order.
    key
        Key frames, (N, *start.shape) uint8, N >= 1. Read in place when C-contiguous, else copied.
    out
        Where to write, C-contiguous uint8 of the shape of ``start``, apart from the inputs in
        memory; None allocates.
    pick
        Positions in ``key`` to sum, repeats allowed; None takes all. Lets ``key`` be a ring of
        frames that is never copied.

    Returns
    -------
    ndarray
        ``out``, shape of ``start``, uint8.

    Raises
    ------
    ConfigError
        Shapes, types or positions that do not fit.
    """
    start_row, rows, picks = _inputs(start, key, pick)
    _require_uint8(start, "ars")
    out = _output(start, key, out)
    _ars(start_row, rows, picks, out.reshape(-1))
    return out


def rrs(
    start: NDArray[Any],
    key: NDArray[Any],
    out: NDArray[np.uint8] | None = None,
    *,
    pick: Sequence[int] | None = None,
    gmin: int = 0,
    gmax: int = 255,
) -> NDArray[np.uint8]:
    """Return the relative residual sum, stretched to gmin … gmax (equations 6 and 7).

    Minimum and maximum are taken over the whole picture, all channels together. Values are
    rounded to the nearest integer, halves up (the paper does not say). Where every pixel has the
    same sum, equation 7 is 0/0; the answer is then ``gmin`` everywhere: nothing stands out.

    Parameters
    ----------
    start, key, out, pick
        As for ``ars``; pixels may also be of another unsigned or floating type, which is slower.
    gmin, gmax
        Grey values of the least and the most moved pixel, 0 <= gmin <= gmax <= 255. A wider range
        shows more steps; the result only ever depends on the sums' relative size.

    Returns
    -------
    ndarray
        ``out``, shape of ``start``, uint8.

    Raises
    ------
    ConfigError
        As ``ars``; also grey values out of range and pixels that are not finite.
    """
    _check_greys(gmin, gmax)
    start_row, rows, picks = _inputs(start, key, pick)
    out = _output(start, key, out)
    if start.dtype != np.uint8 or len(picks) > _MAX_UINT16_FRAMES:
        out[...] = _stretch_numpy(residual_sum(start, key, pick=pick), gmin, gmax)
        return out
    diff = np.empty(start_row.size, np.uint16)
    low, high = _sum_uint16(start_row, rows, picks, diff)
    spread = int(high) - int(low)
    if spread == 0:
        out.fill(gmin)
        return out
    scale, bias = (gmax - gmin) / spread, gmin + 0.5 + 0.25 / spread
    number = np.float32 if spread <= _MAX_FLOAT32_RANGE else np.float64
    _stretch(diff, np.uint16(low), number(scale), number(bias), out.reshape(-1))
    return out


def residual_sum(
    start: NDArray[Any], key: NDArray[Any], *, pick: Sequence[int] | None = None
) -> NDArray[Any]:
    """Return the sum of |key - start| without modulo (equation 6).

    Parameters
    ----------
    start, key, pick
        As for ``ars``, of one type: uint8, uint16, float32 or float64.

    Returns
    -------
    ndarray
        Shape of ``start``; uint32 for integers, else the type of the input, summed in the order
        of the frames.
    """
    start_row, rows, picks = _inputs(start, key, pick)
    total = np.zeros(start.shape, _sum_type(start.dtype))
    _sum_any(start_row, rows, picks, total.reshape(-1))
    return total


def warm_up() -> None:
    """Compile the kernels for uint8 now (or load them from numba's cache).

    Takes seconds the first time on a machine. Call it before the clock matters; without it the
    first residual sum pays.
    """
    start = np.zeros((1, 2), np.uint8)
    ars(start, start[None])
    residual_sum(start, start[None])
    for frames in (1, _MAX_UINT16_FRAMES):  # the narrow and the wide range of sums
        key = np.array([[[0, 255]]], np.uint8)
        rrs(start, key, pick=[0] * frames)


# The same in plain NumPy --------------------------------------------------------------------


def ars_numpy(start: NDArray[np.uint8], key: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what ``ars`` returns: its definition, and its judge in the tests."""
    return residual_sum_numpy(start, key).astype(np.uint8)


def rrs_numpy(
    start: NDArray[Any], key: NDArray[Any], gmin: int = 0, gmax: int = 255
) -> NDArray[np.uint8]:
    """Return what ``rrs`` returns: its definition, and its judge in the tests."""
    _check_greys(gmin, gmax)
    return _stretch_numpy(residual_sum_numpy(start, key), gmin, gmax)


def residual_sum_numpy(start: NDArray[Any], key: NDArray[Any]) -> NDArray[Any]:
    """Return what ``residual_sum`` returns: its definition, and its judge in the tests."""
    total = np.zeros(start.shape, _sum_type(start.dtype))
    for frame in key:
        total += np.maximum(frame, start) - np.minimum(frame, start)
    return total


def _stretch_numpy(diff: NDArray[Any], gmin: int, gmax: int) -> NDArray[np.uint8]:
    low, high = diff.min(), diff.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ConfigError("rrs needs finite pixels, got NaN or infinity: mend the frames first")
    if low == high:
        return np.full(diff.shape, gmin, np.uint8)
    if diff.dtype.kind == "f":
        relative = (diff.astype(np.float64) - float(low)) / (float(high) - float(low))
        grey: NDArray[np.float64] = np.floor(relative * (gmax - gmin) + gmin + 0.5)
        return grey.astype(np.uint8)
    step, spread = diff.astype(np.int64) - int(low), int(high) - int(low)
    rounded: NDArray[np.int64] = (2 * step * (gmax - gmin) + spread) // (2 * spread) + gmin
    return rounded.astype(np.uint8)


# Checks ---------------------------------------------------------------------------------------


def _inputs(
    start: NDArray[Any], key: NDArray[Any], pick: Sequence[int] | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Return start as a row, key as rows, and the rows to sum, all checked."""
    if key.ndim != start.ndim + 1 or key.shape[1:] != start.shape or start.dtype != key.dtype:
        raise ConfigError(
            f"key frames must be (N, *start.shape) of one type, got start {start.shape} "
            f"{start.dtype} and key {key.shape} {key.dtype}: align the faces to one crop first"
        )
    count = len(key)
    if start.size == 0 or count == 0:
        raise ConfigError(f"nothing to sum: start {start.shape}, key {key.shape}; pass pixels")
    _sum_type(start.dtype)
    picks = _positions(count, pick)
    start_row = np.ascontiguousarray(start).reshape(-1)
    rows = np.ascontiguousarray(key).reshape(count, -1)
    # Numba compiles anew for read-only arrays: hand it views that always are.
    start_row.flags.writeable = rows.flags.writeable = False
    return start_row, rows, picks


def _positions(count: int, pick: Sequence[int] | None) -> NDArray[np.int64]:
    if pick is None:
        return np.arange(count)
    picks = np.asarray(pick, np.int64)
    if picks.ndim != 1 or len(picks) == 0 or picks.min() < 0 or picks.max() >= count:
        raise ConfigError(f"pick must hold positions 0 … {count - 1}, at least one, got {pick}")
    return picks


def _output(
    start: NDArray[Any], key: NDArray[Any], out: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    if out is None:
        return np.empty(start.shape, np.uint8)
    if out.shape != start.shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
        raise ConfigError(
            f"out must be C-contiguous uint8 of shape {start.shape}, got {out.shape} {out.dtype}"
        )
    if np.may_share_memory(out, start) or np.may_share_memory(out, key):
        raise ConfigError("out overlaps the input in memory: pass a separate array")
    return out


def _sum_type(pixels: np.dtype[Any]) -> np.dtype[Any]:
    try:
        return _SUM_TYPES[pixels]
    except KeyError:
        allowed = ", ".join(str(known) for known in _SUM_TYPES)
        raise ConfigError(f"pixels must be {allowed}, got {pixels}: convert them first") from None


def _require_uint8(start: NDArray[Any], name: str) -> None:
    if start.dtype != np.uint8:
        raise ConfigError(
            f"{name} counts modulo 256 and needs uint8 pixels, got {start.dtype}: convert them or "
            "use residual_sum"
        )


def _check_greys(gmin: int, gmax: int) -> None:
    if not 0 <= gmin <= gmax <= 255:
        raise ConfigError(f"grey values need 0 <= gmin <= gmax <= 255, got {gmin} and {gmax}")


# Kernels --------------------------------------------------------------------------------------


@njit(inline="always")
def _gap(a: np.uint8, b: np.uint8) -> np.uint8:
    """Return |a - b| in eight bits all the way: one instruction handles 64 pixels."""
    return np.uint8(max(a, b) - min(a, b))


@njit(cache=True, nogil=True, error_model="numpy")
def _ars(start: Any, rows: Any, picks: Any, out: Any) -> None:
    count = picks.size
    for low in range(0, start.size, _BLOCK):
        s, o = start[low : low + _BLOCK], out[low : low + _BLOCK]
        for f in range(0, count, 5):
            k0 = rows[picks[f], low : low + _BLOCK]
            k1 = rows[picks[f + 1], low : low + _BLOCK] if f + 1 < count else s
            k2 = rows[picks[f + 2], low : low + _BLOCK] if f + 2 < count else s
            k3 = rows[picks[f + 3], low : low + _BLOCK] if f + 3 < count else s
            k4 = rows[picks[f + 4], low : low + _BLOCK] if f + 4 < count else s
            keep = np.uint8(255 if f else 0)
            for j in range(s.size):
                base = s[j]
                total = np.uint8((o[j] & keep) + _gap(k0[j], base))
                total = np.uint8(total + _gap(k1[j], base))
                total = np.uint8(total + _gap(k2[j], base))
                total = np.uint8(total + _gap(k3[j], base))
                o[j] = np.uint8(total + _gap(k4[j], base))


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_uint16(start: Any, rows: Any, picks: Any, out: Any) -> tuple[np.uint16, np.uint16]:
    """Write the sums to ``out`` and return the least and the greatest of them."""
    count = picks.size
    least, most = np.uint16(65535), np.uint16(0)
    for low in range(0, start.size, _BLOCK):
        s, o = start[low : low + _BLOCK], out[low : low + _BLOCK]
        for f in range(0, count, 5):
            k0 = rows[picks[f], low : low + _BLOCK]
            k1 = rows[picks[f + 1], low : low + _BLOCK] if f + 1 < count else s
            k2 = rows[picks[f + 2], low : low + _BLOCK] if f + 2 < count else s
            k3 = rows[picks[f + 3], low : low + _BLOCK] if f + 3 < count else s
            k4 = rows[picks[f + 4], low : low + _BLOCK] if f + 4 < count else s
            keep = np.uint16(65535 if f else 0)
            for j in range(s.size):
                base = s[j]
                total = np.uint16((o[j] & keep) + _gap(k0[j], base))
                total = np.uint16(total + _gap(k1[j], base))
                total = np.uint16(total + _gap(k2[j], base))
                total = np.uint16(total + _gap(k3[j], base))
                o[j] = np.uint16(total + _gap(k4[j], base))
        for j in range(s.size):
            least, most = min(least, o[j]), max(most, o[j])
    return least, most


@njit(cache=True, nogil=True, error_model="numpy")
def _stretch(diff: Any, low: Any, scale: Any, bias: Any, out: Any) -> None:
    """Equation 7 as one multiplication: (diff - low) * scale + bias, cut to an integer.

    A sum x of spread r lands on a half exactly or at least 1/(2r) beside it; ``bias`` holds
    0.5 + 1/(4r), so halves go up and nothing else can cross while the arithmetic errs by less
    than 1/(4r): in float32 up to r = 4080, in float64 for every uint16.
    """
    number = type(scale)
    for j in range(diff.size):
        out[j] = np.uint8(np.int32(number(np.uint16(diff[j] - low)) * scale + bias))


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_any(start: Any, rows: Any, picks: Any, out: Any) -> None:
    for low in range(0, start.size, _BLOCK):
        s, o = start[low : low + _BLOCK], out[low : low + _BLOCK]
        for f in range(picks.size):
            k = rows[picks[f], low : low + _BLOCK]
            for j in range(s.size):
                o[j] += max(k[j], s[j]) - min(k[j], s[j])
