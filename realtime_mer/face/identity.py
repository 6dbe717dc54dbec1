"""Tell a few people apart within one recording, by how their aligned faces look.

A *look* is the inner face at a coarse scale, freed of lighting: a dozen samples between the eyes'
outer corners, band-passed, evened out, unit norm. Two looks of one person within a minute
correlate with 0.7 and more as long as a neighbouring pose was remembered; those of different
people seldom with more than 0.6. That is enough to know who came back, not who somebody is:
nothing is kept beyond the recording, and nobody is named.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.face import similarity
from realtime_mer.face.topology import CROP, CROP_EYES_XY, CROP_IOD

Look = NDArray[np.float32]

SIDE = 24
"""Samples of a look along each side: 8.4 to an inter-ocular distance, so that a brow and a lip
count, and what an expression or a mesh point's tremble does to them hardly."""
_OVERSAMPLED = 4
_FINE, _COARSE, _EVEN = 0.5, 3.0, 6.0
_LEAST_CONTRAST = 3.0
FIT_SAME = 0.68
"""Looks that correlate as much as this are of one person. Higher: a person who returns in
another pose gets a new number; lower: a stranger gets the number of a person who left."""
FIT_NEAR = 0.58
"""The same for a face that appears where one was lost a moment ago."""
FIT_OTHER = 0.42
"""Looks that correlate less are of different people, unless the pose is quite another."""
VIEWS = 8
"""Looks remembered of each person. More know a person in more poses, and take longer."""
_NOVEL = 0.85


@cache
def _weights() -> NDArray[np.float32]:
    """Return what each sample counts, (24, 24): an oval from the hairline to the chin."""
    y, x = (np.mgrid[0:CROP, 0:CROP] - np.array(CROP_EYES_XY)[::-1, None, None]) / CROP_IOD
    oval = ((x / 0.94) ** 2 + ((y - 0.3) / 1.2) ** 2 < 1).astype(np.float32)
    return np.asarray(cv2.resize(oval, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)


def look_at(gray: NDArray[np.uint8], to_crop: similarity.Matrix) -> Look:
    """Return the look of the face that ``to_crop`` aligns in an (H, W) grey picture, (576,)."""
    side = SIDE * _OVERSAMPLED
    shrink = side / CROP
    centred = (shrink - 1) / 2  # pixel centres stay pixel centres
    to_small = np.array([[shrink, 0, centred], [0, shrink, centred]])
    matrix = similarity.compose(to_small, to_crop)
    small = cv2.warpAffine(
        gray, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    tiny = cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    band = cv2.GaussianBlur(tiny, (0, 0), _FINE) - cv2.GaussianBlur(tiny, (0, 0), _COARSE)
    spread = np.sqrt(cv2.GaussianBlur(band * band, (0, 0), _EVEN)) + np.float32(_LEAST_CONTRAST)
    weights = _weights()
    look = band / spread
    look = (look - (look * weights).sum() / weights.sum()) * weights
    return np.asarray(look.ravel() / max(float(np.linalg.norm(look)), 1e-6), np.float32)


def share_inside(to_crop: similarity.Matrix, width: int, height: int) -> float:
    """Return how much of the inner face lies within a picture, 0…1."""
    y, x = np.mgrid[-0.8:1.4:7j, -0.8:0.8:5j].reshape(2, -1)
    places = np.column_stack([x, y]) * CROP_IOD + np.array(CROP_EYES_XY)
    there = similarity.apply(similarity.invert(to_crop), places)
    within = (there >= 0).all(1) & (there[:, 0] < width) & (there[:, 1] < height)
    return float(within.mean())


class Gallery:
    """A few looks of one person, as different from each other as they came."""

    def __init__(self) -> None:
        self._looks = np.zeros((0, SIDE * SIDE), np.float32)

    def __len__(self) -> int:
        return len(self._looks)

    def fit(self, look: Look) -> float:
        """Return the correlation with the remembered look that fits best, -1 without any."""
        return float((self._looks @ look).max()) if len(self._looks) else -1.0

    def add(self, look: Look) -> None:
        """Remember a look, unless one much like it is known; the most redundant one goes."""
        if self.fit(look) >= _NOVEL:
            return
        self._looks = np.concatenate([self._looks, look[None]])
        if len(self._looks) > VIEWS:
            alike = self._looks @ self._looks.T
            np.fill_diagonal(alike, -1)
            alike[0] = -1  # the first was taken when nobody else could be meant
            self._looks = np.delete(self._looks, int(alike.max(axis=1).argmax()), axis=0)
