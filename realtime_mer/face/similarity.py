"""Similarity transforms of the plane as 2×3 matrices: x' = M[:, :2] @ x + M[:, 2]."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
IDENTITY: Matrix = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def apply(matrix: Matrix, points_xy: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Map (N, 2) points."""
    return np.asarray(points_xy @ matrix[:, :2].T + matrix[:, 2], np.float64)


def compose(outer: Matrix, inner: Matrix) -> Matrix:
    """Return the transform that applies ``inner`` first, then ``outer``."""
    linear = outer[:, :2] @ inner[:, :2]
    shift = outer[:, :2] @ inner[:, 2] + outer[:, 2]
    return np.column_stack([linear, shift])


def invert(matrix: Matrix) -> Matrix:
    """Return the inverse transform; raises ``numpy.linalg.LinAlgError`` if there is none."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def scale_of(matrix: Matrix) -> float:
    """Return the length by which a unit vector grows."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def roll_of(matrix: Matrix) -> float:
    """Return the rotation angle in radians, positive from x towards y."""
    return float(np.arctan2(matrix[1, 0], matrix[0, 0]))


def fit(
    source_xy: NDArray[np.floating[Any]],
    target_xy: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]] | None = None,
) -> Matrix:
    """Fit the similarity that maps source to target with least (weighted) squares.

    Parameters
    ----------
    source_xy, target_xy
        (N, 2) matching points, N >= 2 with some spread.
    weights
        (N,) non-negative; all ones if None.

    Raises
    ------
    ValueError
        If the points or weights do not pin a similarity down.

    References
    ----------
    Umeyama 1991, in the closed form that two dimensions allow (no reflection).
    """
    w = np.ones(len(source_xy)) if weights is None else np.asarray(weights, np.float64)
    total = w.sum()
    if total <= 0:
        raise ValueError("a similarity needs at least two weighted points, all weights are 0")
    source, target = _complex(source_xy), _complex(target_xy)
    source_mean, target_mean = w @ source / total, w @ target / total
    source = source - source_mean
    spread = w @ (source.real**2 + source.imag**2)
    if spread <= 1e-12 * total:
        raise ValueError("a similarity needs at least two different points, all coincide")
    turn = (w * source.conj()) @ (target - target_mean) / spread
    shift = target_mean - turn * source_mean
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _complex(points_xy: NDArray[np.floating[Any]]) -> NDArray[np.complex128]:
    """Return x + iy: in the plane a similarity is one multiplication and one addition."""
    return np.ascontiguousarray(points_xy, np.float64).view(np.complex128)[:, 0]


def middle(values: NDArray[np.floating[Any]]) -> float:
    """Return the upper median of a flat array: an order of magnitude faster than np.median."""
    half = len(values) // 2
    return float(np.partition(values, half)[half])


def fit_robust(
    source_xy: NDArray[np.floating[Any]],
    target_xy: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]],
    scale_px: float,
    rounds: int = 4,
) -> tuple[Matrix, NDArray[np.float64]]:
    """Fit a similarity while distrusting points that disagree with the rest.

    Iteratively re-weighted least squares with Geman–McClure weights
    ``(s² / (s² + r²))²``, starting from the median shift, so that a minority of points
    that move on their own (a brow, a hand) does not pull the fit.

    Parameters
    ----------
    scale_px
        Residual at which a point counts a quarter. Lower trusts fewer points.

    Returns
    -------
    matrix, weights
        The (2, 3) fit and the (N,) weights that it ended with.
    """
    matrix, trusted = _fit_robust(
        np.ascontiguousarray(source_xy, np.float64),
        np.ascontiguousarray(target_xy, np.float64),
        np.ascontiguousarray(weights, np.float64),
        float(scale_px),
        rounds,
    )
    return matrix, trusted


def fit_robust_numpy(
    source_xy: NDArray[np.floating[Any]],
    target_xy: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]],
    scale_px: float,
    rounds: int = 4,
) -> tuple[Matrix, NDArray[np.float64]]:
    """Do what ``fit_robust`` does, in plain NumPy: the kernel's twin for tests."""
    step = target_xy - source_xy
    residual = step - [middle(step[:, 0]), middle(step[:, 1])]
    matrix, w = IDENTITY, weights
    width = max(4 * scale_px, middle(np.hypot(residual[:, 0], residual[:, 1])))
    for _ in range(rounds):
        square = residual[:, 0] ** 2 + residual[:, 1] ** 2
        w = weights * (width**2 / (width**2 + square)) ** 2
        matrix = fit(source_xy, target_xy, w)
        residual = target_xy - apply(matrix, source_xy)
        width = max(scale_px, width / 2)
    return matrix, w


@njit(cache=True, nogil=True, error_model="numpy")
def _fit_robust(source, target, weights, scale_px, rounds):  # type: ignore[no-untyped-def]
    count = len(source)
    half = count // 2
    step = target - source
    shift_x = np.sort(step[:, 0])[half]
    shift_y = np.sort(step[:, 1])[half]
    square = (step[:, 0] - shift_x) ** 2 + (step[:, 1] - shift_y) ** 2
    width = max(4 * scale_px, np.sqrt(np.sort(square)[half]))
    w = np.empty(count)
    matrix = np.zeros((2, 3))
    for _ in range(rounds):
        w_sum = sx = sy = tx = ty = 0.0
        for i in range(count):
            share = width**2 / (width**2 + square[i])
            w[i] = weights[i] * share * share
            w_sum += w[i]
            sx += w[i] * source[i, 0]
            sy += w[i] * source[i, 1]
            tx += w[i] * target[i, 0]
            ty += w[i] * target[i, 1]
        sx, sy, tx, ty = sx / w_sum, sy / w_sum, tx / w_sum, ty / w_sum
        spread = cosine = sine = 0.0
        for i in range(count):
            ax, ay = source[i, 0] - sx, source[i, 1] - sy
            bx, by = target[i, 0] - tx, target[i, 1] - ty
            spread += w[i] * (ax * ax + ay * ay)
            cosine += w[i] * (ax * bx + ay * by)
            sine += w[i] * (ax * by - ay * bx)
        c, s = cosine / spread, sine / spread
        matrix[0, 0], matrix[0, 1], matrix[0, 2] = c, -s, tx - (c * sx - s * sy)
        matrix[1, 0], matrix[1, 1], matrix[1, 2] = s, c, ty - (s * sx + c * sy)
        for i in range(count):
            rx = target[i, 0] - c * source[i, 0] + s * source[i, 1] - matrix[0, 2]
            ry = target[i, 1] - s * source[i, 0] - c * source[i, 1] - matrix[1, 2]
            square[i] = rx * rx + ry * ry
        width = max(scale_px, width / 2)
    return matrix, w
