"""Similarity transforms of the plane as 2×3 matrices: x' = M[:, :2] @ x + M[:, 2]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
IDENTITY: Matrix = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def apply(matrix: Matrix, points_xy: NDArray[np.floating]) -> NDArray[np.float64]:
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
    source_xy: NDArray[np.floating],
    target_xy: NDArray[np.floating],
    weights: NDArray[np.floating] | None = None,
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
    source_mean = w @ source_xy / total
    target_mean = w @ target_xy / total
    s = source_xy - source_mean
    t = target_xy - target_mean
    spread = w @ (s * s).sum(1)
    if spread <= 1e-12 * total:
        raise ValueError("a similarity needs at least two different points, all coincide")
    cosine = w @ (s * t).sum(1) / spread
    sine = w @ (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]) / spread
    linear = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def fit_robust(
    source_xy: NDArray[np.floating],
    target_xy: NDArray[np.floating],
    weights: NDArray[np.floating],
    scale_px: float,
    rounds: int = 4,
) -> tuple[Matrix, NDArray[np.float64]]:
    """Fit a similarity while distrusting points that disagree with the rest.

    Iteratively re-weighted least squares with Geman–McClure weights
    ``(s² / (s² + r²))²``, starting from the weighted median shift, so that a minority of points
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
    shift = np.median(target_xy - source_xy, axis=0)
    residual = target_xy - source_xy - shift
    matrix = np.column_stack([np.eye(2), shift])
    w = weights
    width = max(4 * scale_px, float(np.median(np.hypot(*residual.T))))
    for _ in range(rounds):
        square = (residual**2).sum(1)
        w = weights * (width**2 / (width**2 + square)) ** 2
        matrix = fit(source_xy, target_xy, w)
        residual = target_xy - apply(matrix, source_xy)
        width = max(scale_px, width / 2)
    return matrix, w
