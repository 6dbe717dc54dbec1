"""Hold one face still: register every picture to an anchor, then measure what moved on its own.

An *anchor* is a reference picture of the aligned face with templates of its patches at three
scales. ``register`` finds the similarity from picture to crop on the two coarser scales, where
every patch has a say, for the head moves them all; ``displacements`` then measures each patch at
full scale in the aligned crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.face import patches, similarity
from realtime_mer.face.patches import Templates
from realtime_mer.face.points import Layout
from realtime_mer.face.rigid import trust
from realtime_mer.face.topology import CROP, CROP_IOD

Float = NDArray[np.float32]
Gray = NDArray[np.uint8]

SIDES = (21, 15, 11)
"""Patch sides at full, half and quarter size: 0.19, 0.27 and 0.39 inter-ocular distances."""
_HALF = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]])
"""From full to half-size pixels, centres counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """Templates at three scales, and where each patch is at home.

    ``home_xy`` (P, 2) float32 crop pixels stays the same when the templates are renewed, so
    that displacements go on without a jump; ``trust`` is (P, 2, 2), see ``rigid.trust``.
    """

    levels: tuple[Templates, ...]
    home_xy: Float
    trust: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Where the face is in this picture.

    ``to_crop`` maps picture to crop pixels; ``similarity`` is the median normalised correlation
    of the rigid patches with the anchor.
    """

    to_crop: similarity.Matrix
    similarity: float


def warp(picture: Gray, to_crop: similarity.Matrix, side: int = CROP) -> Gray:
    """Return the aligned (side, side) crop of a grey picture."""
    crop = cv2.warpAffine(
        picture, to_crop, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, np.uint8)


def make_anchor(crop: Gray, points_xy: NDArray[np.floating[Any]], home_xy: Float | None) -> Anchor:
    """Cut templates at ``points_xy`` ((P, 2) crop pixels) from the aligned (320, 320) crop."""
    images = [crop, _halved(crop), _halved(_halved(crop))]
    levels = tuple(
        patches.make_templates(image.astype(np.float32), _at_level(points_xy, level), side)
        for level, (image, side) in enumerate(zip(images, SIDES, strict=True))
    )
    home = np.asarray(points_xy, np.float32) if home_xy is None else home_xy
    return Anchor(levels, home, trust(levels[0].information, SIDES[0] ** 2, CROP_IOD))


def register(
    picture: Gray, to_crop: similarity.Matrix, anchor: Anchor, layout: Layout
) -> Registration:
    """Find the face again in a grey picture, starting from where it was."""
    half = warp(picture, similarity.compose(_HALF, to_crop), CROP // 2)
    moved = similarity.IDENTITY
    ncc = np.zeros(0, np.float32)
    for level, image in ((2, _halved(half)), (1, half)):
        templates = anchor.levels[level]
        base = templates.centres_xy
        full = _full(base, level)
        start = _at_level(similarity.apply(moved, full), level) - base
        found, ncc = patches.track(image, templates, start.astype(np.float32))
        texture = np.sqrt(templates.information[:, 0, 0] + templates.information[:, 1, 1])
        weights = np.clip(ncc - 0.3, 0, 1) * texture
        if (weights > 0).sum() < 4:
            return Registration(to_crop, 0.0)
        target = _full(base + found, level)
        moved, _ = similarity.fit_robust(full, target, weights, 0.3 * 2.0**level)
    correlation = similarity.middle(ncc[list(layout.rigid)])
    return Registration(similarity.compose(similarity.invert(moved), to_crop), correlation)


def displacements(crop_gray: Gray, anchor: Anchor, start: Float) -> tuple[Float, Float]:
    """Return each patch's way from home in crop pixels (P, 2) and its correlation (P,).

    ``start`` is the displacement of the picture before.
    """
    templates = anchor.levels[0]
    offset = templates.centres_xy - anchor.home_xy
    found, ncc = patches.track(crop_gray, templates, start - offset)
    return found + offset, ncc


def _at_level(points_xy: NDArray[np.floating[Any]], level: int) -> NDArray[np.float64]:
    factor = 2.0**level
    return np.asarray((points_xy + 0.5) / factor - 0.5, np.float64)


def _full(points_xy: NDArray[np.floating[Any]], level: int) -> NDArray[np.float64]:
    factor = 2.0**level
    return np.asarray((points_xy + 0.5) * factor - 0.5, np.float64)


def _halved(image: Gray) -> Gray:
    return np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
