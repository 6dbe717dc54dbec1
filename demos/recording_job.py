"""One recording analysed in a thread of its own: progress to ask for, a way to stop, a result."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from demos.preview_video import How, Plan, PreviewWriter, link, pack, plan_for
from realtime_mer.analysis import Options, analyze_source
from realtime_mer.errors import MerError, OutputError
from realtime_mer.events import Analysis, Frame
from realtime_mer.sinks import report, rows
from realtime_mer.sinks.media import player_start_s
from realtime_mer.sinks.summary import summary_of
from realtime_mer.sources import Source, open_source, printable

REPORT = "report.html"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work is.

    Attributes
    ----------
    share
        0 … 1, None where the recording does not say how long it is.
    media_s
        Seconds of the recording that were analysed.
    speed
        Media seconds analysed per second.
    events
        Candidates so far.
    """

    share: float | None = None
    media_s: float = 0.0
    speed: float = 0.0
    events: int = 0


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording and what was found in it, all files in one private folder.

    Attributes
    ----------
    source
        The file that was analysed.
    shown
        The file for the browser's player.
    shown_start_s
        Media time at which the player shows 0.
    cut_short
        Why not all of it was analysed, empty if all was.
    """

    analysis: Analysis
    folder: Path
    source: Path
    shown: Path
    shown_start_s: float
    cut_short: str = ""

    @property
    def report(self) -> Path:
        """The analysis as a page."""
        return self.folder / REPORT


class RecordingJob:
    """Analyse ``path`` in a thread; write what the page shows into ``folder``.

    Parameters
    ----------
    name
        What the recording is called in the results; nothing in them tells where it lay.
    longest_s
        Analysis ends there, with a word about it, even if the recording goes on.
    """

    def __init__(
        self,
        path: Path,
        folder: Path,
        *,
        name: str,
        longest_s: float,
        options: Options | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._folder, self._name = path, folder, name
        self._longest_s, self._options, self._clock = longest_s, options, clock
        self._stop = threading.Event()
        self._done = threading.Event()
        self._progress = Progress()
        self._cut_short = ""
        self._result: Recording | None = None
        self._error: BaseException | None = None
        self._begin_s = 0.0
        self._first_s: float | None = None
        self._whole_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def start(self) -> RecordingJob:
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ask for the end: what was found so far is the result. From any thread."""
        self._stop.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end for so long at most; return whether it has come."""
        return self._done.wait(timeout_s)

    @property
    def progress(self) -> Progress:
        """How far it is now."""
        return self._progress

    def result(self) -> Recording:
        """Return what was found; wait for it.

        Raises
        ------
        MerError
            The recording cannot be analysed, or the files not be written.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise OutputError("the analysis ended without a result; try again")
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._analyse()
        except MerError as error:
            self._error = error
        except Exception as error:
            self._error = OutputError(f"the analysis failed: {type(error).__name__}: {error}")
        finally:
            self._done.set()

    def _analyse(self) -> Recording:
        plan = plan_for(self._path)
        shown = self._folder / f"video.{plan.container}"
        writer = PreviewWriter(shown) if plan.how is How.ENCODE else None
        with open_source(self._path) as source:
            self._begin_s, self._whole_s = self._clock(), source.info.duration_s
            analysis = self._found(source, writer)
        if writer is None:
            shown, start_s = self._prepared(plan, shown), player_start_s(analysis.media)
        else:
            start_s = writer.start_s
        self._write_report(analysis)
        return Recording(analysis, self._folder, self._path, shown, start_s, self._cut_short)

    def _found(self, source: Source, writer: PreviewWriter | None) -> Analysis:
        def on_frame(frame: Frame, events: int) -> None:
            if writer is not None:
                writer.add(frame)
            self._note(frame, events)

        try:
            found = analyze_source(
                source, options=self._options, on_frame=on_frame, stop=self._stop.is_set
            )
        finally:
            if writer is not None:
                writer.close()
        if found.summary.get("interrupted") and not self._cut_short:
            self._cut_short = f"Stopped by you after {self._progress.media_s:.1f} s."
        notes = {"notes": [self._cut_short]} if self._cut_short else {}
        summary = {**found.summary, **notes, "input": printable(self._name)}
        media = replace(found.media, path="/" + self._name, name=printable(self._name))
        return replace(found, media=media, summary=summary)

    def _prepared(self, plan: Plan, shown: Path) -> Path:
        if plan.how is How.PACK:
            with suppress(OutputError):
                return pack(self._path, shown)
        shown.unlink(missing_ok=True)
        return link(self._path, shown)

    def _note(self, frame: Frame, events: int) -> None:
        if self._first_s is None:
            self._first_s = frame.time_s
        media_s = frame.time_s - self._first_s
        taken_s = self._clock() - self._begin_s
        share = min(1.0, media_s / self._whole_s) if self._whole_s else None
        self._progress = Progress(share, media_s, media_s / taken_s if taken_s > 0 else 0.0, events)
        if media_s >= self._longest_s:
            self._cut_short = (
                f"Only the first {self._longest_s / 60:.3g} minutes were analysed, the limit here; "
                "mer analyze has none."
            )
            self.stop()

    def _write_report(self, analysis: Analysis) -> None:
        page = report.render(analysis, rows(analysis), summary_of(analysis))
        (self._folder / REPORT).write_text(page, encoding="utf-8")
