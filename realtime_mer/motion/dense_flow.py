"""Published optical flow between two pictures, and motion shown as colours.

What the residual sums are compared with (Zhao et al. 2021, table 4). The bench's own models read
``realtime_mer.motion.flow`` instead, which takes the head's motion out.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

PYRAMID_SCALE, LEVELS = 0.5, 3
"""Farnebäck: each of so many levels is half as large as the one below; more follow more motion."""
WINDOW_PX = 15
"""Farnebäck: side of the averaging window; wider is smoother and less noisy."""
ROUNDS = 3
"""Farnebäck: iterations at each level."""
NEIGHBOURS_PX, NEIGHBOURS_SIGMA = 5, 1.2
"""Farnebäck: neighbourhood of the polynomials and the Gaussian that weighs it."""


def farneback_flow(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Float:
    """Return the motion that takes ``first`` to ``second``, by polynomial expansion.

    Farnebäck, *Two-frame motion estimation based on polynomial expansion*, SCIA 2003, with the
    settings of OpenCV's own example.

    Parameters
    ----------
    first, second
        (H, W) uint8 grey.

    Returns
    -------
    (H, W, 2) float32, pixels; x right, y down.
    """
    found = cv2.calcOpticalFlowFarneback(
        first, second, None, PYRAMID_SCALE, LEVELS, WINDOW_PX, ROUNDS, NEIGHBOURS_PX,
        NEIGHBOURS_SIGMA, 0,
    )  # fmt: skip
    return np.asarray(found, np.float32)


def tvl1_flow(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Float:
    """Return the motion that takes ``first`` to ``second``, by total variation and L1.

    Zach, Pock & Bischof, *A duality based approach for realtime TV-L1 optical flow*, DAGM 2007,
    with OpenCV's settings. Takes a second or more a pair: for comparison, not for a stream.

    Parameters
    ----------
    first, second
        (H, W) uint8 grey.

    Returns
    -------
    (H, W, 2) float32, pixels; x right, y down.
    """
    found = cv2.optflow.DualTVL1OpticalFlow.create().calc(first, second, None)
    return np.asarray(found, np.float32)


def flow_colours(motion: Float) -> Float:
    """Show motion as a picture: direction is the hue, speed the brightness, full saturation.

    The slowest pixel is black and the fastest fully bright, as OpenCV's example shows flow: how
    fast it was is lost.

    Parameters
    ----------
    motion
        (H, W, 2) float32, any unit; x right, y down. Rightwards is red (0°), downwards
        yellow-green (90°), leftwards cyan (180°).

    Returns
    -------
    (H, W, 3) float32 RGB, 0 to 1; black where every pixel moves equally fast.
    """
    speed, degrees = cv2.cartToPolar(
        np.ascontiguousarray(motion[..., 0]),
        np.ascontiguousarray(motion[..., 1]),
        angleInDegrees=True,
    )
    low, high = float(speed.min()), float(speed.max())
    bright = (speed - low) / (high - low) if high > low else np.zeros_like(speed)
    wheel = np.stack([degrees, np.ones_like(speed), bright], -1).astype(np.float32)
    return np.asarray(np.clip(cv2.cvtColor(wheel, cv2.COLOR_HSV2RGB), 0, 1), np.float32)
