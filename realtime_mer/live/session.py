"""One source, live: capture thread → bounded queue → the pipeline in the caller's thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from realtime_mer.analysis import Options
from realtime_mer.events import Evidence, Gap
from realtime_mer.face.gate import GateSettings
from realtime_mer.latency import LatencyBook
from realtime_mer.live.capture import Capture
from realtime_mer.live.link import DEFAULT_SETTINGS, Link, LinkSettings
from realtime_mer.live.opening import open_pipeline
from realtime_mer.live.rate import RateMeter
from realtime_mer.live.updates import Captured, Counters, LiveUpdate
from realtime_mer.pipeline import Pipeline, StepResult
from realtime_mer.recording import SignalRecorder
from realtime_mer.sources import ReplaySource, open_source
from realtime_mer.sources.base import Problem, Source, SourceInfo, monotonic
from realtime_mer.sources.spec import parse_spec
from realtime_mer.threads import one_thread_each, prompt_turns

REMEMBERED = 8192
"""Frames whose moment of capture is known, for the delay of events: 20 s at 400 frames/s."""


class LiveSession:
    """Look at a source while it happens.

    ``updates`` runs the pipeline in the caller's thread, one update for each frame::

        with LiveSession(lambda: open_source(0), pipeline) as session:
            for update in session.updates(): ...

    The properties may be read from any thread. The pipeline stays the caller's to close.

    Parameters
    ----------
    open_again
        Opens the source, at the start and after each loss.
    pipeline
        Warmed up before; it sees every frame that is not declared as dropped, in order.
    capacity, reconnect, clock, settings, wait
        See ``capture.Capture``.

    Attributes
    ----------
    latency
        Delays from capture: ``signal`` to the end of a frame's step, ``provisional`` from an
        apex, and ``event`` from an offset, to the step that told of them.
    latest
        The newest frame looked at, None before the first.
    """

    def __init__(
        self,
        open_again: Callable[[], Source],
        pipeline: Pipeline,
        *,
        capacity: int = 64,
        reconnect: bool = True,
        clock: Callable[[], float] = monotonic,
        settings: LinkSettings = DEFAULT_SETTINGS,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.latency = LatencyBook()
        self.latest: Captured | None = None
        self._clock = clock
        self._capture = Capture(
            open_again,
            capacity=capacity,
            reconnect=reconnect,
            clock=clock,
            settings=settings,
            wait=wait,
        )
        self._rate = RateMeter()
        self._processed = self._undeclared = 0
        self._indices = np.full(REMEMBERED, -1, np.int64)
        self._captured_s = np.zeros(REMEMBERED)
        self._entered = ExitStack()

    def __enter__(self) -> Self:
        self._entered.enter_context(one_thread_each())
        self._entered.enter_context(prompt_turns())
        self._capture.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._entered:
            self._capture.close()

    def updates(self) -> Iterator[LiveUpdate]:
        """Yield what each frame brought, waiting for frames; ends with the source or ``stop``.

        A last update may follow for the newest frame, with what the end itself turned down.

        Raises
        ------
        Exception
            What went wrong in the capture thread or the pipeline, itself.
        """
        while (captured := self._capture.take()) is not None:
            try:
                result = self.pipeline.step(captured.frame)
            except BaseException as error:
                self._capture.fail(error)
                raise
            self._account(captured, result)
            yield _update(captured, result)
        if self.latest is not None:
            last = self.pipeline.finish()
            if last.provisional or last.events or last.rejected:
                yield _update(self.latest, last)

    def stop(self) -> None:
        """End ``updates`` after the present frame; from any thread, returns at once."""
        self._capture.stop()

    @property
    def link(self) -> Link:
        """The connection now."""
        return self._capture.link

    @property
    def info(self) -> SourceInfo | None:
        """What the source declares, None before it was opened."""
        return self._capture.info

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Stretches that the source or this computer missed; those of the face are elsewhere."""
        return self._capture.gaps

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What went wrong without ending the session."""
        return self._capture.problems

    @property
    def counters(self) -> Counters:
        """How it is going."""
        splice, now_s = self._capture.splice, self._clock()
        return Counters(
            captured=splice.captured,
            processed=self._processed,
            declared_drops=splice.dropped,
            undeclared_drops=self._undeclared,
            segments=splice.segments,
            reconnects=max(splice.connections - 1, 0),
            waiting=self._capture.waiting,
            captured_fps=self._capture.rate.per_second(now_s),
            processed_fps=self._rate.per_second(now_s),
        )

    def _account(self, captured: Captured, result: StepResult) -> None:
        frame, now_s = captured.frame, self._clock()
        before = self.latest.frame if self.latest is not None else None
        if before is not None and before.segment == frame.segment:
            self._undeclared += frame.index - before.index - 1
        self.latest = captured
        self._processed += 1
        self._rate.note(now_s)
        self._indices[frame.index % REMEMBERED] = frame.index
        self._captured_s[frame.index % REMEMBERED] = captured.captured_s
        self.latency.add("signal", now_s - captured.captured_s)
        for candidate in result.provisional:
            self._add_delay("provisional", candidate.apex_frame, now_s)
        for event in result.events:
            self._add_delay("event", event.candidate.offset_frame, now_s)

    def _add_delay(self, stage: str, index: int, now_s: float) -> None:
        if self._indices[index % REMEMBERED] == index:
            self.latency.add(stage, now_s - float(self._captured_s[index % REMEMBERED]))


def _update(captured: Captured, result: StepResult) -> LiveUpdate:
    frame = captured.frame
    return LiveUpdate(frame.time_s, frame.index, result.provisional, result.events, result.rejected)


DEFAULT_GATE = GateSettings()


def open_live(
    spec: str | Path | int,
    *,
    options: Options | None = None,
    faces: int = 1,
    fps: float | None = None,
    width: int | None = None,
    height: int | None = None,
    speed: float = 1.0,
    loop: bool = False,
    duration_s: float | None = None,
    reconnect: bool = True,
    gate: GateSettings | None = DEFAULT_GATE,
    evidence: MutableMapping[int, Evidence] | None = None,
    recorder: Callable[[], SignalRecorder] = SignalRecorder,
    clock: Callable[[], float] = monotonic,
) -> LiveSession:
    """Prepare a session, everything slow done: kernels, face mesh and model are warm.

    The source is opened when the session is entered; the caller closes ``session.pipeline``::

        with open_live(0) as session, closing(session.pipeline):
            for update in session.updates(): ...

    Parameters
    ----------
    spec
        What ``open_source`` takes: a camera, a URL, or a file or folder, which is replayed at its
        own pace.
    options
        Model, engine, thresholds.
    faces
        Most faces followed at once.
    fps, width, height
        What to ask of a camera; ``fps`` also retimes a replay.
    speed, loop, duration_s
        Of a replay, see ``ReplaySource``.
    reconnect
        Open a lost camera or stream again.
    gate
        What a face must be like for anything to be claimed; None claims everything.
    evidence, recorder
        Where evidence and signals go, see ``Pipeline``.

    Raises
    ------
    SourceError
        ``spec`` names nothing that can be opened; cameras and streams tell when they are opened.
    ModelError, ConfigError
        The model package cannot be used; an option is out of range.
    """
    options = options or Options()
    parsed = parse_spec(spec)
    replayed = parsed.kind in ("file", "folder")
    rate = fps or (options.fps if parsed.kind == "folder" else None)

    def open_again() -> Source:
        if replayed:
            return ReplaySource(
                parsed.target, speed=speed, fps=rate, loop=loop, duration_s=duration_s, clock=clock
            )
        return open_source(spec, fps=fps, width=width, height=height, clock=clock)

    expected = rate
    if replayed:
        with open_again() as probe:
            expected = probe.info.fps
    pipeline = open_pipeline(
        options, fps=expected, faces=faces, gate=gate, evidence=evidence, recorder=recorder
    )
    return LiveSession(open_again, pipeline, reconnect=reconnect, clock=clock)
