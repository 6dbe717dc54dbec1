"""Local binary patterns with six intersection points (Wang et al. 2014).

*LBP with six intersection points: reducing redundant information in LBP-TOP for micro-expression
recognition*: the three planes of LBP-TOP with four neighbours each share points, so
that six of twelve are left. The four in the picture make one code and the two in time another:
16 + 4 bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.handcrafted.binary_patterns import Int, block_histograms, every_bin, shares
from offline.handcrafted.interpolation import face_volume
from realtime_mer.candidate_frames import CandidateFrames


@dataclass(frozen=True, slots=True)
class LbpSip:
    """How LBP-SIP looks at a face; see ``LbpTop``."""

    grid: tuple[int, int] = (5, 5)
    moments: int = 10
    radius: tuple[int, int, int] = (1, 1, 2)

    @property
    def size(self) -> int:
        """Length of the descriptor: blocks × (16 + 4)."""
        return self.grid[0] * self.grid[1] * 20


def lbp_sip(frames: CandidateFrames, how: LbpSip = LbpSip()) -> NDArray[np.float32]:
    """Return (500,) float32: block by block, shares of the codes in space and of those in time."""
    volume = face_volume(frames, how.moments)
    x, y, t = how.radius
    space, time = points(how.radius)
    inner = volume[t:-t], volume[:, y:-y, x:-x]
    parts = [
        shares(block_histograms(part, offsets, every_bin(len(offsets)), how.grid))
        for part, offsets in zip(inner, (space, time), strict=True)
    ]
    return np.concatenate(parts, axis=2).reshape(-1).astype(np.float32)


def points(radius: tuple[int, int, int]) -> tuple[Int, Int]:
    """Return the four neighbours in space and the two in time, as (dt, dy, dx)."""
    x, y, t = radius
    space = [(0, 0, x), (0, -y, 0), (0, 0, -x), (0, y, 0)]
    return np.array(space), np.array([(-t, 0, 0), (t, 0, 0)])
