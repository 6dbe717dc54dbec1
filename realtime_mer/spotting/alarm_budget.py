"""How many alarms a minute a person accepts, turned into how sure the verdict must be."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass

from realtime_mer.errors import ConfigError

STRICTEST, LAXEST = 0.01, 60.0


@dataclass(eq=False)
class AlarmBudget:
    """Set the least probability of a claim by what was judged lately.

    Every movement that came before the verdict within the last ``window_s`` seconds is
    remembered with its probability. The threshold is the lowest at which no more of them than
    ``per_minute`` allows would have been claimed, but not below ``floor``: in a restless face it
    rises, in a quiet one it sinks. It looks back only, so a sudden burst may pass the budget
    before the threshold has risen.

    In the beginning, until ``settle_s`` seconds have been watched, the threshold is not below
    ``start``, the one that holds without a budget; but already the second claim must fit the
    budget.

    One budget may serve several faces: then it is shared by all.

    Parameters
    ----------
    per_minute
        Accepted alarms a minute, 0.01 to 60; may be changed at any time. Higher finds fainter
        movements, and raises more false alarms.
    floor
        Nothing less likely than this is ever claimed. Lower lets a quiet face claim what is
        probably nothing.
    window_s
        How far back it looks; longer is steadier, shorter follows a change of the scene sooner.
        Never less than what one alarm takes at ``per_minute``.
    start
        Least probability before there is a history.
    settle_s
        How long "before" is.

    Raises
    ------
    ConfigError
        A number is out of range.
    """

    per_minute: float
    floor: float = 0.35
    window_s: float = 300.0
    start: float = 0.6
    settle_s: float = 30.0

    def __post_init__(self) -> None:
        if not STRICTEST <= self.per_minute <= LAXEST:
            raise ConfigError(
                f"alarms per minute are {self.per_minute}: give a number from {STRICTEST:g} "
                f"to {LAXEST:g}"
            )
        if not 0 <= self.floor <= self.start <= 1:
            raise ConfigError(
                f"an alarm budget needs 0 <= floor <= start <= 1, got {self.floor}, {self.start}"
            )
        if not (0 < self.window_s < math.inf and self.settle_s >= 0):
            raise ConfigError(
                f"an alarm budget needs a finite window above 0 s, got {self.window_s}, and a "
                f"beginning of at least 0 s, got {self.settle_s}"
            )
        self._judged: deque[tuple[float, float]] = deque()
        self._sorted: list[float] = []
        self._since_s = math.nan
        self._last_s = -math.inf

    def watch(self, now_s: float) -> None:
        """Tell that a face is being followed at ``now_s``, media seconds; time counts from here."""
        if now_s < self._last_s or math.isnan(self._since_s):  # another recording, or the first
            self._judged.clear()
            self._sorted.clear()
            self._since_s = now_s
        self._last_s = now_s
        while self._judged and self._judged[0][0] <= now_s - self._span_s:
            _, old = self._judged.popleft()
            del self._sorted[bisect_left(self._sorted, old)]

    def threshold(self, now_s: float) -> float:
        """Return how likely the verdict must hold a movement at ``now_s`` for a claim."""
        self.watch(now_s)
        watched_s = min(now_s - self._since_s, self._span_s)
        least = self.start if watched_s < self.settle_s else self.floor
        allowed = max(1, math.floor(self.per_minute * watched_s / 60 + 1e-9))
        if len(self._sorted) <= allowed:
            return least
        first_too_many = self._sorted[-allowed - 1]
        return max(least, math.nextafter(first_too_many, math.inf))

    def note(self, now_s: float, probability: float) -> None:
        """Remember what the verdict said of a movement at ``now_s``."""
        self.watch(now_s)
        self._judged.append((now_s, probability))
        insort(self._sorted, probability)

    def weigh(self, now_s: float, probability: float) -> float:
        """Return the threshold for a movement, and remember its probability for the next ones."""
        least = self.threshold(now_s)
        self.note(now_s, probability)
        return least

    @property
    def _span_s(self) -> float:
        return max(self.window_s, 60 / max(self.per_minute, STRICTEST))
