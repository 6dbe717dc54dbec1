"""The still picture that a take is warped from, at twice the output's resolution.

The head at rest lies where the output shows it at rest; eyes and mouth can be edited in place
(lids, irises, a dark gap between the lips), so that those edits follow all later motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.clip_spec import ClipSpec
from offline.synthesis.portrait import Portrait
from realtime_mer.face.topology import eye_centres

OVERSAMPLING = 2
"""Plate pixels per output pixel."""

_SOFT_BACKGROUND_IOD = 0.5


@dataclass(frozen=True, eq=False)
class Plate:
    """A portrait, framed.

    Attributes
    ----------
    pixels
        (rows, columns, 3) float32 grey levels 0…255; eyes and mouth are edited in place.
    margin
        Output pixels by which the plate exceeds the picture on each side.
    mesh
        (478, 3) float64 in output pixels.
    """

    pixels: NDArray[np.float32]
    margin: int
    mesh: NDArray[np.float64]

    def to_plate(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert output coordinates to plate coordinates."""
        return np.asarray((xy + self.margin + 0.5) * OVERSAMPLING - 0.5)


def build_plate(
    spec: ClipSpec, portrait: Portrait, zoom: float = 1.0, shift: tuple[float, float] = (0.0, 0.0)
) -> Plate:
    """Frame, tone and blur a portrait.

    Parameters
    ----------
    spec
        Size, place of the face, tone, blur, skin texture.
    portrait
        Whose face.
    zoom, shift
        Departure from the spec's framing (after a cut): factor, and IOD to right and down.
    """
    iod = spec.face_iod_px * zoom
    scale = iod / portrait.iod
    right, left = eye_centres(portrait.mesh)
    middle = (right + left) / 2 + [0.0, 0.5 * portrait.iod]
    wanted = np.array([spec.face_x * spec.width, spec.face_y * spec.height]) + np.array(shift) * iod
    offset = wanted - middle * scale
    margin = int(np.ceil(0.6 * iod))
    mesh = portrait.mesh * scale
    mesh[:, :2] += offset
    pixels = _framed(spec, portrait, scale, offset, margin, iod)
    plate = Plate(pixels, margin, mesh)
    _add_skin_texture(plate, spec, iod)
    if spec.blur_px > 0:
        cv2.GaussianBlur(pixels, (0, 0), spec.blur_px * OVERSAMPLING, dst=pixels)
    np.subtract(pixels, 128, out=pixels)
    np.multiply(pixels, spec.contrast, out=pixels)
    np.add(pixels, 128 + spec.brightness, out=pixels)
    np.clip(pixels, 2, 253, out=pixels)
    return plate


def _framed(
    spec: ClipSpec,
    portrait: Portrait,
    scale: float,
    offset: NDArray[np.float64],
    margin: int,
    iod: float,
) -> NDArray[np.float32]:
    """Resample the portrait; beyond its edges, a blurred reflection stands in."""
    size = ((spec.width + 2 * margin) * OVERSAMPLING, (spec.height + 2 * margin) * OVERSAMPLING)
    factor = scale * OVERSAMPLING
    source = portrait.image_rgb.astype(np.float32)
    if factor < 0.7:  # shrink with care before the final resampling
        source = cv2.resize(source, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    shrink = np.array(source.shape[1::-1]) / portrait.image_rgb.shape[1::-1]
    zoom = factor / shrink
    move = (offset + margin + 0.5) * OVERSAMPLING - 0.5
    matrix = np.array(
        [
            [zoom[0], 0, move[0] - 0.5 * zoom[0] * (shrink[0] - 1)],
            [0, zoom[1], move[1] - 0.5 * zoom[1] * (shrink[1] - 1)],
        ]
    )
    flags = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REFLECT_101}
    plate = cv2.warpAffine(source, matrix, size, **flags)
    inside = cv2.warpAffine(np.ones(source.shape[:2], np.float32), matrix, size)
    if inside.min() < 0.5:
        soft = _SOFT_BACKGROUND_IOD * iod / 4  # blurred at an eighth of the plate's size
        small = cv2.resize(plate, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
        small = cv2.resize(cv2.GaussianBlur(small, (0, 0), max(soft, 1.0)), size)
        edge = cv2.erode(inside, np.ones((9, 9)), borderType=cv2.BORDER_REPLICATE)
        edge = cv2.GaussianBlur(edge, (0, 0), 4.0)[..., None]
        plate = plate * edge + small * (1 - edge)
    return np.ascontiguousarray(plate, np.float32)


def _add_skin_texture(plate: Plate, spec: ClipSpec, iod: float) -> None:
    """Add fine band-passed grain on the face: pores that give optical flow something to hold."""
    if spec.skin_texture <= 0:
        return
    rng = np.random.default_rng([spec.seed, 2])
    hull = cv2.convexHull(plate.to_plate(plate.mesh[:, :2]).astype(np.float32))
    x, y, width, height = cv2.boundingRect(hull)
    rows, columns = plate.pixels.shape[:2]
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, columns), min(y + height, rows)
    if x1 - x0 < 8 or y1 - y0 < 8:
        return
    grain = rng.standard_normal((y1 - y0, x1 - x0), np.float32)
    fine = max(0.006 * iod * OVERSAMPLING, 0.8)
    grain = cv2.GaussianBlur(grain, (0, 0), fine) - cv2.GaussianBlur(grain, (0, 0), 3 * fine)
    mask = np.zeros(grain.shape, np.float32)
    cv2.fillConvexPoly(mask, np.rint(hull - [x0, y0]).astype(np.int32), 1.0)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.08 * iod * OVERSAMPLING)
    grain *= spec.skin_texture / max(float(grain.std()), 1e-6) * mask
    plate.pixels[y0:y1, x0:x1] += grain[..., None]
