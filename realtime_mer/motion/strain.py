"""Optical strain: where skin is stretched or squeezed, whichever way it moves."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.motion.flow import face_mask

Float = NDArray[np.float32]


def optical_strain(motion: Float) -> Float:
    """Return the size of the infinitesimal strain, √(uₓ² + v_y² + ½(u_y + vₓ)²), at each pixel.

    Shreve et al. 2011, *Macro- and micro-expression spotting in long videos using spatio-temporal
    strain*; a head that only shifts has none.

    Parameters
    ----------
    motion
        (320, 320, 2) float32 in inter-ocular distances, zero outside the face, as
        ``onset_apex_flow`` returns it.

    Returns
    -------
    (320, 320) float32, per pixel; zero outside the face and on its outermost pixels, whose
    neighbours outside know no motion.
    """
    u_y, u_x = np.gradient(motion[..., 0])
    v_y, v_x = np.gradient(motion[..., 1])
    size = np.sqrt(u_x**2 + v_y**2 + 0.5 * (u_y + v_x) ** 2)
    inside = cv2.erode(face_mask(), np.ones((3, 3), np.uint8))
    return np.asarray(size * inside, np.float32)
