"""What changes over time at the rates of a band, for pictures at any moments.

A linear filter of a clip of T pictures is a (T, T) matrix, whatever the moments; one that sees the
past alone is also a step from one picture to the next.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError

Float = NDArray[np.float32]
Exact = NDArray[np.float64]
Values = TypeVar("Values", Float, Exact)

KINDS = ("butterworth", "ideal", "iir")
"""Two-sided, with gentle and with sharp ends of the band; the difference of two low-pass filters
of the past."""


def band_pass(
    time_s: Exact, low_hz: float, high_hz: float, kind: str = "butterworth", order: int = 1
) -> Exact:
    """Return the temporal filter as one matrix, (T, T) float64: row t makes the answer at t.

    The two-sided kinds work on an even grid of the clip's median interval, prolonged by its own
    mirror image so that the ends do not jump; between grid and pictures they interpolate linearly.

    Parameters
    ----------
    time_s
        (T,) seconds of the pictures, strictly rising.
    low_hz, high_hz
        The band. A change in its middle passes whole with the two-sided kinds, and times
        (high - low) / (high + low) with ``iir``.
    kind
        One of ``KINDS``.
    order
        Of ``butterworth``; higher cuts more sharply, and rings more on short clips.

    Raises
    ------
    ConfigError
        Seconds do not rise strictly, or there is no such kind.
    """
    count = len(time_s)
    if count == 0 or not (np.diff(time_s) > 0).all():
        raise ConfigError("time_s must be strictly rising seconds, one per picture, at least one")
    if kind not in KINDS:
        raise ConfigError(f"kind is {kind!r}; give one of {', '.join(KINDS)}")
    if count == 1:
        return np.zeros((1, 1))
    if kind == "iir":
        return _past_matrix(time_s, low_hz, high_hz)
    interval_s = float(np.median(np.diff(time_s)))
    steps = max(round((time_s[-1] - time_s[0]) / interval_s), 1)
    grid_s = np.linspace(time_s[0], time_s[-1], steps + 1)
    to_grid, back = _linear(time_s, grid_s), _linear(grid_s, time_s)
    grid_interval_s = (time_s[-1] - time_s[0]) / steps
    rates = np.fft.rfftfreq(2 * (steps + 1), grid_interval_s)
    gains = _gains(rates, low_hz, high_hz, kind, order)
    return np.asarray(back @ _even_filter(gains, steps + 1) @ to_grid)


def _even_filter(gains: Exact, count: int) -> Exact:
    """Return (count, count): a zero-phase filter on an even grid, mirrored at both ends."""
    unit = np.eye(count)
    waves = np.fft.rfft(np.concatenate([unit, unit[::-1]]), axis=0)
    return np.asarray(np.fft.irfft(waves * gains[:, None], 2 * count, axis=0)[:count])


def _gains(rates: Exact, low_hz: float, high_hz: float, kind: str, order: int) -> Exact:
    """Return how much of each rate passes, 0 to 1."""
    if kind == "ideal":
        return ((rates >= low_hz) & (rates <= high_hz)).astype(np.float64)
    above_zero = np.maximum(rates, 1e-9)
    off_centre = (above_zero**2 - low_hz * high_hz) / (above_zero * (high_hz - low_hz))
    return np.asarray(1 / np.sqrt(1 + off_centre ** (2 * order)))


def _linear(known_s: Exact, asked_s: Exact) -> Exact:
    """Return (asked, known): linear interpolation as a matrix."""
    columns = [np.interp(asked_s, known_s, unit) for unit in np.eye(len(known_s))]
    return np.stack(columns, 1)


def _past_matrix(time_s: Exact, low_hz: float, high_hz: float) -> Exact:
    unit = np.eye(len(time_s))
    fast = slow = unit[0]
    rows = [fast - slow]
    for k in range(1, len(time_s)):
        interval_s = float(time_s[k] - time_s[k - 1])
        fast = low_passed(fast, unit[k - 1], unit[k], high_hz, interval_s)
        slow = low_passed(slow, unit[k - 1], unit[k], low_hz, interval_s)
        rows.append(fast - slow)
    return np.stack(rows)


def low_passed(
    state: Values, before: Values, now: Values, cutoff_hz: float, interval_s: float
) -> Values:
    """Return a first-order low-pass filter's next state, exact for an even change in between.

    Parameters
    ----------
    state
        What the filter said last.
    before, now
        What came in then, and comes in now.
    cutoff_hz
        Rate of which 1/√2 passes. Higher follows faster.
    interval_s
        Seconds in between, above 0.
    """
    turn = 2 * np.pi * cutoff_hz * interval_s
    kept = float(np.exp(-turn))
    mean = -float(np.expm1(-turn)) / turn
    following: Values = kept * state + (mean - kept) * before + (1 - mean) * now
    return following
