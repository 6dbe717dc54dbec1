"""Which way the parts of a face move: sums over eight compass directions in each region.

Direction 0 is motion to the right in the picture, 2 down, 4 left, 6 up; each is 45° wide and
*centred* on its compass point, so that a mirror image moves in mirrored directions and motion
straight up does not fall on an edge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]

DIRECTIONS = 8
_EDGE = float(np.tan(np.pi / 8))


def direction_sums(
    motion: NDArray[np.float32], labels: NDArray[np.uint16], regions: int
) -> tuple[Float, Float, Float]:
    """Sum up motion by region and direction.

    Parameters
    ----------
    motion
        (H, W, 2) float32, x right and y down. Where nothing moves there is no direction: such
        pixels are not counted.
    labels
        (H, W) uint16: 0 belongs to no region, r + 1 to region r.
    regions
        How many there are.

    Returns
    -------
    Pixels (R, 8), length of motion (R, 8), and motion (R, 8, 2), float64 each.
    """
    pixels = np.zeros((regions, DIRECTIONS))
    length = np.zeros((regions, DIRECTIONS))
    total = np.zeros((regions, DIRECTIONS, 2))
    rows, marks = np.ascontiguousarray(motion).view(), np.ascontiguousarray(labels).view()
    rows.flags.writeable = marks.flags.writeable = False  # numba would compile anew for each kind
    _sum(rows, marks, pixels, length, total)
    return pixels, length, total


def direction_sums_numpy(
    motion: NDArray[np.float32], labels: NDArray[np.uint16], regions: int
) -> tuple[Float, Float, Float]:
    """Return what ``direction_sums`` returns: its definition, and its judge in the tests."""
    moved = motion[(labels > 0) & motion.any(axis=2)].astype(np.float64)
    region = labels[(labels > 0) & motion.any(axis=2)].astype(np.int64) - 1
    place = region * DIRECTIONS + directions_numpy(moved)
    size = regions * DIRECTIONS
    u, v = moved.T
    columns = np.ones_like(u), np.sqrt(u * u + v * v), u, v
    sums: list[Float] = [np.bincount(place, column, size).astype(float) for column in columns]
    pixels, length, x, y = sums
    shape = (regions, DIRECTIONS)
    return pixels.reshape(shape), length.reshape(shape), np.stack([x, y], -1).reshape(*shape, 2)


def directions_numpy(moved: Float) -> NDArray[np.int64]:
    """Return the direction 0 … 7 of vectors (N, 2)."""
    u, v = moved.T
    flat, steep = np.abs(v) < _EDGE * np.abs(u), np.abs(u) < _EDGE * np.abs(v)
    slanted = np.where(u > 0, np.where(v > 0, 1, 7), np.where(v > 0, 3, 5))
    straight = np.where(flat, np.where(u > 0, 0, 4), np.where(v > 0, 2, 6))
    return np.where(flat | steep, straight, slanted)


def warm_up() -> None:
    """Compile the kernel now, or load it from numba's cache."""
    direction_sums(np.zeros((1, 1, 2), np.float32), np.zeros((1, 1), np.uint16), 1)


@njit(cache=True, nogil=True, error_model="numpy")
def _sum(motion: Any, labels: Any, pixels: Any, length: Any, total: Any) -> None:
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            u, v = np.float64(motion[y, x, 0]), np.float64(motion[y, x, 1])
            if labels[y, x] == 0 or (u == 0 and v == 0):
                continue
            if abs(v) < _EDGE * abs(u):
                direction = 0 if u > 0 else 4
            elif abs(u) < _EDGE * abs(v):
                direction = 2 if v > 0 else 6
            elif u > 0:
                direction = 1 if v > 0 else 7
            else:
                direction = 3 if v > 0 else 5
            region = np.int64(labels[y, x]) - 1
            pixels[region, direction] += 1
            length[region, direction] += np.sqrt(u * u + v * v)
            total[region, direction, 0] += u
            total[region, direction, 1] += v
