"""Random numbers without a state: a function of key, step, stream and place.

Dropout and noise so depend on nothing but a training's own key: not on which other folds are
trained beside it, on the order, the number of threads or the device, where ``dice_torch`` gives
the same numbers. The mixer is that of SplitMix64 (Steele, Lea & Flood 2014); each 64-bit word
gives four numbers of 16 bits.
"""

from __future__ import annotations

from statistics import NormalDist

import numba
import numpy as np
from numpy.typing import NDArray

LEVELS = 4096
"""Steps of the normal distribution that noise is looked up in."""
NOISE = 255
"""Stream of the input's noise; dropout layers are streams 0, 1, … in their order."""

GOLDEN = 0x9E3779B97F4A7C15
FIRST = 0xBF58476D1CE4E5B9
SECOND = 0x94D049BB133111EB
_WORD = (1 << 64) - 1


def start(key: int, step: int, stream: int) -> int:
    """Return the 64-bit word from which the numbers of one layer at one step are counted."""
    return _mixed(_mixed(key & _WORD) ^ (step << 8 | stream))


def _mixed(word: int) -> int:
    word = (word + GOLDEN) & _WORD
    word = ((word ^ word >> 30) * FIRST) & _WORD
    word = ((word ^ word >> 27) * SECOND) & _WORD
    return word ^ word >> 31


def normal_levels() -> NDArray[np.float32]:
    """Return the middle of each of ``LEVELS`` equally likely slices of a normal, σ 1."""
    middles = (np.arange(LEVELS) + 0.5) / LEVELS
    table = np.array([NormalDist().inv_cdf(float(p)) for p in middles])
    levels: NDArray[np.float32] = (table / table.std()).astype(np.float32)
    return levels


def lanes(starts: NDArray[np.uint64], count: int) -> NDArray[np.uint16]:
    """Return ``count`` numbers 0 … 65535 after each start, (len(starts), count)."""
    words = -(-count // 4)
    with np.errstate(over="ignore"):
        z = starts[:, None] + np.arange(1, words + 1, dtype=np.uint64) * np.uint64(GOLDEN)
        z = (z ^ z >> np.uint64(30)) * np.uint64(FIRST)
        z = (z ^ z >> np.uint64(27)) * np.uint64(SECOND)
    z ^= z >> np.uint64(31)
    parts = [(z >> np.uint64(16 * lane)).astype(np.uint16) for lane in range(4)]
    numbers: NDArray[np.uint16] = np.stack(parts, -1).reshape(len(starts), -1)[:, :count]
    return numbers


@numba.njit(cache=True, inline="always")
def word(start: np.uint64, place: int) -> np.uint64:
    """Return the 64-bit word of lanes 4 × ``place`` … 4 × ``place`` + 3, in numba."""
    z = start + np.uint64(place + 1) * np.uint64(GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(FIRST)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(SECOND)
    return z ^ (z >> np.uint64(31))
