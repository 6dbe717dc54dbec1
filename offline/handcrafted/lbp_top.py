"""Local binary patterns from three orthogonal planes (Zhao & Pietikäinen 2007).

*Dynamic texture recognition using local binary patterns with an application to facial
expressions*: the patterns of the picture and of its two slices through time, XY, XT and
YT. It is the baseline that SMIC (Li et al. 2013) and CASME II (Yan et al. 2014) came with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.handcrafted.binary_patterns import (
    Int,
    block_histograms,
    every_bin,
    shares,
    uniform_bins,
)
from offline.handcrafted.interpolation import face_volume
from realtime_mer.candidate_frames import CandidateFrames

NEIGHBOURS = 8


@dataclass(frozen=True, slots=True)
class LbpTop:
    """How LBP-TOP looks at a face.

    Attributes
    ----------
    grid
        Rows and columns of blocks. More tell better where something moves, and count less of it.
    moments
        Pictures after interpolation in time. More see slower changes between neighbours.
    radius
        Distance of neighbours along x, y (pixels of a face of 170×140) and t (moments). Greater
        ones see coarser texture and slower motion.
    uniform
        59 bins, rare codes sharing one, instead of 256.
    """

    grid: tuple[int, int] = (5, 5)
    moments: int = 10
    radius: tuple[int, int, int] = (1, 1, 2)
    uniform: bool = True

    @property
    def size(self) -> int:
        """Length of the descriptor: blocks × 3 planes × bins."""
        return self.grid[0] * self.grid[1] * 3 * (59 if self.uniform else 2**NEIGHBOURS)


def lbp_top(frames: CandidateFrames, how: LbpTop = LbpTop()) -> NDArray[np.float32]:
    """Return (4425,) float32: block by block, XY, XT and YT, shares of codes that sum to 1."""
    volume = face_volume(frames, how.moments)
    bins = uniform_bins(NEIGHBOURS) if how.uniform else every_bin(NEIGHBOURS)
    reach = np.array(how.radius)[::-1]
    parts = []
    for plane in planes(how.radius):
        inner = _same_centres(volume, reach, plane)
        parts.append(shares(block_histograms(inner, plane, bins, how.grid)))
    return np.stack(parts, axis=2).reshape(-1).astype(np.float32)


def planes(radius: tuple[int, int, int]) -> tuple[Int, Int, Int]:
    """Return the neighbours in XY, XT and YT, each (8, 3) int64 as (dt, dy, dx).

    On an ellipse, at the nearest pixel: with radius 1, the ring of eight.
    """
    angle = 2 * np.pi * np.arange(NEIGHBOURS) / NEIGHBOURS
    cos, sin = np.round(np.cos(angle), 9), np.round(np.sin(angle), 9)
    x, y, t = radius

    def plane(dt: NDArray[np.float64], dy: NDArray[np.float64], dx: NDArray[np.float64]) -> Int:
        points = np.stack([dt, dy, dx], axis=1)
        return np.asarray(np.sign(points) * np.floor(np.abs(points) + 0.5), np.int64)

    still = np.zeros(NEIGHBOURS)
    return (
        plane(still, -y * sin, x * cos),
        plane(t * sin, still, x * cos),
        plane(t * sin, y * cos, still),
    )


def _same_centres(volume: NDArray[np.uint8], reach: Int, plane: Int) -> NDArray[np.uint8]:
    """Cut off what would give this plane more pixels than the others have."""
    spare = reach - np.abs(plane).max(axis=0)
    ends = np.array(volume.shape) - spare
    return volume[tuple(map(slice, spare, ends))]
