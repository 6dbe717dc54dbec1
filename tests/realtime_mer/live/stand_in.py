"""A session without threads, camera or face: what journal and dashboard look at."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np

from realtime_mer.events import Event, Evidence, Frame
from realtime_mer.lane import FaceStatus
from realtime_mer.latency import LatencyBook
from realtime_mer.live.link import Link, LinkState
from realtime_mer.live.updates import Captured, Counters, LiveUpdate
from realtime_mer.sources import SourceInfo
from tests.realtime_mer.sinks import makers


class StandIn:
    """Everything of a session that can be read; tests change it at will."""

    def __init__(self, **changes: Any) -> None:
        self.info = SourceInfo("camera 0", "camera 0", 640, 480, "camera", fps=200.0)
        self.link = Link(LinkState.RUNNING, 0.0)
        self.counters = Counters()
        self.latency = LatencyBook()
        self.gaps: tuple[object, ...] = ()
        self.problems: tuple[object, ...] = ()
        self.latest: Captured | None = None
        self.pipeline = SimpleNamespace(
            gaps=(),
            rejected=Counter({"blink": 2}),
            mesh_runs=3,
            latency=LatencyBook(),
            recognizer=SimpleNamespace(
                model="default@1234",
                trained_on="Synthetic",
                engine="onnxruntime",
                engine_reason="",
                engine_notes=(),
            ),
            signals=makers.signals(duration_s=2.0),
            evidence={},
            faces=(),
        )
        self.stopped = False
        for name, value in changes.items():
            setattr(self, name, value)

    def stop(self) -> None:
        self.stopped = True

    def goes_on(self, time_s: float, *events: Event) -> LiveUpdate:
        """Let a frame pass, and return its update."""
        index = round(time_s * 200)
        picture = np.zeros((4, 4, 3), np.uint8)
        self.latest = Captured(Frame(picture, time_s, index), time_s)
        self.counters = Counters(
            captured=index + 1, processed=index + 1, segments=1, captured_fps=200.0
        )
        for event in events:
            self.pipeline.evidence[event.event_id] = pictures(event.event_id)
        return LiveUpdate(time_s, index, events=events)


def pictures(seed: int) -> Evidence:
    return makers.evidence(seed, side=32)


def event(number: int, onset_s: float) -> Event:
    return makers.event(number, onset_s, onset_s + 0.1, onset_s + 0.2)


def face(*advice: str, face_id: int = 0, share: float = 0.5) -> FaceStatus:
    """Return a face whose regions stand at this share of their thresholds."""
    thresholds = np.full(6, 0.01, np.float32)
    view: Any = SimpleNamespace(to_crop=np.eye(2, 3))
    return FaceStatus(face_id, view, thresholds * np.float32(share), thresholds, advice)
