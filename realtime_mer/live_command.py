"""What `mer live` does: a session, somebody who watches it, and files that grow beside it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import MutableMapping
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console

from realtime_mer.analysis import Options
from realtime_mer.analyze_command import tell_findings
from realtime_mer.errors import ConfigError, OutputError, SourceError
from realtime_mer.events import Analysis, Evidence
from realtime_mer.face.tracker import TrackerSettings
from realtime_mer.live.account import Ledger, filled
from realtime_mer.live.bounded_signals import BoundedSignals
from realtime_mer.live.evidence_store import EvidenceStore, Forgetful
from realtime_mer.live.journal import Journal
from realtime_mer.live.preview import Preview
from realtime_mer.live.session import LiveSession, open_live
from realtime_mer.live.watch import Show, TerminalGone, Watch, as_lines, show_for
from realtime_mer.sinks import FILES, check_writable
from realtime_mer.sinks.summary import summary_of
from realtime_mer.sources import printable
from realtime_mer.sources.spec import parse_spec
from realtime_mer.spotting import SpotterSettings
from realtime_mer.spotting.alarm_budget import AlarmBudget
from realtime_mer.terminal import (
    STOPPED,
    bundled,
    folder_name,
    interruptible,
    numbered,
    say,
    tell_of_waiting,
)
from realtime_mer.warmup import warm_up

_LOST = ("camera lost", "connection lost")
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What a user may choose; see `mer live --help`.

    Attributes
    ----------
    out
        Results go to ``out/<name>/``, or ``<name>-2`` … where that holds results already: what
        was seen live cannot be seen again. None writes nothing.
    faces
        Most faces followed at once.
    fps, width, height
        What to ask of a camera; ``fps`` also retimes a replay.
    speed, loop
        Of a replay.
    duration_s
        Ends after so many seconds: of media in a replay, by the clock else.
    alarms_per_minute
        See ``AlarmBudget``; None for the usual fixed threshold.
    preview
        Open a window with the picture.
    model, engine, precision
        As in ``Options``.
    reconnect
        Open a lost camera or stream again; otherwise its loss ends with code 1.
    plain
        Lines instead of the dashboard.
    """

    out: Path | None = None
    faces: int = 1
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    speed: float = 1.0
    loop: bool = False
    duration_s: float | None = None
    alarms_per_minute: float | None = None
    preview: bool = False
    model: Path | None = None
    engine: str = "auto"
    precision: str = "auto"
    reconnect: bool = True
    plain: bool = False


def watch_live(source: str, options: LiveOptions, console: Console | None = None) -> int:
    """Watch a source until it ends or the user does; return the exit code.

    0: the source ended or the time was up; 1: it was lost for good, or results could not be
    written; 130: Ctrl-C, SIGTERM, or the terminal has gone. Whatever the end, what was found is
    written.

    Raises
    ------
    MerError
        The source cannot be opened, an option is out of range, results cannot be written.
    """
    console = console or Console()
    if source.strip() in ("", "-"):
        raise SourceError(f"{source!r} is no source; give a camera's number, a URL or a file")
    if options.duration_s is not None and not options.duration_s > 0:
        raise ConfigError(f"--duration is {options.duration_s}: give seconds above 0")
    spec = bundled(source)
    replayed = parse_spec(spec).kind in ("file", "folder")
    spotter = _spotter(options.alarms_per_minute)
    folder = None if options.out is None else free_folder(options.out, folder_name(source))
    if folder is not None:
        check_writable(folder)
    with ExitStack() as stack:
        preview = stack.enter_context(closing(Preview())) if options.preview else None
        warm_up(tell_of_waiting)
        evidence = stack.enter_context(closing(EvidenceStore(folder))) if folder else None
        session = _open(spec, options, spotter, evidence)
        stack.enter_context(closing(session.pipeline))
        ledger = Ledger(_said(options, spotter))
        journal = stack.enter_context(Journal(folder, ledger)) if folder is not None else None
        stop = stack.enter_context(interruptible(session.stop, _ENDING))
        limit_s = None if replayed else options.duration_s
        watch = _watch_of(session, journal, show_for(console, options.plain), limit_s)
        try:
            with session:
                gone = _run(session, watch, ledger, journal, preview)
        except BaseException:
            _rescue(session, journal)
            raise
        return _finish(session, ledger, journal, console, stop.is_set() or gone, options)


def free_folder(out: Path, name: str) -> Path:
    """Return ``out/name``, or ``out/name-2`` … where that holds results already."""
    return next(
        folder
        for folder in (out / each for each in numbered(name))
        if not any((folder / file).exists() for file in FILES)
    )


def _spotter(alarms_per_minute: float | None) -> SpotterSettings:
    if alarms_per_minute is None:
        return SpotterSettings()
    return replace(SpotterSettings(), budget=AlarmBudget(alarms_per_minute))


def _open(
    spec: str,
    options: LiveOptions,
    spotter: SpotterSettings,
    evidence: MutableMapping[int, Evidence] | None,
) -> LiveSession:
    return open_live(
        spec,
        options=Options(options.model, options.engine, options.precision, spotter=spotter),
        faces=options.faces,
        fps=options.fps,
        width=options.width,
        height=options.height,
        speed=options.speed,
        loop=options.loop,
        duration_s=options.duration_s,
        reconnect=options.reconnect,
        evidence=Forgetful() if evidence is None else evidence,
        recorder=BoundedSignals,
    )


def _said(options: LiveOptions, spotter: SpotterSettings) -> dict[str, object]:
    """Return what the user asked for, for the summary."""
    own = asdict(options)
    asked = {name: own[name] for name in ("faces", "fps", "width", "height", "loop", "duration_s")}
    asked["speed"] = str(options.speed)  # infinity is no number of JSON's
    tracker = asdict(TrackerSettings())
    return {"settings": {"spotter": asdict(spotter), "tracker": tracker, "live": asked}}


def _watch_of(
    session: LiveSession, journal: Journal | None, show: Show, limit_s: float | None
) -> Watch:
    def notes() -> tuple[str, ...]:
        trouble = journal.trouble if journal is not None else ""
        return (*map(str, session.problems), *((trouble,) if trouble else ()))

    def tick(wall_s: float) -> None:
        if limit_s is not None and wall_s >= limit_s:
            session.stop()

    return Watch(session, show, notes=notes, on_tick=tick)


def _run(
    session: LiveSession,
    watch: Watch,
    ledger: Ledger,
    journal: Journal | None,
    preview: Preview | None,
) -> bool:
    """Go through the updates to the end; return whether the terminal is gone."""
    try:
        with watch:
            for update in session.updates():
                ledger.take(update)
                watch.take(update)
                if journal is not None:
                    journal.take(session, update)
                if preview is not None and not preview.step(session):
                    session.stop()
    except TerminalGone:
        # Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _rescue(session: LiveSession, journal: Journal | None) -> None:
    """Write what there is; the failure that led here is told afterwards."""
    if journal is not None and session.counters.processed:
        with suppress(OutputError):
            journal.finish(session, interrupted=True)


def _finish(
    session: LiveSession,
    ledger: Ledger,
    journal: Journal | None,
    console: Console,
    stopped: bool,
    options: LiveOptions,
) -> int:
    """Write the last set, tell what was found, and return the exit code."""
    if journal is not None:
        analysis = journal.finish(session, interrupted=stopped)
    else:
        analysis = filled(ledger.account(session, interrupted=stopped), session)
    errors = Console(stderr=True)
    with suppress(OSError):  # a terminal gone must cost no results
        _tell(analysis, journal.folder if journal else None, console, options.plain)
    if stopped:
        say(errors, "stopped" + ("; what was found is written" if journal else ""))
        return STOPPED
    lost = any(problem.kind in _LOST for problem in session.problems)
    return 1 if lost and not options.reconnect else 0


def _tell(analysis: Analysis, folder: Path | None, console: Console, plain: bool) -> None:
    if not as_lines(console, plain):
        tell_findings(analysis, folder, console, Console(stderr=True))
        return
    # Every event and problem had its line already.
    rate = summary_of(analysis)["alarms_per_minute"]
    plural = "" if len(analysis.events) == 1 else "s"
    line = f"{len(analysis.events)} candidate{plural} to look at"
    sys.stdout.write(line + (f", {rate:.1f} a minute\n" if isinstance(rate, float) else "\n"))
    if folder is not None:
        sys.stdout.write(f"report: {printable(str(folder / 'report.html'))}\n")
    sys.stdout.flush()
