"""The face of *train your eye*, at rest: the bundled clip's portrait with its mouth closed.

The portrait smiles and shows its teeth, and a smile that grows is hard to tell from one that was
there. So the corners of the mouth are lowered by the action units of a smile, backwards, and the
lips are brought together: what shows above the line where they meet comes from the upper lip, what
shows below from the lower one, and the teeth from neither.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from demos.workspace import SAMPLE
from offline.synthesis.action_units import Activation, displacement
from offline.synthesis.portrait import Portrait
from realtime_mer.face.quiet import quiet_stderr
from realtime_mer.sources import open_source

Float = NDArray[np.float64]
Shown = Callable[[Float, Float], tuple[Float, Float]]
"""Of each pixel's x and y, where in the picture that is which shows there."""

_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_UNSMILE: Activation = {12: (-0.14, -0.14), 6: (-0.05, -0.05)}
_UPPER_SHARE = 0.35
"""How much of the way the upper lip goes; the lower one, with the chin, goes the rest."""
_REACH_IOD = (0.30, 0.75)
"""How far above and below the mouth the skin goes along."""
_LINE_IOD, _LINE_DEPTH = 0.016, 0.38
_CORNER_IOD = 0.12


@cache
def resting_face() -> Portrait:
    """Return the face, found and calmed once a process (about two seconds)."""
    with quiet_stderr(), open_source(SAMPLE) as source:
        smiling = Portrait.from_image(next(iter(source)).image_rgb, "sample")
        calm = _rendered_again(smiling, _lowered(smiling))
        return _lips_together(calm)


def _lowered(portrait: Portrait) -> Shown:
    """Undo a smile: follow its displacement backwards, by a fixed point."""

    def shown(x: Float, y: Float) -> tuple[Float, Float]:
        wanted = np.stack([x.ravel(), y.ravel()], -1)
        found = wanted
        for _ in range(5):
            found = wanted - displacement(_UNSMILE, portrait.mesh[:, :2], found)
        return found[:, 0].reshape(x.shape), found[:, 1].reshape(y.shape)

    return shown


def _lips_together(portrait: Portrait) -> Portrait:
    iod = portrait.iod
    corners, upper, lower = _lip_lines(portrait)
    meet = upper + _UPPER_SHARE * (lower - upper)

    def line_and_gap(x: Float) -> tuple[Float, Float]:
        return np.interp(x, corners, meet), np.interp(x, corners, lower - upper, left=0, right=0)

    def shown(x: Float, y: Float) -> tuple[Float, Float]:
        line, gap = line_and_gap(x)
        up = gap * _UPPER_SHARE * _fading((line - y) / (_REACH_IOD[0] * iod))
        down = gap * (1 - _UPPER_SHARE) * _fading((y - line) / (_REACH_IOD[1] * iod))
        return x, np.where(y < line, y - up, y + down)

    y, x = np.mgrid[: portrait.image_rgb.shape[0], : portrait.image_rgb.shape[1]].astype(float)
    line, _ = line_and_gap(x)
    inside = np.clip(np.minimum(x - corners[0], corners[-1] - x) / (_CORNER_IOD * iod), 0, 1)
    dark = _LINE_DEPTH * inside * np.exp(-(((y - line) / (_LINE_IOD * iod)) ** 2))
    # Where lips meet red is lost least.
    shade = 1 - dark[..., None] * [0.8, 1.0, 1.0]
    picture = _warped(portrait, shown) * shade
    return Portrait.from_image(np.clip(np.rint(picture), 0, 255).astype(np.uint8), portrait.name)


def _lip_lines(portrait: Portrait) -> tuple[Float, Float, Float]:
    """Return x from corner to corner, and the edges of the upper and the lower lip there."""
    upper, lower = portrait.mesh[list(_UPPER), :2], portrait.mesh[list(_LOWER), :2]
    both = np.vstack([upper, lower])
    x = np.linspace(both[:, 0].min(), both[:, 0].max(), 60)
    edges = [np.interp(x, *points[np.argsort(points[:, 0])].T) for points in (upper, lower)]
    return x, edges[0], np.maximum(edges[0], edges[1])


def _fading(share: Float) -> Float:
    """Return 1 at 0, 0 from 1 on, smooth between."""
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.clip(share, 0, 1)))


def _rendered_again(portrait: Portrait, shown: Shown) -> Portrait:
    picture = np.clip(np.rint(_warped(portrait, shown)), 0, 255).astype(np.uint8)
    return Portrait.from_image(picture, portrait.name)


def _warped(portrait: Portrait, shown: Shown) -> NDArray[np.float32]:
    image = portrait.image_rgb.astype(np.float32)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float64)
    there_x, there_y = (part.astype(np.float32) for part in shown(x, y))
    return np.asarray(
        cv2.remap(image, there_x, there_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    )
