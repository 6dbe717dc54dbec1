"""Region signals of a session without end, in memory that does not grow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime_mer.events import Signals
from realtime_mer.face.topology import REGIONS
from realtime_mer.recording import SignalRecorder
from realtime_mer.spotting import Spotter

ROWS = 1 << 17
"""56 bytes each, 7 MB in all: 11 minutes at 200 frames/s frame by frame, an hour at 8 frames a
row, a day at 256."""


class BoundedSignals(SignalRecorder):
    """Keep at most ``rows`` rows; when full, neighbours are merged and all rows span twice as much.

    A merged row keeps the larger excursion and the larger threshold of each region (NaN only
    where neither frame had a face), and the time of its first frame: no peak is lost, it is only
    placed less finely. ``signals`` may be called from another thread than ``step``.

    Parameters
    ----------
    rows
        Even, at least 2. More: finer signals late in a long session, more memory, which is taken
        at once.
    """

    def __init__(self, rows: int = ROWS) -> None:
        if rows < 2 or rows % 2:
            raise ValueError(f"rows must be an even number from 2, got {rows}")
        self._rows = _Rows(rows)
        self._open = np.full((2, len(REGIONS)), np.nan, np.float32)
        self._open_s = 0.0
        self._in_open = 0
        self._per_row = 1

    @property
    def frames_per_row(self) -> int:
        """How many frames a row spans now: 1, 2, 4, 8 …."""
        return self._per_row

    def step(self, time_s: float, spotter: Spotter | None) -> None:
        """Note one frame, NaN without a face."""
        if self._in_open == 0:
            self._open_s = time_s
            self._open[:] = np.nan
        if spotter is not None:
            np.fmax(self._open[0], spotter.excursions, out=self._open[0])
            np.fmax(self._open[1], spotter.thresholds, out=self._open[1])
        self._in_open += 1
        if self._in_open == self._per_row:
            self._commit()

    def signals(self) -> Signals:
        """Return a copy of the rows that are complete."""
        rows = self._rows  # never changed below its count: a full one is replaced, not rewritten
        count = rows.count
        values = rows.values[:count]
        return Signals(
            rows.time_s[:count].copy(), values[:, 0].copy(), values[:, 1].copy(), REGIONS
        )

    def _commit(self) -> None:
        rows = self._rows
        rows.time_s[rows.count] = self._open_s
        rows.values[rows.count] = self._open
        rows.count += 1
        self._in_open = 0
        if rows.count == len(rows.time_s):
            self._rows = rows.halved()
            self._per_row *= 2


class _Rows:
    """``count`` rows of time (N,) and excursion and threshold (N, 2, R)."""

    def __init__(self, size: int) -> None:
        self.values = np.full((size, 2, len(REGIONS)), np.nan, np.float32)
        # Written to now, so that the memory does not rise later.
        self.time_s = np.full(size, np.nan)
        self.count = 0

    def halved(self) -> _Rows:
        """Return as large a room with each two rows joined."""
        fresh = _Rows(len(self.time_s))
        fresh.count = len(self.time_s) // 2
        fresh.time_s[: fresh.count] = self.time_s[::2]
        merged: NDArray[np.float32] = np.fmax(self.values[::2], self.values[1::2])
        fresh.values[: fresh.count] = merged
        return fresh
