"""Faces of nobody: grey portraits painted on the canonical mesh.

They need not fool anyone; they carry texture where faces carry it (brows, eyes, nostrils, lips,
folds, stubble) in endless variety, so that motion estimated on them fails where it fails on skin.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.portrait import Portrait
from realtime_mer.face.topology import CROP, CROP_IOD, canonical_crop_xy, canonical_mesh

_BROWS = (
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
)
_EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
_UPPER_LIDS = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (263, 466, 388, 387, 386, 385, 384))
_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
_MOUTH_LINE = (61, 78, 80, 13, 310, 308, 291)
_NOSTRILS = ((98, 97), (327, 326))
_WINGS = ((129, 64, 98), (358, 294, 327))
_FOLDS = ((129, 203, 206, 216), (358, 423, 426, 436))
_BEARD = (61, 17, 291, 434, 397, 152, 172, 214)

Gray = NDArray[np.float32]


def painted_face(rng: np.random.Generator) -> Portrait:
    """Paint a face of random tone, features and skin; 320×320, grey in three channels.

    Bend it with ``Portrait.varied`` to give it another shape.
    """
    xy = canonical_crop_xy()
    tone = rng.uniform(70, 200)
    image = _skin(tone, rng)
    _darken(image, xy, _BEARD, rng.uniform(0, 0.35) * (rng.random() < 0.4), 12.0)
    depth, soft = rng.uniform(0.15, 0.75), rng.uniform(1.0, 3.0)
    for brow in _BROWS:
        _darken(image, xy, brow, depth * rng.uniform(0.8, 1.2), soft)
    for eye in _EYES:
        _paint_eye(image, xy[list(eye)], tone, rng)
    _darken(image, xy, _LIPS, rng.uniform(0.05, 0.4), rng.uniform(1.0, 2.5))
    _stroke_all(image, xy, tone, rng)
    image *= 1 + _noise(rng, (1.2, 2.5, 5.0)) * np.exp(rng.uniform(np.log(0.004), np.log(0.06)))
    gray = np.clip(image, 0, 255).astype(np.uint8)
    away = canonical_mesh()[:, 2:3].astype(np.float64) * CROP_IOD
    return Portrait(np.stack([gray] * 3, -1), np.hstack([xy, away]), "painted")


def _skin(tone: float, rng: np.random.Generator) -> Gray:
    """Shaded skin inside the face's oval, hair or wall outside."""
    y, x = np.mgrid[:CROP, :CROP].astype(np.float32)
    u, v = (x - 159.5) / 125, (y - 175) / 150
    light = rng.normal(0, 0.15, 2)
    shade = 1 - 0.25 * (u * u + v * v) + light[0] * u + light[1] * v
    behind = rng.uniform(10, 230) * (1 + rng.uniform(0, 0.5) * _noise(rng, (4.0, 12.0, 40.0)))
    inside = _soft_polygon(canonical_crop_xy()[_hull()], rng.uniform(2, 8))
    mottled = tone * shade * (1 + 0.06 * _noise(rng, (6.0, 20.0)))
    return np.asarray(inside * mottled + (1 - inside) * behind, np.float32)


def _paint_eye(
    image: Gray, outline: NDArray[np.float64], tone: float, rng: np.random.Generator
) -> None:
    white = _soft_polygon(outline, 1.0)
    image += white * (min(tone * rng.uniform(1.0, 1.4), 235) - image)
    centre = outline.mean(0) + rng.normal(0, 1.0, 2)
    y, x = np.mgrid[:CROP, :CROP].astype(np.float32)
    distance = np.hypot(x - centre[0], y - centre[1])
    iris = np.clip(9.5 - distance, 0, 1) * white
    image += iris * (rng.uniform(20, 100) - image)
    image *= 1 - 0.8 * np.clip(4.5 - distance, 0, 1) * white


def _stroke_all(
    image: Gray, xy: NDArray[np.float64], tone: float, rng: np.random.Generator
) -> None:
    """Lids, mouth, nostrils and folds: dark lines of random strength."""
    strokes = (
        (_UPPER_LIDS, (0.2, 0.8), 1.5),
        ((_MOUTH_LINE,), (0.3, 0.8), 1.5),
        (_NOSTRILS, (0.3, 0.8), 3.0),
        (_WINGS, (0.05, 0.4), 2.5),
        (_FOLDS, (0.0, 0.3), 3.0),
    )
    for lines, (low, high), width in strokes:
        depth = rng.uniform(low, high)
        for line in lines:
            layer = np.zeros((CROP, CROP), np.float32)
            points = np.round(xy[list(line)] * 8).astype(np.int32)
            cv2.polylines(layer, [points], False, 1.0, int(np.ceil(width)), cv2.LINE_AA, 3)
            image *= 1 - depth * np.clip(cv2.GaussianBlur(layer, (0, 0), 0.6 * width), 0, 1)
    image += rng.uniform(0, 0.15) * tone * _soft_spot(xy[5], 10.0)


def _darken(
    image: Gray, xy: NDArray[np.float64], polygon: tuple[int, ...], depth: float, soft: float
) -> None:
    image *= 1 - depth * _soft_polygon(xy[list(polygon)], soft)


def _soft_polygon(outline: NDArray[np.float64], soft: float) -> Gray:
    layer = np.zeros((CROP, CROP), np.float32)
    cv2.fillPoly(layer, [np.round(outline).astype(np.int32)], 1.0)
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), soft), np.float32)


def _soft_spot(centre: NDArray[np.float64], sigma: float) -> Gray:
    y, x = np.mgrid[:CROP, :CROP].astype(np.float32)
    square = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    return np.asarray(np.exp(-square / (2 * sigma**2)), np.float32)


def _noise(rng: np.random.Generator, sigmas: tuple[float, ...]) -> Gray:
    """Sum of smooth noises of unit size each."""
    total = np.zeros((CROP, CROP), np.float32)
    for sigma in sigmas:
        side = max(int(CROP / sigma) + 3, 4)
        coarse = rng.standard_normal((side, side)).astype(np.float32)
        total += cv2.resize(coarse, (CROP, CROP), interpolation=cv2.INTER_CUBIC)
    return total


@cache
def _hull() -> NDArray[np.int64]:
    hull = cv2.convexHull(canonical_crop_xy().astype(np.float32), returnPoints=False)
    return np.asarray(hull[:, 0], np.int64)
