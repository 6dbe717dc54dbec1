"""Faces as the stream sees them: aligned crops of bent photographs and of painted faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.painted_faces import painted_face
from offline.synthesis.portrait import Portrait
from offline.synthesis.snapshots import moved
from realtime_mer.face.mesh import Mesh
from realtime_mer.face.similarity import apply
from realtime_mer.face.topology import CROP, CROP_IOD
from realtime_mer.face.tracker import align
from realtime_mer.motion.flow import half_size, head_displacement

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """An aligned face.

    ``gray`` is (160, 160) float32, half size; ``mesh_xy`` (478, 2) lies in pixels of the full
    320×320 crop.
    """

    gray: Float
    mesh_xy: NDArray[np.float64]


def align_face(portrait: Portrait) -> Face:
    """Return the portrait as the stream would see it: aligned on rigid points."""
    to_crop = align(Mesh(portrait.mesh[:, :2]))
    crop = cv2.warpAffine(
        cv2.cvtColor(portrait.image_rgb, cv2.COLOR_RGB2GRAY).astype(np.float32),
        to_crop,
        (CROP, CROP),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return Face(half_size(crop), apply(to_crop, portrait.mesh[:, :2]))


def draw_faces(
    count: int, rng: np.random.Generator, photographs: Sequence[Portrait] = ()
) -> list[Face]:
    """Draw faces of many shapes and tones: half of them bent photographs, half painted."""
    faces = []
    for number in range(count):
        if photographs and number % 2:
            base = photographs[number // 2 % len(photographs)]
        else:
            base = painted_face(rng)
        face = _posed(align_face(base.varied(rng)), rng)
        faces.append(_smooth_skinned(face, rng) if rng.random() < 0.4 else face)
    return faces


def _posed(face: Face, rng: np.random.Generator) -> Face:
    """Return the face rolled by a degree and turned by five (standard deviations)."""
    roll, yaw, pitch = rng.normal(0, np.radians((1.0, 5.0, 5.0)))
    turn = np.array([0.0, 0.0, 0.0, roll, yaw, pitch])
    shown = head_displacement(turn) * np.float32(CROP_IOD / 2)
    x, y = (face.mesh_xy.astype(np.float32).T - 0.5) / 2
    moves = [
        cv2.remap(shown[..., axis], x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for axis in (0, 1)
    ]
    return Face(moved(face.gray, shown), face.mesh_xy + 2 * np.column_stack(moves))


def _smooth_skinned(face: Face, rng: np.random.Generator) -> Face:
    """Return the face with its skin evened out and its edges kept, as make-up and phones do."""
    reach, levels = float(rng.uniform(2, 5)), float(rng.uniform(8, 30))
    return Face(cv2.bilateralFilter(face.gray, 0, levels, reach), face.mesh_xy)
