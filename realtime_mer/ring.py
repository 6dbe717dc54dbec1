"""The preallocated ring of aligned faces: written in place, read as views."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime_mer.face.topology import CROP

FEWEST, MOST = 96, 640
"""Slots of a ring made for a frame rate: 30 to 197 MB."""


class FaceRing:
    """The newest aligned crops with their times and frame indices.

    ``slot`` hands out the picture to write next; ``commit`` makes it the newest. A view of a
    slot stays true until ``capacity`` further commits.

    Parameters
    ----------
    capacity
        Crops kept. Each takes 307 200 bytes. It should span a second and a half.
    span_s
        Seconds that must be kept: a ring that turns out to span less (a file that declared a
        wrong frame rate) doubles, up to ``MOST`` slots. 0 for a ring that never grows.
    """

    def __init__(self, capacity: int, span_s: float = 0.0) -> None:
        if capacity < 4:
            raise ValueError(f"a ring needs at least 4 slots, got {capacity}")
        self.capacity = capacity
        self._span_s = span_s
        self._crops = np.zeros((capacity, CROP, CROP, 3), np.uint8)
        self._time = np.full(capacity, -np.inf)
        self._index = np.full(capacity, -1, np.int64)
        self._written = self._begin = 0

    @classmethod
    def for_rate(cls, fps: float | None, seconds: float = 1.5) -> FaceRing:
        """Make a ring that spans ``seconds`` at ``fps``; between 96 and 640 slots."""
        rate = fps if fps and np.isfinite(fps) and fps > 0 else 200.0
        return cls(int(np.clip(np.ceil(rate * seconds) + 8, FEWEST, MOST)), seconds)

    def slot(self) -> NDArray[np.uint8]:
        """Return the (320, 320, 3) picture to write next."""
        slot: NDArray[np.uint8] = self._crops[self._written % self.capacity]
        return slot

    def commit(self, time_s: float, index: int) -> None:
        """Make the slot just written the newest; times must rise."""
        if len(self) and time_s <= self._time[(self._written - 1) % self.capacity]:
            raise ValueError(f"time must rise, got {time_s} s after {self._newest_s()} s")
        at = self._written % self.capacity
        self._time[at] = time_s
        self._index[at] = index
        self._written += 1
        if len(self) == self.capacity < MOST:
            spans_s = time_s - float(self._time[self._written % self.capacity])
            if spans_s < self._span_s:
                self._grow(min(2 * self.capacity, MOST))

    def _grow(self, capacity: int) -> None:
        """Move to a larger memory; views handed out before keep the old one."""
        order, kept = self._order(), len(self)
        crops = np.zeros((capacity, *self._crops.shape[1:]), np.uint8)
        crops[:kept] = self._crops[order]
        time, index = np.full(capacity, -np.inf), np.full(capacity, -1, np.int64)
        time[:kept], index[:kept] = self._time[order], self._index[order]
        self._crops, self._time, self._index = crops, time, index
        self.capacity, self._written, self._begin = capacity, kept, 0

    def clear(self) -> None:
        """Forget everything; views handed out before stay true as long as ever."""
        self._begin = self._written

    def __len__(self) -> int:
        return min(self._written - self._begin, self.capacity)

    def _newest_s(self) -> float:
        return float(self._time[(self._written - 1) % self.capacity])

    def _order(self) -> NDArray[np.int64]:
        """Slot numbers, oldest first."""
        return np.arange(self._written - len(self), self._written) % self.capacity

    def span(self, first_index: int, last_index: int) -> FaceSpan:
        """Return what is kept of the frames ``first_index`` … ``last_index``, both included."""
        order = self._order()
        index = self._index[order]
        inside = order[(index >= first_index) & (index <= last_index)]
        return FaceSpan(self._crops, inside, self._time[inside], self._index[inside])


class FaceSpan:
    """Some neighbouring crops of a ring, oldest first; pictures are views until ``gather``.

    Attributes
    ----------
    time_s, index
        (T,) media seconds and frame indices.
    """

    def __init__(
        self,
        crops: NDArray[np.uint8],
        slots: NDArray[np.int64],
        time_s: NDArray[np.float64],
        index: NDArray[np.int64],
    ) -> None:
        self.time_s = time_s
        self.index = index
        self._crops = crops
        self._slots = slots

    def __len__(self) -> int:
        return len(self._slots)

    def crop(self, position: int) -> NDArray[np.uint8]:
        """Return one (320, 320, 3) picture as a view."""
        view: NDArray[np.uint8] = self._crops[self._slots[position]]
        return view

    def nearest(self, frame_index: int) -> int:
        """Return the position whose frame index is closest."""
        return int(np.argmin(np.abs(self.index - frame_index)))

    def gather(self) -> NDArray[np.uint8]:
        """Copy all pictures out, (T, 320, 320, 3)."""
        return self._crops[self._slots]

    def kept(self) -> FaceSpan:
        """Return a copy that stays true whatever the ring does."""
        return FaceSpan(self.gather(), np.arange(len(self)), self.time_s, self.index)
