"""Notice a cut: the whole picture changes at once."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


class CutDetector:
    """Compare each picture with the one before, as thumbnails made blind to brightness.

    Parameters
    ----------
    least_correlation
        A cut is claimed below this correlation of two neighbouring 32×24 thumbnails. Higher
        finds softer cuts and takes more fast pans for one.
    """

    def __init__(self, least_correlation: float = 0.5) -> None:
        self._least = least_correlation
        self._before: NDArray[np.float32] | None = None

    def reset(self) -> None:
        """Forget the picture before."""
        self._before = None

    def step(self, gray: NDArray[np.uint8]) -> bool:
        """Tell whether this (H, W) picture begins a new shot."""
        stride = max(1, min(gray.shape) // 96)
        small = cv2.resize(gray[::stride, ::stride], (32, 24), interpolation=cv2.INTER_AREA)
        thumb = small.astype(np.float32) - np.float32(small.mean())
        size = float(np.linalg.norm(thumb))
        before, self._before = self._before, thumb
        if before is None or before.shape != thumb.shape:
            return False
        other = float(np.linalg.norm(before))
        flat = 2.0 * np.sqrt(thumb.size)
        if size < flat and other < flat:
            return False
        return float((thumb * before).sum()) < self._least * max(size * other, 1.0)
