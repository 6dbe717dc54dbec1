"""The provisional alert. Each region: quiet → rising → falling.

It watches how far the region stands from its running rest. The claim itself is made by
``matched``, ``course`` and ``verdict`` once the movement is over; this says "something is
happening" at the apex, when nobody can know yet whether it will come back.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from realtime_mer.spotting.history import History, largest, middle_row
from realtime_mer.spotting.settings import SpotterSettings

Float = NDArray[np.float64]


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
        self.channels = [column // 2 for column in columns[::2]]
        self.state = State.QUIET
        self.excursion = 0.0
        self.threshold = settings.alert_iod
        self.onset_s = self.apex_s = self.peak = 0.0
        self._settings = settings

    def restart(self) -> None:
        """Begin anew."""
        self.state = State.QUIET
        self.excursion = 0.0

    def step(self, now: float, here: Float, rest: Float, noise_iod: float) -> State:
        """Look at the newest row.

        Parameters
        ----------
        now
            Its time, s.
        here, rest
            (2C,) all channels now and at rest, inter-ocular distances.
        noise_iod
            How far the region usually strays.
        """
        s = self._settings
        self.threshold = max(s.alert_factor * noise_iod, s.alert_iod)
        away = here[self.columns] - rest[self.columns]
        if not np.isfinite(away).all():
            self.state, self.excursion = State.QUIET, float("nan")
            return self.state
        self.excursion = largest(away)
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


class Alerts:
    """All regions together: at most one alert a movement.

    Parameters
    ----------
    regions
        Name → columns of the history: x, y of each of its channels.
    settings
        See ``SpotterSettings``.
    """

    def __init__(self, regions: dict[str, list[int]], settings: SpotterSettings) -> None:
        self.machines = [RegionMachine(name, own, settings) for name, own in regions.items()]
        self._baseline_s = settings.baseline_s
        self._announced: set[str] = set()

    @property
    def moving(self) -> bool:
        """True while any region is away from rest."""
        return any(machine.state is not State.QUIET for machine in self.machines)

    def restart(self) -> None:
        """Begin anew: what was before is void."""
        self._announced.clear()
        for machine in self.machines:
            machine.restart()

    def step(self, history: History, usual_iod: Float) -> RegionMachine | None:
        """Look at the newest row; return the region that just turned, if it is the first.

        ``usual_iod`` (C,) is how far each channel usually strays.
        """
        now, here = float(history.time_s[-1]), history.rows[-1]
        rest = middle_row(history.rows[history.since(now - self._baseline_s)])
        first = None
        for machine in self.machines:
            noise = float(usual_iod[machine.channels].max())
            if machine.step(now, here, rest, noise) is not State.FALLING:
                self._announced.discard(machine.region)
            elif machine.region not in self._announced:
                self._announced.add(machine.region)
                if len(self._announced) == 1:
                    first = machine
        return first
