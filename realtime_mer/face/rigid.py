"""Take head motion out of patch displacements: similarity plus depth parallax.

A head that turns by a small yaw or pitch moves each point of its picture in proportion to the
point's depth. With x, y the place on the face and z its depth (all in inter-ocular distances)
the rigid displacement is

    u = t + a·(x, y) + c·(-y, x) + z·b

six numbers, of which ``b`` is the turn. They are fitted to points that ride on bone, each
weighted by what its texture can tell along each direction, and then predicted everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from realtime_mer.face.similarity import middle

TURN_PRIOR = 0.1
"""Standard deviation expected of ``b``, in radians. Higher follows turns more and lets noise of
the nose points leak into the far ends of the face more."""
SKIN_NOISE = 0.0012
"""Standard deviation of a well-textured patch that should stand still, in inter-ocular
distances: what skin, compression and interpolation leave, however much texture there is."""
GREY_NOISE = 8.0
"""Standard deviation of noise and compression in grey levels that a patch's texture fights."""
SOFT_SAY = 0.3
"""What a patch of expressive skin counts in the fit of the head, against 1 for one on bone. At
rest such patches are rigid as well, and they lie far from the nose: without them shift and roll
are extrapolated, and the noise of every signal doubles. In an expression they disagree with the
rest, and the robust fit sets them aside. Higher is steadier at rest and follows broad
expressions more."""


def trust(
    information: NDArray[np.floating[Any]], pixels: int, iod_px: float
) -> NDArray[np.float64]:
    """Return the inverse covariance of each patch's displacement, (P, 2, 2), in IOD⁻².

    Texture sets the variance, GREY_NOISE² (pixels · information)⁻¹, and skin adds its own: a
    patch with much texture does not outvote the others, one without any has no say.

    Parameters
    ----------
    information
        (P, 2, 2) mean outer product of the grey gradient, as in ``patches.Templates``.
    pixels
        Pixels of a patch.
    iod_px
        Inter-ocular distance in pixels.
    """
    ratio = np.asarray(information, np.float64) * (pixels * iod_px**2 / GREY_NOISE**2)
    # (ratio⁻¹ + n² I)⁻¹ = (I + n² ratio)⁻¹ ratio, which also holds for a singular ratio.
    return np.linalg.solve(np.eye(2) + SKIN_NOISE**2 * ratio, ratio)


@dataclass(frozen=True, slots=True, eq=False)
class HeadFit:
    """The six parameters: ``shift`` (2,), ``zoom`` a, ``roll`` c, ``turn`` b (2,)."""

    parameters: NDArray[np.float64]

    @property
    def turn(self) -> NDArray[np.float64]:
        """Yaw-like and pitch-like turn, radians, (2,)."""
        return self.parameters[4:]


def design(places: NDArray[np.float64], depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (N, 2, 6) matrix that maps the parameters to displacements."""
    x, y = places.T
    one, nil = np.ones_like(x), np.zeros_like(x)
    rows_x = np.stack([one, nil, x, -y, depth, nil], axis=1)
    rows_y = np.stack([nil, one, y, x, nil, depth], axis=1)
    return np.stack([rows_x, rows_y], axis=1)


def fit_head(
    matrix: NDArray[np.float64],
    displacement: NDArray[np.float64],
    inverse_covariance: NDArray[np.float64],
    say: NDArray[np.float64],
    rounds: int = 4,
) -> HeadFit:
    """Fit the six numbers robustly.

    Parameters
    ----------
    matrix
        (K, 2, 6) from ``design``.
    displacement
        (K, 2) in inter-ocular distances.
    inverse_covariance
        (K, 2, 2) from ``trust``, 0 for a lost patch.
    say
        (K,) what each point counts before it is found to agree or not.
    rounds
        Re-weightings (Geman–McClure) against points that move on their own, such as an alar
        base in a sneer.
    """
    parameters = _fit_head(
        np.ascontiguousarray(matrix, np.float64),
        np.ascontiguousarray(displacement, np.float64),
        np.ascontiguousarray(inverse_covariance, np.float64),
        np.ascontiguousarray(say, np.float64),
        PRIOR,
        rounds,
    )
    return HeadFit(parameters)


PRIOR = np.array([1e-6, 1e-6, 1e-3, 1e-3, 1 / TURN_PRIOR**2, 1 / TURN_PRIOR**2])
"""Inverse variance that each of the six parameters is expected to have about 0."""


def fit_head_numpy(
    matrix: NDArray[np.float64],
    displacement: NDArray[np.float64],
    inverse_covariance: NDArray[np.float64],
    say: NDArray[np.float64],
    rounds: int = 4,
) -> HeadFit:
    """Do what ``fit_head`` does, in plain NumPy: the kernel's twin for tests."""
    prior = np.diag(PRIOR)
    pulled = matrix.transpose(0, 2, 1) @ inverse_covariance
    normals = pulled @ matrix
    rights = (pulled @ displacement[:, :, None])[:, :, 0]
    weight = say
    parameters = np.zeros(6)
    for _ in range(rounds):
        normal = np.tensordot(weight, normals, 1) + prior
        parameters = np.linalg.solve(normal, weight @ rights)
        weight = say * _agreement(displacement - matrix @ parameters)
    return HeadFit(parameters)


@njit(cache=True, nogil=True, error_model="numpy")
def _fit_head(matrix, displacement, inverse, say, prior, rounds):  # type: ignore[no-untyped-def]
    count, size = len(matrix), len(prior)
    normals = np.empty((count, size, size))
    rights = np.empty((count, size))
    for k in range(count):
        for i in range(size):
            px = matrix[k, 0, i] * inverse[k, 0, 0] + matrix[k, 1, i] * inverse[k, 1, 0]
            py = matrix[k, 0, i] * inverse[k, 0, 1] + matrix[k, 1, i] * inverse[k, 1, 1]
            rights[k, i] = px * displacement[k, 0] + py * displacement[k, 1]
            for j in range(size):
                normals[k, i, j] = px * matrix[k, 0, j] + py * matrix[k, 1, j]
    weight = say.copy()
    square = np.empty(count)
    parameters = np.zeros(size)
    for _ in range(rounds):
        normal = np.diag(prior)
        right = np.zeros(size)
        for k in range(count):
            right += weight[k] * rights[k]
            normal += weight[k] * normals[k]
        parameters = np.linalg.solve(normal, right)
        for k in range(count):
            rx, ry = displacement[k, 0], displacement[k, 1]
            for i in range(size):
                rx -= matrix[k, 0, i] * parameters[i]
                ry -= matrix[k, 1, i] * parameters[i]
            square[k] = rx * rx + ry * ry
        width = max(SKIN_NOISE, 1.5 * np.sqrt(np.sort(square)[count // 2])) ** 2
        for k in range(count):
            weight[k] = say[k] * (width / (width + square[k])) ** 2
    return parameters


def _agreement(residual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Geman–McClure weights whose width follows the middle residual."""
    square = residual[:, 0] ** 2 + residual[:, 1] ** 2
    width = max(SKIN_NOISE, 1.5 * middle(square) ** 0.5) ** 2
    return np.asarray((width / (width + square)) ** 2)
