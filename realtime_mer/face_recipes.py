"""Faces as networks learnt on face recognition want them: 224×224 RGB, one or a sequence.

The networks of VGGFace2 (Cao et al., FG 2018) were trained on looser, unaligned crops: the
detector's box made 30 % larger, shorter side 256, 224×224 cut out. What the stream has is the
aligned crop, 320×320, eyes on fixed places; it is shrunk as it is. Differences between frames are
then the face's own, and the network sees a face of about the size it knows.
"""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.candidate_frames import CandidateFrames, Recipe
from realtime_mer.motion.magnification import magnified

Float = NDArray[np.float32]

SIDE = 224
"""Side of a face in pixels."""
FEWEST, MOST = 11, 17
"""Lengths of sequences that Bai (ICMI 2020, section 3.2) tried."""
DARKEST = 1 / 1024
"""Least value of a picture: a quarter of a grey level, so that only padding is all zero."""


def sampled(frames: CandidateFrames, steps: int) -> NDArray[np.int64]:
    """Return which pictures from onset to offset make a sequence, (up to ``steps``,) positions.

    All of them where there are no more than ``steps``; else those nearest to even moments, the
    first at the onset, the last at the offset, none twice.
    """
    places = np.arange(frames.onset, frames.offset + 1)
    if len(places) <= steps:
        return places
    time_s = frames.time_s[places]
    moments_s = np.linspace(time_s[0], time_s[-1], steps)
    nearest = np.abs(time_s[None] - moments_s[:, None]).argmin(1)
    chosen: NDArray[np.int64] = places[_apart(nearest, len(places))]
    return chosen


def _apart(nearest: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the nearest rising positions below ``count`` of which none stands twice."""
    ranks = np.arange(len(nearest))
    rising = np.maximum.accumulate(nearest - ranks) + ranks
    return np.minimum(rising, count - len(nearest) + ranks)


def _shrunk(crops_rgb: NDArray[np.uint8]) -> Float:
    """Return (T, 224, 224, 3) float32 from 0 to 1."""
    small = [cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for crop in crops_rgb]
    return np.asarray(np.stack(small) / np.float32(255), np.float32)


def _planes(faces: Float) -> Float:
    """Return (T, 3, 224, 224), never all zero."""
    return np.ascontiguousarray(np.maximum(faces, np.float32(DARKEST)).transpose(0, 3, 1, 2))


def _padded(faces: Float, steps: int) -> Float:
    """Return (steps, 3, 224, 224): the faces, then steps of zeros."""
    sequence = np.zeros((steps, 3, SIDE, SIDE), np.float32)
    sequence[: len(faces)] = _planes(faces)
    return sequence


def _face_apex(frames: CandidateFrames) -> Float:
    """Return the face at the apex, (3, 224, 224) float32 RGB from 0 to 1."""
    (face,) = _planes(_shrunk(frames.crops_rgb[frames.apex : frames.apex + 1]))
    return np.asarray(face, np.float32)


def _face_frames(frames: CandidateFrames, steps: int) -> Float:
    """Return faces from onset to offset, (steps, 3, 224, 224) float32; zeros behind the last."""
    return _padded(_shrunk(frames.crops_rgb[sampled(frames, steps)]), steps)


def _face_frames_magnified(frames: CandidateFrames, steps: int) -> Float:
    """Return the same after Eulerian magnification of all pictures that there are."""
    faces = _shrunk(frames.crops_rgb)
    return _padded(magnified(faces, frames.time_s, places=sampled(frames, steps)), steps)


RECIPES: dict[str, Recipe] = {
    "face_apex": _face_apex,
    **{
        f"face_frames{steps}": partial(_face_frames, steps=steps)
        for steps in range(FEWEST, MOST + 1)
    },
    f"face_frames{MOST}_magnified": partial(_face_frames_magnified, steps=MOST),
}
"""Every recipe of this kind by name."""
