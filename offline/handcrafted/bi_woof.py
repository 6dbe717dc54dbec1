"""Bi-weighted oriented optical flow (Liong et al. 2018).

*Less is more: micro-expression recognition from video using apex frame*: histograms of
the direction of onset→apex flow in blocks of the face, weighted locally by the length of motion
and globally by the optical strain of the block. Normalisation as in the authors' own program: each
block's histogram to a sum of 1 before the strain, the whole to a length of 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from offline.handcrafted.framing import even_blocks, frame_of_eyes
from offline.handcrafted.orientations import DIRECTIONS, direction_sums
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.motion.flow import onset_apex_flow
from realtime_mer.motion.strain import optical_strain

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BiWoof:
    """How Bi-WOOF looks at a face.

    Attributes
    ----------
    grid
        Rows and columns of blocks. More tell better where something moves, from fewer pixels.
    """

    grid: tuple[int, int] = (5, 5)

    @property
    def size(self) -> int:
        """Length of the descriptor: blocks × 8 directions."""
        return self.grid[0] * self.grid[1] * DIRECTIONS


def bi_woof(frames: CandidateFrames, how: BiWoof = BiWoof()) -> Float:
    """Return (200,) float32 of length 1: block by block, the weights of eight directions."""
    motion = onset_apex_flow(frames.crops_rgb, frames.time_s, frames.onset, frames.apex)
    return bi_woof_of(motion, how)


def bi_woof_of(motion: Float, how: BiWoof = BiWoof()) -> Float:
    """Return the descriptor of known motion.

    Parameters
    ----------
    motion
        (320, 320, 2) float32 of the crop, x right and y down, any unit.
    how
        The blocks.

    Returns
    -------
    (200,) float32 of length 1; zeros where nothing is strained.
    """
    frame = frame_of_eyes()
    face = np.ascontiguousarray(motion[frame])
    blocks = block_labels(how.grid)
    regions = how.grid[0] * how.grid[1]
    _, length, _ = direction_sums(face, blocks, regions)
    strain = optical_strain(motion)[frame].reshape(-1).astype(np.float64)
    weight = np.bincount(blocks.reshape(-1), strain, regions + 1)[1:]
    whole = length.sum(axis=1, keepdims=True)
    bars = np.divide(length, whole, out=np.zeros_like(length), where=whole > 0) * weight[:, None]
    size = float(np.sqrt((bars**2).sum()))
    return np.asarray(bars.reshape(-1) / (size or 1.0), np.float32)


@cache
def block_labels(grid: tuple[int, int]) -> NDArray[np.uint16]:
    """Return the block of each pixel of the framed face, counted from 1, read-only."""
    rows, columns = frame_of_eyes()
    down, right = (
        even_blocks(part.stop - part.start, blocks)
        for part, blocks in zip((rows, columns), grid, strict=True)
    )
    labels: NDArray[np.uint16] = np.asarray(down[:, None] * grid[1] + right + 1, np.uint16)
    labels.flags.writeable = False
    return labels
