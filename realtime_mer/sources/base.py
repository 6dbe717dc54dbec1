"""What every source is: an iterator of frames that can be closed and says what went wrong."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from realtime_mer.errors import SourceError
from realtime_mer.events import Frame, Gap, MediaInfo

CLOSE_PATIENCE_S = 1.0
"""How long ``close`` waits for a read in another thread before leaving the release to it."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What the source declares about itself when it is opened; measured figures come later.

    Attributes
    ----------
    path
        What was opened, safe to print: credentials hidden, control characters escaped.
    name
        Short name, such as the file name; safe to print.
    width, height
        Pixels of the upright frames; every frame of the source has this size.
    codec
        Such as ``h264``, ``images`` or ``camera``.
    fps
        Declared frame rate (a camera: measured so far), None if unknown.
    frames
        Estimated number of frames, None if unknown.
    duration_s
        Declared duration, None if unknown or endless.
    start_s
        Media time of the first frame, None before it was seen.
    """

    path: str
    name: str
    width: int
    height: int
    codec: str
    fps: float | None = None
    frames: int | None = None
    duration_s: float | None = None
    start_s: float | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that went wrong without ending the work.

    Attributes
    ----------
    kind
        What it is, in a word or two: ``decode error``, ``truncated``, ``timestamps``, ``timing``,
        ``time gap``, ``unreadable image``, ``missing image``, ``interlaced``, ``size change``,
        ``several streams``, ``several sequences``, ``option ignored``, ``camera lost``,
        ``connection lost``, ``too slow``.
    message
        One sentence for the user: what happened, where, what was done about it.
    frame, time_s
        Index and media time of the first occurrence; None where it belongs to no frame.
    count
        How many times it happened; the message describes the first.
    """

    kind: str
    message: str
    frame: int | None = None
    time_s: float | None = None
    count: int = 1

    def __str__(self) -> str:
        more = f" ({self.count - 1} more like it)" if self.count > 1 else ""
        return self.message + more


class ProblemLog:
    """Problems in order of appearance; repeated ones are counted, not listed."""

    def __init__(self) -> None:
        self._entries: dict[object, Problem] = {}

    def add(self, problem: Problem, *, same_as: str | None = None) -> None:
        """Note a problem; those with an equal ``same_as`` are counted as one entry."""
        key: object = same_as if same_as is not None else len(self._entries)
        seen = self._entries.get(key)
        if seen is None:
            self._entries[key] = problem
            return
        self._entries[key] = Problem(
            seen.kind, seen.message, seen.frame, seen.time_s, seen.count + 1
        )

    def __iter__(self) -> Iterator[Problem]:
        return iter(tuple(self._entries.values()))


class Source(ABC):
    """An iterator of frames: open, iterate once, close.

    Use it as a context manager. Frames come in decode order with strictly increasing times;
    iteration may pause and go on, but a source that was read to its end or closed cannot be
    iterated again. ``close`` may be called from any thread, more than once.

    Attributes
    ----------
    live
        True when frames arrive by themselves (camera, stream) and cannot be read again.
    redacted
        What was opened, with credentials hidden; safe to print.
    comes_back
        True when an end is a lost connection, which opening again may mend.
    captured_s
        Live sources: the clock's time at which the newest frame was captured; None if unknown.
    """

    live: bool = False
    comes_back: bool = False
    captured_s: float | None = None

    def __init__(self, redacted: str) -> None:
        self.redacted = redacted
        self._log = ProblemLog()
        self._gaps: list[Gap] = []
        self._stream: Iterator[Frame] | None = None
        self._ended = False
        self._closed = False
        self._released = False
        self._reading = threading.Lock()
        self._count = 0
        self._first_s = self._last_s = 0.0
        self.clock_offset_s: float | None = None
        """Live sources: a frame's time plus this is the clock's time of its (fastest) arrival."""

    @property
    @abstractmethod
    def info(self) -> SourceInfo:
        """What the source declares about itself."""

    @abstractmethod
    def _frames(self) -> Iterator[Frame]:
        """Yield the frames once."""

    @abstractmethod
    def _release(self) -> None:
        """Free what is held; called once, never during a read."""

    @property
    def problems(self) -> list[Problem]:
        """What went wrong so far, in order of appearance."""
        return list(self._log)

    @property
    def gaps(self) -> list[Gap]:
        """Stretches without (trustworthy) frames so far."""
        return list(self._gaps)

    @property
    def measured(self) -> MediaInfo:
        """What was really read so far, frame rate and duration from the timestamps."""
        info, span = self.info, self._last_s - self._first_s
        fps = (self._count - 1) / span if span > 0 else float("nan")
        start = self._first_s if self._count else float("nan")
        return MediaInfo(
            path=info.path,
            name=info.name,
            width=info.width,
            height=info.height,
            frames=self._count,
            duration_s=span,
            fps=fps,
            start_s=start,
            codec=info.codec,
        )

    def __iter__(self) -> Self:
        self._check_open()
        if self._ended:
            raise SourceError(
                f"{self.redacted} was already read to its end; open it again to read it again"
            )
        return self

    def __next__(self) -> Frame:
        with self._reading:
            self._check_open()
            if self._stream is None:
                self._stream = self._frames()
            try:
                frame = next(self._stream)
            except StopIteration:
                self._ended = True
                raise
            finally:
                if self._closed:
                    self._release_once()
            self._note(frame)
            return frame

    def _note(self, frame: Frame) -> None:
        if not self._count:
            self._first_s = frame.time_s
        self._last_s = frame.time_s
        self._count += 1

    def _check_open(self) -> None:
        if self._closed:
            raise SourceError(f"{self.redacted} is closed; open it again to read it")

    def close(self) -> None:
        """Free everything; a read that blocks in another thread frees it when it returns."""
        self._closed = True
        if self._reading.acquire(timeout=CLOSE_PATIENCE_S):
            try:
                self._release_once()
            finally:
                self._reading.release()

    def _release_once(self) -> None:
        if not self._released:
            self._released = True
            self._stream = None
            self._release()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def monotonic() -> float:
    """Return the clock of live sources, in seconds."""
    return time.monotonic()
