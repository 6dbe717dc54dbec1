"""Several connections to a source become one stream: indices, times and segments go on."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nextafter

from realtime_mer.events import Frame, Gap
from realtime_mer.live.updates import Captured
from realtime_mer.sources.base import Problem


class Splice:
    """Number and time the frames of one connection after the other.

    Call ``connect`` before the first frame of every connection, then ``take`` or ``drop`` for
    each frame, and ``disconnect`` after the last. What the first connection says is kept as it
    is; from the second on, media time goes on by the clock of capture, as the frames with the
    least delay so far tell it. Where frames were dropped, and between two connections, lie a gap
    and a new segment.

    Attributes
    ----------
    gaps
        Breaks so far, those of the sources included, in order of appearance.
    captured, dropped, segments, connections
        Counts so far.
    """

    def __init__(self) -> None:
        self.gaps: list[Gap] = []
        self.captured = self.dropped = self.segments = self.connections = 0
        self._joining = False
        self._shift_s = 0.0
        self._index_base = self._segment_base = 0
        self._last_index = self._last_segment = -1
        self._last_s = -inf
        self._offset_s = inf
        self._before_drops_s = 0.0
        self._left_out = self._stretches = 0
        self._first_drop_s = 0.0
        self._adopted = 0

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the dropped frames have to say to the user."""
        if not self.dropped:
            return ()
        message = (
            f"too slow for the source: {self.dropped} frames in {_stretches(self._stretches)} were "
            f"left out, the first at {self._first_drop_s:.2f} s; choose a lower frame rate, a "
            "smaller picture or fewer faces"
        )
        return (Problem("too slow", message, time_s=self._first_drop_s),)

    def disconnect(self) -> None:
        """Tell that the connection gives no more frames."""
        self._declare_drops(self._last_s)

    def connect(self) -> None:
        """Tell that the next frame is the first of a new connection."""
        self.connections += 1
        self._joining = True
        self._adopted = 0

    def take(self, frame: Frame, captured_s: float) -> Captured:
        """Return the frame as the session counts it."""
        placed = self._place(frame, captured_s)
        self._declare_drops(placed.time_s)
        segment = self._segment_base + frame.segment
        self.segments += segment != self._last_segment
        self._last_segment = segment
        if placed.segment != segment:
            placed = replace(placed, segment=segment)
        return Captured(placed, captured_s)

    def drop(self, frame: Frame, captured_s: float) -> None:
        """Count a frame that nobody will look at."""
        before_s = self._last_s
        placed = self._place(frame, captured_s)
        if not self.dropped:
            self._first_drop_s = placed.time_s
        if not self._left_out:
            self._stretches += 1
            self._before_drops_s = before_s if before_s > -inf else placed.time_s
        self.dropped += 1
        self._left_out += 1

    def adopt(self, gaps: list[Gap]) -> None:
        """Take over what is new among the gaps of the present connection."""
        for gap in gaps[self._adopted :]:
            self.gaps.append(
                Gap(gap.start_s + self._shift_s, gap.end_s + self._shift_s, gap.reason)
            )
        self._adopted = len(gaps)

    def _place(self, frame: Frame, captured_s: float) -> Frame:
        rejoins = self._joining and self.captured > 0
        if rejoins:
            self._shift_s = max(captured_s - self._offset_s, self._last_s) - frame.time_s
            self._index_base = self._last_index + 1 - frame.index
            self._segment_base = self._last_segment + 1 - frame.segment
        time_s = frame.time_s + self._shift_s
        if time_s <= self._last_s:
            time_s = nextafter(self._last_s, inf)
        if rejoins:
            self.gaps.append(Gap(self._last_s, time_s, "connection lost"))
        index = self._index_base + frame.index
        self._joining = False
        self.captured += 1
        self._last_index, self._last_s = index, time_s
        self._offset_s = min(self._offset_s, captured_s - time_s)
        if time_s == frame.time_s and index == frame.index:
            return frame
        return replace(frame, time_s=time_s, index=index)

    def _declare_drops(self, until_s: float) -> None:
        """End a stretch of dropped frames; the next one taken begins a new segment."""
        if not self._left_out:
            return
        self._left_out = 0
        self._segment_base += 1
        self.gaps.append(Gap(self._before_drops_s, until_s, "time gap"))


def _stretches(count: int) -> str:
    return f"{count} stretch" + ("es" if count > 1 else "")
