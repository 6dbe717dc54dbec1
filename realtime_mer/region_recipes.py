"""Sequences of aligned faces, from which networks cut regions.

The six regions are those of Aouayeb et al., *Spatiotemporal features fusion from local facial
regions for micro-expressions recognition*, Frontiers in Signal Processing 2, 2022, doi
10.3389/frsip.2022.861469, tables 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.candidate_frames import CandidateFrames, Recipe
from realtime_mer.face.regions import region_outlines
from realtime_mer.face.topology import CROP, REGIONS, canonical_crop_xy

STEPS = 31
"""Steps of a sequence: half a second from the first to the last. More holds longer clips and
costs as much more memory and time."""
STEP_S = 1 / 60
"""Seconds from one step to the next. The paper reads every picture at 100 or 200 a second; time
in seconds makes one input of any frame rate."""
REGION_SIZES = {
    "brow_left": (81, 102),
    "brow_right": (81, 102),
    "nose": (81, 120),
    "cheek_left": (60, 60),
    "cheek_right": (60, 60),
    "mouth": (60, 160),
}
"""Height and width of each region in pixels: table 2, *normalized size*."""

# Mesh points around what a region shows: the upper edge of the brow and the eye; the nose from
# bridge to base; the lips. Cheeks are those of ``face.regions``.
_BROW_AND_EYE_RIGHT = (46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 33, 133, 159, 145)
_NOSE = (168, 2, 98, 327)
_LIPS = (61, 291, 0, 17)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels: rows ``top`` to below ``top + height``, columns likewise."""

    top: int
    left: int
    height: int
    width: int


@cache
def region_boxes() -> dict[str, Box]:
    """Return where each of ``topology.REGIONS`` lies in the aligned 320×320 crop.

    Each box has its size of table 2, pixel for pixel, and lies in the middle over its landmarks
    of the canonical face. The paper normalises a region to that size; in the aligned crop the
    regions have it already, so nothing is resized. Left and right are the subject's: the left
    brow lies at larger x, the mirror image of the right one.
    """
    boxes = {
        "brow_right": _around(_BROW_AND_EYE_RIGHT, REGION_SIZES["brow_right"]),
        "nose": _around(_NOSE, REGION_SIZES["nose"]),
        "cheek_right": _around(region_outlines()["cheek_right"], REGION_SIZES["cheek_right"]),
        "mouth": _around(_LIPS, REGION_SIZES["mouth"]),
    }
    boxes["brow_left"] = _mirrored(boxes["brow_right"])
    boxes["cheek_left"] = _mirrored(boxes["cheek_right"])
    return {name: boxes[name] for name in REGIONS}


def _around(points: tuple[int, ...], size: tuple[int, int]) -> Box:
    places = canonical_crop_xy()[list(points)]
    x, y = (places.min(0) + places.max(0)) / 2
    height, width = size
    return Box(round(y + 0.5 - height / 2), round(x + 0.5 - width / 2), height, width)


def _mirrored(box: Box) -> Box:
    return Box(box.top, CROP - box.left - box.width, box.height, box.width)


@cache
def region_window() -> Box:
    """Return the smallest part of the aligned crop that shows all six regions."""
    boxes = region_boxes().values()
    top, left = min(box.top for box in boxes), min(box.left for box in boxes)
    bottom = max(box.top + box.height for box in boxes)
    right = max(box.left + box.width for box in boxes)
    return Box(top, left, bottom - top, right - left)


def step_places(time_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return which picture each step shows, (S,) positions, 2 <= S <= ``STEPS``.

    Step k shows the picture nearest to ``time_s[0] + k * STEP_S``. Where pictures come more
    slowly than steps, a picture is shown again; where they come faster, some are left out. A
    clip longer than all steps is cut off at its end, as the authors' code does.

    Parameters
    ----------
    time_s
        (T,) seconds of the pictures from onset to offset, strictly rising, T >= 2.
    """
    count = min(max(round((time_s[-1] - time_s[0]) / STEP_S) + 1, 2), STEPS)
    wanted = time_s[0] + np.arange(count) * STEP_S
    after = np.searchsorted(time_s, wanted).clip(1, len(time_s) - 1)
    nearer = wanted - time_s[after - 1] <= time_s[after] - wanted
    return np.asarray(after - nearer, np.int64)


def face_sequence(frames: CandidateFrames) -> NDArray[np.float32]:
    """Return the grey face from onset to offset, one picture every 1/60 s.

    Grey, since SAMM is: colour would tell the data sets of a composite apart.

    Returns
    -------
    (31, 1, H, W) float32 from 1/255 to 1, the part of the crop that ``region_window`` says; steps
    after the offset are zero everywhere, which no picture is.
    """
    places = frames.onset + step_places(frames.time_s[frames.onset : frames.offset + 1])
    window = region_window()
    rows = slice(window.top, window.top + window.height)
    columns = slice(window.left, window.left + window.width)
    sequence = np.zeros((STEPS, 1, window.height, window.width), np.float32)
    for step, place in enumerate(places):
        cut = np.ascontiguousarray(frames.crops_rgb[place, rows, columns])
        grey = np.maximum(cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY), 1)
        sequence[step, 0] = grey.astype(np.float32) / 255
    return sequence


RECIPES: dict[str, Recipe] = {"face_sequence": face_sequence}
"""Every recipe of this kind by name."""
