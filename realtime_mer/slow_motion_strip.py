"""What is written around a slow-motion clip: names of the two halves, and a strip of time.

Drawn with OpenCV alone, at three times the size and shrunk, so that letters and lines are smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

GROUND: Colour = (20, 24, 27)
TEXT: Colour = (230, 232, 232)
QUIET: Colour = (128, 138, 144)
LINE: Colour = (62, 71, 77)
ACCENT: Colour = (124, 195, 192)
MARK: Colour = (239, 178, 98)

HEAD_PX, STRIP_PX, GAP_PX = 28, 48, 4
"""Heights of the line of names and of the strip of time; distance of the two halves."""
_FINER = 3
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SIDE_PX = 26


@lru_cache(maxsize=8)
def names(width: int, left: str, right: str) -> Picture:
    """Return the line above the pictures, (HEAD_PX, width, 3): what each half shows."""
    canvas = _canvas(width, HEAD_PX)
    half = (width - GAP_PX) // 2
    _write(canvas, left, half / 2, 19, QUIET)
    _write(canvas, right, half + GAP_PX + half / 2, 19, ACCENT)
    return _shrunk(canvas)


def strip(
    width: int, span_s: tuple[float, float], marks_s: Sequence[tuple[str, float]], now_s: float
) -> Picture:
    """Return the strip of time below the pictures, (STRIP_PX, width, 3).

    Parameters
    ----------
    width
        Pixels.
    span_s
        Media seconds of its left and right end.
    marks_s
        Names of moments in the order of time, and the moments; the stretch between first and last
        is drawn bold.
    now_s
        Where the dot is.
    """
    canvas = _ruled(width, span_s, tuple(marks_s)).copy()
    x = _place(now_s, span_s, width)
    inside = marks_s[0][1] <= now_s <= marks_s[-1][1]
    colour = MARK if inside else TEXT
    cv2.circle(canvas, _fine(x, 16), 6 * _FINER, colour, -1, cv2.LINE_AA)
    return _shrunk(canvas)


@lru_cache(maxsize=8)
def _ruled(
    width: int, span_s: tuple[float, float], marks_s: tuple[tuple[str, float], ...]
) -> Picture:
    canvas = _canvas(width, STRIP_PX)
    ends = [_place(moment, span_s, width) for moment in span_s]
    places = [_place(moment, span_s, width) for _, moment in marks_s]
    cv2.line(canvas, _fine(ends[0], 16), _fine(ends[1], 16), LINE, 3 * _FINER, cv2.LINE_AA)
    cv2.line(canvas, _fine(places[0], 16), _fine(places[-1], 16), MARK, 3 * _FINER, cv2.LINE_AA)
    shown = _apart([_width(name) for name, _ in marks_s], places, width)
    for (name, _), x, at in zip(marks_s, places, shown, strict=True):
        cv2.line(canvas, _fine(x, 9), _fine(x, 23), MARK, 2 * _FINER, cv2.LINE_AA)
        _write(canvas, name, at, 40, TEXT)
    return canvas


def _apart(widths: Sequence[float], places: Sequence[float], width: int) -> list[float]:
    """Return middles of labels that keep clear of each other and of the ends."""
    shown: list[float] = []
    free = 4.0
    for size, place in zip(widths, places, strict=True):
        shown.append(max(place, free + size / 2))
        free = shown[-1] + size / 2 + 10
    limit = width - 4.0
    for number in range(len(shown) - 1, -1, -1):
        shown[number] = min(shown[number], limit - widths[number] / 2)
        limit = shown[number] - widths[number] / 2 - 10
    return shown


def _place(moment_s: float, span_s: tuple[float, float], width: int) -> float:
    share = (moment_s - span_s[0]) / (span_s[1] - span_s[0])
    return float(_SIDE_PX + np.clip(share, 0, 1) * (width - 2 * _SIDE_PX))


def _canvas(width: int, height: int) -> Picture:
    return np.full((height * _FINER, width * _FINER, 3), GROUND, np.uint8)


def _fine(x: float, y: float) -> tuple[int, int]:
    return round(x * _FINER), round(y * _FINER)


def _width(text: str) -> float:
    return float(cv2.getTextSize(text, _FONT, 0.45 * _FINER, _FINER + 1)[0][0]) / _FINER


def _write(canvas: Picture, text: str, middle: float, base: float, colour: Colour) -> None:
    at = _fine(middle - _width(text) / 2, base)
    cv2.putText(canvas, text, at, _FONT, 0.45 * _FINER, colour, _FINER + 1, cv2.LINE_AA)


def _shrunk(canvas: Picture) -> Picture:
    size = canvas.shape[1] // _FINER, canvas.shape[0] // _FINER
    return np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.uint8)
