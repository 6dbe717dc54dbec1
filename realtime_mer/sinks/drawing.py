"""Envelopes as SVG paths: what the page shows before, or without, its script.

Lanes are drawn in a box 1000 wide (the whole recording) and 100 high (from the lane's top,
``ceiling``, down to zero), which the browser stretches to the lane's size.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from realtime_mer.sinks.timeline import Envelope

WIDTH, HEIGHT = 1000, 100
_STEPS_S = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
)


def band_path(part: Envelope, region: int, span_s: tuple[float, float], ceiling: float) -> str:
    """Return an SVG path around the band between lowest and highest value of one region."""
    x = _x(part, span_s)
    top, bottom = _y(part.high[:, region], ceiling), _y(part.low[:, region], ceiling)
    pieces = []
    for piece in _runs(np.isfinite(top)):
        there = _points(x[piece], top[piece])
        if part.high is part.low:
            pieces.append(_line(there))
        else:
            back = _points(x[piece][::-1], bottom[piece][::-1])
            pieces.append("M" + "L".join(there + back) + "Z")
    return "".join(pieces)


def area_path(part: Envelope, region: int, span_s: tuple[float, float], ceiling: float) -> str:
    """Return an SVG path around the area from zero up to the highest value of one region."""
    x, y = _x(part, span_s), _y(part.high[:, region], ceiling)
    pieces = []
    for piece in _runs(np.isfinite(y)):
        points = _points(x[piece], y[piece])
        first, last = points[0].split()[0], points[-1].split()[0]
        pieces.append(f"M{first} {HEIGHT}L{'L'.join(points)}L{last} {HEIGHT}Z")
    return "".join(pieces)


def line_path(part: Envelope, region: int, span_s: tuple[float, float], ceiling: float) -> str:
    """Return an SVG path along the threshold of one region."""
    x, y = _x(part, span_s), _y(part.threshold[:, region], ceiling)
    return "".join(_line(_points(x[p], y[p])) for p in _runs(np.isfinite(y)))


def percent(moment_s: float, span_s: tuple[float, float]) -> float:
    """Return where a moment lies on the time line, in percent of its width."""
    first, last = span_s
    return round(100 * (moment_s - first) / (last - first), 4)


def tick_marks(span_s: tuple[float, float], at_most: int = 6) -> list[tuple[float, str]]:
    """Return (percent, label) of round moments, every 1, 2, 5, 10, 15, 30 s …, for the axis."""
    first, last = span_s
    hours = 3600 * ((last - first) // (3600 * at_most) + 1)
    step = next((s for s in _STEPS_S if (last - first) / s <= at_most), hours)
    begin, end = int(np.ceil(first / step - 1e-9)), int(np.floor(last / step + 1e-9))
    digits = max(0, -int(np.floor(np.log10(step))))
    moments = [k * step for k in range(begin, end + 1)]
    return [(percent(moment, span_s), _tick_label(moment, digits)) for moment in moments]


def _tick_label(moment_s: float, digits: int) -> str:
    units = round(abs(moment_s) * 10**digits)
    whole, part = divmod(units, 10**digits)
    hours, minutes = divmod(whole // 60, 60)
    label = f"{hours}:{minutes:02d}" if hours else str(minutes)
    decimals = f".{part:0{digits}d}" if digits else ""
    return f"{'-' if moment_s < 0 and units else ''}{label}:{whole % 60:02d}{decimals}"


def _x(part: Envelope, span_s: tuple[float, float]) -> NDArray[np.float64]:
    return WIDTH * (part.time_s - span_s[0]) / (span_s[1] - span_s[0])


def _y(values: NDArray[np.float32], ceiling: float) -> NDArray[np.float64]:
    height = HEIGHT * (1 - values.astype(np.float64) / ceiling)
    return np.clip(height, -20, HEIGHT + 20)


def _points(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[str]:
    return [f"{a:.1f} {b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True)]


def _line(points: list[str]) -> str:
    return "M" + "L".join(points) + ("h0" if len(points) == 1 else "")


def _runs(shown: NDArray[np.bool_]) -> Iterator[slice]:
    edges = np.flatnonzero(np.diff(shown.astype(np.int8), prepend=0, append=0))
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield slice(begin, end)
