"""Which patches of skin are followed, and which of them speak for which part of the face.

Mesh numbers are given for the subject's right side; the left follows from the mirror index.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.topology import canonical_mesh, mirror_index

_MIDLINE_RIGID = (168, 6, 197, 195, 5, 4, 2)
_RIGHT_RIGID = (196, 198, 217, 134, 98)

_PAIRED = {
    "brow_inner": ("brow", (107, 55, 66, 108)),
    "brow_outer": ("brow", (105, 63, 70, 69)),
    "nose_wing": ("nose", (129, 209, 49)),
    "cheek": ("cheek", (205, 50, 36, 101)),
    "lip_corner": ("mouth", (61, 57, 186, 43)),
    "lip_upper": ("mouth", (40, 37)),
    "lip_lower": ("mouth", (91, 84)),
}
_MIDLINE = {
    "glabella": ("nose", (9, 8)),
    "chin": ("", (18, 200, 175)),
}


@dataclass(frozen=True, slots=True)
class Channel:
    """A small group of patches that move together.

    Attributes
    ----------
    name
        As in ``brow_inner_left``.
    region
        One of ``topology.REGIONS``, or "" for a channel that only bears witness (the chin:
        it tells speech from a smile).
    patches
        Positions in ``Layout.mesh_points``.
    """

    name: str
    region: str
    patches: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """All followed patches.

    Attributes
    ----------
    mesh_points
        P mesh numbers.
    rigid
        Positions of those that ride on bone only.
    channels
        Groups of the others.
    depth
        (P,) canonical depth in inter-ocular distances, larger is farther from the camera.
    """

    mesh_points: tuple[int, ...]
    rigid: tuple[int, ...]
    channels: tuple[Channel, ...]
    depth: NDArray[np.float64]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(channel.name for channel in self.channels)

    def membership(self) -> NDArray[np.float64]:
        """Return (C, P), 1 where a patch belongs to a channel."""
        matrix = np.zeros((len(self.channels), len(self.mesh_points)))
        for row, channel in enumerate(self.channels):
            matrix[row, list(channel.patches)] = 1
        return matrix


@cache
def layout() -> Layout:
    """Return the one layout in use."""
    mirror = mirror_index()
    rigid = [*_MIDLINE_RIGID, *_RIGHT_RIGID, *(int(mirror[p]) for p in _RIGHT_RIGID)]
    groups: list[tuple[str, str, tuple[int, ...]]] = []
    for name, (region, points) in _PAIRED.items():
        sided = "" if region in ("nose", "mouth") else "_{}"
        for side in ("left", "right"):
            own = points if side == "right" else tuple(int(mirror[p]) for p in points)
            groups.append((f"{name}_{side}", region + sided.format(side), own))
    groups += [(name, region, points) for name, (region, points) in _MIDLINE.items()]
    order: dict[int, int] = {}
    for point in rigid:
        order.setdefault(point, len(order))
    for _, _, points in groups:
        for point in points:
            order.setdefault(point, len(order))
    return Layout(
        mesh_points=tuple(order),
        rigid=tuple(order[p] for p in rigid),
        channels=tuple(
            Channel(name, region, tuple(order[p] for p in points))
            for name, region, points in groups
        ),
        depth=canonical_mesh()[list(order), 2].astype(np.float64),
    )
