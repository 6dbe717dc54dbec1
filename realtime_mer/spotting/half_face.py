"""The upper or the lower face: which of its patterns is pending, and when it is over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.points import layout
from realtime_mer.face.topology import REGIONS
from realtime_mer.spotting.course import Course, lengths, measure
from realtime_mer.spotting.history import CAPACITY, History
from realtime_mer.spotting.matched import Match, MatchedFilter
from realtime_mer.spotting.settings import SpotterSettings
from realtime_mer.spotting.witnesses import Episode

STILL_SHARE = 0.1
"""Share of the amplitude that counts as standing still."""
TAKES_PART = 0.5
"""A region that moves by this share of the most moved one takes part."""
STIR_S = 1.5
"""How long before an onset the face's own restlessness is remembered."""


class HalfFace:
    """Follow some of the patterns, one ``step`` a frame.

    Parameters
    ----------
    patterns
        (K, 2C) all patterns.
    own
        Rows of those that belong to this half.
    settings
        See ``SpotterSettings``.
    """

    def __init__(
        self, patterns: NDArray[np.float64], own: list[int], settings: SpotterSettings
    ) -> None:
        self._patterns = patterns
        self._own = own
        self._settings = settings
        self._pending: list[Match] = []
        self._judged_s = -np.inf
        self._best = History(1, CAPACITY)

    def restart(self) -> None:
        """Begin anew."""
        self._judged_s = -np.inf
        self._pending.clear()
        self._best.clear()

    def step(
        self, matched: MatchedFilter, channels: History, now: float
    ) -> tuple[list[Episode], list[float]]:
        """Look at the newest scores; return what is over, and when slow expressions were."""
        self._propose(matched, now)
        over: list[Episode] = []
        slow: list[float] = []
        for match in [m for m in self._pending if now > m.found_s]:
            if match in self._pending:
                self._examine(match, channels, now, over, slow)
        return over, slow

    def _propose(self, matched: MatchedFilter, now: float) -> None:
        """Keep the best match unless a better one lies at about the same time."""
        own = matched.scores[:, self._own]
        scale, which = divmod(int(own.argmax()), len(self._own))
        score = float(own[scale, which])
        self._best.push(now, 0, np.array([score]))
        if score < self._settings.least_score:
            return
        match = matched.match(scale, self._own[which], now)
        if match.centre_s <= self._judged_s:
            return
        rivals = [m for m in self._pending if _rivals(m, match)]
        if all(m.score < match.score for m in rivals):
            self._pending = [m for m in self._pending if m not in rivals] + [match]

    def _examine(
        self, match: Match, channels: History, now: float, over: list[Episode], slow: list[float]
    ) -> None:
        """Measure a movement if the face stands still again, or if it had all the time there is."""
        s = self._settings
        pattern = self._patterns[match.pattern]
        late = now - match.centre_s > s.max_duration_s * (1 + s.duration_slack)
        course = measure(channels, match, pattern)
        if course is None:
            if late:
                self._judged(match, match.centre_s)
            return
        if course.apex_s <= self._judged_s:
            self._judged(match, match.centre_s)
            return
        recent = course.along[course.time_s > now - s.still_s]
        still = len(recent) < 2 or float(np.ptp(recent)) < STILL_SHARE
        back = still and course.unreturned <= s.return_share
        if back or (late and course.unreturned <= s.late_share):
            self._judged(match, course.offset_s)
            over.append(
                Episode(match, course, pattern, regions_of(course, pattern), self._stir(course))
            )
        elif late:
            self._judged(match, match.centre_s)
            slow.append(match.centre_s)

    def _judged(self, match: Match, until_s: float) -> None:
        """Take a match as judged: nothing centred before ``until_s`` is proposed again."""
        self._judged_s = max(self._judged_s, until_s)
        self._pending = [m for m in self._pending if m is not match and m.centre_s > until_s]

    def _stir(self, course: Course) -> float:
        time = self._best.time_s
        span = (time > course.onset_s - STIR_S) & (time < course.onset_s)
        return float(self._best.rows[span, 0].max()) if span.any() else 0.0


def regions_of(course: Course, pattern: NDArray[np.float64]) -> tuple[str, ...]:
    """Return the regions that took part, most moved first: by the pattern, and as measured."""
    moved = lengths(course.off)
    share = lengths(pattern) * (moved / max(float(moved.max()), 1e-9)) ** 0.5
    size = dict.fromkeys(REGIONS, 0.0)
    for channel, value in zip(layout().channels, share, strict=True):
        region = channel.region or "mouth"
        size[region] = max(size[region], float(value))
    least = TAKES_PART * max(size.values())
    return tuple(sorted((r for r in REGIONS if size[r] >= least), key=lambda r: -size[r]))


def _rivals(one: Match, other: Match) -> bool:
    return abs(one.centre_s - other.centre_s) < 0.25 * (one.length_s + other.length_s)
