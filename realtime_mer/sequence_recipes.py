"""Sequences brought to a fixed length, and the motion between their pictures.

What DSTAN reads (Wang et al. 2021, *Micro expression recognition via dual-stream spatiotemporal
attention network*, Journal of Healthcare Engineering, sections 2.1 and 3.2): nine pictures of
224×224 by temporal interpolation, and a sequence of optical flow of the same length. Where the
paper is silent:

- *Which part of the face.* A square of 2.2 inter-ocular distances, framed by the eyes as the
  other recipes' maps are, but as wide as it is high.
- *Colour.* Grey: one of the field's data sets has no other, and interpolation and flow are about
  brightness.
- *Flow between which pictures.* The paper takes neighbours of the original sequence, which at 200
  frames a second stand for 5 ms and at 25 for 40. Here ten even moments from onset to offset are
  interpolated and each two neighbours compared: nine maps, each of a ninth of the clip, whatever
  the frame rate.
- *By which method.* The project's windowed search, head motion taken out. On one core nine maps
  take about 0.16 s; with OpenCV's TV-L1 noisy pictures of this size take 4 to 8 s, too long for
  a live stream.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.candidate_frames import CandidateFrames, Recipe
from realtime_mer.face.topology import CROP_EYES_XY, CROP_IOD
from realtime_mer.motion.flow import face_motion, half_size
from realtime_mer.motion.temporal_interpolation import at_moments

Float = NDArray[np.float32]

STEPS = 9
"""Steps of a sequence (section 3.2). More resolve the movement finer and cost as much more."""
SIDE = 224
"""Side of a picture and of a map in pixels (section 3.2)."""
FRAME_IOD = 2.2
"""Side of the square that is shown, in inter-ocular distances. Larger shows more hair and wall."""
ABOVE_EYES_IOD = 0.6
"""How much of it lies above the eyes."""
FLOW_UNIT_IOD = 0.005
"""Motion that counts as 1, in inter-ocular distances: an expression of 0.03 takes about half of
the nine steps to rise. Lower makes all motion read larger."""
STILL = 1e-3
"""What a step holds everywhere that would hold nothing but zeros, which stand for no step."""


def square_of_eyes() -> tuple[slice, slice]:
    """Return the rows and columns of the 320×320 crop that are shown."""
    (x, y), side = CROP_EYES_XY, round(FRAME_IOD * CROP_IOD)
    left, top = round(x + 0.5 - side / 2), round(y + 0.5 - ABOVE_EYES_IOD * CROP_IOD)
    return slice(top, top + side), slice(left, left + side)


def never_blank(sequence: Float) -> Float:
    """Return (T, …) float32 with ``STILL`` in every place of the steps that are zero throughout.

    Networks take such steps for padding. A black picture is none, nor is a face that keeps still.
    """
    seen = np.abs(sequence).reshape(len(sequence), -1).max(1) > 0
    blank = ~seen.reshape(-1, *(1,) * (sequence.ndim - 1))
    return np.ascontiguousarray(np.where(blank, np.float32(STILL), sequence), np.float32)


def faces_at(frames: CandidateFrames, count: int) -> Float:
    """Return grey pictures at even moments from onset to offset, (count, 1, 224, 224), 0 to 1."""
    cut = square_of_eyes()
    shown = [_shown(grey, cut) / np.float32(255) for grey in _grey_at(frames, count)]
    return np.asarray(np.stack(shown)[:, None], np.float32)


def flow_between(frames: CandidateFrames, count: int) -> Float:
    """Return the face's own motion over each of ``count`` even parts from onset to offset.

    Returns
    -------
    (count, 2, 224, 224) float32: u (right in the picture) and v (down) in units of
    ``FLOW_UNIT_IOD``, zero outside the face.
    """
    cut = square_of_eyes()
    pictures = [half_size(grey) for grey in _grey_at(frames, count + 1)]
    motions = [
        _shown(face_motion(one, next_one), cut).transpose(2, 0, 1)
        for one, next_one in itertools.pairwise(pictures)
    ]
    return np.asarray(np.stack(motions) / np.float32(FLOW_UNIT_IOD), np.float32)


def _grey_at(frames: CandidateFrames, count: int) -> Float:
    """Return (count, 320, 320) float32 grey crops, 0 to 255."""
    stretch = slice(frames.onset, frames.offset + 1)
    time_s = frames.time_s[stretch]
    crops = frames.crops_rgb[stretch]
    grey = np.stack([cv2.cvtColor(np.ascontiguousarray(c), cv2.COLOR_RGB2GRAY) for c in crops])
    return at_moments(grey, time_s, np.linspace(time_s[0], time_s[-1], count))


def _shown(image: Float, cut: tuple[slice, slice]) -> Float:
    """Cut a (320, 320, …) image and shrink it to 224×224."""
    part = np.ascontiguousarray(image[cut])
    return np.asarray(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)


def _tim9_faces(frames: CandidateFrames) -> Float:
    """Nine grey pictures, (9, 1, 224, 224) from 0 to 1."""
    return never_blank(faces_at(frames, STEPS))


def _tim9_windowed_flow(frames: CandidateFrames) -> Float:
    """Nine maps of motion, (9, 2, 224, 224), by the windowed search."""
    return never_blank(flow_between(frames, STEPS))


def _tim9_faces_windowed_flow(frames: CandidateFrames) -> Float:
    """Both, (9, 3, 224, 224): the picture, u, v. A step's map begins about where it was taken."""
    return np.concatenate([_tim9_faces(frames), _tim9_windowed_flow(frames)], axis=1)


RECIPES: dict[str, Recipe] = {
    "tim9_faces": _tim9_faces,
    "tim9_windowed_flow": _tim9_windowed_flow,
    "tim9_faces_windowed_flow": _tim9_faces_windowed_flow,
}
"""Every recipe of this kind by name."""
