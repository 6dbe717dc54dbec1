"""Hold one face still: register every picture to an anchor, then measure what moved on its own.

An *anchor* is a reference picture of the aligned face with templates of its patches at three
scales. ``register`` finds the similarity from picture to crop, coarse to fine; ``displacements``
measures each patch in the aligned crop against its home.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.face import patches, similarity
from realtime_mer.face.patches import Templates
from realtime_mer.face.points import Layout
from realtime_mer.face.topology import CROP

Float = NDArray[np.float32]

SIDES = (21, 15, 11)
"""Patch sides at full, half and quarter size: 0.19, 0.27 and 0.39 inter-ocular distances."""


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """Templates at three scales, and where each patch is at home.

    ``home_xy`` (P, 2) float32 crop pixels stays the same when the templates are renewed, so
    that displacements go on without a jump.
    """

    levels: tuple[Templates, ...]
    home_xy: Float


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Where the face is in this picture.

    ``to_crop`` maps picture to crop pixels; ``similarity`` is the median normalised correlation
    of the rigid patches with the anchor.
    """

    to_crop: similarity.Matrix
    similarity: float


def pyramid(gray: Float) -> tuple[Float, ...]:
    """Return the crop at full, half and quarter size."""
    half = cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    quarter = cv2.resize(half, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return gray, half, quarter


def warp_gray(gray: NDArray[np.uint8], to_crop: similarity.Matrix) -> Float:
    """Return the aligned (320, 320) grey crop as float32."""
    crop = cv2.warpAffine(
        gray, to_crop, (CROP, CROP), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return crop.astype(np.float32)


def make_anchor(gray: Float, points_xy: NDArray[np.floating], home_xy: Float | None) -> Anchor:
    """Cut templates at ``points_xy`` ((P, 2) crop pixels) from the aligned grey crop."""
    levels = tuple(
        patches.make_templates(image, _at_level(points_xy, level), SIDES[level])
        for level, image in enumerate(pyramid(gray))
    )
    home = np.asarray(points_xy, np.float32) if home_xy is None else home_xy
    return Anchor(levels, home)


def register(
    gray: NDArray[np.uint8], to_crop: similarity.Matrix, anchor: Anchor, layout: Layout
) -> Registration:
    """Find the face again, starting from where it was.

    Coarse levels ask every patch, for the head moves them all; the finest asks rigid ones only.
    """
    images = pyramid(warp_gray(gray, to_crop))
    rigid = list(layout.rigid)
    moved = similarity.IDENTITY
    correlation = 0.0
    for level in (2, 1, 0):
        chosen = slice(None) if level else rigid
        templates = _select(anchor.levels[level], chosen)
        base = templates.centres_xy
        factor = 2.0**level
        predicted = similarity.apply(moved, _full(base, level))
        start = _at_level(predicted, level) - base
        found, ncc = patches.track(images[level], templates, start.astype(np.float32))
        weights = np.clip(ncc - 0.3, 0, 1) * np.sqrt(
            np.trace(templates.information, axis1=1, axis2=2)
        )
        if level == 0:
            correlation = similarity.middle(ncc)
        if (weights > 0).sum() < 4:
            return Registration(to_crop, 0.0)
        source, target = _full(base, level), _full(base + found, level)
        moved, _ = similarity.fit_robust(source, target, weights, scale_px=0.3 * factor)
    return Registration(similarity.compose(similarity.invert(moved), to_crop), correlation)


def displacements(crop_gray: Float, anchor: Anchor, start: Float) -> tuple[Float, Float]:
    """Return each patch's way from home in crop pixels (P, 2) and its correlation (P,).

    ``start`` is the displacement of the picture before.
    """
    templates = anchor.levels[0]
    offset = templates.centres_xy - anchor.home_xy
    found, ncc = patches.track(crop_gray, templates, start - offset)
    return found + offset, ncc


def _at_level(points_xy: NDArray[np.floating], level: int) -> NDArray[np.float64]:
    factor = 2.0**level
    return np.asarray((points_xy + 0.5) / factor - 0.5, np.float64)


def _full(points_xy: NDArray[np.floating], level: int) -> NDArray[np.float64]:
    factor = 2.0**level
    return np.asarray((points_xy + 0.5) * factor - 0.5, np.float64)


def _select(templates: Templates, chosen: list[int] | slice) -> Templates:
    return Templates(
        templates.centres_xy[chosen],
        templates.values[chosen],
        templates.gradient[chosen],
        templates.inverse_hessian[chosen],
        templates.share[chosen],
        templates.information[chosen],
    )
