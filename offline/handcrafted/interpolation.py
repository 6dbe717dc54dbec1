"""A clip at as many moments as a descriptor wants, whatever its length and frame rate.

The temporal interpolation model (Zhou, Zhao & Pietikäinen 2011, *Towards a practical lipreading
system*) puts the n pictures of a clip on a smooth curve through the space of
pictures and reads it where it likes. The curve's coordinates are the eigenvectors of a path of n
knots, sin(πkt + π(n−k)/2n), which are the cosines of the discrete cosine transform: as long as the
pictures are linearly independent, the model is the interpolation by cosines that meets every
picture at its knot. It is written down here as one matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offline.handcrafted.framing import grey_face
from realtime_mer.candidate_frames import CandidateFrames

Float = NDArray[np.float64]


def interpolation_weights(time_s: Float, moments_s: Float) -> Float:
    """Return the weights (M, T), rows summing to 1, of T pictures in those of M moments.

    Parameters
    ----------
    time_s
        (T,) seconds of the pictures, strictly rising.
    moments_s
        (M,) seconds between the first and the last. The knots of the curve are the pictures;
        between them, time runs evenly, so a varying frame rate is no matter.
    """
    count = len(time_s)
    place = np.interp(moments_s, time_s, np.arange(count))
    waves = np.pi * np.arange(1, count) / (2 * count)
    asked = np.cos(waves * (2 * place[:, None] + 1))
    known = np.cos(waves * (2 * np.arange(count)[:, None] + 1))
    return np.asarray((1 + 2 * asked @ known.T) / count)


def interpolated(pictures: NDArray[np.float32], weights: Float) -> NDArray[np.float32]:
    """Return (M, H, W) float32 pictures as ``weights`` (M, T) mix those of (T, H, W)."""
    rows = pictures.reshape(len(pictures), -1)
    mixed = (weights.astype(np.float32) @ rows).reshape(-1, *pictures.shape[1:])
    return np.asarray(mixed, np.float32)


def face_volume(frames: CandidateFrames, count: int) -> NDArray[np.uint8]:
    """Return the grey face at ``count`` even moments from onset to offset, (count, 170, 140)."""
    stretch = slice(frames.onset, frames.offset + 1)
    time_s = frames.time_s[stretch]
    grey = np.stack([grey_face(crop) for crop in frames.crops_rgb[stretch]])
    weights = interpolation_weights(time_s, np.linspace(time_s[0], time_s[-1], count))
    return np.clip(np.rint(interpolated(grey, weights)), 0, 255).astype(np.uint8)
