"""One region's state machine: quiet → rising → falling → episode.

It watches how far the region stands from its rest. What rises and comes back within half a
second is an *episode*; what stays away is a slow expression, after which the machine waits until
the region stands still again, wherever that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.similarity import middle
from realtime_mer.spotting.history import History
from realtime_mer.spotting.settings import SpotterSettings


class State(Enum):
    """Where a region is in the course of a movement."""

    QUIET = "quiet"
    RISING = "rising"
    FALLING = "falling"
    SETTLING = "settling"


@dataclass(frozen=True, slots=True)
class Episode:
    """A movement of one region that came back.

    Times are media seconds between frames where the signal allows it; ``amplitude_iod`` is the
    way from rest to apex; ``noise_iod`` what the threshold was made of; ``direction`` the
    displacement at the apex, one (x, y) pair a channel.
    """

    region: str
    onset_s: float
    apex_s: float
    offset_s: float
    amplitude_iod: float
    noise_iod: float
    returned: float
    direction: NDArray[np.float64]

    @property
    def score(self) -> float:
        """Amplitude in units of the measured noise."""
        return self.amplitude_iod / self.noise_iod


class RegionMachine:
    """Follow one region, one ``step`` a frame.

    Parameters
    ----------
    region
        Name for the episodes.
    columns
        Columns of the history that belong to this region: x, y of each of its channels.
    settings
        See ``SpotterSettings``.
    """

    def __init__(self, region: str, columns: list[int], settings: SpotterSettings) -> None:
        self.region = region
        self.state = State.QUIET
        self.excursion = 0.0
        self.threshold = settings.floor_iod
        self.noise = settings.floor_iod / settings.noise_factor
        self.onset_s = 0.0
        self.peak = 0.0
        self.apex_s = 0.0
        self._columns = columns
        self._settings = settings
        self._rest = np.zeros(len(columns))
        self._still_since: float | None = None
        self._returned_s: float | None = None
        self._quiet_from = -np.inf
        self._jitter: list[tuple[float, float]] = []
        self._noise_due_s = -np.inf

    def restart(self, time_s: float) -> None:
        """Begin anew: what was before ``time_s`` is void."""
        self.state = State.QUIET
        self.excursion = 0.0
        self._quiet_from = time_s

    def step(self, history: History) -> Episode | str | None:
        """Look at the newest row; return a finished episode, a reason for rejection, or None."""
        now = float(history.time_s[-1])
        here = history.rows[-1, self._columns]
        if not np.isfinite(here).all():
            was_moving = self.state in (State.RISING, State.FALLING)
            self.state = State.SETTLING
            self._still_since = None
            self.excursion = np.nan
            return "occluded" if was_moving else None
        if self.state is State.SETTLING:
            self._settle(history, now)
            return None
        if self.state is State.QUIET:
            self._watch(history, now, here)
            return None
        self.excursion = self._away(here)
        if self.state is State.RISING:
            return self._rise(history, now)
        return self._fall(history, now)

    def _away(self, place: NDArray[np.float64]) -> float:
        """Return how far a place is from rest: the channel that moved most."""
        return largest(place - self._rest)

    def _watch(self, history: History, now: float, here: NDArray[np.float64]) -> None:
        s = self._settings
        begin = max(now - s.baseline_s, self._quiet_from)
        span = history.since(begin)
        before = history.rows[span, :][:, self._columns]
        self._measure_noise(history, now)
        if len(before) < 3 or now - self._quiet_from < 0.1:
            self.excursion = 0.0
            return
        self._rest = middle_row(before)
        self.excursion = self._away(here)
        if self.excursion > self.threshold:
            self.state = State.RISING
            self.onset_s = self._first_move(history, now)
            self.peak, self.apex_s = self.excursion, now
            self._returned_s = None

    def _first_move(self, history: History, now: float) -> float:
        """Return since when the region has been on its way; fix its rest before that."""
        span = history.since(max(now - 0.45, self._quiet_from))
        rows = history.rows[span][:, self._columns]
        time = history.time_s[span]
        away = np.array([self._away(row) for row in rows])
        moving = len(away) - 1
        while moving > 0 and away[moving] > 0.3 * self.threshold + 0.5 * self.noise:
            moving -= 1
        quiet = rows[max(0, moving - self._rest_rows(time)) : moving + 1]
        if len(quiet) >= 2:
            self._rest = middle_row(quiet)
            self.excursion = self._away(rows[-1])
        return float(time[moving])

    @staticmethod
    def _rest_rows(time: NDArray[np.float64]) -> int:
        step = float(np.median(np.diff(time))) if len(time) > 1 else 0.03
        return max(2, round(0.12 / max(step, 1e-3)))

    def _rise(self, history: History, now: float) -> str | None:
        if self.excursion > self.peak:
            self.peak, self.apex_s = self.excursion, now
        elif self.excursion < self.peak - max(0.25 * self.peak, 1.5 * self.noise):
            self.state = State.FALLING
        return self._too_long(now)

    def _fall(self, history: History, now: float) -> Episode | str | None:
        s = self._settings
        if self.excursion > self.peak:
            self.peak, self.apex_s, self.state = self.excursion, now, State.RISING
            self._returned_s = None
            return self._too_long(now)
        if self.excursion < s.return_share * self.peak:
            if self._returned_s is None:
                self._returned_s = now
            low = self.excursion < max(0.12 * self.peak, 0.7 * self.noise)
            if low or now - self._returned_s > 0.04 or self._turned(history):
                return self._finish(history, now)
            return None
        self._returned_s = None
        return self._too_long(now)

    def _turned(self, history: History) -> bool:
        """Tell whether the way back has ended: the excursion grows again."""
        if len(history) < 2:
            return False
        return self.excursion > self._away(history.rows[-2, self._columns]) + 0.3 * self.noise

    def _too_long(self, now: float) -> str | None:
        s = self._settings
        if now - self.onset_s <= s.max_duration_s * (1 + s.duration_slack):
            return None
        self.state = State.SETTLING
        self._still_since = None
        return "slow expression"

    def _finish(self, history: History, now: float) -> Episode:
        span = history.since(self.onset_s - 0.12)
        time = history.time_s[span].copy()
        rows = history.rows[span][:, self._columns]
        away = np.array([self._away(row) for row in rows])
        top = int(np.argmin(np.abs(time - self.apex_s)))
        onset, apex, offset = measure_course(time, away, top)
        episode = Episode(
            self.region,
            onset,
            apex,
            offset,
            self.peak,
            self.noise,
            self.excursion / self.peak,
            (rows[top] - self._rest).reshape(-1, 2),
        )
        self.state = State.QUIET
        self._quiet_from = max(self._quiet_from, now - 0.05)
        return episode

    def _settle(self, history: History, now: float) -> None:
        s = self._settings
        span = history.since(now - s.settle_s)
        rows = history.rows[span][:, self._columns]
        self.excursion = self._away(rows[-1])
        steady = bool(np.isfinite(rows).all()) and largest(np.ptp(rows, axis=0)) < max(
            0.6 * self.threshold, 2 * self.noise
        )
        if not steady:
            self._still_since = None
        elif self._still_since is None:
            self._still_since = now
        if self._still_since is not None and now - history.time_s[span][0] >= 0.8 * s.settle_s:
            self.state = State.QUIET
            self._quiet_from = now - s.settle_s

    def _measure_noise(self, history: History, now: float) -> None:
        """Keep the median of |d(t) - d(t - 0.1 s)| over quiet times."""
        s = self._settings
        earlier = history.since(now - 0.1).start
        if history.time_s[earlier] < self._quiet_from or earlier == len(history) - 1:
            return
        step = history.rows[-1, self._columns] - history.rows[earlier, self._columns]
        if np.isfinite(step).all():
            self._jitter.append((now, largest(step)))
        if now < self._noise_due_s or len(self._jitter) < 5:
            return
        self._noise_due_s = now + 0.1
        self._jitter = [j for j in self._jitter if j[0] > now - s.noise_s]
        if len(self._jitter) < 5:
            return
        sizes = [j[1] for j in self._jitter]
        self.noise = max(middle(np.array(sizes)), s.floor_iod / s.noise_factor)
        self.threshold = max(s.noise_factor * self.noise, s.floor_iod)


def middle_row(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the upper median of each column; NaN sorts last."""
    half = len(rows) // 2
    return np.partition(rows, half, axis=0)[half]


def largest(steps: NDArray[np.float64]) -> float:
    """Return the length of the longest of the (x, y) pairs in a flat row."""
    pairs = steps.reshape(-1, 2)
    return float(np.sqrt((pairs * pairs).sum(1).max()))


def measure_course(
    time: NDArray[np.float64], away: NDArray[np.float64], top: int
) -> tuple[float, float, float]:
    """Return onset, apex and offset of a bump, between frames.

    The half-height crossing is the best-known point of a flank; the flank's length is taken
    from its 20 % and 80 % crossings. A raised cosine climbs from 20 % to 80 % in 0.41 of its
    rise and a ramp in 0.60; 0.95 lies between what the two ask for.
    """
    peak = away[top]
    rise = [_crossing(time, away, top, share * peak, -1) for share in (0.2, 0.5, 0.8)]
    fall = [_crossing(time, away, top, share * peak, +1) for share in (0.2, 0.5, 0.8)]
    onset = rise[1] - (rise[2] - rise[0]) / 0.95
    offset = fall[1] + (fall[0] - fall[2]) / 0.95
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
