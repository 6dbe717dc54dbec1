"""The last seconds of a signal, contiguous and allocated once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CAPACITY = 1024
"""Rows that the spotter keeps: two seconds at 500 frames a second."""


class History:
    """Rows of numbers with their times; the newest ``capacity`` rows are kept.

    Written into a buffer of twice the capacity and moved to its start when it is full, so that
    any span is one contiguous view and a push costs O(1) on average.
    """

    def __init__(self, columns: int, capacity: int) -> None:
        self._rows = np.empty((2 * capacity, columns))
        self._time = np.empty(2 * capacity)
        self._index = np.empty(2 * capacity, np.int64)
        self._capacity = capacity
        self._end = 0
        self._begin = 0

    def push(self, time_s: float, index: int, row: NDArray[np.float64]) -> None:
        """Append one row."""
        if self._end == len(self._time):
            kept = slice(self._end - self._capacity, self._end)
            for array in (self._rows, self._time, self._index):
                array[: self._capacity] = array[kept]
            self._begin = 0
            self._end = self._capacity
        self._rows[self._end] = row
        self._time[self._end] = time_s
        self._index[self._end] = index
        self._end += 1
        self._begin = max(self._begin, self._end - self._capacity)

    def clear(self) -> None:
        """Forget everything."""
        self._begin = self._end = 0

    def __len__(self) -> int:
        return self._end - self._begin

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Times, oldest first, a view that the next push may overwrite."""
        return self._time[self._begin : self._end]

    @property
    def index(self) -> NDArray[np.int64]:
        """Frame indices, oldest first, a view."""
        return self._index[self._begin : self._end]

    @property
    def rows(self) -> NDArray[np.float64]:
        """Rows, oldest first, a view."""
        return self._rows[self._begin : self._end]

    def since(self, time_s: float) -> slice:
        """Return the slice of what is not older than ``time_s``."""
        return slice(int(np.searchsorted(self.time_s, time_s - 1e-9)), len(self))


def largest(steps: NDArray[np.float64]) -> float:
    """Return the length of the longest of the (x, y) pairs in a flat row."""
    pairs = steps.reshape(-1, 2)
    return float(np.sqrt((pairs * pairs).sum(1).max()))


def middle_row(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the upper median of each column; NaN sorts last."""
    half = len(rows) // 2
    return np.asarray(np.partition(rows, half, axis=0)[half])
