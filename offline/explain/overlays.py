"""Maps over the aligned face: where a recipe's input lies on the crop, and how heat is painted.

Heat goes from nothing through red to yellow and is never laid over what nothing speaks for. All
classes of one picture share one scale. Pictures of a data set's people are not needed: maps of
the bench are painted over the outline of the canonical face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer import region_recipes, sequence_recipes
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.face.topology import CROP, CROP_EYES_XY, CROP_IOD, canonical_crop_xy
from realtime_mer.recipes import ABOVE_EYES_IOD, FLOW_SIDE, FRAME_IOD

Float = NDArray[np.float32]
Image = NDArray[np.uint8]

MOST_OPAQUE = 0.72
"""Opacity of the hottest place. Higher hides the face beneath."""
_SMALL, _GAP, _LINE = 152, 8, 26
_PAPER, _INK, _SOFT = (255, 255, 255), (35, 40, 45), (95, 103, 110)

_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
         152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67,
         109)  # fmt: skip
_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
_MOUTH = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
_EYES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
_BROWS = (
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
)
_NOSE = ((168, 6, 197, 195, 5, 4), (98, 97, 2, 326, 327))


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of the 320×320 crop: rows from ``top`` to below ``top + height``, and columns."""

    top: int
    left: int
    height: int
    width: int


def frame_of(recipe: str, shape: Sequence[int]) -> Frame:
    """Return which part of the crop a recipe's input shows.

    Parameters
    ----------
    recipe
        Name in ``realtime_mer.recipes``.
    shape
        Of the input, (…, H, W). Maps of 28×28 show what ``recipes.FRAME_IOD`` says, sequences of
        regions and of DSTAN their own windows, everything else the whole crop.
    """
    if tuple(shape[-2:]) == (FLOW_SIDE, FLOW_SIDE):
        (x, y), (width, height) = CROP_EYES_XY, (size * CROP_IOD for size in FRAME_IOD)
        left, top = x + 0.5 - width / 2, y + 0.5 - ABOVE_EYES_IOD * CROP_IOD
        rows, columns = (round(top), round(top + height)), (round(left), round(left + width))
        return Frame(rows[0], columns[0], rows[1] - rows[0], columns[1] - columns[0])
    if recipe in region_recipes.RECIPES:
        box = region_recipes.region_window()
        return Frame(box.top, box.left, box.height, box.width)
    if recipe in sequence_recipes.RECIPES:
        down, across = sequence_recipes.square_of_eyes()
        return Frame(down.start, across.start, down.stop - down.start, across.stop - across.start)
    return Frame(0, 0, CROP, CROP)


def on_crop(places: Float, frame: Frame) -> Float:
    """Return a map (H, W) laid on the crop, (320, 320) float32, zero outside its frame."""
    crop = np.zeros((CROP, CROP), np.float32)
    grown = cv2.resize(places, (frame.width, frame.height), interpolation=cv2.INTER_LINEAR)
    rows = slice(max(frame.top, 0), min(frame.top + frame.height, CROP))
    columns = slice(max(frame.left, 0), min(frame.left + frame.width, CROP))
    crop[rows, columns] = grown[
        rows.start - frame.top : rows.stop - frame.top,
        columns.start - frame.left : columns.stop - frame.left,
    ]
    return crop


def apex_step(frames: CandidateFrames, sample: Float, recipe: str, steps: int) -> int:
    """Return which of an input's steps shows the moment nearest to the apex.

    Parameters
    ----------
    frames, sample
        The candidate and what the recipe made of it; steps that are all zero stand for no picture.
    recipe, steps
        Its name, and the number of steps.
    """
    onset_s, apex_s, offset_s = frames.time_s[[frames.onset, frames.apex, frames.offset]]
    if recipe in region_recipes.RECIPES:
        wanted = round(float(apex_s - onset_s) / region_recipes.STEP_S)
        return min(wanted, steps - 1)
    shown = int(np.abs(sample).reshape(steps, -1).max(1).astype(bool).sum()) if steps > 1 else 1
    share = (apex_s - onset_s) / max(offset_s - onset_s, 1e-9)
    return round(float(share) * max(shown - 1, 0))


def painted(picture_rgb: Image, heat: Float, most: float) -> Image:
    """Return a picture (H, W, 3) with heat (H, W) over it.

    Parameters
    ----------
    picture_rgb, heat
        Of equal height and width.
    most
        Heat that gets the full colour; where it is 0, nothing is painted.
    """
    if most <= 0:
        return picture_rgb.copy()
    level = np.clip(heat / most, 0, 1)
    # The lower fifth of the palette is nearly black, which reads as shade, not as heat.
    shade = np.asarray(51 + 204 * level, np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(shade, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    opacity = (MOST_OPAQUE * np.sqrt(level))[..., None]
    mixed = picture_rgb * (1 - opacity) + colours * opacity
    return np.asarray(np.rint(mixed), np.uint8)


@cache
def outline(ink: int = 120, paper: int = 250) -> Image:
    """Return a drawing of the canonical face on the crop, (320, 320, 3) uint8, read-only."""
    canvas = np.full((CROP, CROP, 3), paper, np.uint8)
    xy = canonical_crop_xy()
    for loop in (_OVAL, _LIPS, _MOUTH, *_EYES, *_BROWS):
        _line(canvas, xy[list(loop)], ink, closed=True)
    for stroke in _NOSE:
        _line(canvas, xy[list(stroke)], ink, closed=False)
    canvas.setflags(write=False)
    return canvas


def _line(canvas: Image, xy: NDArray[np.float64], ink: int, closed: bool) -> None:
    points = np.rint(xy * 16).astype(np.int32)
    cv2.polylines(canvas, [points], closed, (ink, ink, ink), 1, cv2.LINE_AA, shift=4)


def sheet(
    picture_rgb: Image, heats: Sequence[Float], names: Sequence[str], shares: Sequence[float],
    chosen: int,
) -> Image:  # fmt: skip
    """Return one picture: the chosen class large, the others small beside it, one scale for all.

    Parameters
    ----------
    picture_rgb
        (320, 320, 3) uint8.
    heats
        (320, 320) float32 for each class.
    names, shares
        Name and probability of each class.
    chosen
        Which one is large.

    Returns
    -------
    (H, W, 3) uint8; the face at the top left, 320×320, unscaled.
    """
    others = [number for number in range(len(names)) if number != chosen]
    most = max(float(heat.max()) for heat in heats)
    rows = -(-len(others) // 2) if len(others) > 2 else len(others)
    side = _SMALL if rows <= 2 else (CROP + _LINE - rows * _LINE - (rows - 1) * _GAP) // rows
    across = 1 if len(others) <= 2 else 2
    height = max(CROP + _LINE, rows * (side + _LINE + _GAP) - _GAP)
    canvas = np.full((height, CROP + across * (side + _GAP), 3), _PAPER[0], np.uint8)
    canvas[:CROP, :CROP] = painted(picture_rgb, heats[chosen], most)
    _write(canvas, (0, CROP), f"{names[chosen]} {shares[chosen]:.0%}", 0.55, _INK)
    for place, number in enumerate(others):
        down, right = place // across, place % across
        top, left = down * (side + _LINE + _GAP), CROP + _GAP + right * (side + _GAP)
        whole = painted(picture_rgb, heats[number], most)
        small = cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA)
        canvas[top : top + side, left : left + side] = small
        _write(canvas, (left, top + side), f"{names[number]} {shares[number]:.0%}", 0.42, _SOFT)
    return canvas


def _write(
    canvas: Image, corner: tuple[int, int], text: str, size: float, ink: tuple[int, int, int]
) -> None:
    x, y = corner
    cv2.putText(canvas, text, (x + 2, y + 18), cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1, cv2.LINE_AA)


def jpeg(picture_rgb: Image) -> bytes:
    """Encode a picture as JPEG."""
    turned = cv2.cvtColor(picture_rgb, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, 88])
    assert done, picture_rgb.shape
    return bytes(data)
