"""The part of a face that the descriptors look at, and how it is cut into blocks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.topology import CROP_EYES_XY, CROP_IOD
from realtime_mer.recipes import ABOVE_EYES_IOD, FRAME_IOD

FACE_HW = (170, 140)
"""Size of the face's picture in pixels. That of the SMIC and CASME II baselines, where the eyes
are about 77 apart; a radius of one pixel is a matter of this size."""


def grey_crop(crop_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the brightness of a (H, W, 3) crop, (H, W) float32."""
    grey = cv2.cvtColor(np.ascontiguousarray(crop_rgb), cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.float32)


def grey_face(crop_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the brightness of the face in a 320×320 crop, (170, 140) float32.

    It is framed by the eyes as the crops of CASME II and SMIC are, which is also what the flow
    recipes read.
    """
    cut = np.ascontiguousarray(grey_crop(crop_rgb)[frame_of_eyes()])
    return np.asarray(cv2.resize(cut, FACE_HW[::-1], interpolation=cv2.INTER_AREA), np.float32)


def frame_of_eyes() -> tuple[slice, slice]:
    """Return the rows and columns of the 320×320 crop that show the face."""
    (x, y), (width, height) = CROP_EYES_XY, (size * CROP_IOD for size in FRAME_IOD)
    left, top = x + 0.5 - width / 2, y + 0.5 - ABOVE_EYES_IOD * CROP_IOD
    return slice(round(top), round(top + height)), slice(round(left), round(left + width))


def even_blocks(size: int, count: int) -> NDArray[np.int64]:
    """Return the block 0 … count - 1 of each of ``size`` places, the same from either end."""
    return np.asarray((2 * np.arange(size) + 1) * count // (2 * size), np.int64)
