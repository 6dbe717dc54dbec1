"""Inputs that show nobody: what a written package is held against on every engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.aligned_clips import rendered_inputs
from offline.synthesis.aligned_faces import Face
from offline.synthesis.conditions import Conditions
from offline.synthesis.skin_motion import draw_expression
from realtime_mer.events import EMOTIONS
from realtime_mer.face.topology import CROP, canonical_crop_xy
from realtime_mer.motion.flow import HALF, face_mask
from realtime_mer.recipes import flow_map, flow_strain_map

Float = NDArray[np.float32]

GOLDEN = 48
"""Synthetic samples that engines are held against …"""
CLIPS = 8
"""… and rendered clips, where the input is a picture or a sequence."""
GREYS = 255
"""Steps from 0 to 1 that their values are rounded to, so that they take little space."""
MAPS: Mapping[str, Callable[[Float], Float]] = MappingProxyType(
    {"onset_apex_flow": flow_map, "onset_apex_strain": flow_strain_map}
)
"""Recipe → what it makes of dense motion, (320, 320, 2) in inter-ocular distances."""


def synthetic_inputs(recipe: str, count: int = GOLDEN, seed: int = 0) -> Float:
    """Draw inputs of a recipe that show nobody, (count, planes, 28, 28): ``EMOTIONS`` in turns."""
    rng = np.random.default_rng(seed)
    face = Face(np.zeros((HALF, HALF), np.float32), canonical_crop_xy())
    drawn = []
    for number in range(count):
        emotion = EMOTIONS[number % len(EMOTIONS)]
        skin = draw_expression(emotion, face, rng, Conditions()).field
        motion = cv2.resize(skin, (CROP, CROP), interpolation=cv2.INTER_LINEAR)
        drawn.append(MAPS[recipe](np.asarray(motion * face_mask()[..., None], np.float32)))
    return np.stack(drawn)


def golden_clips(recipe: str, count: int = CLIPS, seed: int = 0) -> Float:
    """Render inputs of a recipe that show nobody, (count, *shape): ``EMOTIONS`` in turns."""
    exact = rendered_inputs(recipe, count, seed)
    return np.asarray(np.rint(exact * GREYS) / GREYS, np.float32)
