"""What a network weighs how much in one event, as a strip of small pictures below its heat maps.

Places are painted over the apex, patches are rows of cells, everything else is bars. Each picture
says its least and largest weight, for many networks weigh nearly evenly.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.explain.attention import STEPS
from offline.explain.overlays import Frame, on_crop, painted
from realtime_mer.face.topology import REGIONS

Float = NDArray[np.float32]
Image = NDArray[np.uint8]

TALL, ACROSS, GAP, HEAD = 128, 3, 8, 34
"""Pixels of a panel's height, panels side by side, pixels between them and of a panel's title."""
CHANNELS_SHOWN = 48
"""Channels in falling order; a network may have hundreds."""
_PAPER, _INK, _SOFT = 255, (35, 40, 45), (95, 103, 110)
_BAR, _NOW = (58, 128, 138), (176, 62, 62)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def attention_strip(
    weights: Mapping[str, Float], step: int, apex_rgb: Image, frame: Frame, width: int
) -> Image:
    """Draw every kind of attention.

    Parameters
    ----------
    weights
        By name, of one sample: ``…spatial`` ([T,] h, w), ``patches`` (T, regions, m), ``regions``
        (regions,), ``…temporal`` or ``…frames`` (T,), ``…channel`` ([T,] C).
    step
        Which of T steps is shown where there are several.
    apex_rgb, frame
        (320, 320, 3) uint8 crop, and which part of it the network reads.
    width
        Of the strip, pixels.

    Returns
    -------
    (H, ``width``, 3) uint8.
    """
    wide = (width - (ACROSS - 1) * GAP) // ACROSS
    panels = [
        _panel(name, np.asarray(values, np.float32), step, apex_rgb, frame, wide)
        for name, values in weights.items()
    ]
    rows = -(-len(panels) // ACROSS)
    canvas = np.full((rows * (HEAD + TALL + GAP), width, 3), _PAPER, np.uint8)
    for place, panel in enumerate(panels):
        top, left = place // ACROSS * (HEAD + TALL + GAP), place % ACROSS * (wide + GAP)
        canvas[top : top + HEAD + TALL, left : left + wide] = panel
    return canvas


def _panel(name: str, values: Float, step: int, apex_rgb: Image, frame: Frame, wide: int) -> Image:
    panel = np.full((HEAD + TALL, wide, 3), _PAPER, np.uint8)
    body = panel[HEAD:]
    if name.endswith("spatial"):
        shown = _at(values, step, 2)
        _places(body, shown, apex_rgb, frame)
    elif name.endswith("patches"):
        shown = _at(values, step, 2)
        _cells(body, shown)
    elif name.endswith(STEPS):
        shown = values.ravel()
        _bars(body, shown, marked=step)
    elif name.endswith("regions") and values.size == len(REGIONS):
        shown = values.ravel()
        _lying_bars(body, shown)
    else:
        shown = np.sort(_at(values, step, 1))[::-1]
        _bars(body, shown[:CHANNELS_SHOWN])
    cv2.putText(panel, name.replace("_", " "), (1, 14), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
    told = f"{shown.min():.3g} to {shown.max():.3g}"
    cv2.putText(panel, told, (1, 28), _FONT, 0.34, _SOFT, 1, cv2.LINE_AA)
    return panel


def _at(values: Float, step: int, axes: int) -> Float:
    """Return what belongs to one step, with ``axes`` axes."""
    while values.ndim > axes:
        values = values[min(step, len(values) - 1)]
    return values


def _places(body: Image, shown: Float, apex_rgb: Image, frame: Frame) -> None:
    """Paint what is weighed above the least over the apex."""
    heat = on_crop(shown - shown.min(), frame)
    picture = painted(apex_rgb, heat, float(heat.max()))
    side = min(body.shape[:2])
    body[:side, :side] = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)


def _cells(body: Image, shown: Float) -> None:
    """Draw rows of cells, darker for more, the region's name beside each."""
    room = 62
    height, width = TALL // len(shown), (body.shape[1] - room) // shown.shape[1]
    level = (shown - shown.min()) / max(float(np.ptp(shown)), 1e-12)
    for row, cells in enumerate(level):
        name = REGIONS[row] if len(shown) == len(REGIONS) else str(row + 1)
        _label(body, name, row * height + height // 2)
        for column, value in enumerate(cells):
            ink = tuple(int(245 + (dark - 245) * float(value)) for dark in _BAR)
            corner = room + column * width, row * height
            end = corner[0] + width - 2, corner[1] + height - 3
            cv2.rectangle(body, corner, end, ink, -1)


def _lying_bars(body: Image, shown: Float) -> None:
    room, height = 62, TALL // len(shown)
    longest = body.shape[1] - room - 4
    for row, value in enumerate(shown):
        _label(body, REGIONS[row], row * height + height // 2)
        end = room + max(round(longest * float(value) / max(float(shown.max()), 1e-12)), 1)
        cv2.rectangle(body, (room, row * height + 3), (end, (row + 1) * height - 5), _BAR, -1)


def _bars(body: Image, shown: Float, marked: int | None = None) -> None:
    """Draw standing bars from zero; the marked one in another colour."""
    width = body.shape[1] / len(shown)
    for number, value in enumerate(shown):
        high = max(round((TALL - 6) * float(value) / max(float(shown.max()), 1e-12)), 1)
        left, right = round(number * width), max(round((number + 1) * width) - 2, 0)
        ink = _NOW if number == marked else _BAR
        cv2.rectangle(body, (left, TALL - high), (max(right, left), TALL - 1), ink, -1)


def _label(body: Image, name: str, middle: int) -> None:
    cv2.putText(body, name.replace("_", " "), (0, middle + 3), _FONT, 0.31, _SOFT, 1, cv2.LINE_AA)
