"""The 478-point mesh: which point is what, and where the six regions lie.

Point numbers are MediaPipe's Face Mesh (468 points, 10 more for the irises). *Left* and *right*
are the subject's: on an unmirrored picture the subject's left eye (263, 362) has the larger x.
Nose points are our own choice: published 68-point mappings disagree there.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

POINTS = 478

RIGHT_EYE_OUTER, RIGHT_EYE_INNER = 33, 133
LEFT_EYE_OUTER, LEFT_EYE_INNER = 263, 362

RIGID = (133, 362, 168, 6, 197, 195, 122, 351, 196, 419, 2, 98, 327)
"""Points that no expression moves much: inner canthi, nose bridge, nose base."""

REGIONS = ("brow_left", "brow_right", "nose", "cheek_left", "cheek_right", "mouth")
"""The six regions of Aouayeb et al. 2019/2022, brow standing for brow and eye."""

CROP = 320
"""Side of the aligned crop in pixels."""
CROP_IOD = 112.0
"""Inter-ocular distance in the aligned crop, in pixels."""
CROP_EYES_XY = (159.5, 116.0)
"""Where the midpoint between the eyes lies in the aligned crop."""


@cache
def canonical_mesh() -> NDArray[np.float32]:
    """Return the symmetric mean mesh, (478, 3) float32.

    Unit: inter-ocular distance; origin midway between the eyes; x towards the picture's right
    (the subject's left), y down, z away from the camera. Measured on the public-domain portrait
    ``skimage.data.astronaut`` and its mirror image, averaged.
    """
    mesh: NDArray[np.float32] = np.load(
        Path(__file__).with_name("canonical_mesh.npy"), allow_pickle=False
    )
    return mesh


@cache
def mirror_index() -> NDArray[np.int64]:
    """Return for every point the number of its mirror twin, (478,) int64, an involution."""
    index = np.load(Path(__file__).with_name("mirror_index.npy"), allow_pickle=False)
    return index.astype(np.int64)  # type: ignore[no-any-return]


@cache
def canonical_crop_xy() -> NDArray[np.float64]:
    """Return the canonical mesh in pixels of the 320×320 crop, (478, 2) float64, x then y."""
    places = canonical_mesh()[:, :2].astype(np.float64)
    return np.asarray(places * CROP_IOD + np.array(CROP_EYES_XY))


def eye_centres(
    mesh_xy: NDArray[np.floating[Any]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the subject's (right, left) eye centres, each (2,), midway between the canthi."""
    right = (mesh_xy[RIGHT_EYE_OUTER, :2] + mesh_xy[RIGHT_EYE_INNER, :2]) / 2
    left = (mesh_xy[LEFT_EYE_OUTER, :2] + mesh_xy[LEFT_EYE_INNER, :2]) / 2
    return np.asarray(right, np.float64), np.asarray(left, np.float64)


def inter_ocular_distance(mesh_xy: NDArray[np.floating[Any]]) -> float:
    """Return the distance between the eye centres in the unit of ``mesh_xy`` ((478, 2 or 3))."""
    right, left = eye_centres(mesh_xy)
    return float(np.hypot(*(left - right)))
