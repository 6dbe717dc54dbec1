"""Eyes and mouth, edited in place on the plate: lids that cover, irises that turn, lips that part.

These are what smooth warps cannot do, because something appears or disappears.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.plate import OVERSAMPLING, Plate
from realtime_mer.face.topology import inter_ocular_distance

_UPPER_LIDS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
)
_LOWER_LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
)
_IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)

_LID_SKIN_IOD = 0.15
_LASHES_IOD = 0.012
_LASH_BAND_IOD = 0.06
_SHUT_BELOW_IOD = 0.012
_EDGE_PX = 1.5
_LIP_FADE_IOD = 0.35
_CAVITY_RGB = (38.0, 18.0, 18.0)


@dataclass(frozen=True, eq=False)
class _Patch:
    """A rectangle of the plate with its own axes: u along the feature, v down from it, pixels."""

    rows: slice
    columns: slice
    original: NDArray[np.float32]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    u: NDArray[np.float32]
    v: NDArray[np.float32]
    along: NDArray[np.float64]
    down: NDArray[np.float64]
    iod: float

    def sample(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        """Read the untouched patch at plate coordinates."""
        pixels = cv2.remap(
            self.original,
            (x - self.x[0, 0]).astype(np.float32),
            (y - self.y[0, 0]).astype(np.float32),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(pixels, np.float32)

    def coordinates(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (u, v) of plate points, (P, 2)."""
        shifted: NDArray[np.float64] = points - self.origin
        return np.asarray(np.stack([shifted @ self.along, shifted @ self.down], -1))

    @property
    def origin(self) -> NDArray[np.float64]:
        """Plate coordinates where u = v = 0."""
        x, y, u, v = (float(a[0, 0]) for a in (self.x, self.y, self.u, self.v))
        return np.asarray(np.array([x, y]) - u * self.along - v * self.down)


def _patch(
    plate: Plate, start: NDArray[np.float64], end: NDArray[np.float64], reach: tuple[float, ...]
) -> _Patch:
    """Cut out the patch whose u axis runs from ``start`` to ``end``; reach: u, up, down in IOD."""
    iod = inter_ocular_distance(plate.mesh) * OVERSAMPLING
    along = (end - start) / np.hypot(*(end - start))
    down = np.array([-along[1], along[0]])
    origin = (start + end) / 2
    corners = [
        origin + su * reach[0] * iod * along + sv * iod * down
        for su in (-1, 1)
        for sv in (-reach[1], reach[2])
    ]
    limit = np.array(plate.pixels.shape[1::-1])
    low = np.clip(np.floor(np.min(corners, 0)), 0, limit - 2).astype(int)
    high = np.clip(np.ceil(np.max(corners, 0)), low + 2, limit).astype(int)
    rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
    y, x = np.mgrid[rows, columns].astype(np.float32)
    u = (x - origin[0]) * along[0] + (y - origin[1]) * along[1]
    v = (x - origin[0]) * down[0] + (y - origin[1]) * down[1]
    original = plate.pixels[rows, columns].copy()
    return _Patch(
        rows, columns, original, x, y, u.astype(np.float32), v.astype(np.float32), along, down, iod
    )


def _curve(patch: _Patch, points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Height v of a contour above every pixel's u; outside the contour its end values."""
    uv = patch.coordinates(points)
    order = np.argsort(uv[:, 0])
    return np.asarray(np.interp(patch.u, uv[order, 0], uv[order, 1]), np.float32)


class Eye:
    """One eye of a plate: ``draw`` sets its lid and iris, ``reset`` puts the original back."""

    def __init__(self, plate: Plate, side: int) -> None:
        points = plate.to_plate(plate.mesh[:, :2])
        upper, lower = points[list(_UPPER_LIDS[side])], points[list(_LOWER_LIDS[side])]
        patch = _patch(plate, upper[0], upper[-1], (0.45, 0.32, 0.25))
        self._plate, self._patch = plate, patch
        lid = _curve(patch, upper)
        self._lower = np.maximum(_curve(patch, lower), lid)
        opening = self._lower - lid
        self._lid = lid + np.minimum(_LASHES_IOD * patch.iod, 0.3 * opening)
        self._crease = lid - _LID_SKIN_IOD * patch.iod
        self._opening = opening
        iris = points[list(_IRISES[side])]
        self._iris = iris[0]
        self._radius = float(np.hypot(*(iris[1:] - iris[0]).T).mean())
        edge = np.minimum(patch.v - lid, self._lower - patch.v) / (_EDGE_PX * 2)
        self._inside = np.clip(edge, 0.0, 1.0).astype(np.float32)

    def reset(self) -> None:
        """Put the original pixels back."""
        self._plate.pixels[self._patch.rows, self._patch.columns] = self._patch.original

    def draw(self, closed: float, gaze: tuple[float, float]) -> None:
        """Close the lid (0 open … 1 shut) and move the iris (IOD along the eye, downwards)."""
        patch = self._patch
        pixels = self._looking(gaze) if any(gaze) else patch.original
        if closed > 0:
            pixels = self._lidded(pixels, closed)
        self._plate.pixels[patch.rows, patch.columns] = np.clip(pixels, 0, 255)

    def _looking(self, gaze: tuple[float, float]) -> NDArray[np.float32]:
        """Slide the iris under the lids; the white stretches on one side, packs on the other."""
        patch = self._patch
        shift = (gaze[0] * patch.along + gaze[1] * patch.down) * patch.iod
        far = np.hypot(patch.x - self._iris[0] - shift[0], patch.y - self._iris[1] - shift[1])
        beyond = np.clip((far - self._radius) / (1.4 * self._radius), 0.0, 1.0)
        pull = (1 - beyond * beyond * (3 - 2 * beyond)) * self._inside
        moved = patch.sample(patch.x - shift[0] * pull, patch.y - shift[1] * pull)
        inside = self._inside[..., None]
        return np.asarray(moved * inside + patch.original * (1 - inside), np.float32)

    def _lidded(self, below: NDArray[np.float32], closed: float) -> NDArray[np.float32]:
        """Stretch the skin between crease and lid margin down over the eye."""
        patch = self._patch
        travel = self._lower - self._lid + _SHUT_BELOW_IOD * patch.iod
        travel = np.where(self._opening > 0.02 * patch.iod, travel, self._opening)
        margin = self._lid + closed * travel
        lashes = _LASH_BAND_IOD * patch.iod  # moves as it is; only the skin above it stretches
        skin, skin_now = self._lid - lashes - self._crease, margin - lashes - self._crease
        share = np.clip((patch.v - self._crease) / skin_now, 0.0, 1.0)
        stretched = patch.v - self._crease - share * skin
        shift = np.where(patch.v < margin - lashes, stretched, margin - self._lid)
        shift = np.where(patch.v < self._crease, 0.0, shift).astype(np.float32)
        x = patch.x - shift * np.float32(patch.down[0])
        y = patch.y - shift * np.float32(patch.down[1])
        lid = patch.sample(x, y)
        cover = np.clip((margin - patch.v) / _EDGE_PX + 0.5, 0.0, 1.0)[..., None]
        return np.asarray(lid * cover + below * (1 - cover), np.float32)


class Mouth:
    """The mouth of a plate: ``draw`` parts the lips, ``reset`` puts the original back."""

    def __init__(self, plate: Plate) -> None:
        points = plate.to_plate(plate.mesh[:, :2])
        upper, lower = points[list(_UPPER_LIP)], points[list(_LOWER_LIP)]
        patch = _patch(plate, upper[0], upper[-1], (0.75, 0.2, 1.1))
        self._plate, self._patch = plate, patch
        half = float(np.hypot(*(upper[-1] - upper[0]))) / 2
        self._lip = np.maximum(_curve(patch, lower), _curve(patch, upper))
        self._arch = np.clip(1 - (patch.u / half) ** 2, 0.0, 1.0)
        self._side = np.clip(1 - (np.abs(patch.u) / (0.72 * patch.iod)) ** 2, 0.0, 1.0) ** 2

    def reset(self) -> None:
        """Put the original pixels back."""
        self._plate.pixels[self._patch.rows, self._patch.columns] = self._patch.original

    def draw(self, opening: float) -> None:
        """Lower the lower lip and chin by ``opening`` IOD; the gap is dark, darkest at its top."""
        patch = self._patch
        drop = opening * patch.iod
        gap = drop * self._arch
        below = np.maximum(patch.v - self._lip - gap, 0.0) / (_LIP_FADE_IOD * patch.iod)
        shift = drop * (self._arch + (self._side - self._arch) * (1 - np.exp(-2 * below)))
        shift = np.where(patch.v > self._lip + gap, shift * np.exp(-below), 0.0)
        moved = patch.sample(
            patch.x - shift.astype(np.float32) * np.float32(patch.down[0]),
            patch.y - shift.astype(np.float32) * np.float32(patch.down[1]),
        )
        depth = np.minimum(patch.v - self._lip, self._lip + gap - patch.v)
        dark = np.clip(depth / (2 * _EDGE_PX) + 0.5, 0.0, 0.9) * np.clip(gap / _EDGE_PX, 0.0, 1.0)
        cavity = np.array(_CAVITY_RGB, np.float32)
        pixels = moved * (1 - dark[..., None]) + cavity * dark[..., None]
        self._plate.pixels[patch.rows, patch.columns] = np.clip(pixels, 0, 255)
