"""Where the six regions lie on the aligned crop, as one label picture."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.topology import CROP, REGIONS, canonical_crop_xy, mirror_index

# Mesh points around each region of the subject's right half, and around the two in the middle.
# A brow reaches from its lower edge up the forehead and to the midline, so that it sees raising
# and frowning; everything below that edge, down to the bag under the eye, belongs to no region,
# because it moves with every blink and glance.
_BROW_RIGHT = (46, 53, 52, 65, 55, 8, 9, 151, 108, 69, 104, 68, 70)
_CHEEK_RIGHT = (116, 117, 118, 119, 100, 142, 129, 203, 206, 216, 207, 187, 147, 123)
_NOSE_RIGHT_HALF = (168, 193, 188, 174, 217, 198, 131, 49, 64, 98, 97, 2)
_MOUTH_RIGHT_HALF = (164, 167, 165, 92, 186, 57, 202, 204, 194, 201, 200)


@cache
def region_outlines() -> dict[str, tuple[int, ...]]:
    """Return for each of ``topology.REGIONS`` the mesh points around it, in drawing order."""
    twin = mirror_index()

    def mirrored(points: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(int(twin[point]) for point in points)

    def closed(half: tuple[int, ...]) -> tuple[int, ...]:
        return half + mirrored(half[1:-1])[::-1]

    return {
        "brow_left": mirrored(_BROW_RIGHT),
        "brow_right": _BROW_RIGHT,
        "nose": closed(_NOSE_RIGHT_HALF),
        "cheek_left": mirrored(_CHEEK_RIGHT),
        "cheek_right": _CHEEK_RIGHT,
        "mouth": closed(_MOUTH_RIGHT_HALF),
    }


@cache
def region_labels() -> NDArray[np.uint8]:
    """Return the label picture of the aligned crop, (320, 320) uint8, read-only.

    0 belongs to no region; r + 1 to ``topology.REGIONS[r]``. A pixel belongs to a region when its
    centre lies within the outline on the canonical mesh. Left and right are the subject's: the
    left brow lies at larger x.
    """
    labels = np.zeros((CROP, CROP), np.uint8)
    crop_xy = canonical_crop_xy()
    for number, name in enumerate(REGIONS, start=1):
        outline_xy = crop_xy[list(region_outlines()[name])]
        labels[inside(outline_xy, CROP, CROP) & (labels == 0)] = number
    labels.flags.writeable = False
    return labels


def inside(outline_xy: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    """Return which pixel centres lie within a polygon, (height, width) bool.

    Parameters
    ----------
    outline_xy
        (N, 2) corners, x then y in pixels, in drawing order, closed by itself, N >= 3. Where it
        crosses itself, the even-odd rule decides.
    height, width
        Size of the picture.
    """
    x, y = np.arange(width), np.arange(height)[:, None]
    within = np.zeros((height, width), bool)
    for (x0, y0), (x1, y1) in zip(outline_xy, np.roll(outline_xy, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        spans = (y0 <= y) != (y1 <= y)
        within ^= spans & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return within
