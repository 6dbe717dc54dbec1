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

import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.similarity import middle

TURN_PRIOR = 0.05
"""Standard deviation expected of ``b``, in radians. Higher follows turns more and lets noise of
the nose points leak into the far ends of the face more."""
NOISE_PRIOR = 0.002
"""Standard deviation expected of one well-textured patch, in inter-ocular distances."""


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
    information: NDArray[np.float64],
    rounds: int = 3,
) -> HeadFit:
    """Fit the six numbers robustly.

    Parameters
    ----------
    matrix
        (K, 2, 6) from ``design``.
    displacement
        (K, 2) in inter-ocular distances.
    information
        (K, 2, 2) relative trust along each direction, 0 for a lost patch.
    rounds
        Re-weightings (Geman–McClure) against points that move on their own, such as an alar
        base in a sneer.
    """
    trust = np.ones(len(matrix))
    scale = max(float(np.trace(information, axis1=1, axis2=2).max()), 1e-9)
    weight = information / scale / NOISE_PRIOR**2
    prior = np.diag([1e-6, 1e-6, 1e-3, 1e-3, 1 / TURN_PRIOR**2, 1 / TURN_PRIOR**2])
    parameters = np.zeros(6)
    pulled = matrix.transpose(0, 2, 1) @ weight
    normals = pulled @ matrix
    rights = (pulled @ displacement[:, :, None])[:, :, 0]
    for _ in range(rounds):
        normal = np.tensordot(trust, normals, 1) + prior
        parameters = np.linalg.solve(normal, trust @ rights)
        residual = displacement - matrix @ parameters
        square = (residual**2).sum(1)
        width = max(NOISE_PRIOR, 1.5 * middle(square) ** 0.5) ** 2
        trust = (width / (width + square)) ** 2
    return HeadFit(parameters)
