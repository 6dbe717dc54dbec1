"""Which way a face is turned, from its mesh alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.mesh import Mesh
from realtime_mer.face.topology import canonical_mesh

_BONE = (1, 4, 6, 168, 197, 8, 9, 151, 10, 33, 133, 263, 362, 98, 327, 2, 127, 356, 234, 454)
"""Points that no expression moves much, with as much depth between them as a face has."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How the head stands, in degrees; all 0 for the canonical mesh, which looks at the camera.

    ``yaw`` is positive when the subject turns to their left, ``pitch`` when they look up, ``roll``
    when the head leans towards their left shoulder.
    """

    yaw: float
    pitch: float
    roll: float


def pose_of(mesh: Mesh) -> Pose:
    """Return the pose that lays the canonical mesh on a face seen from afar.

    The best affine map of the canonical points onto the picture is made the nearest rotation
    (weak perspective). It is good to a few degrees up to 40°, and each face is its own canon by
    as much; a few inter-ocular distances from the camera, perspective adds a few more.
    """
    bone = list(_BONE)
    solid = canonical_mesh()[bone].astype(np.float64)
    flat = mesh.points_xy[bone]
    solid = solid - solid.mean(axis=0)
    affine = np.linalg.lstsq(solid, flat - flat.mean(axis=0), rcond=None)[0].T
    return _angles(_rotation(affine))


def _rotation(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation whose first two rows are closest to a (2, 3) map up to scale."""
    u, _, vt = np.linalg.svd(affine, full_matrices=False)
    rows = u @ vt
    return np.vstack([rows, np.cross(rows[0], rows[1])])


def _angles(rotation: NDArray[np.float64]) -> Pose:
    """Read the angles off the nose's direction and the eyes' line.

    Axes: x to the picture's right (the subject's left), y down, z away from the camera.
    """
    nose = rotation @ np.array([0.0, 0.0, -1.0])
    level = np.hypot(nose[0], nose[2])
    yaw = np.degrees(np.arctan2(nose[0], -nose[2]))
    pitch = np.degrees(np.arctan2(-nose[1], level))
    across = np.array([-nose[2], 0.0, nose[0]]) / max(level, 1e-9)
    eyes = rotation @ np.array([1.0, 0.0, 0.0])
    down = np.cross(-nose, across)
    roll = np.degrees(np.arctan2(eyes @ down, eyes @ across))
    return Pose(float(yaw), float(pitch), float(roll))
