"""The preview: a small picture with a mark around each face, and the face with its moving regions.

Drawn when a browser asks for it, never in the thread that spots.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.regions import region_labels
from realtime_mer.face.topology import CROP, REGIONS
from realtime_mer.lane import FaceStatus

HEIGHT = 480
WIDEST = 860
QUALITY = 80
_CALM, _POOR, _ALERT, _EVENT = (206, 214, 214), (214, 160, 72), (240, 190, 80), (124, 205, 200)
_HEAT = np.array((255, 172, 48), np.float32)
_MARGIN = 34
_CORNER = 0.16


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What the preview needs of one moment, copied from the stream.

    Attributes
    ----------
    number
        Rises by one with each moment.
    image_rgb
        The frame, (H, W, 3) uint8.
    faces
        For each face in view its corners in the frame, (4, 2), and the colour of its mark.
    crop_rgb
        (320, 320, 3) uint8 of the first face in view; None without one.
    levels
        (6,) of that face: excursion over threshold of each of ``topology.REGIONS``, NaN unknown.
    """

    number: int
    image_rgb: NDArray[np.uint8]
    faces: tuple[tuple[NDArray[np.float64], tuple[int, int, int]], ...]
    crop_rgb: NDArray[np.uint8] | None
    levels: NDArray[np.float32]


def shown_of(
    number: int,
    image_rgb: NDArray[np.uint8],
    faces: tuple[FaceStatus, ...],
    alerted: frozenset[int],
    found: frozenset[int],
) -> Shown:
    """Copy what the preview needs; ``alerted`` and ``found`` hold ids of faces to be marked."""
    seen = [(face, face.view) for face in faces if face.view is not None]
    marks = []
    for face, view in seen:
        colour = _POOR if face.advice else _CALM
        colour = _ALERT if face.face_id in alerted else colour
        colour = _EVENT if face.face_id in found else colour
        marks.append((corners(view.to_crop), colour))
    crop = seen[0][1].crop_rgb.copy() if seen else None
    levels = levels_of(seen[0][0]) if seen else np.full(len(REGIONS), np.nan, np.float32)
    return Shown(number, image_rgb, tuple(marks), crop, levels)


def levels_of(face: FaceStatus) -> NDArray[np.float32]:
    """Return excursion over threshold of each region, (6,) float32, NaN where unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = np.asarray(face.excursions / face.thresholds, np.float32)
    levels[~np.isfinite(levels)] = np.nan
    return levels


def corners(to_crop: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return where the corners of the face lie in the picture, (4, 2), in drawing order."""
    back = cv2.invertAffineTransform(np.asarray(to_crop, np.float64))
    low, high = _MARGIN, CROP - 1 - _MARGIN
    square = np.array([(low, low, 1), (high, low, 1), (high, high, 1), (low, high, 1)], float)
    return np.asarray(square @ back.T)


def draw(shown: Shown) -> tuple[bytes, int]:
    """Return a JPEG with the frame on the left and the face on the right, and where they meet.

    The JPEG is ``HEIGHT`` pixels high; the face part is ``CROP`` wide and high, at its top. The
    second value is the width of the frame's part in pixels.
    """
    frame = small(shown.image_rgb)
    scale = frame.shape[1] / shown.image_rgb.shape[1]
    for quad, colour in shown.faces:
        mark(frame, quad * scale, colour)
    page = np.zeros((HEIGHT, frame.shape[1] + CROP, 3), np.uint8)
    page[: frame.shape[0], : frame.shape[1]] = frame
    if shown.crop_rgb is not None:
        page[:CROP, frame.shape[1] :] = heated(shown.crop_rgb, shown.levels)
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(page, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    if not done:
        raise RuntimeError(f"a picture of shape {page.shape} could not be encoded as JPEG")
    return bytes(data), frame.shape[1]


def small(image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a copy of at most ``WIDEST`` × ``HEIGHT`` pixels, never enlarged."""
    height, width = image_rgb.shape[:2]
    scale = min(1.0, HEIGHT / height, WIDEST / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == (width, height):
        return image_rgb.copy()
    return np.asarray(cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def mark(image: NDArray[np.uint8], quad: NDArray[np.float64], colour: tuple[int, ...]) -> None:
    """Draw the four corners of a frame around a face into ``image``."""
    for here, before, after in zip(quad, np.roll(quad, 1, 0), np.roll(quad, -1, 0), strict=True):
        bent = np.array([here + _CORNER * (before - here), here, here + _CORNER * (after - here)])
        fixed = [np.rint(bent * 16).astype(np.int32)]
        cv2.polylines(image, fixed, False, (20, 24, 27), 5, cv2.LINE_AA, 4)
        cv2.polylines(image, fixed, False, colour, 2, cv2.LINE_AA, 4)


def heated(crop_rgb: NDArray[np.uint8], levels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the face with each region tinted by how far it stands out, none below half."""
    strength = np.clip((np.nan_to_num(levels, nan=0.0) - 0.5) / 1.5, 0.0, 1.0) * 0.6
    if strength.any():
        table = np.concatenate([[0.0], strength]).astype(np.float32)
        alpha = table[region_labels()][..., None]
        crop_rgb = (crop_rgb * (1 - alpha) + _HEAT * alpha).astype(np.uint8)
    else:
        crop_rgb = crop_rgb.copy()
    cv2.drawContours(crop_rgb, _outlines(), -1, (214, 222, 222), 1, cv2.LINE_AA)
    return crop_rgb


@cache
def _outlines() -> list[NDArray[np.int32]]:
    found: list[NDArray[np.int32]] = []
    for number in range(1, len(REGIONS) + 1):
        part = (region_labels() == number).astype(np.uint8)
        found += cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    return found
