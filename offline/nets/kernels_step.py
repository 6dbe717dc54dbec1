"""What happens once in a step: the batch, dropout, the loss, AdamW; in numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from offline.nets.dice import word
from offline.nets.kernels_conv import FAST


@njit(cache=True, nogil=True, error_model="numpy")
def assemble(
    maps: Any, targets: Any, drawn: Any, step: int, out: Any, goals: Any
) -> None:  # pragma: no cover
    """Write the maps and targets of a step: mirrored, blended, shifted, brighter or darker.

    ``maps`` (2N, C, H, W) holds all samples and after them their mirror images; ``targets`` is
    (N, classes); ``drawn`` is first, second, share, flips, shifts and gains, as in ``Draws``. The
    step is written to ``out`` (B, C, H, W) and ``goals`` (B, classes), each value once.
    """
    first, second, share, flips, shifts, gains = drawn
    samples, classes = targets.shape
    batch, channels, height, width = out.shape
    for b in range(batch):
        one, other = first[step, b], second[step, b]
        part, rest = share[step, b], np.float32(1) - share[step, b]
        for c in range(classes):
            goals[b, c] = part * targets[one, c] + rest * targets[other, c]
        one, other = one + samples * flips[0, step, b], other + samples * flips[1, step, b]
        down, right, gain = shifts[0, step, b], shifts[1, step, b], gains[step, b]
        low, high = max(right, 0), min(width + right, width)
        for c in range(channels):
            for y in range(height):
                row = out[b, c, y]
                row[:] = 0
                if not 0 <= y - down < height or high <= low:
                    continue
                a = maps[one, c, y - down, low - right :]
                o = maps[other, c, y - down, low - right :]
                moved = row[low:]
                if part == 1:
                    for x in range(high - low):
                        moved[x] = gain * a[x]
                else:
                    for x in range(high - low):
                        moved[x] = gain * (part * a[x] + rest * o[x])


@njit(cache=True, nogil=True, error_model="numpy")
def add_noise(
    values: Any, start: np.uint64, levels: Any, noise: np.float32
) -> None:  # pragma: no cover
    """Add ``noise`` times a normal number to each of ``values`` (n,), in place.

    ``levels`` (4096,) are ``dice.normal_levels``; one word of the dice gives four numbers.
    """
    count = values.size
    low = np.uint64(0xFFFF)
    for place in range((count + 3) // 4):
        lanes = word(start, place)
        for i in range(4 * place, min(4 * place + 4, count)):
            values[i] += noise * levels[(lanes & low) >> np.uint64(4)]
            lanes >>= np.uint64(16)


@njit(cache=True, nogil=True, error_model="numpy")
def silence(values: Any, out: Any, start: np.uint64, threshold: int) -> None:  # pragma: no cover
    """Write a row of values, 0 where the dice fall below ``threshold``, the others raised.

    ``values`` and ``out`` are (n,) and may be the same; ``threshold`` is ``Drop.threshold``. Four
    values are done with each word of the dice.
    """
    factor = np.float32(65536 / (65536 - threshold))
    bar = np.uint64(threshold)
    low = np.uint64(0xFFFF)
    count = values.size
    whole = count // 4
    for place in range(whole):
        z = word(start, place)
        i = 4 * place
        first = factor if z & low >= bar else np.float32(0)
        second = factor if z >> np.uint64(16) & low >= bar else np.float32(0)
        third = factor if z >> np.uint64(32) & low >= bar else np.float32(0)
        fourth = factor if z >> np.uint64(48) >= bar else np.float32(0)
        out[i] = values[i] * first
        out[i + 1] = values[i + 1] * second
        out[i + 2] = values[i + 2] * third
        out[i + 3] = values[i + 3] * fourth
    z = word(start, whole)
    for i in range(4 * whole, count):
        out[i] = values[i] * (factor if z & low >= bar else np.float32(0))
        z >>= np.uint64(16)


@njit(cache=True, nogil=True, error_model="numpy")
def blame_classes(
    logits: Any, goals: Any, costs: Any, smoothing: float, out: Any
) -> None:  # pragma: no cover
    """Write to ``out`` (B, C) the gradient of the weighted cross-entropy by the logits (B, C).

    Softmax and loss are one: the gradient is softmax minus goal, times cost. ``goals`` (B, C) are
    smoothed on the way, ``costs`` (C,) weigh the classes; the loss is a mean by weight.
    """
    batch, classes = logits.shape
    total = 0.0
    for b in range(batch):
        most, power, shares = -np.inf, 0.0, 0.0
        for c in range(classes):
            most = max(most, logits[b, c])
        for c in range(classes):
            power += np.exp(logits[b, c] - most)
            shares += ((1 - smoothing) * goals[b, c] + smoothing / classes) * costs[c]
        for c in range(classes):
            share = ((1 - smoothing) * goals[b, c] + smoothing / classes) * costs[c]
            out[b, c] = np.exp(logits[b, c] - most) / power * shares - share
        total += shares
    for b in range(batch):
        for c in range(classes):
            out[b, c] /= total


@njit(cache=True, nogil=True, error_model="numpy")
def blame_units(logits: Any, goals: Any, out: Any) -> None:  # pragma: no cover
    """Write the gradient of the mean binary cross-entropy by the logits; all arrays are (B, C)."""
    for b in range(out.shape[0]):
        for c in range(out.shape[1]):
            guess = 1 / (1 + np.exp(-np.float64(logits[b, c])))
            out[b, c] = (guess - goals[b, c]) / out.size


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def descend(
    values: Any, slopes: Any, first: Any, second: Any, turn: int, rate: float, decay: float
) -> None:  # pragma: no cover
    """Take step ``turn``, from 1, of AdamW (β 0.9 and 0.999, ε 1e-8), as PyTorch does.

    ``values``, their gradients ``slopes`` and the two moments are (all parameters,).
    """
    size = np.float32(-rate / (1 - 0.9**turn))
    root = np.float32(np.sqrt(1 - 0.999**turn))
    keep = np.float32(1 - rate * decay)
    tenth, near, thousandth = np.float32(0.1), np.float32(0.999), np.float32(0.001)
    small = np.float32(1e-8)
    for i in range(values.size):
        slope = slopes[i]
        mean = first[i] + tenth * (slope - first[i])
        square = near * second[i] + thousandth * slope * slope
        first[i], second[i] = mean, square
        values[i] = keep * values[i] + size * mean / (np.sqrt(square) / root + small)
