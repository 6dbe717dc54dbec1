"""A hand that moves over the face: a skin-coloured, shaded, textured shape with soft edges."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.plate import Plate

_UNIT = 160.0  # pixels per IOD at which the hand is drawn
_PALM = 0.42  # where the palm's middle lies on the drawing, as a share of its height


class Hand:
    """One hand, drawn once, pasted anywhere.

    Parameters
    ----------
    plate
        Whose skin colour it takes.
    iod
        Output pixels between the eyes.
    rng
        Shape, tone and texture.
    """

    def __init__(self, plate: Plate, iod: float, rng: np.random.Generator) -> None:
        cheek = plate.to_plate(plate.mesh[[50, 280, 205, 425], :2]).astype(int)
        limit = np.array(plate.pixels.shape[1::-1]) - 1
        columns, rows = np.clip(cheek, 0, limit).T
        skin = plate.pixels[rows, columns].mean(0) * rng.uniform(0.85, 1.1)
        self._pixels, self._alpha = _drawn(skin, rng)
        self._scale = iod / _UNIT * rng.uniform(0.9, 1.1)

    def paste(self, light: NDArray[np.float32], xy: tuple[float, float], angle: float) -> None:
        """Lay the hand over a picture, in place.

        Parameters
        ----------
        light
            (H, W, 3) float32.
        xy
            Output pixels of the palm's middle.
        angle
            Radians, 0 = fingers up, positive turns clockwise on the picture.
        """
        side = self._alpha.shape[0]
        cos, sin = np.cos(angle) * self._scale, np.sin(angle) * self._scale
        matrix = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
        matrix[:, 2] = np.array(xy) - matrix[:, :2] @ [side / 2, _PALM * side]
        corners = matrix @ np.array([[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]])
        height, width = light.shape[:2]
        x0, y0 = np.clip(np.floor(corners.min(1)), 0, [width, height]).astype(int)
        x1, y1 = np.clip(np.ceil(corners.max(1)), 0, [width, height]).astype(int)
        if x1 - x0 < 2 or y1 - y0 < 2:
            return
        matrix[:, 2] -= [x0, y0]
        size = (int(x1 - x0), int(y1 - y0))
        pixels = cv2.warpAffine(self._pixels, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.warpAffine(self._alpha, matrix, size)[..., None]
        window = light[y0:y1, x0:x1]
        window += (pixels - window) * alpha


def _drawn(
    skin: NDArray[np.floating[Any]], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw colour (S, S, 3) and alpha (S, S) of a hand with a forearm, fingers up."""
    side = int(5.0 * _UNIT)
    alpha = np.zeros((side, side), np.uint8)
    ridge = np.zeros((side, side), np.float32)

    def at(x: float, y: float) -> NDArray[np.float64]:
        """Return drawing coordinates of a place given in IOD from the palm."""
        return np.array([side / 2 + x * _UNIT, _PALM * side + y * _UNIT])

    def limb(start: NDArray[np.float64], end: NDArray[np.float64], width: float) -> None:
        points = (start.astype(int).tolist(), end.astype(int).tolist())
        mask = np.zeros((side, side), np.uint8)
        cv2.line(mask, *points, 255, max(int(width * _UNIT), 2), cv2.LINE_AA)
        np.maximum(alpha, mask, out=alpha)
        inner = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3)
        np.maximum(ridge, np.asarray(inner / (0.5 * width * _UNIT), np.float32), out=ridge)

    limb(at(0, 0.2), at(0, 6.0), 0.75)
    limb(at(0, -0.1), at(0, 0.15), 1.15)
    spread = rng.uniform(0.03, 0.16)
    for finger, length in enumerate((0.95, 1.15, 1.2, 1.0)):
        angle = (finger - 1.5) * spread
        root = at((finger - 1.5) * 0.27, -0.35)
        limb(root, root + length * _UNIT * np.array([np.sin(angle), -np.cos(angle)]), 0.25)
    thumb = at(-0.5, 0.05)
    limb(thumb, thumb + 0.75 * _UNIT * np.array([-0.75, -0.66]), 0.3)
    grain = rng.standard_normal((side, side), np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 2.0) * 12 + cv2.GaussianBlur(grain, (0, 0), 14.0) * 90
    shade = 0.72 + 0.28 * np.sqrt(np.clip(cv2.GaussianBlur(ridge, (0, 0), 4.0), 0, 1))
    pixels = np.asarray(skin, np.float32) * shade[..., None] + grain[..., None]
    soft = cv2.GaussianBlur(alpha, (0, 0), 2.0).astype(np.float32) / 255
    return np.clip(pixels, 0, 255).astype(np.float32), np.asarray(soft, np.float32)
