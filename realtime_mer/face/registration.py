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
    ``centres_xy`` holds the templates' (P, 2) centres of each level in crop pixels, ``texture``
    (P,) how much each of them shows.
    """

    levels: tuple[Templates, ...]
    home_xy: Float
    trust: NDArray[np.float64]
    centres_xy: tuple[NDArray[np.float64], ...]
    texture: tuple[Float, ...]


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
    return Anchor(
        levels,
        home,
        trust(levels[0].information, SIDES[0] ** 2, CROP_IOD),
        tuple(_full(each.centres_xy, level) for level, each in enumerate(levels)),
        tuple(np.sqrt(np.trace(each.information, axis1=1, axis2=2)) for each in levels),
    )


def register(
    picture: Gray, to_crop: similarity.Matrix, anchor: Anchor, layout: Layout
) -> Registration:
    """Find the face again in a grey picture, starting from where it was.

    From one picture of a fast camera to the next a face hardly moves: then half size alone finds
    it. Only where that goes far, or ends in a bad fit, does it begin anew at a quarter.
    """
    half = warp(picture, similarity.compose(_HALF, to_crop), CROP // 2)
    near = _fitted(((1, half),), anchor, layout)
    if near is None or near[1] < NEAR_CORRELATION or _way(near[0]) > NEAR_PX:
        near = _fitted(((2, _halved(half)), (1, half)), anchor, layout)
    if near is None:
        return Registration(to_crop, 0.0)
    moved, correlation = near
    return Registration(similarity.compose(similarity.invert(moved), to_crop), correlation)


NEAR_CORRELATION, NEAR_PX = 0.8, 2.0
"""Least correlation, and longest way in crop pixels, of a face that was found at half size alone.
Half a patch there is 15 crop pixels: within two of them a patch has one best place."""


def _fitted(
    views: tuple[tuple[int, Gray], ...], anchor: Anchor, layout: Layout
) -> tuple[similarity.Matrix, float] | None:
    """Return how the face moved in the crop and its correlation; None if it cannot be found."""
    moved = similarity.IDENTITY
    ncc = np.zeros(0, np.float32)
    for level, image in views:
        templates = anchor.levels[level]
        base, full = templates.centres_xy, anchor.centres_xy[level]
        start = _at_level(similarity.apply(moved, full), level) - base
        found, ncc = patches.track(image, templates, start.astype(np.float32))
        weights = np.clip(ncc - 0.3, 0, 1) * anchor.texture[level]
        if (weights > 0).sum() < 4:
            return None
        target = _full(base + found, level)
        moved, _ = similarity.fit_robust(full, target, weights, 0.3 * 2.0**level)
    return moved, similarity.middle(ncc[list(layout.rigid)])


def _way(moved: similarity.Matrix) -> float:
    """Return how far the corners of the crop move, in pixels."""
    corners = np.array([(0.0, 0.0), (CROP, 0.0), (0.0, CROP), (CROP, CROP)])
    return float(np.abs(similarity.apply(moved, corners) - corners).max())


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
