"""Which frames of a clip the residual sums read: Zhao et al. 2021, equations 1 to 4.

The paper counts frames of 200 fps video (CASME II, SAMM). ``key_frames`` is its rule to the letter;
``key_moments_s`` and ``key_frames_by_time`` apply the same rule to seconds, so that any frame
rate, a varying one too, asks for the same moments of the same movement.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_mer.errors import ConfigError

N_KEY = 5
"""Key frames in the paper."""
SHORT_RISE = 10
"""A rise of fewer frames than this is prolonged to this many (equation 2)."""
TICK_S = 1 / 200
"""One frame of the paper's data, in seconds: ten of them are 0.05 s."""


def clip_end(onset: int, apex: int, offset: int) -> int:
    """Return the frame at which the residual sum ends (equation 2)."""
    if apex - onset < SHORT_RISE:
        return min(onset + SHORT_RISE, offset)
    return min(apex, offset)


def key_frames(onset: int, apex: int, offset: int, n_key: int = N_KEY) -> tuple[int, ...]:
    """Return the key frames of one clip (equations 1 to 4).

    Equation 4 lists ``min(start + gap * k, end)`` and closes with ``end``. We read it as exactly
    ``n_key`` entries of which the last is ``end``; a clip of fewer frames than that repeats
    ``end``, so every residual sum adds the same number of pictures.

    Parameters
    ----------
    onset, apex, offset
        Frame numbers, onset <= apex and onset <= offset; an apex beyond the offset counts as the
        offset, as in the paper.
    n_key
        Number of key frames, at least 1: more follow the movement more closely and cost
        proportionally more.

    Returns
    -------
    tuple of int
        ``n_key`` frame numbers, never falling, the onset itself not among them unless the clip
        has one frame only.

    Raises
    ------
    ConfigError
        Numbers out of order, or ``n_key`` below 1.
    """
    _check(onset, apex, offset, n_key)
    start = onset
    end = clip_end(onset, apex, offset)
    gap = -((start - end) // (n_key + 1))  # ceil((end - start) / (n_key + 1)), in integers
    return (*(min(start + gap * k, end) for k in range(1, n_key)), end)


def key_moments_s(
    onset_s: float, apex_s: float, offset_s: float, n_key: int = N_KEY, tick_s: float = TICK_S
) -> NDArray[np.float64]:
    """Return the key moments of one clip in seconds, (n_key,) float64, never falling.

    The three times are counted in ticks of ``tick_s`` after the onset, ``key_frames`` is applied
    to the ticks, and the result is converted back. No moment lies after ``offset_s``.

    Parameters
    ----------
    onset_s, apex_s, offset_s
        Media seconds, in order as for ``key_frames``.
    n_key
        Number of moments, at least 1.
    tick_s
        Length of the paper's frame. Larger prolongs short rises more (ten ticks) and makes the
        moments coarser.

    Raises
    ------
    ConfigError
        Times out of order or not finite, ``n_key`` below 1, ``tick_s`` not positive.
    """
    if not (np.isfinite([onset_s, apex_s, offset_s]).all() and tick_s > 0):
        raise ConfigError(
            f"key moments need finite times and a positive tick, got onset {onset_s}, "
            f"apex {apex_s}, offset {offset_s} s, tick {tick_s} s: leave out clips without an apex"
        )
    _check(onset_s, apex_s, offset_s, n_key)
    apex, offset = (round((time_s - onset_s) / tick_s) for time_s in (apex_s, offset_s))
    ticks = np.array(key_frames(0, apex, offset, n_key), np.float64)
    return np.minimum(onset_s + ticks * tick_s, offset_s)


def key_frames_by_time(
    times_s: ArrayLike,
    onset_s: float,
    apex_s: float,
    offset_s: float,
    n_key: int = N_KEY,
    tick_s: float = TICK_S,
) -> tuple[int, ...]:
    """Return the positions in ``times_s`` nearest to the key moments.

    At 200 fps this is ``key_frames``; at lower rates neighbouring moments may share a frame, and
    the sum then counts that frame more than once, which keeps its weight in time.

    Parameters
    ----------
    times_s
        (T,) seconds, strictly increasing, T >= 1: the frames there are.
    onset_s, apex_s, offset_s, n_key, tick_s
        As for ``key_moments_s``.

    Returns
    -------
    tuple of int
        ``n_key`` positions, never falling; of two equally near frames the earlier one.

    Raises
    ------
    ConfigError
        As ``key_moments_s``; also times that are empty or do not rise.
    """
    times = np.asarray(times_s, np.float64)
    if times.ndim != 1 or times.size == 0 or not np.all(np.diff(times) > 0):
        raise ConfigError(
            f"key frames need a non-empty row of strictly increasing times, got shape "
            f"{times.shape}: sort the frames and drop repeated timestamps"
        )
    moments = key_moments_s(onset_s, apex_s, offset_s, n_key, tick_s)
    return tuple(_nearest(times, moments))


def _nearest(times: NDArray[np.float64], moments: NDArray[np.float64]) -> Sequence[int]:
    after = np.clip(np.searchsorted(times, moments), 1, max(times.size - 1, 1))
    if times.size == 1:
        return [0] * moments.size
    before = after - 1
    pick = np.where(moments - times[before] <= times[after] - moments, before, after)
    return [int(position) for position in pick]


def _check(onset: float, apex: float, offset: float, n_key: int) -> None:
    if n_key < 1:
        raise ConfigError(f"n_key is {n_key}, but at least one key frame is needed (the paper: 5)")
    if not (onset <= apex and onset <= offset):
        raise ConfigError(
            f"key frames need onset <= apex and onset <= offset, got onset {onset}, apex {apex}, "
            f"offset {offset}: correct the annotation or leave the clip out"
        )
