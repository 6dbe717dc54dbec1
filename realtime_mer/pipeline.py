"""The stream as one pure step: frame in, what was decided at that moment out.

``Pipeline.step`` is the whole program. Threads (decoding ahead, a camera) are a shell around it
that changes no result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.events import Candidate, Event, Evidence, Frame, Gap, Signals
from realtime_mer.explaining import Explain
from realtime_mer.face.mesh import MeshDetector
from realtime_mer.face.topology import REGIONS
from realtime_mer.face.tracker import FaceTracker, FaceView, TrackerSettings
from realtime_mer.latency import LatencyBook
from realtime_mer.motion.keyframes import key_frames_by_time
from realtime_mer.motion.residual import rrs
from realtime_mer.recognizer import Recognition, Recognizer
from realtime_mer.ring import FaceRing, FaceSpan
from realtime_mer.spotting import Decision, Spotter, SpotterSettings

BEFORE_ONSET_S = 0.05
"""Pictures before the onset that a recipe gets to see, to average the face at rest."""


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
        The face mesh; closed by ``close``.
    recognizer
        The model; closed by ``close``.
    fps
        Declared frame rate, only to size the ring; None if unknown.
    keep_evidence
        Encode onset, apex, offset and residual pictures of every event.
    explain
        Adds to each event's evidence what moved the model's answer; None for nothing.
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
    ) -> None:
        self.latency = LatencyBook()
        self.evidence: dict[int, Evidence] = {}
        self.spotter = Spotter(spotter)
        self.tracker = FaceTracker(detector, tracker)
        self.recognizer = recognizer
        self._detector = detector
        self._ring = FaceRing.for_rate(fps)
        self._keep_evidence = keep_evidence or explain is not None
        self._explain = explain
        self._events = 0
        self._recorder = SignalRecorder()
        self._gaps = GapKeeper()

    def step(self, frame: Frame) -> StepResult:
        """Take the next frame."""
        with self.latency.measure("face"):
            view = self.tracker.step(frame, self._ring.slot())
        if view is None:
            reason = str(self.tracker.loss or "no face")
            self._gaps.step(frame.time_s, reason)
            self._recorder.step(frame.time_s, None)
            return _sort(self.spotter.lost(reason), ())
        self._gaps.step(frame.time_s, None)
        if view.restarted:
            self._ring.clear()
            np.copyto(self._ring.slot(), view.crop_rgb)
        self._ring.commit(frame.time_s, frame.index)
        with self.latency.measure("spotting"):
            decisions = self.spotter.step(view)
        self._recorder.step(frame.time_s, self.spotter)
        if not decisions:
            return NOTHING
        claimed = [d.candidate for d in decisions if d.claimed and d.candidate]
        return _sort(decisions, self._recognise(claimed))

    def finish(self) -> StepResult:
        """Tell that no frame follows: movements still open have no offset and are turned down."""
        self._gaps.finish()
        return _sort(self.spotter.lost("end of video"), ())

    def close(self) -> None:
        """Free the mesh and the engine."""
        self.recognizer.close()
        self._detector.close()

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Stretches without a usable face so far."""
        return tuple(self._gaps.gaps)

    @property
    def signals(self) -> Signals:
        """Region signals so far."""
        return self._recorder.signals()

    def _recognise(self, claimed: list[Candidate]) -> tuple[Event, ...]:
        """Ask the model about all candidates of this frame at once."""
        if not claimed:
            return ()
        spans = [self._span(candidate) for candidate in claimed]
        with self.latency.measure("recognition"):
            asked = list(map(candidate_frames, spans, claimed))
            said = self.recognizer.recognize_all(asked)
        return tuple(map(self._event, claimed, spans, asked, said))

    def _event(
        self, candidate: Candidate, span: FaceSpan, asked: CandidateFrames, said: Recognition
    ) -> Event:
        self._events += 1
        if self._keep_evidence:
            with self.latency.measure("evidence"):
                self.evidence[self._events] = make_evidence(span, candidate)
        if self._explain is not None and said.sample is not None:
            with self.latency.measure("explanation"):
                told = self._explain(asked, said.sample)
            self.evidence[self._events] = replace(
                self.evidence[self._events], explanation=told.picture, explained=told.words
            )
        return Event(
            self._events,
            candidate,
            said.probabilities,
            self.recognizer.model,
            self.recognizer.engine,
            said.p_none,
            said.action_units,
        )

    def _span(self, candidate: Candidate) -> FaceSpan:
        kept = self._ring.span(0, candidate.offset_frame)
        first = int(np.searchsorted(kept.time_s, candidate.onset_s - BEFORE_ONSET_S))
        first_index = int(kept.index[min(first, kept.nearest(candidate.onset_frame))])
        return self._ring.span(first_index, candidate.offset_frame)


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


class GapKeeper:
    """Join frames without a usable face to stretches with one reason each."""

    def __init__(self) -> None:
        self.gaps: list[Gap] = []
        self._open: tuple[float, str] | None = None
        self._last_s = 0.0

    def step(self, time_s: float, reason: str | None) -> None:
        """Note one frame; ``reason`` is None when the face was seen."""
        if self._open is not None and reason != self._open[1]:
            self.gaps.append(Gap(self._open[0], time_s, self._open[1]))
            self._open = None
        if reason is not None and self._open is None:
            self._open = (time_s, reason)
        self._last_s = time_s

    def finish(self) -> None:
        """End an open stretch at the last frame."""
        if self._open is not None:
            self.gaps.append(Gap(self._open[0], self._last_s, self._open[1]))
            self._open = None


class SignalRecorder:
    """Keep the region signals of a whole recording: 56 bytes a frame."""

    def __init__(self) -> None:
        self._time = np.empty(1024)
        self._values = np.empty((1024, 2, len(REGIONS)), np.float32)
        self._count = 0

    def step(self, time_s: float, spotter: Spotter | None) -> None:
        """Note one frame, NaN without a face."""
        if self._count == len(self._time):
            self._time = np.concatenate([self._time, np.empty_like(self._time)])
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._time[self._count] = time_s
        if spotter is None:
            self._values[self._count] = np.nan
        else:
            self._values[self._count, 0] = spotter.excursions
            self._values[self._count, 1] = spotter.thresholds
        self._count += 1

    def signals(self) -> Signals:
        """Return a copy of what was noted."""
        values = self._values[: self._count]
        return Signals(
            self._time[: self._count].copy(), values[:, 0].copy(), values[:, 1].copy(), REGIONS
        )


__all__ = ["FaceView", "Pipeline", "StepResult", "candidate_frames", "make_evidence"]
