"""What one picture shows of a face: the values that the tracker hands on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from realtime_mer.face import similarity


class Loss(StrEnum):
    """Why a picture shows no usable face."""

    NO_FACE = "no face"
    OCCLUDED = "occluded"
    CUT = "cut"


@dataclass(frozen=True, slots=True, eq=False)
class FaceView:
    """What one picture shows of the face.

    Attributes
    ----------
    time_s, index, segment, face_id
        As in ``Frame``; ``segment`` also rises when the face is found anew.
    crop_rgb
        (320, 320, 3) uint8, aligned on rigid points.
    crop_gray
        (320, 320) uint8, the same in grey.
    to_crop
        (2, 3) similarity from picture to crop pixels.
    channels_iod
        (C, 2) displacement of each channel from home, head motion taken out, in inter-ocular
        distances, x towards the subject's left, y down. NaN where the skin cannot be seen.
    head
        (6,) rigid parameters of this picture against the anchor: see ``face.rigid``; with the
        first four refined from ``to_crop``: shift of the face in the picture in inter-ocular
        distances (2), log scale, roll; then turn (2).
    eyes
        (2, 126) float32, the subject's right and left eye as small pictures, zero mean and unit
        norm: their product with those of another moment tells a blink.
    correlation
        Median correlation of the rigid patches with the anchor, 0…1.
    covered
        Share of all patches that do not look like themselves, 0…1: a hand, hair, an open mouth.
    residual
        (6,) float64: for each of ``topology.REGIONS`` the sliding residual sum against the
        anchor's picture, mean grey levels a pixel and key frame, flicker taken out.
    quality
        0…1, see ``quality_of``.
    restarted
        True on the first view after the face was found anew: earlier displacements are void.
    """

    time_s: float
    index: int
    segment: int
    face_id: int
    crop_rgb: NDArray[np.uint8]
    crop_gray: NDArray[np.uint8]
    to_crop: similarity.Matrix
    channels_iod: NDArray[np.float64]
    head: NDArray[np.float64]
    eyes: NDArray[np.float32]
    correlation: float
    covered: float
    residual: NDArray[np.float64]
    quality: float
    restarted: bool


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What several trackers of one picture share.

    Attributes
    ----------
    gray
        (H, W) uint8.
    cut
        Whether it begins a new shot.
    check
        Compare every face with the mesh now: it runs on this picture anyway.
    """

    gray: NDArray[np.uint8]
    cut: bool
    check: bool = False
