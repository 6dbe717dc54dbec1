"""One region's state machine: quiet → rising → falling, for the provisional alert.

It watches how far the region stands from its running rest. The claim itself is made by
``bumps`` and ``course`` once the movement is over; this says "something is happening" at the
apex, when nobody can know yet whether it will come back.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

from realtime_mer.spotting.history import History, largest, middle_row
from realtime_mer.spotting.settings import SpotterSettings


class State(Enum):
    """Where a region is in the course of a movement."""

    QUIET = "quiet"
    RISING = "rising"
    FALLING = "falling"


class RegionMachine:
    """Follow one region, one ``step`` a frame.

    Attributes
    ----------
    excursion, threshold
        How far the region stands from rest now, and what it has to exceed, in inter-ocular
        distances; the excursion is NaN while the region cannot be seen.
    onset_s, apex_s, peak
        Of the movement under way.
    """

    def __init__(self, region: str, columns: list[int], settings: SpotterSettings) -> None:
        self.region = region
        self.columns = columns
        self.state = State.QUIET
        self.excursion = 0.0
        self.threshold = settings.floor_iod
        self.onset_s = self.apex_s = self.peak = 0.0
        self._settings = settings
        self._from_s = -np.inf

    def restart(self, time_s: float) -> None:
        """Begin anew: what was before ``time_s`` is void."""
        self.state = State.QUIET
        self.excursion = 0.0
        self._from_s = time_s

    def step(self, history: History, noise_iod: float) -> State:
        """Look at the newest row; ``noise_iod`` is the region's measured noise."""
        s = self._settings
        now = float(history.time_s[-1])
        here = history.rows[-1, self.columns]
        self.threshold = max(s.noise_factor * noise_iod, s.floor_iod)
        if not np.isfinite(here).all():
            self.state, self.excursion = State.QUIET, float("nan")
            return self.state
        span = history.since(max(now - s.baseline_s, self._from_s))
        rest = middle_row(history.rows[span][:, self.columns])
        self.excursion = largest(here - rest) if np.isfinite(rest).all() else 0.0
        if self.state is State.QUIET:
            if self.excursion > self.threshold:
                self.state = State.RISING
                self.onset_s = self.apex_s = now
                self.peak = self.excursion
        elif self.excursion > self.peak:
            self.state, self.peak, self.apex_s = State.RISING, self.excursion, now
        elif self.excursion < 0.3 * self.peak or now - self.onset_s > 2 * s.max_duration_s:
            self.state = State.QUIET
        elif self.excursion < 0.75 * self.peak:
            self.state = State.FALLING
        return self.state
