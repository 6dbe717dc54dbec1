"""What a model reads: named functions from a candidate's pictures to its input array.

A recipe is written once; training, evaluation and the live stream all call it, so the same
pictures give the same numbers everywhere, bit for bit.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError
from realtime_mer.face.topology import CROP
from realtime_mer.motion.flow import face_mask, onset_apex_flow

FLOW_SIDE = 28
"""Side of the flow map, as in the composite flow archives of the field."""
FLOW_REGION = slice(20, 300)
"""Rows and columns of the crop that the map shows: ten pixels to one vector."""
QUIET_IOD = 0.001
"""Motion that counts as noise: a map with less than this is not blown up to full size. Higher
mutes faint expressions, lower amplifies noise."""


@dataclass(frozen=True, slots=True, eq=False)
class CandidateFrames:
    """The pictures of one candidate.

    Attributes
    ----------
    crops_rgb
        (T, 320, 320, 3) uint8 aligned face crops in the order of time. A few pictures before
        the onset (30 ms) make the picture at rest less noisy.
    time_s
        (T,) float64 media seconds, strictly rising.
    onset, apex, offset
        Positions in ``crops_rgb``; onset < apex <= offset. Where the offset is not known yet
        it repeats the last picture.
    """

    crops_rgb: NDArray[np.uint8]
    time_s: NDArray[np.float64]
    onset: int
    apex: int
    offset: int

    def __post_init__(self) -> None:
        count = len(self.crops_rgb)
        if self.crops_rgb.shape != (count, CROP, CROP, 3) or self.crops_rgb.dtype != np.uint8:
            raise ConfigError(
                f"crops_rgb must be (T, {CROP}, {CROP}, 3) uint8, got "
                f"{self.crops_rgb.shape} {self.crops_rgb.dtype}"
            )
        if self.time_s.shape != (count,) or not (np.diff(self.time_s) > 0).all():
            raise ConfigError(f"time_s must be ({count},) strictly rising seconds, one per crop")
        if not 0 <= self.onset < self.apex <= self.offset < count:
            raise ConfigError(
                f"need 0 <= onset < apex <= offset < {count} (positions in crops_rgb), got "
                f"{self.onset}, {self.apex}, {self.offset}"
            )


Recipe = Callable[[CandidateFrames], NDArray[np.float32]]


def flow_map(motion: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale dense motion to a network's input.

    Median of the face taken off, divided by its root mean square, zero outside the face.

    Parameters
    ----------
    motion
        (320, 320, 2) float32 in inter-ocular distances, as ``onset_apex_flow`` returns it.

    Returns
    -------
    (2, 28, 28) float32: u (right) and v (down), about unit size over the face; smaller where
    nothing but noise moved.
    """
    small = _shrink(motion)
    return scaled(small.transpose(2, 0, 1), _shrink(face_mask()))


def scaled(uv: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take off the median, divide by the RMS and a floor, mask: (2, H, W) to (2, H, W).

    ``uv`` is in inter-ocular distances; ``mask`` (H, W) is 1 on the face and 0 outside.
    """
    face = mask > 0.5
    centred = uv - np.median(uv[:, face], axis=1)[:, None, None]
    size = np.sqrt(np.mean(centred[:, face] ** 2) + QUIET_IOD**2)
    return np.ascontiguousarray(centred / size * mask, np.float32)


def _shrink(image: NDArray[np.float32]) -> NDArray[np.float32]:
    region = np.ascontiguousarray(image[FLOW_REGION, FLOW_REGION])
    side = (FLOW_SIDE, FLOW_SIDE)
    return np.asarray(cv2.resize(region, side, interpolation=cv2.INTER_AREA), np.float32)


def _onset_apex_flow(frames: CandidateFrames) -> NDArray[np.float32]:
    """Motion from onset to apex, (2, 28, 28)."""
    return flow_map(onset_apex_flow(frames.crops_rgb, frames.time_s, frames.onset, frames.apex))


RECIPES: dict[str, Recipe] = {"onset_apex_flow": _onset_apex_flow}
"""Every recipe by name."""


def recipe(name: str) -> Recipe:
    """Return the recipe called ``name``.

    Raises
    ------
    ConfigError
        If there is none; the nearest names are listed.
    """
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=3, cutoff=0.3) or sorted(RECIPES)
    raise ConfigError(f"recipe {name!r} is not known; nearest: {', '.join(near)}")
