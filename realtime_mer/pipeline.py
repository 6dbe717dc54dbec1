"""The stream as one pure step: frame in, what was decided at that moment out.

``Pipeline.step`` is the whole program. Threads (decoding ahead, a camera) are a shell around it
that changes no result.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.crew import Alone, Crew, Several
from realtime_mer.errors import ConfigError
from realtime_mer.events import Candidate, Event, Evidence, Frame, Gap, Signals
from realtime_mer.explaining import Explain
from realtime_mer.face.checks import ChecksBeside, OneAtATime
from realtime_mer.face.gate import GateSettings
from realtime_mer.face.mesh import MeshDetector
from realtime_mer.face.tracker import FaceTracker, TrackerSettings
from realtime_mer.face.view import FaceView
from realtime_mer.lane import BEFORE_ONSET_S, FaceStatus, Lane, LaneSettings
from realtime_mer.latency import LatencyBook
from realtime_mer.motion.keyframes import key_frames_by_time
from realtime_mer.motion.residual import rrs
from realtime_mer.recognizer import Recognition, Recognizer
from realtime_mer.recording import GapKeeper, SignalRecorder
from realtime_mer.ring import FaceSpan
from realtime_mer.spotting import Decision, Spotter, SpotterSettings


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one frame brought.

    ``provisional`` are candidates at their apex, ``events`` are confirmed and recognised;
    ``rejected`` are movements turned down, with the reason.
    """

    provisional: tuple[Candidate, ...] = ()
    events: tuple[Event, ...] = ()
    rejected: tuple[Decision, ...] = ()


NOTHING = StepResult()


class Pipeline:
    """Frames in, events out.

    Parameters
    ----------
    detector
        The face mesh; it should find up to ``faces`` faces. Closed by ``close``.
    recognizer
        The model; closed by ``close``.
    fps
        Declared frame rate, only to size the rings; None if unknown.
    keep_evidence
        Encode onset, apex, offset and residual pictures of every event.
    explain
        Adds to each event's evidence what moved the model's answer; None for nothing.
    faces
        Most faces followed at once, at least 1. Each costs about as much as the first.
    gate
        What a face must be like for anything to be claimed of it; None claims everything.
    evidence
        Where evidence goes, by event; a dictionary if None.
    recorder
        Makes what keeps one face's signals.
    beside
        Let the model, and the mesh that checks on a followed face, work in threads of their own,
        so that no picture waits for them, and a second core help with each picture: for live
        sources. An event then comes with a later picture, and what the mesh finds too, depending
        on how busy the machine is. Several faces are compared with the mesh at once all the same.

    Raises
    ------
    ConfigError
        ``faces`` is less than 1.
    """

    def __init__(
        self,
        detector: MeshDetector,
        recognizer: Recognizer,
        *,
        fps: float | None = None,
        spotter: SpotterSettings | None = None,
        tracker: TrackerSettings | None = None,
        keep_evidence: bool = True,
        explain: Explain | None = None,
        faces: int = 1,
        gate: GateSettings | None = None,
        evidence: MutableMapping[int, Evidence] | None = None,
        recorder: Callable[[], SignalRecorder] = SignalRecorder,
        beside: bool = False,
    ) -> None:
        if faces < 1:
            raise ConfigError(f"a pipeline follows at least 1 face, got faces={faces}")
        self.latency = LatencyBook()
        self.evidence: MutableMapping[int, Evidence] = {} if evidence is None else evidence
        self.recognizer = recognizer
        self._checks: ChecksBeside | None = None
        self._model = ThreadPoolExecutor(1, "mer-model") if beside else None
        self._painter = ThreadPoolExecutor(1, "mer-painter") if beside else None
        self._waiting: deque[Future[tuple[Event, ...]]] = deque()
        if beside and faces == 1:
            detector = OneAtATime(detector)
            self._checks = ChecksBeside(detector)
        self._detector = detector
        self._keep_evidence = keep_evidence or explain is not None
        self._explain = explain
        self._events = 0
        settings = LaneSettings(spotter, tracker, gate, recorder)
        self._crew: Crew = (
            Alone(detector, settings, fps, self.latency, self._checks, self._painter)
            if faces == 1
            else Several(detector, settings, fps, self.latency, faces)
        )

    def step(self, frame: Frame) -> StepResult:
        """Take the next frame."""
        decided = self._crew.step(frame)
        if not decided and not self._waiting:
            return NOTHING
        claimed = [
            (lane, d.candidate)
            for lane, decisions in decided
            for d in decisions
            if d.claimed and d.candidate
        ]
        return _sort([d for _, ds in decided for d in ds], self._recognise(claimed))

    def finish(self) -> StepResult:
        """Tell that no frame follows: movements still open have no offset and are turned down."""
        decided = self._crew.finish()
        events = self._answered(wait=True)
        return _sort([d for _, decisions in decided for d in decisions], events)

    def close(self) -> None:
        """Free the mesh and the engine."""
        for helper in (self._model, self._painter):
            if helper is not None:
                helper.shutdown(cancel_futures=True)
        self.recognizer.close()
        if self._checks is not None:
            self._checks.close()
        self._detector.close()

    @property
    def faces(self) -> tuple[FaceStatus, ...]:
        """Who is or was in view, by ``face_id``; nobody before the first face."""
        return tuple(lane.status() for lane in self._crew.lanes if lane.known)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Stretches so far in which nobody could be seen, or nobody well enough."""
        return tuple(self._crew.gaps)

    def gaps_of(self, face_id: int) -> tuple[Gap, ...]:
        """Stretches since its first appearance in which one face could not be seen well enough.

        Raises
        ------
        KeyError
            Nobody of that number is known.
        """
        return tuple(self._lane(face_id).gaps.gaps)

    @property
    def signals(self) -> Signals:
        """Region signals of the first face so far."""
        return self._crew.lanes[0].recorder.signals()

    def signals_of(self, face_id: int) -> Signals:
        """Region signals of one face since it was first seen.

        Raises
        ------
        KeyError
            Nobody of that number is known.
        """
        return self._lane(face_id).recorder.signals()

    @property
    def spotter(self) -> Spotter:
        """The first face's spotter."""
        return self._crew.lanes[0].spotter

    @property
    def tracker(self) -> FaceTracker:
        """The first face's tracker."""
        return self._crew.lanes[0].tracker

    @property
    def rejected(self) -> Counter[str]:
        """How many movements were turned down, by reason, over all faces."""
        return sum((lane.spotter.rejected for lane in self._crew.lanes), Counter())

    @property
    def mesh_runs(self) -> int:
        """How often the mesh ran."""
        return self._crew.mesh_runs

    def _lane(self, face_id: int) -> Lane:
        for lane in self._crew.lanes:
            if lane.face_id == face_id:
                return lane
        known = ", ".join(str(lane.face_id) for lane in self._crew.lanes)
        raise KeyError(f"no face {face_id} is known, only {known}")

    def _recognise(self, claimed: list[tuple[Lane, Candidate]]) -> tuple[Event, ...]:
        """Ask the model about all candidates of this frame at once, whosever they are."""
        candidates = [candidate for _, candidate in claimed]
        spans = [lane.span(candidate) for lane, candidate in claimed]
        if self._model is None:
            return self._ask(candidates, spans) if claimed else ()
        if claimed and self._waiting:  # it may be long until these are looked at
            spans = [span.kept() for span in spans]
        if claimed:
            self._waiting.append(self._model.submit(self._ask, candidates, spans))
        return self._answered()

    def _answered(self, wait: bool = False) -> tuple[Event, ...]:
        """Return the events that the model has told of in the meantime, in their order."""
        events: list[Event] = []
        while self._waiting and (wait or self._waiting[0].done()):
            events += self._waiting.popleft().result()
        return tuple(events)

    def _ask(self, candidates: list[Candidate], spans: list[FaceSpan]) -> tuple[Event, ...]:
        with self.latency.measure("recognition"):
            asked = list(map(candidate_frames, spans, candidates))
            said = self.recognizer.recognize_all(asked)
        return tuple(map(self._event, candidates, spans, asked, said))

    def _event(
        self, candidate: Candidate, span: FaceSpan, asked: CandidateFrames, said: Recognition
    ) -> Event:
        self._events += 1
        if self._keep_evidence:
            with self.latency.measure("evidence"):
                evidence = make_evidence(span, candidate)
            if self._explain is not None and said.sample is not None:
                with self.latency.measure("explanation"):
                    told = self._explain(asked, said.sample)
                evidence = replace(evidence, explanation=told.picture, explained=told.words)
            self.evidence[self._events] = evidence
        return Event(
            self._events,
            candidate,
            said.probabilities,
            self.recognizer.model,
            self.recognizer.engine,
            said.p_none,
            said.action_units,
        )


def candidate_frames(span: FaceSpan, candidate: Candidate) -> CandidateFrames:
    """Return the pictures of a candidate as every recipe reads them."""
    onset = min(span.nearest(candidate.onset_frame), len(span) - 2)
    apex = min(max(span.nearest(candidate.apex_frame), onset + 1), len(span) - 1)
    offset = max(span.nearest(candidate.offset_frame), apex)
    return CandidateFrames(span.gather(), span.time_s, onset, apex, offset)


def make_evidence(span: FaceSpan, candidate: Candidate) -> Evidence:
    """Encode the onset, apex and offset crops and the relative residual sum between them."""
    onset = span.nearest(candidate.onset_frame)
    apex = span.nearest(candidate.apex_frame)
    offset = span.nearest(candidate.offset_frame)
    course = span.time_s[onset : offset + 1]
    keys = key_frames_by_time(course, course[0], course[apex - onset], course[-1])
    residual = rrs(span.crop(onset), np.stack([span.crop(onset + k) for k in keys]))
    return Evidence(
        onset=_jpeg(span.crop(onset)),
        apex=_jpeg(span.crop(apex)),
        offset=_jpeg(span.crop(offset)),
        residual=_jpeg(residual),
    )


def _jpeg(image_rgb: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85]
    )
    if not done:
        raise RuntimeError(f"a picture of shape {image_rgb.shape} could not be encoded as JPEG")
    return bytes(data)


def _sort(decisions: list[Decision], events: tuple[Event, ...]) -> StepResult:
    if not decisions and not events:
        return NOTHING
    provisional = tuple(d.candidate for d in decisions if d.candidate and d.candidate.provisional)
    return StepResult(provisional, events, tuple(d for d in decisions if d.reason))


__all__ = [
    "BEFORE_ONSET_S",
    "FaceStatus",
    "FaceView",
    "GapKeeper",
    "Pipeline",
    "SignalRecorder",
    "StepResult",
    "candidate_frames",
    "make_evidence",
]
