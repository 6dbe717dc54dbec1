"""How strongly something moves over time: onset, apex, offset, and the slower everyday motions.

Every function takes times in seconds, (T,) float64, and returns (T,) float64 between 0 and 1
(``gaze`` and ``speech`` too), exactly 0 outside its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]

_PLATEAU_SHARE = 0.3
_GAMMA_SHAPE = 2.5


def _ramp(t: Times, start: float, end: float) -> Times:
    """0 before ``start``, 1 after ``end``, linear between."""
    return np.asarray(np.clip((t - start) / max(end - start, 1e-9), 0.0, 1.0))


def _cosine_step(u: Times) -> Times:
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * u))


def _min_jerk_step(u: Times) -> Times:
    return np.asarray(np.minimum(u**3 * (10 - 15 * u + 6 * u**2), 1.0))


def raised_cosine(t: Times, onset: float, apex: float, offset: float) -> Times:
    """Rise and fall along half cosines; the two halves may differ in length."""
    return _cosine_step(_ramp(t, onset, apex)) * (1 - _cosine_step(_ramp(t, apex, offset)))


def min_jerk(t: Times, onset: float, apex: float, offset: float) -> Times:
    """Rise and fall with least jerk (Flash & Hogan 1985): starts and stops more gently."""
    return _min_jerk_step(_ramp(t, onset, apex)) * (1 - _min_jerk_step(_ramp(t, apex, offset)))


def gamma_like(t: Times, onset: float, apex: float, offset: float) -> Times:
    """Quick rise, early slow decay: a gamma bump tapered to 0 at the offset."""
    u = np.maximum(t - onset, 0.0) / max(apex - onset, 1e-9)
    bump = (u * np.exp(1 - u)) ** _GAMMA_SHAPE
    taper = 1 - _min_jerk_step(_ramp(t, apex, offset))
    return np.asarray(np.where(u <= 1, bump, bump ** (1 / _GAMMA_SHAPE) * taper))


def plateau(t: Times, onset: float, apex: float, offset: float) -> Times:
    """Rise, short hold around the apex, fall."""
    full = apex - _PLATEAU_SHARE * (apex - onset)
    fading = apex + _PLATEAU_SHARE * (offset - apex)
    return _cosine_step(_ramp(t, onset, full)) * (1 - _cosine_step(_ramp(t, fading, offset)))


PROFILES: Mapping[str, Callable[[Times, float, float, float], Times]] = MappingProxyType(
    {
        "raised_cosine": raised_cosine,
        "min_jerk": min_jerk,
        "gamma_like": gamma_like,
        "plateau": plateau,
    }
)
"""Shapes of a micro-expression: function of (times, onset, apex, offset)."""


def slow(t: Times, start: float, rise_s: float, hold_s: float, fall_s: float) -> Times:
    """Macro-expression: rise, hold, fall; longer values are slower."""
    fall_at = start + rise_s + hold_s
    rise = _min_jerk_step(_ramp(t, start, start + rise_s))
    return rise * (1 - _min_jerk_step(_ramp(t, fall_at, fall_at + fall_s)))


def blink(t: Times, start: float, closing_s: float, closed_s: float, opening_s: float) -> Times:
    """Lid closure, 0 open to 1 shut: quick closing, short hold, slower opening."""
    open_at = start + closing_s + closed_s
    closing = _cosine_step(_ramp(t, start, start + closing_s))
    return closing * (1 - _min_jerk_step(_ramp(t, open_at, open_at + opening_s)))


def gaze(t: Times, start: float, hold_s: float, saccade_s: float) -> Times:
    """Saccade away, fixation, saccade back; ``saccade_s`` is typically 0.03 to 0.06."""
    back = start + saccade_s + hold_s
    away = _min_jerk_step(_ramp(t, start, start + saccade_s))
    return away * (1 - _min_jerk_step(_ramp(t, back, back + saccade_s)))


def speech(t: Times, start: float, end: float, rate_hz: float, rng: np.random.Generator) -> Times:
    """Mouth opening of babble: syllables of random size at about ``rate_hz`` (3 to 7), pauses."""
    opening = np.zeros_like(t)
    at = start
    while at < end:
        length = float(rng.uniform(0.8, 1.3)) / rate_hz
        size = float(rng.uniform(0.25, 1.0)) * (rng.random() > 0.1)
        opening += size * raised_cosine(t, at, at + 0.45 * length, at + 1.2 * length)
        at += length + (float(rng.uniform(0.1, 0.5)) if rng.random() < 0.08 else 0.0)
    window = _ramp(t, start, start + 0.1) * (1 - _ramp(t, end - 0.1, end))
    return np.asarray(np.clip(opening, 0.0, 1.0) * window)


def wander(t: Times, hz: float, rng: np.random.Generator, components: int = 6) -> Times:
    """Smooth random drift around 0 with RMS about 1, slower than about ``hz``."""
    frequency = hz * rng.uniform(0.1, 1.0, components)
    phase = rng.uniform(0.0, 2 * np.pi, components)
    size = rng.uniform(0.4, 1.0, components) / np.sqrt(frequency / hz)
    waves = np.sin(2 * np.pi * frequency[:, None] * t + phase[:, None])
    return np.asarray(size @ waves / np.sqrt(np.sum(size**2) / 2))
