"""Follow small patches of skin to a hundredth of a pixel.

Inverse-compositional Lucas–Kanade (Baker & Matthews 2004), translation only, on patches made
zero-mean and unit-gain, so that neither a lamp's flicker nor an exposure step counts as motion.
The templates come from a reference picture, so that errors do not add up over time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """What P patches looked like in the reference picture.

    Attributes
    ----------
    centres_xy
        (P, 2) float32, where each lay in the reference picture.
    values
        (P, n, n) float32, zero mean, unit norm.
    gradient
        (P, 2, n, n) float32, derivative of ``values`` along x and y per pixel.
    inverse_hessian
        (P, 2, 2) float32.
    share
        (P, 2) float32, sum over the patch of value × gradient: constant part of every error.
    information
        (P, 2, 2) float32, mean outer product of the raw grey gradient: how well the patch pins
        down its own position along each direction. 0 for a patch out of the picture.
    """

    centres_xy: Float
    values: Float
    gradient: Float
    inverse_hessian: Float
    share: Float
    information: Float


def sample_patches(
    image: Float | NDArray[np.uint8], centres_xy: NDArray[np.floating[Any]], side: int
) -> Float:
    """Return (P, side, side) bilinear patches centred on (P, 2) points, edges repeated."""
    reach = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    xs = np.clip(centres_xy[:, :1] + reach, 0, image.shape[1] - 1.001).astype(np.float32)
    ys = np.clip(centres_xy[:, 1:] + reach, 0, image.shape[0] - 1.001).astype(np.float32)
    x0, y0 = xs.astype(np.intp), ys.astype(np.intp)
    fx, fy = (xs - x0)[:, None, :], (ys - y0)[:, :, None]
    column, row = x0[:, None, :], y0[:, :, None]
    top = image[row, column] * (1 - fx) + image[row, column + 1] * fx
    bottom = image[row + 1, column] * (1 - fx) + image[row + 1, column + 1] * fx
    return np.asarray(top * (1 - fy) + bottom * fy, np.float32)


def make_templates(image: Float, centres_xy: NDArray[np.floating[Any]], side: int) -> Templates:
    """Cut templates from the (H, W) float32 reference picture.

    ``side`` is odd; larger patches are steadier and blur neighbouring motions together.
    """
    centres = np.ascontiguousarray(centres_xy, np.float32)
    wide = sample_patches(image, centres, side + 2)
    values = wide[:, 1:-1, 1:-1] - wide[:, 1:-1, 1:-1].mean((1, 2), keepdims=True)
    gradient = np.stack(
        [wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2], wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1]], axis=1
    )
    gradient = (gradient - gradient.mean((2, 3), keepdims=True)) / np.float32(2)
    flat = gradient.reshape(len(centres), 2, -1).astype(np.float64)
    information = flat @ flat.transpose(0, 2, 1)
    norm = np.maximum(np.sqrt((values.astype(np.float64) ** 2).sum((1, 2))), 1e-3)
    hessian = information / norm[:, None, None] ** 2
    ridge = 1e-6 + 1e-3 * np.trace(hessian, axis1=1, axis2=2)
    inverse = np.linalg.inv(hessian + np.eye(2) * ridge[:, None, None])
    inside = ((centres >= 0) & (centres < [image.shape[1], image.shape[0]])).all(1)
    information[~inside] = 0
    values = values / norm[:, None, None].astype(np.float32)
    gradient = gradient / norm[:, None, None, None].astype(np.float32)
    return Templates(
        centres_xy=centres,
        values=np.ascontiguousarray(values, np.float32),
        gradient=np.ascontiguousarray(gradient, np.float32),
        inverse_hessian=inverse.astype(np.float32),
        share=(values[:, None] * gradient).sum((2, 3)).astype(np.float32),
        information=(information / side**2).astype(np.float32),
    )


def track(
    image: Float | NDArray[np.uint8], templates: Templates, start_xy: Float, iterations: int = 8
) -> tuple[Float, Float]:
    """Find every patch again.

    Parameters
    ----------
    image
        (H, W) float32 or uint8, C-contiguous.
    start_xy
        (P, 2) float32 displacement from ``templates.centres_xy`` to begin with.
    iterations
        Most steps a patch; fewer is faster and reaches less far.

    Returns
    -------
    displacement_xy, similarity
        (P, 2) float32 in pixels and (P,) float32 normalised cross-correlation in -1…1.
    """
    found, ncc = _track(
        image,
        templates.centres_xy,
        templates.values,
        templates.gradient,
        templates.inverse_hessian,
        templates.share,
        np.ascontiguousarray(start_xy, np.float32),
        iterations,
    )
    return found, ncc


def track_numpy(
    image: Float | NDArray[np.uint8], templates: Templates, start_xy: Float, iterations: int = 8
) -> tuple[Float, Float]:
    """Do what ``track`` does, in plain NumPy: the kernel's twin for tests."""
    moved = np.array(start_xy, np.float32)
    similarity = np.zeros(len(moved), np.float32)
    side = templates.values.shape[1]
    for i, centre in enumerate(templates.centres_xy):
        for step in range(iterations + 1):
            patch = sample_patches(image, (centre + moved[i])[None], side)[0]
            patch = patch - patch.mean()
            norm = max(float(np.sqrt((patch**2).sum())), 1e-3)
            error = patch / norm - templates.values[i]
            similarity[i] = float((patch / norm * templates.values[i]).sum())
            if step == iterations:
                break
            delta = templates.inverse_hessian[i] @ (templates.gradient[i] * error).sum((1, 2))
            delta *= min(1.0, side / 4 / max(float(np.hypot(*delta)), 1e-9))
            if np.hypot(*delta) < STILL_PX:
                break
            moved[i] -= delta
    return moved, similarity


STILL_PX = 0.004
"""A step shorter than this ends the search."""


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _sample(image, x, y, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` (n, n) with the bilinear patch centred on (x, y); return its mean."""
    side = out.shape[0]
    half = np.float32(side - 1) / np.float32(2)
    left, top = x - half, y - half
    last_x, last_y = image.shape[1] - 2, image.shape[0] - 2
    inside = left >= 0 and top >= 0 and left + side <= last_x and top + side <= last_y
    total = np.float32(0)
    if inside:
        x0, y0 = int(left), int(top)
        fx, fy = left - np.float32(x0), top - np.float32(y0)
        w00, w01 = (1 - fx) * (1 - fy), fx * (1 - fy)
        w10, w11 = (1 - fx) * fy, fx * fy
        for r in range(side):
            upper, lower = image[y0 + r], image[y0 + r + 1]
            for c in range(side):
                value = (
                    w00 * np.float32(upper[x0 + c])
                    + w01 * np.float32(upper[x0 + c + 1])
                    + w10 * np.float32(lower[x0 + c])
                    + w11 * np.float32(lower[x0 + c + 1])
                )
                out[r, c] = value
                total += value
    else:
        for r in range(side):
            yy = min(max(top + r, np.float32(0)), np.float32(last_y + 0.999))
            y0 = int(yy)
            fy = yy - np.float32(y0)
            for c in range(side):
                xx = min(max(left + c, np.float32(0)), np.float32(last_x + 0.999))
                x0 = int(xx)
                fx = xx - np.float32(x0)
                value = (1 - fy) * ((1 - fx) * image[y0, x0] + fx * image[y0, x0 + 1]) + fy * (
                    (1 - fx) * image[y0 + 1, x0] + fx * image[y0 + 1, x0 + 1]
                )
                out[r, c] = value
                total += value
    return total / np.float32(side * side)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _track(image, centres, values, gradient, inverse, share, start, iterations):  # type: ignore[no-untyped-def]
    count, side = values.shape[0], values.shape[1]
    moved = start.copy()
    similarity = np.zeros(count, np.float32)
    patch = np.empty((side, side), np.float32)
    longest = np.float32(side) / np.float32(4)
    for i in range(count):
        template, gx, gy = values[i], gradient[i, 0], gradient[i, 1]
        for step in range(iterations + 1):
            x, y = centres[i, 0] + moved[i, 0], centres[i, 1] + moved[i, 1]
            mean = _sample(image, x, y, patch)
            square = np.float32(0)
            dot = np.float32(0)
            along_x = np.float32(0)
            along_y = np.float32(0)
            for r in range(side):
                for c in range(side):
                    value = patch[r, c] - mean
                    square += value * value
                    dot += value * template[r, c]
                    along_x += value * gx[r, c]
                    along_y += value * gy[r, c]
            norm = max(np.sqrt(square), np.float32(1e-3))
            similarity[i] = dot / norm
            if step == iterations:
                break
            bx = along_x / norm - share[i, 0]
            by = along_y / norm - share[i, 1]
            dx = inverse[i, 0, 0] * bx + inverse[i, 0, 1] * by
            dy = inverse[i, 1, 0] * bx + inverse[i, 1, 1] * by
            length = np.sqrt(dx * dx + dy * dy)
            if length < np.float32(0.004):
                break
            if length > longest:
                dx *= longest / length
                dy *= longest / length
            moved[i, 0] -= dx
            moved[i, 1] -= dy
    return moved, similarity
