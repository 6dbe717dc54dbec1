"""Measure one movement: its onset, apex and offset between frames, and whether it came back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.spotting.bumps import Bump
from realtime_mer.spotting.history import History, largest, middle_row

ASTRAY_SHARE = 0.6
"""What an end beside the beginning counts against one short of it. Higher distrusts regions in
which something else drifts; at 1 a turning head hides what its brows do."""
FLANK = 0.95
"""Half a flank over its 20–80 % length, inverted: 0.82 for a raised cosine, 1.2 for a ramp."""
BESIDE_S = 0.12
"""How much of the rest before an onset is looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """One movement of one region.

    Attributes
    ----------
    onset_s, apex_s, offset_s
        Media seconds, between frames where the signal allows it.
    amplitude_iod
        Way of the farthest channel at the apex, from the chord between rest and rest.
    unreturned
        How far the region ends from where it began, as a share of the amplitude; 0 came back,
        1 stayed. Ways across the movement count less, drift from before the onset not at all.
    restless
        Largest movement along the same direction just before the onset, as a share.
    direction
        (C, 2) displacement of the region's channels at the apex.
    """

    onset_s: float
    apex_s: float
    offset_s: float
    amplitude_iod: float
    unreturned: float
    restless: float
    direction: NDArray[np.float64]


def steady(history: History, columns: list[int], amplitude_iod: float, since_s: float) -> bool:
    """Tell whether the region has hardly moved since ``since_s``, or since the row before."""
    first = min(history.since(since_s).start, len(history) - 2)
    if first < 0:
        return False
    way = history.rows[-1, columns] - history.rows[first, columns]
    return bool(largest(way) < 0.2 * amplitude_iod)


def measure(history: History, columns: list[int], bump: Bump) -> Course | None:
    """Measure the movement that a bump points at, with what is known up to now.

    The displacement is projected on its own direction at the apex, which keeps noise from being
    rectified, and taken against a chord from the rest before to where the region is now.

    Returns None if there is too little around the bump to say anything.
    """
    span = history.since(bump.centre_s - 0.85)
    time = history.time_s[span]
    rows = history.rows[span][:, columns]
    if len(time) < 5 or not np.isfinite(rows).all():
        return None
    begin_s = bump.centre_s - bump.length_s / 2
    course = None
    for _ in range(3):
        course = _against_chord(time, rows, begin_s, bump.centre_s)
        if course is None or abs(course.onset_s - begin_s) < 0.01:
            break
        begin_s = course.onset_s
    return course


def _against_chord(
    time: NDArray[np.float64], rows: NDArray[np.float64], begin_s: float, centre_s: float
) -> Course | None:
    first = int(np.searchsorted(time, begin_s - 1e-9, side="right")) - 1
    if first < 1 or first > len(time) - 4:
        return None
    rest = slice(int(np.searchsorted(time, time[first] - BESIDE_S)), first + 1)
    tail = slice(min(int(np.searchsorted(time, time[-1] - 0.03)), len(time) - 1), len(time))
    before, after = middle_row(rows[rest]), rows[tail].mean(axis=0)
    before_s, after_s = float(time[rest].mean()), float(time[tail].mean())
    share = np.clip((time - before_s) / (after_s - before_s), 0, 1)[:, None]
    off = rows - (before + share * (after - before))
    away = np.sqrt((off.reshape(len(off), -1, 2) ** 2).sum(2).max(1))
    inside = slice(first, len(time) - 1)
    near = np.abs(time - centre_s) < 0.3
    top = first + int(np.argmax(np.where(near, away, 0)[inside]))
    direction = off[top]
    amplitude = largest(direction)
    if amplitude <= 0:
        return None
    along = off @ direction / (direction @ direction)
    top = first + int(np.argmax(np.where(near, along, -1)[inside]))
    onset, apex, offset = measure_course(time, along, top)
    velocity = _velocity(time[rest], rows[rest])
    way = after - before
    drift = velocity * (after_s - before_s)
    ways = (way, way - drift)
    along_it = min(abs(w @ direction) for w in ways) / (direction @ direction)
    astray = min(largest(w) for w in ways) / amplitude
    unreturned = max(float(along_it), ASTRAY_SHARE * astray)
    earlier = (time < onset - 0.01) & (time > onset - 0.01 - BESIDE_S)
    restless = float(np.abs(along[earlier]).max()) if earlier.any() else 0.0
    return Course(onset, apex, offset, amplitude, unreturned, restless, direction.reshape(-1, 2))


def _velocity(time: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(time) < 4:
        return np.zeros(rows.shape[1])
    t = time - time.mean()
    return np.asarray(t @ rows / (t @ t))


def measure_course(
    time: NDArray[np.float64], away: NDArray[np.float64], top: int
) -> tuple[float, float, float]:
    """Return onset, apex and offset of a bump, between frames.

    The half-height crossing is the best-known point of a flank; the flank's length is taken
    from its 20 % and 80 % crossings (see ``FLANK``).
    """
    peak = away[top]
    rise = [_crossing(time, away, top, share * peak, -1) for share in (0.2, 0.5, 0.8)]
    fall = [_crossing(time, away, top, share * peak, +1) for share in (0.2, 0.5, 0.8)]
    onset = rise[1] - (rise[2] - rise[0]) / FLANK
    offset = fall[1] + (fall[0] - fall[2]) / FLANK
    apex = _vertex(time, away, top)
    apex = min(max(apex, rise[2]), fall[2])
    onset = min(max(onset, float(time[0])), apex)
    return onset, apex, max(offset, apex)


def _crossing(
    time: NDArray[np.float64], away: NDArray[np.float64], top: int, level: float, way: int
) -> float:
    """Walk from the top until the signal is below the level; interpolate where it crossed."""
    i = top
    while 0 <= i + way < len(away) and away[i] >= level:
        i += way
    if i == top or away[i] >= level:
        return float(time[i])
    share = (level - away[i]) / max(away[i - way] - away[i], 1e-12)
    return float(time[i] + share * (time[i - way] - time[i]))


def _vertex(time: NDArray[np.float64], away: NDArray[np.float64], top: int) -> float:
    """Return the middle of what stands above 85 % of the peak: the apex of a plateau as well."""
    left = _crossing(time, away, top, 0.85 * away[top], -1)
    right = _crossing(time, away, top, 0.85 * away[top], +1)
    return (left + right) / 2
