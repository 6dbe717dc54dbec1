"""One face of a stream: tracker, ring, spotter and quality gate, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from realtime_mer.events import Candidate, Frame
from realtime_mer.face.gate import Gate, GateSettings
from realtime_mer.face.tracker import FaceTracker, TrackerSettings
from realtime_mer.face.view import FaceView, Picture
from realtime_mer.latency import LatencyBook
from realtime_mer.recording import GapKeeper, SignalRecorder
from realtime_mer.ring import FaceRing, FaceSpan
from realtime_mer.spotting import Decision, Spotter, SpotterSettings

BEFORE_ONSET_S = 0.05
"""Pictures before the onset that a recipe gets to see, to average the face at rest."""
POOR_QUALITY = "poor quality"
"""Reason of a gap, and of a movement turned down, where the gate was shut."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceStatus:
    """How one face stands at present.

    Attributes
    ----------
    face_id
        Whose face it is: counts from 0, and stays with a person who leaves and returns.
    view
        What the newest picture shows of it; None while it cannot be seen.
    excursions, thresholds
        (6,) float32 for each of ``topology.REGIONS``: how far it stands from rest, and what that
        would have to exceed, in inter-ocular distances. NaN while the face cannot be seen.
    advice
        What would have to change for anything to be claimed of this face, worst first, out of
        ``face.gate.ADVICE``; empty when all is well.
    """

    face_id: int
    view: FaceView | None
    excursions: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """What all lanes of a pipeline share; see ``Pipeline``."""

    spotter: SpotterSettings | None = None
    tracker: TrackerSettings | None = None
    gate: GateSettings | None = None
    recorder: Callable[[], SignalRecorder] = SignalRecorder


class Lane:
    """Follow one face and spot its movements, one ``step`` a picture.

    Parameters
    ----------
    tracker
        Follows this face and no other.
    ring
        Where the aligned crops go; a lane that sleeps needs none.
    settings, latency
        As of the pipeline.

    Attributes
    ----------
    view
        The newest; None while the face cannot be seen.
    known
        Whether it was ever seen.
    advice
        As in ``FaceStatus``.
    """

    def __init__(
        self,
        tracker: FaceTracker,
        ring: FaceRing | None,
        settings: LaneSettings,
        latency: LatencyBook,
    ) -> None:
        self.face_id = tracker.face_id
        self.tracker = tracker
        self.ring = ring
        self.view: FaceView | None = None
        self.advice: tuple[str, ...] = ()
        self.known = False
        self.gaps = GapKeeper()
        self.recorder = settings.recorder()
        self.spotter = Spotter(settings.spotter)
        self.gate = None if settings.gate is None else Gate(settings.gate)
        self._latency = latency

    def step(self, frame: Frame, picture: Picture | None = None) -> list[Decision]:
        """Take the next picture; return what was decided about this face.

        ``picture`` is what lanes of the same picture share; made here if None.
        """
        assert self.ring is not None
        with self._latency.measure("face"):
            view = self.tracker.step(frame, self.ring.slot(), picture)
        if view is None:
            return self.miss(frame.time_s, str(self.tracker.loss or "no face"))
        self.view, self.known = view, True
        if self.gate is not None:
            self.advice = self.gate.step(view, self.tracker.mesh)
        self.gaps.step(frame.time_s, POOR_QUALITY if self.advice else None)
        if view.restarted:
            self.ring.clear()
            np.copyto(self.ring.slot(), view.crop_rgb)
        self.ring.commit(frame.time_s, frame.index)
        with self._latency.measure("spotting"):
            decisions = self.spotter.step(view)
        self.recorder.step(frame.time_s, self.spotter)
        return self._admit(decisions) if decisions else decisions

    def miss(self, time_s: float, reason: str) -> list[Decision]:
        """Note a picture that shows nothing of this face."""
        self.view = None
        self.advice = ()
        if self.gate is not None:
            self.gate.restart()
        self.gaps.step(time_s, reason)
        self.recorder.step(time_s, None)
        return self.spotter.lost(reason)

    def finish(self) -> list[Decision]:
        """Tell that no picture follows."""
        self.gaps.finish()
        return self.spotter.lost("end of video")

    def status(self) -> FaceStatus:
        """Return how this face stands."""
        if self.view is None:
            unknown = np.full_like(self.spotter.excursions, np.nan)
            return FaceStatus(self.face_id, None, unknown, unknown.copy(), ())
        return FaceStatus(
            self.face_id, self.view, self.spotter.excursions, self.spotter.thresholds, self.advice
        )

    def span(self, candidate: Candidate) -> FaceSpan:
        """Return the pictures of a candidate, with a few from before its onset."""
        assert self.ring is not None
        kept = self.ring.span(0, candidate.offset_frame)
        first = int(np.searchsorted(kept.time_s, candidate.onset_s - BEFORE_ONSET_S))
        first_index = int(kept.index[min(first, kept.nearest(candidate.onset_frame))])
        return self.ring.span(first_index, candidate.offset_frame)

    def _admit(self, decisions: list[Decision]) -> list[Decision]:
        """Turn down what was claimed while the gate was shut, and say no alert about it."""
        if self.gate is None:
            return decisions
        admitted = []
        for decision in decisions:
            candidate = decision.candidate
            if candidate is None or decision.reason or not self._touched(candidate):
                admitted.append(decision)
            elif not candidate.provisional:
                self.spotter.rejected[POOR_QUALITY] += 1
                admitted.append(replace(decision, reason=POOR_QUALITY))
        return admitted

    def _touched(self, candidate: Candidate) -> bool:
        """Whether the gate was shut at some time of a candidate's course."""
        assert self.gate is not None
        return self.gate.touched(candidate.onset_s, candidate.offset_s)
