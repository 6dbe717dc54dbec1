"""What is kept of a whole recording beside its events: gaps and region signals."""

from __future__ import annotations

import numpy as np

from realtime_mer.events import Gap, Signals
from realtime_mer.face.topology import REGIONS
from realtime_mer.spotting import Spotter


class GapKeeper:
    """Join frames without a usable face to stretches with one reason each."""

    def __init__(self) -> None:
        self.gaps: list[Gap] = []
        self._open: tuple[float, str] | None = None
        self._last_s = 0.0

    def step(self, time_s: float, reason: str | None) -> None:
        """Note one frame; ``reason`` is None when the face was seen."""
        if self._open is not None and reason != self._open[1]:
            self.gaps.append(Gap(self._open[0], time_s, self._open[1]))
            self._open = None
        if reason is not None and self._open is None:
            self._open = (time_s, reason)
        self._last_s = time_s

    def finish(self) -> None:
        """End an open stretch at the last frame."""
        if self._open is not None:
            self.gaps.append(Gap(self._open[0], self._last_s, self._open[1]))
            self._open = None


class SignalRecorder:
    """Keep the region signals of a whole recording: 56 bytes a frame."""

    def __init__(self) -> None:
        self._time = np.empty(1024)
        self._values = np.empty((1024, 2, len(REGIONS)), np.float32)
        self._count = 0

    def step(self, time_s: float, spotter: Spotter | None) -> None:
        """Note one frame, NaN without a face."""
        if self._count == len(self._time):
            self._time = np.concatenate([self._time, np.empty_like(self._time)])
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._time[self._count] = time_s
        if spotter is None:
            self._values[self._count] = np.nan
        else:
            self._values[self._count, 0] = spotter.excursions
            self._values[self._count, 1] = spotter.thresholds
        self._count += 1

    def signals(self) -> Signals:
        """Return a copy of what was noted."""
        values = self._values[: self._count]
        return Signals(
            self._time[: self._count].copy(), values[:, 0].copy(), values[:, 1].copy(), REGIONS
        )
