"""Pictures of motion: reading them, and telling which of their channels is which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

USUAL_PLANES = (0, 1)
"""RGB is u, v, strain (OpenCV reads strain, v, u)."""
SWAPPED_PLANES = (2, 1)
"""OpenCV wrote u, v, strain, so RGB is strain, v, u."""
CLEAR = 0.05
"""Least difference of two planes' heights, of 1, that tells strain from motion."""


def read_flow_picture(path: Path) -> NDArray[np.uint8] | None:
    """Read a picture, (H, W, 3) uint8 in RGB order; None if it has other channels or is none.

    The name does not matter: it may have no extension, or a space before it. Nor does opacity.
    """
    try:
        data = np.fromfile(path, np.uint8)
        bgr = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except (OSError, cv2.error):
        return None
    if bgr is None or bgr.dtype != np.uint8 or bgr.ndim != 3 or bgr.shape[2] not in (3, 4):
        return None
    rgb: NDArray[np.uint8] = cv2.cvtColor(bgr[..., :3], cv2.COLOR_BGR2RGB)
    return rgb


def find_planes(pictures: Sequence[NDArray[np.uint8]]) -> tuple[tuple[int, int], bool]:
    """Tell which channels hold u and v, once for all pictures of one writer.

    Strain and magnitude are never negative and small on most of a face, so their plane stays low
    when it is scaled from its least to its greatest value; u and v have both signs and stay in
    the middle. Single pictures can mislead; the mean over many does not.

    Parameters
    ----------
    pictures
        (H, W, 3) uint8 each, RGB.

    Returns
    -------
    (channel of u, channel of v), and whether the difference is clear; the usual order otherwise.
    """
    heights = np.mean([_heights(picture) for picture in pictures], axis=0)
    if abs(heights[2] - heights[0]) < CLEAR or heights.argmin() == 1:
        return USUAL_PLANES, False
    return (USUAL_PLANES if heights[2] < heights[0] else SWAPPED_PLANES), True


def _heights(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return where the median of each channel lies between its least and greatest, 0…1."""
    flat = picture.reshape(-1, 3).astype(np.float64)
    low, high = flat.min(0), flat.max(0)
    heights: NDArray[np.float64] = (np.median(flat, axis=0) - low) / np.maximum(high - low, 1.0)
    return heights
