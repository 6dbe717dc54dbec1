"""The capture thread: reads a source, opens it again when it is lost, drops nothing silently."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing

from realtime_mer.errors import ConfigError, SourceError
from realtime_mer.events import Frame, Gap
from realtime_mer.live.link import (
    DEFAULT_SETTINGS,
    Happening,
    Link,
    LinkSettings,
    LinkState,
    opening,
    step,
)
from realtime_mer.live.rate import RateMeter
from realtime_mer.live.splice import Splice
from realtime_mer.live.updates import Captured
from realtime_mer.sources.base import Problem, ProblemLog, Source, SourceInfo, monotonic

JOIN_PATIENCE_S = 1.0
"""How long stopping waits for the thread, twice; a read that hangs longer is left to end alone."""
TURN_S = 0.5
"""A wait for a frame looks up so often, for keyboards that cannot interrupt a lock."""
THREAD_NAME = "mer-capture"


class Capture:
    """Frames of a source through a bounded queue, over as many connections as it takes.

    A source that goes by itself (``source.live``) is never waited for: when the queue is full its
    newest frames are dropped, counted and declared, until the queue has run nearly empty, so that
    what is looked at comes in stretches as long as possible. A source that can wait (a file read
    as fast as possible) does.

    Parameters
    ----------
    open_again
        Opens the source; called in the thread, again after every loss. The first failure is
        raised to the consumer, later ones are waited out.
    capacity
        Frames that may wait, at least 2. More bridges longer hiccups of the consumer at the cost
        of memory (0.9 MB each at 640×480) and of delay when it is too slow for good.
    reconnect
        Open a lost source again; otherwise its loss is the end.
    clock
        Seconds that only rise.
    settings
        See ``LinkSettings``.
    wait
        Sleeps between tries to come back, given seconds; the default wakes when it is stopped.
    """

    def __init__(
        self,
        open_again: Callable[[], Source],
        *,
        capacity: int = 64,
        reconnect: bool = True,
        clock: Callable[[], float] = monotonic,
        settings: LinkSettings = DEFAULT_SETTINGS,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        if capacity < 2:
            raise ConfigError(f"capacity must be at least 2 frames, got {capacity}")
        self.rate = RateMeter()
        self.splice = Splice()
        self._open_again = open_again
        self._capacity = capacity
        self._reconnect = reconnect
        self._clock = clock
        self._settings = settings
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._waiting: deque[Captured] = deque()
        self._change = threading.Condition()
        self._choked = False
        self._done = False
        self._error: BaseException | None = None
        self._link = opening(clock())
        self._link_lock = threading.Lock()
        self._source: Source | None = None
        self._info: SourceInfo | None = None
        self._past = ProblemLog()
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)

    # ---- for the consumer -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin; only once."""
        self._thread.start()

    def take(self) -> Captured | None:
        """Return the next frame, None at the end; waits for it.

        Raises
        ------
        Exception
            What ended the thread, itself, after the frames that came before it.
        """
        with self._change:
            while not (self._waiting or self._done or self._stopping.is_set()):
                self._change.wait(TURN_S)
            if self._stopping.is_set():
                return None
            if self._waiting:
                item = self._waiting.popleft()
                self._change.notify_all()
                return item
            error, self._error = self._error, None
        if error is not None:
            raise error
        return None

    def stop(self) -> None:
        """Let ``take`` return None from now on, and the thread end; returns at once."""
        self._stopping.set()
        with self._change:
            self._change.notify_all()

    def close(self) -> None:
        """Stop and wait for the thread, with patience but not for ever; frees the source."""
        self.stop()
        if self._thread.ident is None or self._thread is threading.current_thread():
            return
        self._thread.join(JOIN_PATIENCE_S)
        source = self._source
        if self._thread.is_alive() and source is not None:
            source.close()
            self._thread.join(JOIN_PATIENCE_S)

    def fail(self, error: BaseException) -> None:
        """Tell that the consumer failed."""
        self._happen(Happening.FAILED, _say(error))

    @property
    def link(self) -> Link:
        """The connection now."""
        return self._happen(Happening.TIME)

    @property
    def waiting(self) -> int:
        """Frames captured and not taken yet."""
        return len(self._waiting)

    @property
    def info(self) -> SourceInfo | None:
        """What the (latest) source declares, None before it was opened."""
        source = self._source
        return self._info if source is None else source.info

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Breaks so far, by their beginning."""
        return tuple(sorted(tuple(self.splice.gaps), key=lambda gap: gap.start_s))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What went wrong so far; what happened in several connections is counted."""
        source = self._source
        present = [] if source is None else source.problems
        return (*self._past, *self.splice.problems, *present)

    # ---- in the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping.is_set() and not self._link.over:
                source = self._open()
                if source is not None:
                    self._read_and_close(source)
                self._back_off()
            self._happen(Happening.ENDED, "stopped")
        except BaseException as error:
            self._error = error
            self._happen(Happening.FAILED, _say(error))
        finally:
            with self._change:
                self._done = True
                self._change.notify_all()

    def _open(self) -> Source | None:
        try:
            source = self._open_again()
        except SourceError as error:
            if not self.splice.connections:
                raise
            self._happen(Happening.LOST, str(error))
            return None
        self.splice.connect()
        self._source = source
        self._happen(Happening.OPENED)
        return source

    def _read_and_close(self, source: Source) -> None:
        try:
            with closing(source):
                mended = self._read(source)
        finally:
            self.splice.adopt(source.gaps)
            self.splice.disconnect()
            self._info = source.info
            self._source = None
            for problem in source.problems:
                self._past.add(problem, same_as=problem.kind)
        if self._stopping.is_set():
            return
        self._happen(Happening.LOST if mended else Happening.ENDED, _why(source))

    def _read(self, source: Source) -> bool:
        """Hand over frames to the end; return whether opening again may go on."""
        comes_back = source.comes_back and self._reconnect
        segment = 0
        try:
            for frame in source:
                if self._stopping.is_set():
                    return False
                now_s = self._clock()
                captured_s = now_s if source.captured_s is None else source.captured_s
                self.rate.note(captured_s)
                self._happen(Happening.FRAME, now_s=now_s)
                if frame.segment != segment:
                    segment = frame.segment
                    self.splice.adopt(source.gaps)
                if not self._hand_over(frame, captured_s, may_drop=source.live):
                    return False
        except SourceError:
            if not (comes_back or self._stopping.is_set()):
                raise
        return comes_back

    def _hand_over(self, frame: Frame, captured_s: float, *, may_drop: bool) -> bool:
        """Queue one frame, or drop it; False when stopped meanwhile."""
        with self._change:
            if may_drop and self._has_to_drop():
                self.splice.drop(frame, captured_s)
                return True
            while len(self._waiting) >= self._capacity and not self._stopping.is_set():
                self._change.wait()
            if self._stopping.is_set():
                return False
            self._waiting.append(self.splice.take(frame, captured_s))
            self._change.notify_all()
            return True

    def _has_to_drop(self) -> bool:
        limit = self._capacity // 8 + 1 if self._choked else self._capacity
        self._choked = len(self._waiting) >= limit
        return self._choked

    def _back_off(self) -> None:
        """Wait until the next try is due."""
        while not self._stopping.is_set():
            link = self.link
            if link.state is not LinkState.RECONNECTING or link.retry_at_s is None:
                return
            self._wait(max(link.retry_at_s - self._clock(), 0.0))

    def _happen(self, what: Happening, reason: str = "", now_s: float | None = None) -> Link:
        now_s = self._clock() if now_s is None else now_s
        with self._link_lock:
            self._link = step(self._link, what, now_s, reason=reason, settings=self._settings)
            return self._link


def _why(source: Source) -> str:
    lost = [p for p in source.problems if p.kind in ("connection lost", "camera lost")]
    return str(lost[-1]) if lost else f"{source.redacted} ended"


def _say(error: BaseException) -> str:
    """Return what may be printed of an error: others than ours may quote anything."""
    return str(error) if isinstance(error, SourceError) else type(error).__name__
