"""Timestamps as they should be: strictly increasing, gaps declared, repairs counted.

A timestamp is *odd* when it is missing, does not rise, or lies further ahead than the gap limit.
If the timestamp after it fits the one before, the odd one alone is wrong and is placed midway
between the two. Otherwise the clock itself did something: a leap ahead is a gap, a fall back
(a counter that started again) shifts all that follows so that time goes on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from math import inf, nextafter
from typing import Literal

GAP_AT_LEAST_S = 0.25
"""A step between two frames up to this long is never a gap."""
GAP_IN_INTERVALS = 4.0
"""… nor one up to so many usual intervals: video at 2 frames/s has no gaps between frames."""
RECENT = 31
"""Intervals that tell what is usual."""
FALLBACK_INTERVAL_S = 1 / 30

Note = Literal["missing", "duplicate", "backward", "leap", "reset"]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a frame lies in time.

    Attributes
    ----------
    time_s
        Media seconds, above every earlier one.
    gap_from_s
        Time of the last frame before a gap that ends here; None without a gap.
    breaks
        True when no window may reach across: a gap, or a clock that started again.
    note
        What was repaired: the timestamp was ``missing``, ``duplicate`` or ``backward``, a lone
        ``leap`` ahead, or the clock fell back for good (``reset``); None if nothing.
    """

    time_s: float
    gap_from_s: float | None = None
    breaks: bool = False
    note: Note | None = None


class Timeline:
    """Place one timestamp after the other.

    Parameters
    ----------
    interval_s
        Declared time between two frames, used until intervals have been seen; None if unknown.
    """

    def __init__(self, interval_s: float | None = None) -> None:
        self._declared_s = interval_s
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._last_s: float | None = None
        self._shift_s = 0.0
        self._old_shift_s = 0.0

    @property
    def interval_s(self) -> float:
        """Usual time between two frames: the (lower) median of the recent ones."""
        if self._recent:
            return sorted(self._recent)[(len(self._recent) - 1) // 2]
        return self._declared_s or FALLBACK_INTERVAL_S

    @property
    def measured_interval_s(self) -> float | None:
        """The same, None before two frames were placed."""
        return self.interval_s if self._recent else None

    @property
    def gap_limit_s(self) -> float:
        """Longest step from frame to frame that is no gap."""
        return max(GAP_AT_LEAST_S, GAP_IN_INTERVALS * self.interval_s)

    def place(self, raw_s: float | None, following_s: float | None = None) -> Placed:
        """Return where the next frame lies.

        Parameters
        ----------
        raw_s
            Its timestamp in seconds as the container has it, None if it has none.
        following_s
            The timestamp of the frame after it, None if unknown (live) or missing. It never
            delays anything; it only makes repairs better.
        """
        if self._last_s is None:
            return self._begin(raw_s, following_s)
        placed = self._place(self._last_s, raw_s, following_s)
        if placed.time_s <= self._last_s:  # a step too small for floating point
            placed = replace(placed, time_s=nextafter(self._last_s, inf))
        if placed.note in (None, "reset"):
            self._recent.append(placed.time_s - self._last_s)
        self._last_s = placed.time_s
        return placed

    def _begin(self, raw_s: float | None, following_s: float | None) -> Placed:
        note: Note | None = None
        if raw_s is None:
            raw_s = 0.0 if following_s is None else following_s - self.interval_s
            note = "missing"
        self._last_s = raw_s
        return Placed(raw_s, note=note)

    def _place(self, last_s: float, raw_s: float | None, following_s: float | None) -> Placed:
        raw_s, following_s = self._shifted(last_s, raw_s, following_s)
        note = self._oddity(last_s, raw_s)
        if raw_s is not None and note is None:
            return Placed(raw_s)
        if following_s is not None and self._alone_is_odd(last_s, raw_s, following_s):
            return Placed(last_s + (following_s - last_s) / 2, note=note)
        if raw_s is None:
            return Placed(last_s + self.interval_s, note="missing")
        if note == "leap":
            return Placed(raw_s, gap_from_s=last_s, breaks=True)
        if raw_s > last_s - self.gap_limit_s:
            return Placed(last_s + self.interval_s / 2, note=note)
        return self._restart(last_s, raw_s)

    def _shifted(
        self, last_s: float, raw_s: float | None, following_s: float | None
    ) -> tuple[float | None, float | None]:
        """Apply the shift, falling back to the earlier one when the clock came back to it."""
        if raw_s is None:
            return None, None if following_s is None else following_s + self._shift_s
        if self._oddity(last_s, raw_s + self._shift_s) and not self._oddity(
            last_s, raw_s + self._old_shift_s
        ):
            self._shift_s, self._old_shift_s = self._old_shift_s, self._shift_s
        raw_s += self._shift_s
        return raw_s, None if following_s is None else following_s + self._shift_s

    def _oddity(self, last_s: float, raw_s: float | None) -> Note | None:
        if raw_s is None:
            return "missing"
        if raw_s == last_s:
            return "duplicate"
        if raw_s < last_s:
            return "backward"
        return "leap" if raw_s - last_s > self.gap_limit_s else None

    def _alone_is_odd(self, last_s: float, raw_s: float | None, following_s: float) -> bool:
        if raw_s is not None and last_s < raw_s <= following_s:
            return False  # time goes on from the leap: a true gap
        return 0 < following_s - last_s <= 2 * self.gap_limit_s

    def _restart(self, last_s: float, raw_s: float) -> Placed:
        time_s = last_s + self.interval_s
        self._old_shift_s = self._shift_s
        self._shift_s += time_s - raw_s
        return Placed(time_s, breaks=True, note="reset")
