"""Short clips of painted faces as a recipe is given them: nobody's face, in motion."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.aligned_faces import align_face
from offline.synthesis.conditions import Conditions
from offline.synthesis.painted_faces import painted_face
from offline.synthesis.skin_motion import draw_expression
from offline.synthesis.snapshots import moved
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.events import EMOTIONS
from realtime_mer.face.topology import CROP, CROP_IOD
from realtime_mer.recipes import recipe

Float = NDArray[np.float32]

LENGTH, ONSET, APEX, OFFSET = 24, 3, 12, 21
"""Pictures of a clip, and where in it the expression begins, peaks and is over."""
RATE = 60.0
"""Pictures a second."""
NOISE = 1.5
"""Standard deviation of the camera's noise, in grey levels."""
CONDITIONS = Conditions(peak_iod=(0.03, 0.06), late=(1.0, 1.0), blink=0.0, gaze=0.0, unrelated=0.0)
"""Clear expressions with nothing beside them."""


def aligned_clip(emotion: str, seed: int) -> CandidateFrames:
    """Return a face that shows an expression and returns to rest, aligned.

    Parameters
    ----------
    emotion
        One of ``EMOTIONS``.
    seed
        Draws the face and how it moves.

    Returns
    -------
    ``LENGTH`` pictures, tinted and a little soft: they are painted at half size.
    """
    rng = np.random.default_rng(seed)
    face = align_face(painted_face(rng).varied(rng))
    tint = rng.uniform(0.85, 1.0, 3) * (1.0, 0.95, 0.9)
    motion = draw_expression(emotion, face, rng, CONDITIONS).field * np.float32(CROP_IOD / 2)
    crops = np.empty((LENGTH, CROP, CROP, 3), np.uint8)
    for place, share in enumerate(_course()):
        gray = cv2.resize(moved(face.gray, motion * share), (CROP, CROP))
        noisy = gray + rng.normal(0, NOISE, gray.shape)
        crops[place] = np.clip(noisy[..., None] * tint, 0, 255).astype(np.uint8)
    return CandidateFrames(crops, np.arange(LENGTH) / RATE, ONSET, APEX, OFFSET)


def rendered_inputs(recipe_name: str, count: int, seed: int = 0) -> Float:
    """Return what a recipe makes of rendered clips, (count, *shape): ``EMOTIONS`` in turns."""
    clips = (aligned_clip(EMOTIONS[n % len(EMOTIONS)], seed + n) for n in range(count))
    return np.stack([recipe(recipe_name)(clip) for clip in clips])


@cache
def recipe_shape(recipe_name: str) -> tuple[int, ...]:
    """Return the shape of what a recipe makes of a clip."""
    return tuple(recipe(recipe_name)(aligned_clip(EMOTIONS[0], 0)).shape)


def _course() -> Float:
    """Return how much of the expression shows in each picture, (LENGTH,), from 0 to 1."""
    place = np.arange(LENGTH)
    rising = np.clip((place - ONSET) / (APEX - ONSET), 0, 1)
    falling = np.clip((OFFSET - place) / (OFFSET - APEX), 0, 1)
    return np.asarray(np.sin(np.pi / 2 * np.minimum(rising, falling)) ** 2, np.float32)
