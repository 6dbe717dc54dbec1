"""Show a session from a thread of its own, so that no frame waits for a terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.live import Live

from realtime_mer.events import Candidate, Event
from realtime_mer.live.dashboard import View, draw, event_words, link_words, look
from realtime_mer.live.session import LiveSession
from realtime_mer.live.updates import LiveUpdate
from realtime_mer.sources import printable

Item = Event | Candidate
"""A confirmed event, or a provisional alert."""
RECENT = 8
STATUS_EVERY_S = 10.0
THREAD_NAME = "mer-watch"


class TerminalGone(Exception):
    """What the session is shown on takes nothing any more: a closed pipe, a full disk."""


class Show(Protocol):
    """Something that shows a session."""

    every_s: float
    """Seconds between two refreshes."""

    def refresh(self, view: View, fresh: Sequence[Item]) -> None:
        """Show how the session stands; ``fresh`` is what came since the last time."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Dashboard:
    """Five times a second a fresh picture in place of the last: 2 ms of work each."""

    every_s = 0.2

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def refresh(self, view: View, fresh: Sequence[Item]) -> None:
        """Draw it again."""
        self._live.update(draw(view), refresh=True)

    def close(self) -> None:
        """Remove it."""
        self._live.stop()


class Lines:
    """A line for each event, each change of the link, each problem, and now and then the pace.

    Parameters
    ----------
    out
        Where the lines go; flushed after each refresh.
    """

    every_s = 0.1

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._link = ""
        self._said: set[str] = set()
        self._status_s = 0.0

    def refresh(self, view: View, fresh: Sequence[Item]) -> None:
        """Say what is new."""
        lines = []
        state = f"{view.link.state} {view.link.reason}"
        if state != self._link:
            self._link = state
            lines.append(f"{printable(view.name)} {link_words(view)}".strip())
        lines += [note for note in view.notes if note not in self._said]
        self._said.update(view.notes)
        lines += [event_words(item) for item in fresh if isinstance(item, Event)]
        if view.wall_s - self._status_s >= STATUS_EVERY_S:
            self._status_s = view.wall_s
            lines.append(_status(view))
        if lines:
            self._out.write("".join(f"{printable(line)}\n" for line in lines))
            self._out.flush()

    def close(self) -> None:
        """Nothing to tidy."""


class Watch:
    """Refresh a show while a session runs.

    Parameters
    ----------
    session
        Looked at, never touched.
    show
        Closed at the end.
    notes
        Returns what else to tell the user now.
    on_tick
        Called at every refresh with the seconds since the beginning.
    clock
        Seconds that only rise; the session's.
    """

    def __init__(
        self,
        session: LiveSession,
        show: Show,
        *,
        notes: Callable[[], tuple[str, ...]] = tuple,
        on_tick: Callable[[float], None] = lambda wall_s: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._show = show
        self._notes = notes
        self._on_tick = on_tick
        self._clock = clock
        self._fresh: deque[Item] = deque()
        self._recent: deque[Item] = deque(maxlen=RECENT)
        self._found = 0
        self._began_s = clock()
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        try:
            if error is None:
                if self._error is not None:
                    raise self._error
                self.step()
        finally:
            with suppress(OSError):
                self._show.close()

    def take(self, update: LiveUpdate) -> None:
        """Take note of one update; microseconds.

        Raises
        ------
        Exception
            What went wrong while showing, such as ``TerminalGone``.
        """
        if self._error is not None:
            raise self._error
        self._fresh.extend(update.provisional)
        self._fresh.extend(update.events)

    def step(self) -> None:
        """Refresh once."""
        fresh = [self._fresh.popleft() for _ in range(len(self._fresh))]
        self._recent.extend(fresh)
        self._found += sum(isinstance(item, Event) for item in fresh)
        now_s = self._clock()
        wall_s = now_s - self._began_s
        self._on_tick(wall_s)
        view = look(
            self._session,
            wall_s=wall_s,
            now_s=now_s,
            recent=tuple(self._recent),
            found=self._found,
            notes=self._notes(),
        )
        try:
            self._show.refresh(view, fresh)
        except OSError as error:
            raise TerminalGone(str(error)) from error

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._show.every_s):
                self.step()
        except BaseException as error:
            self._error = error
            self._session.stop()


def as_lines(console: Console, plain: bool) -> bool:
    """Say whether lines are wanted: there is no terminal, or the user asked for them."""
    return plain or not console.is_terminal


def show_for(console: Console, plain: bool) -> Show:
    """Return the dashboard on a terminal, lines elsewhere or where they are asked for."""
    return Lines(sys.stdout) if as_lines(console, plain) else Dashboard(console)


def _status(view: View) -> str:
    counters, (_, _, late_ms) = view.counters, view.latency["signal"]
    return (
        f"{view.wall_s:.0f} s: {counters.captured_fps:.1f} fps captured, "
        f"{counters.processed_fps:.1f} processed, {counters.declared_drops} dropped, "
        f"{counters.undeclared_drops} lost undeclared, signal p99 {late_ms:.1f} ms"
    )
