"""The result files of a session that is still going on, written as it goes.

A power cut loses at most the last second of events. ``events.csv`` follows every event within a
second; the files that take longer to make follow as fast as a tenth of the time allows. Each file
is replaced as a whole, so none is ever half written.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from realtime_mer.errors import OutputError
from realtime_mer.events import Analysis, Event
from realtime_mer.live.account import Ledger, bare, filled
from realtime_mer.live.session import LiveSession
from realtime_mer.live.updates import LiveUpdate
from realtime_mer.sinks import check_writable, csv_sink, write_all
from realtime_mer.sinks.apart import ApartWriter, replace_file
from realtime_mer.sinks.table import rows

_LOG = logging.getLogger(__name__)
THREAD_NAME = "mer-journal"
TABLE = "events.csv"


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """How often to write.

    Attributes
    ----------
    table_s
        Least time between two writes of ``events.csv``; it must leave room within the second for
        the writing itself. Lower costs the disk more.
    set_s
        Least time between two writes of the other files.
    share
        Part of the time that writing them may take at most: after a write that took t seconds
        the next one waits ``t / share``.
    idle_s
        So often the other files are written although nothing happened but time going by.
    retry_s
        Wait after a failure, before it is tried again.
    """

    table_s: float = 0.5
    set_s: float = 1.0
    share: float = 0.1
    idle_s: float = 10.0
    retry_s: float = 2.0


class Clerk:
    """What the writer thread does, without the thread: see what is due, write it.

    ``give_event`` and ``give_account`` are called by the stream, ``step`` by the writer.

    Parameters
    ----------
    folder
        Where the files go.
    write_set
        Writes all files but ``events.csv``.
    clock
        Seconds that only rise.

    """

    def __init__(
        self,
        folder: Path,
        settings: JournalSettings,
        write_set: Callable[[Analysis, Path], None],
        clock: Callable[[], float],
    ) -> None:
        self._troubles: dict[str, str] = {}
        self._folder = folder
        self._settings = settings
        self._write_set = write_set
        self._clock = clock
        self._fresh: list[Event] = []
        self._lines: list[tuple[float, int, str]] = []
        self._header, _ = _csv_of(None)
        self._make: Callable[[], Analysis] | None = None
        self._table_stale = True
        self._news = True
        self._set_stale = False
        self._table_at_s = self._set_at_s = self._seen_at_s = -math.inf

    def give_event(self, event: Event) -> None:
        """Take note of an event; cheap."""
        self._fresh.append(event)
        self._news = True

    def give_account(self, make: Callable[[], Analysis], *, news: bool) -> None:
        """Take note of how things stand: ``make`` returns it when it is to be written.

        ``news`` tells that more happened than time going by.
        """
        self._make = make
        self._set_stale = True
        self._news = self._news or news

    def step(self) -> float:
        """Write what is due; return in how many seconds to look again, infinity for never.

        Raises
        ------
        Exception
            Whatever is no ``OutputError``: a fault of ours. Those are kept in ``trouble``, and
            tried again.
        """
        self._try("table", self._write_table)
        self._try("set", self._write_rest)
        return self._wait_s()

    @property
    def trouble(self) -> str:
        """Why the files are not up to date; empty when they are."""
        return "; ".join(dict.fromkeys(self._troubles.values()))

    def _try(self, part: str, write: Callable[[], bool]) -> None:
        try:
            if write():
                self._troubles.pop(part, None)
        except OutputError as error:
            if part not in self._troubles:
                _LOG.info("%s", error)
            self._troubles[part] = str(error)

    def _write_table(self) -> bool:
        while self._fresh:
            event = self._fresh.pop(0)
            insort(self._lines, (event.candidate.onset_s, event.event_id, _csv_of(event)[1]))
            self._table_stale = True
        if not self._table_stale or self._clock() < self._table_at_s:
            return False
        text = self._header + "".join(line for _, _, line in self._lines)
        self._table_at_s = self._clock() + self._settings.retry_s
        replace_file(self._folder / TABLE, text.encode())
        self._table_stale = False
        self._table_at_s = self._clock() + self._settings.table_s
        return True

    def _write_rest(self) -> bool:
        began_s = self._clock()
        if self._make is None or not self._set_stale or began_s < self._due_s():
            return False
        self._set_stale = self._news = False
        try:
            self._write_set(self._make(), self._folder)
        except OutputError:
            self._set_stale = self._news = True
            self._set_at_s = self._clock() + self._settings.retry_s
            raise
        ended_s = self._clock()
        self._seen_at_s = ended_s
        pause_s = max(self._settings.set_s, (ended_s - began_s) / self._settings.share)
        self._set_at_s = ended_s + pause_s
        return True

    def _due_s(self) -> float:
        """When the set may be written next."""
        if self._news:
            return self._set_at_s
        return max(self._set_at_s, self._seen_at_s + self._settings.idle_s)

    def _wait_s(self) -> float:
        now_s = self._clock()
        waits = [math.inf]
        if self._table_stale or self._fresh:
            waits.append(self._table_at_s - now_s)
        if self._set_stale and self._make is not None:
            waits.append(self._due_s() - now_s)
        return max(0.0, min(waits))


class Journal:
    """Keep the files of one session up to date, from a thread of its own.

    ::

        with Journal(Path("out/camera0"), ledger) as journal:
            for update in session.updates():
                ledger.take(update)
                journal.take(session, update)
            journal.finish(session)

    The first update begins it: where nothing ever came, nothing is written but by ``finish``.
    Leaving without ``finish`` keeps what was written last.

    Parameters
    ----------
    folder
        Where the files go; checked for writing now.
    ledger
        Has taken every update before the journal does.
    settings
        See ``JournalSettings``.
    write_set
        As in ``Clerk``; None for ``ApartWriter``.
    clock
        Seconds that only rise.

    Raises
    ------
    OutputError
        The folder cannot be written to.
    """

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        *,
        settings: JournalSettings | None = None,
        write_set: Callable[[Analysis, Path], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_writable(folder)
        self.folder = folder
        self.settings = settings or JournalSettings()
        self._apart = ApartWriter() if write_set is None else None
        self._clerk = Clerk(folder, self.settings, write_set or self._apart or _never, clock)
        self._clock = clock
        self._ledger = ledger
        self._seen_at_s = -math.inf
        self._known: tuple[object, ...] = ()
        self._change = threading.Condition()
        self._pending = False
        self._stopping = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def trouble(self) -> str:
        """Why the files are not up to date, for the user; empty when they are."""
        return self._clerk.trouble

    def take(self, session: LiveSession, update: LiveUpdate) -> None:
        """Take note of one update: microseconds, a millisecond twice a second.

        Raises
        ------
        Exception
            What went wrong in the writer thread, unless it may pass (see ``trouble``).
        """
        if self._error is not None:
            raise self._error
        if self._thread.ident is None:
            self._thread.start()
        for event in update.events:
            self._clerk.give_event(event)
        now_s = self._clock()
        if not update.events and now_s - self._seen_at_s < self.settings.table_s:
            return
        self._seen_at_s = now_s
        self._note(session)
        with self._change:
            self._pending = True
            self._change.notify()

    def finish(self, session: LiveSession, *, interrupted: bool = False) -> Analysis:
        """Stop the writer and write everything a last time, as one set; return it.

        ``interrupted`` says that the user ended it.

        Raises
        ------
        OutputError
            It cannot be written now either.
        Exception
            What went wrong in the writer thread.
        """
        self._stop()
        analysis = filled(self._ledger.account(session, interrupted=interrupted), session)
        write_all(analysis, self.folder)
        if self._error is not None:
            raise self._error
        return analysis

    def _note(self, session: LiveSession) -> None:
        account = self._ledger.account(session)
        known = (
            len(account.events),
            len(account.gaps),
            len(session.problems),
            session.counters.segments,
            session.link.state,
        )
        news, self._known = known != self._known, known
        # Signals and pictures are large: they are read when they are written.
        self._clerk.give_account(lambda: filled(account, session), news=news)

    def _stop(self) -> None:
        with self._change:
            self._stopping = True
            self._change.notify()
        if self._thread.ident is not None:
            self._thread.join()
        if self._apart is not None:
            self._apart.close()

    def _run(self) -> None:
        try:
            wait_s = 0.0
            while self._wait(wait_s):
                wait_s = self._clerk.step()
        except BaseException as error:
            self._error = error

    def _wait(self, wait_s: float) -> bool:
        """Sleep until something is due or came; say whether to go on."""
        with self._change:
            if not (self._pending or self._stopping):
                self._change.wait(None if math.isinf(wait_s) else wait_s)
            self._pending = False
            return not self._stopping


def _csv_of(event: Event | None) -> tuple[str, str]:
    """Return the header and the line of ``events.csv``."""
    table = [] if event is None else rows(bare((event,)))
    header, line = csv_sink.render(table).split("\n", 1)
    return header + "\n", line


def _never(analysis: Analysis, folder: Path) -> None:
    raise AssertionError("a journal has a writer")
