"""Smooth fields on a coarse grid over the head: action units, head mask, depth."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.action_units import Activation, displacement, peak_iod
from realtime_mer.face.topology import eye_centres, inter_ocular_distance

_STEPS_PER_IOD = 32
_HEAD_HALF_AXES_IOD = (1.30, 1.75)
_HEAD_FADE_IOD = 0.9
_FACE_FADE_IOD = 0.22
_EARS_LEVER_IOD = 0.1
_DEPTH_BLUR_IOD = 0.14
_DEPTH_STRIDE = 4


@dataclass(frozen=True, eq=False)
class HeadGrid:
    """A regular grid of nodes that covers a head, in picture pixels.

    Attributes
    ----------
    mesh
        (478, 3) the mesh at rest, pixels.
    iod
        Inter-ocular distance in pixels.
    x, y
        (columns,), (rows,) float64: node coordinates in pixels, evenly spaced by ``step``.
    step
        Pixels between nodes.
    centre
        (2,) what the head turns about.
    head_mask, face_mask
        (rows, columns) float32, 1 on the head (or skin), 0 where nothing moves with it.
    lever
        (rows, columns) float32: distance in pixels in front of the head's turning axis.
    """

    mesh: NDArray[np.float64]
    iod: float
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    step: float
    centre: NDArray[np.float64]
    head_mask: NDArray[np.float32]
    face_mask: NDArray[np.float32]
    lever: NDArray[np.float32]

    def nodes(self) -> NDArray[np.float64]:
        """Return the node coordinates, (rows × columns, 2)."""
        return np.asarray(np.stack(np.meshgrid(self.x, self.y), -1).reshape(-1, 2))

    def action_field(
        self, activation: Activation, anatomy: int | None = None
    ) -> NDArray[np.float32]:
        """Return the displacement of the skin, (rows, columns, 2) float32, pixels.

        Its largest displacement is that of the canonical face, whatever this face's proportions
        and, see ``action_units.own_bumps``, anatomy.
        """
        field = displacement(activation, self.mesh, self.nodes(), anatomy)
        shaped = field.reshape(len(self.y), len(self.x), 2) * self.face_mask[..., None]
        largest = float(np.hypot(shaped[..., 0], shaped[..., 1]).max())
        wanted = peak_iod(activation) * self.iod
        correction = np.clip(wanted / max(largest, 1e-9), 0.5, 2.0) if wanted > 0 else 1.0
        return np.asarray(shaped * correction, np.float32)

    def sample(
        self, field: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Look a field up at picture coordinates (bilinear, edges held)."""
        columns = (x - np.float32(self.x[0])) / np.float32(self.step)
        rows = (y - np.float32(self.y[0])) / np.float32(self.step)
        return np.asarray(
            cv2.remap(field, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )


def head_grid(mesh: NDArray[np.float64], width: int, height: int) -> HeadGrid:
    """Lay a grid over the head of a mesh, clipped to the picture."""
    iod = inter_ocular_distance(mesh)
    right, left = eye_centres(mesh)
    axis = (left - right) / iod
    centre = (right + left) / 2 + 0.35 * iod * np.array([-axis[1], axis[0]])
    reach = iod * (np.array(_HEAD_HALF_AXES_IOD) + _HEAD_FADE_IOD)
    step = max(iod / _STEPS_PER_IOD, 2.0)
    low = np.maximum(np.floor(centre - reach), 0)
    high = np.minimum(np.ceil(centre + reach), [width - 1, height - 1])
    x, y = (np.arange(a, b + step, step) for a, b in zip(low, high, strict=True))
    nodes = np.stack(np.meshgrid(x, y), -1)
    return HeadGrid(
        mesh,
        iod,
        x,
        y,
        step,
        centre,
        _head_mask(nodes, centre, iod),
        _face_mask(nodes, mesh, iod, step),
        _lever(nodes, mesh, iod),
    )


def _smooth(u: NDArray[np.float64]) -> NDArray[np.float32]:
    u = np.clip(u, 0.0, 1.0)
    return np.asarray(u * u * (3 - 2 * u), np.float32)


def _head_mask(
    nodes: NDArray[np.float64], centre: NDArray[np.float64], iod: float
) -> NDArray[np.float32]:
    offset = (nodes - centre) / (iod * np.array(_HEAD_HALF_AXES_IOD))
    radius = np.hypot(offset[..., 0], offset[..., 1])
    return _smooth(1 - (radius - 1) * _HEAD_HALF_AXES_IOD[0] / _HEAD_FADE_IOD)


def _face_mask(
    nodes: NDArray[np.float64], mesh: NDArray[np.float64], iod: float, step: float
) -> NDArray[np.float32]:
    """1 on the mesh's hull, fading outside it."""
    hull = cv2.convexHull(((mesh[:, :2] - nodes[0, 0]) / step).astype(np.float32))
    outside = np.ones(nodes.shape[:2], np.uint8)
    cv2.fillConvexPoly(outside, np.rint(hull).astype(np.int32), 0)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 5) * step
    return _smooth(1 - np.asarray(distance, np.float64) / (_FACE_FADE_IOD * iod))


def _lever(
    nodes: NDArray[np.float64], mesh: NDArray[np.float64], iod: float
) -> NDArray[np.float32]:
    """Distance in front of the turning axis, by a Gaussian-weighted mean of the mesh's depths."""
    sparse = nodes[::_DEPTH_STRIDE, ::_DEPTH_STRIDE]
    flat = sparse.reshape(-1, 2)
    points, depth = mesh[:, :2], mesh[:, 2] - mesh[:, 2].max()
    lever = np.empty(len(flat))
    for part in np.array_split(np.arange(len(flat)), max(len(flat) // 4000, 1)):
        square = ((flat[part, None] - points) ** 2).sum(-1) / (_DEPTH_BLUR_IOD * iod) ** 2
        weight = np.exp(-0.5 * (square - square.min(1, keepdims=True)))
        lever[part] = -(weight @ depth) / weight.sum(1)
    coarse = (lever + _EARS_LEVER_IOD * iod).reshape(sparse.shape[:2]).astype(np.float32)
    rows, columns = (np.arange(n, dtype=np.float32) / _DEPTH_STRIDE for n in nodes.shape[:2])
    x, y = np.meshgrid(columns, rows)
    return np.asarray(
        cv2.remap(coarse, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
