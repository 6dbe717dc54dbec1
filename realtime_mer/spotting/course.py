"""Measure one movement: its onset, apex and offset between frames, and whether it came back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.spotting.history import History, middle_row
from realtime_mer.spotting.matched import Match

FLANK = 0.95
"""Half a flank over its 20–80 % length, inverted: 0.82 for a raised cosine, 1.2 for a ramp."""
BESIDE_S = 0.12
"""How much of the rest before an onset is looked at."""
_TAIL_S = 0.03
_LOOK_BACK_S = 0.85

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """One movement along its pattern.

    Attributes
    ----------
    onset_s, apex_s, offset_s
        Media seconds, between frames where the signal allows it.
    amplitude_iod
        Way of the pattern's farthest channel at the apex, from the chord between rest and rest.
    unreturned
        How far along the pattern the movement ends from where it began, as a share of the
        amplitude; 0 came back, 1 stayed. Drift from before the onset does not count.
    astray, astray_own
        The same along any way, for the farthest channel of all, and of those that the pattern
        moves (each by its share in it).
    restless
        Largest movement along the pattern just before the onset, as a share.
    off
        (2C,) displacement of all channels at the apex, from the same chord.
    time_s, along
        The signal that was measured: (N,) each, 1 is the amplitude.
    beside
        (N, 2C) what the channels did beside the pattern, inter-ocular distances.
    """

    onset_s: float
    apex_s: float
    offset_s: float
    amplitude_iod: float
    unreturned: float
    astray: float
    astray_own: float
    restless: float
    off: Float
    time_s: Float
    along: Float
    beside: Float


def measure(history: History, match: Match, pattern: Float) -> Course | None:
    """Measure the movement that a match points at, with what is known up to now.

    Parameters
    ----------
    history
        Channels, rows of (2C,) inter-ocular distances.
    match
        What the matched filter saw.
    pattern
        (2C,) its pattern.

    Returns
    -------
    None if there is too little around the match to say anything.
    """
    span = history.since(match.centre_s - _LOOK_BACK_S)
    time = history.time_s[span]
    if len(time) < 5:
        return None
    rows = history.rows[span]
    rows = np.where(np.isfinite(rows).all(axis=0), rows, 0.0)
    begin_s = match.centre_s - match.length_s / 2
    course = None
    for _ in range(3):
        course = _against_chord(time, rows, match, pattern, begin_s)
        if course is None or abs(course.onset_s - begin_s) < 0.01:
            break
        begin_s = course.onset_s
    return course


def _against_chord(
    time: Float, rows: Float, match: Match, pattern: Float, begin_s: float
) -> Course | None:
    first = int(np.searchsorted(time, begin_s - 1e-9, side="right")) - 1
    if first < 1 or first > len(time) - 4:
        return None
    rest = slice(int(np.searchsorted(time, time[first] - BESIDE_S)), first + 1)
    tail = slice(min(int(np.searchsorted(time, time[-1] - _TAIL_S)), len(time) - 1), len(time))
    before, after = middle_row(rows[rest]), rows[tail].mean(axis=0)
    before_s, after_s = float(time[rest].mean()), float(time[tail].mean())
    share = np.clip((time - before_s) / (after_s - before_s), 0, 1)[:, None]
    off = rows - (before + share * (after - before))
    along = off @ match.filter
    inside = slice(first, len(time) - 1)
    near = np.abs(time - match.centre_s) < max(0.3 * match.length_s, 0.04)
    top = first + int(np.argmax(np.where(near, along, -np.inf)[inside]))
    amplitude = float(along[top])
    if not amplitude > 0:
        return None
    unit = along / amplitude
    onset, apex, offset = measure_course(time, unit, top)
    drift = _velocity(time[rest], rows[rest]) * (after_s - before_s)
    ways = np.stack([after - before, after - before - drift])
    earlier = (time < onset - 0.01) & (time > onset - 0.01 - BESIDE_S)
    return Course(
        onset_s=onset,
        apex_s=apex,
        offset_s=offset,
        amplitude_iod=amplitude,
        unreturned=float(np.abs(ways @ match.filter).min()) / amplitude,
        astray=float(lengths(ways).max(axis=1).min()) / amplitude,
        astray_own=float((lengths(ways) * lengths(pattern)).max(axis=1).min()) / amplitude,
        restless=float(np.abs(unit[earlier]).max()) if earlier.any() else 0.0,
        off=off[top],
        time_s=time,
        along=unit,
        beside=off - along[:, None] * pattern,
    )


def lengths(rows: Float) -> Float:
    """Return the lengths of the (x, y) pairs of flat rows, (…, 2C) to (…, C)."""
    pairs = rows.reshape(*rows.shape[:-1], -1, 2)
    return np.asarray(np.hypot(pairs[..., 0], pairs[..., 1]))


def _velocity(time: Float, rows: Float) -> Float:
    if len(time) < 4:
        return np.zeros(rows.shape[1])
    t = time - time.mean()
    return np.asarray(t @ rows / (t @ t))


def measure_course(time: Float, away: Float, top: int) -> tuple[float, float, float]:
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


def _crossing(time: Float, away: Float, top: int, level: float, way: int) -> float:
    """Walk from the top until the signal is below the level; interpolate where it crossed."""
    i = top
    while 0 <= i + way < len(away) and away[i] >= level:
        i += way
    if i == top or away[i] >= level:
        return float(time[i])
    share = (level - away[i]) / max(away[i - way] - away[i], 1e-12)
    return float(time[i] + share * (time[i - way] - time[i]))


def _vertex(time: Float, away: Float, top: int) -> float:
    """Return the middle of what stands above 85 % of the peak: the apex of a plateau as well."""
    left = _crossing(time, away, top, 0.85 * away[top], -1)
    right = _crossing(time, away, top, 0.85 * away[top], +1)
    return (left + right) / 2
