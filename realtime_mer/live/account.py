"""How a session stands, as the sinks read it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from realtime_mer.doctor import versions
from realtime_mer.events import Analysis, Event, Evidence, MediaInfo, Signals
from realtime_mer.face.topology import REGIONS
from realtime_mer.live.link import Link
from realtime_mer.live.session import LiveSession
from realtime_mer.live.updates import Counters, LiveUpdate
from realtime_mer.sources import SourceInfo

PICTURED = 120
"""Events that get pictures into the report, those with the highest spot score: about what a
report has room for. More would only be read from disk, shrunk, and left out."""


def bare(events: tuple[Event, ...]) -> Analysis:
    """Return an analysis of nothing but events."""
    nothing = np.zeros((0, len(REGIONS)), np.float32)
    signals = Signals(np.zeros(0), nothing, nothing, REGIONS)
    media = MediaInfo("", "", 0, 0, 0, math.nan, math.nan, math.nan, "")
    return Analysis(media, events, signals, {})


class Ledger:
    """What a session brought so far; all of it is small.

    Parameters
    ----------
    said
        What else belongs into ``summary.json``.
    clock
        Seconds that only rise.
    """

    def __init__(
        self,
        said: Mapping[str, object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.events: list[Event] = []
        # Read from the packages' folders, which takes too long for a stream.
        found = {name: number for name, number in versions().items() if number is not None}
        self._said: dict[str, object] = {"versions": found, **(said or {})}
        self._clock = clock
        self._began_s = clock()
        self._first_s = self._last_s = math.nan

    def take(self, update: LiveUpdate) -> None:
        """Take note of one update."""
        if math.isnan(self._first_s):
            self._first_s = update.time_s
        self._last_s = update.time_s
        self.events += update.events

    def account(self, session: LiveSession, *, interrupted: bool = False) -> Analysis:
        """Return how the session stands, without what is large; see ``filled``."""
        pipeline, counters = session.pipeline, session.counters
        gaps = sorted((*pipeline.gaps, *session.gaps), key=lambda gap: gap.start_s)
        wall_s = self._clock() - self._began_s
        recognizer = pipeline.recognizer
        summary = {
            "input": session.info.path if session.info is not None else "",
            "interrupted": interrupted,
            "live": _live(session.link, counters),
            "rejected": dict(sorted(pipeline.rejected.items())),
            "problems": [str(problem) for problem in session.problems],
            "model": recognizer.model,
            "trained_on": recognizer.trained_on,
            "engine": recognizer.engine,
            "engine_reason": recognizer.engine_reason,
            "engine_notes": list(recognizer.engine_notes),
            "seeds": {},
            "stages": pipeline.latency.table() | session.latency.table(),
            "wall_s": round(wall_s, 3),
            "throughput_fps": counters.processed / wall_s if wall_s > 0 else None,
            "mesh_runs": pipeline.mesh_runs,
            "analysed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        return replace(
            bare(tuple(self.events)),
            media=_media(session.info, counters.processed, self._first_s, self._last_s),
            gaps=tuple(gaps),
            summary=summary | self._said,
        )


def filled(account: Analysis, session: LiveSession) -> Analysis:
    """Return an account with the signals and the pictures of now."""
    best = sorted(account.events, key=lambda event: -event.candidate.spot_score)[:PICTURED]
    kept = session.pipeline.evidence
    evidence: dict[int, Evidence] = {}
    for event in best:
        if (pictures := kept.get(event.event_id)) is not None:
            evidence[event.event_id] = pictures
    return replace(account, signals=session.pipeline.signals, evidence=evidence)


def _media(info: SourceInfo | None, frames: int, first_s: float, last_s: float) -> MediaInfo:
    length_s = last_s - first_s
    fps = (frames - 1) / length_s if length_s > 0 else math.nan
    measured = (frames, length_s, fps, first_s)
    if info is None:
        return MediaInfo("", "", 0, 0, *measured, "")
    return MediaInfo(info.path, info.name, info.width, info.height, *measured, info.codec)


def _live(link: Link, counters: Counters) -> dict[str, object]:
    return {
        "state": str(link.state),
        "reason": link.reason,
        "captured": counters.captured,
        "processed": counters.processed,
        "declared_drops": counters.declared_drops,
        "undeclared_drops": counters.undeclared_drops,
        "segments": counters.segments,
        "reconnects": counters.reconnects,
    }
