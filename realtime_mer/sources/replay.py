"""A recording played as if it were happening: each frame comes when it is due."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import isfinite
from pathlib import Path

from realtime_mer.errors import ConfigError
from realtime_mer.events import Frame, Gap
from realtime_mer.sources.base import Problem, Source, SourceInfo, monotonic
from realtime_mer.sources.file import FileSource
from realtime_mer.sources.folder import FolderSource
from realtime_mer.sources.prefetch import Prefetch

READ_AHEAD = 16
"""Frames decoded before they are due, so that uneven decoding does not show."""
LAST_STEP_S = 1 / 30
"""Time from the last frame of a one-frame recording to its next round."""


class ReplaySource(Source):
    """Frames of a file or folder at their own pace, as a camera would give them.

    ``captured_s`` is the moment the newest frame was due, however late it was read. Nothing is
    dropped here: a frame read late comes at once.

    Parameters
    ----------
    path
        A video file or a folder of images.
    speed
        2 plays twice as fast; media times stay as they are. ``inf`` gives every frame as soon as
        it is asked for: then the source is not live, and frames wait to be read.
    fps
        Give the frames new times, this many a second, instead of their own.
    loop
        Begin again at the end, in a new segment, times and indices going on.
    duration_s
        Media seconds after which it ends; None plays to the end, a loop for ever.
    clock, wait
        Monotonic seconds, and what sleeps for so many; by default until closed at most.

    Raises
    ------
    SourceError
        The recording cannot be opened.
    ConfigError
        ``speed``, ``fps`` or ``duration_s`` is not above 0.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        speed: float = 1.0,
        fps: float | None = None,
        loop: bool = False,
        duration_s: float | None = None,
        clock: Callable[[], float] = monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        for name, value in (("speed", speed), ("fps", fps), ("duration_s", duration_s)):
            if value is not None and not value > 0:
                raise ConfigError(f"{name} must be a number above 0, got {value}")
        self._path, self._fps, self._loop = Path(path), fps, loop
        self._inner = self._open()
        super().__init__(self._inner.redacted)
        self.live = isfinite(speed)
        self._speed, self._duration_s = speed, duration_s
        self._clock = clock
        self._stopped = threading.Event()
        self._wait = wait or self._stopped.wait
        self._declared = self._read_info()
        self._ahead = Prefetch(self._rounds(), READ_AHEAD)

    @property
    def due_s(self) -> float | None:
        """When the newest frame was due, on the clock; None before the first or without pace."""
        return self.captured_s

    @property
    def info(self) -> SourceInfo:
        """What the recording declares; no end is known of a loop."""
        return self._declared

    @property
    def problems(self) -> list[Problem]:
        """What went wrong so far, in the present round of a loop."""
        return [*self._log, *self._inner.problems]

    def close(self) -> None:
        """Free everything; wakes a wait."""
        self._stopped.set()
        super().close()

    def _open(self) -> Source:
        path = self._path.expanduser()
        return FolderSource(path, fps=self._fps) if path.is_dir() else FileSource(path)

    def _read_info(self) -> SourceInfo:
        info = self._inner.info
        fps = self._fps or info.fps
        frames, duration_s = info.frames, info.duration_s
        if self._fps and frames:
            duration_s = frames / self._fps
        if self._loop:
            frames, duration_s = None, self._duration_s
        elif self._duration_s is not None and duration_s is not None:
            frames, duration_s = None, min(duration_s, self._duration_s)
        return replace(info, fps=fps, frames=frames, duration_s=duration_s)

    def _frames(self) -> Iterator[Frame]:
        begin_s = first_s = None
        for frame, gaps in self._ahead:
            if begin_s is None or first_s is None:
                begin_s, first_s = self._clock(), frame.time_s
                self.clock_offset_s = begin_s - first_s if self._speed == 1.0 else None
            played_s = frame.time_s - first_s
            if self._duration_s is not None and played_s >= self._duration_s:
                return
            if self.live:
                due_s = begin_s + played_s / self._speed
                while (left_s := due_s - self._clock()) > 0 and not self._stopped.is_set():
                    self._wait(left_s)
                self.captured_s = due_s
            if self._stopped.is_set():
                return
            self._gaps += gaps
            yield frame

    def _rounds(self) -> Iterator[tuple[Frame, list[Gap]]]:
        """Yield the frames of one round after the other, with the gaps before each."""
        last: Frame | None = None
        step_s = LAST_STEP_S
        while True:
            first: Frame | None = None
            known, shift_s = 0, 0.0
            for count, raw in enumerate(self._inner):
                frame = self._retimed(raw, count, first or raw)
                if first is None:
                    first = frame
                    shift_s = 0.0 if last is None else last.time_s + step_s - frame.time_s
                    start = (0, 0) if last is None else (last.index + 1, last.segment + 1)
                if start != (0, 0):
                    frame = _moved(frame, shift_s, *start)
                gaps = self._inner.gaps[known:] if raw.segment or known else []
                known += len(gaps)
                yield frame, [self._placed(gap, shift_s, last, frame) for gap in gaps]
                step_s = frame.time_s - last.time_s if last is not None else step_s
                last = frame
            if not self._loop or first is None:
                return
            self._inner.close()
            self._inner = self._open()

    def _retimed(self, frame: Frame, count: int, first: Frame) -> Frame:
        if self._fps is None:
            return frame
        return replace(frame, time_s=first.time_s + count / self._fps)

    def _placed(self, gap: Gap, shift_s: float, last: Frame | None, frame: Frame) -> Gap:
        if self._fps is None:
            return Gap(gap.start_s + shift_s, gap.end_s + shift_s, gap.reason)
        return Gap(frame.time_s if last is None else last.time_s, frame.time_s, gap.reason)

    def _release(self) -> None:
        self._ahead.close()
        self._inner.close()


def _moved(frame: Frame, shift_s: float, index: int, segment: int) -> Frame:
    return Frame(
        frame.image_rgb, frame.time_s + shift_s, frame.index + index, frame.segment + segment
    )
