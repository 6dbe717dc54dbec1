"""The pipeline with several faces and with the gate; one face without a gate is as it ever was."""

import cv2
import numpy as np
import pytest

from realtime_mer.errors import ConfigError
from realtime_mer.events import Frame, Gap
from realtime_mer.face.gate import BLURRED, GateSettings
from realtime_mer.face.mesh import MediaPipeMesh
from realtime_mer.face.tracker import FaceTracker
from realtime_mer.pipeline import Pipeline, candidate_frames, make_evidence
from realtime_mer.recognizer import open_recognizer
from realtime_mer.recording import GapKeeper, SignalRecorder
from realtime_mer.ring import FaceRing
from realtime_mer.spotting import Spotter
from tests.conftest import SAMPLE_RATE
from tests.realtime_mer.face.scenes import Scene, stay, walk


def stream(pictures):
    for k, picture in enumerate(pictures):
        yield Frame(picture, k / SAMPLE_RATE, k)


def run(frames, faces=1, **settings):
    pipeline = Pipeline(
        MediaPipeMesh(max_faces=faces),
        open_recognizer(),
        fps=SAMPLE_RATE,
        faces=faces,
        **settings,
    )
    try:
        results = [pipeline.step(frame) for frame in frames]
        return [*results, pipeline.finish()], pipeline
    finally:
        pipeline.close()


def events_of(results):
    return [event for result in results for event in result.events]


def by_hand(frames):
    """Return what tracker, ring, spotter and recogniser say, one after the other."""
    tracker, spotter, ring = FaceTracker(MediaPipeMesh()), Spotter(), FaceRing.for_rate(SAMPLE_RATE)
    recorder, gaps, decisions, said, evidence = SignalRecorder(), GapKeeper(), [], [], []
    recognizer = open_recognizer()
    for frame in frames:
        view = tracker.step(frame, ring.slot())
        gaps.step(frame.time_s, None if view else str(tracker.loss))
        if view is None:
            decisions += spotter.lost(str(tracker.loss))
            recorder.step(frame.time_s, None)
            continue
        if view.restarted:
            ring.clear()
            np.copyto(ring.slot(), view.crop_rgb)
        ring.commit(frame.time_s, frame.index)
        news = spotter.step(view)
        recorder.step(frame.time_s, spotter)
        decisions += news
        for candidate in (d.candidate for d in news if d.claimed):
            kept = ring.span(0, candidate.offset_frame)
            first = int(np.searchsorted(kept.time_s, candidate.onset_s - 0.05))
            first = min(first, kept.nearest(candidate.onset_frame))
            span = ring.span(int(kept.index[first]), candidate.offset_frame)
            said.append(recognizer.recognize(candidate_frames(span, candidate)))
            evidence.append(make_evidence(span, candidate))
    gaps.finish()
    return decisions + spotter.lost("end of video"), said, evidence, recorder.signals(), gaps.gaps


def test_one_face_without_a_gate_is_bit_for_bit_the_parts_in_a_row(face_frames):
    pictures = list(face_frames(60, 160))
    pictures[80:86] = [np.zeros_like(pictures[0])] * 6
    results, pipeline = run(stream(pictures))
    decisions, said, evidence, signals, gaps = by_hand(stream(pictures))
    events = events_of(results)
    assert events
    assert [e.candidate for e in events] == [d.candidate for d in decisions if d.claimed]
    assert [e.probabilities for e in events] == [s.probabilities for s in said]
    assert list(pipeline.evidence.values()) == evidence
    assert [d for r in results for d in r.rejected] == [d for d in decisions if d.reason]
    assert list(pipeline.gaps) == list(pipeline.gaps_of(0)) == gaps
    for name in ("time_s", "displacement_iod", "threshold_iod"):
        one, other = getattr(pipeline.signals, name), getattr(signals, name)
        np.testing.assert_array_equal(one.view(np.uint8), other.view(np.uint8))


@pytest.fixture(scope="module")
def pair():
    """The astronaut raises her brows on the right; a painted face stands on the left."""
    scene = Scene({"pale": stay(160), "astronaut": stay(480, iod=66)}, 50 / 30)
    return list(scene.frames())


@pytest.fixture(scope="module")
def two(face_frames):
    """Two of the bundled clip beside each other, the left one half a second behind."""
    pictures = [
        cv2.resize(p, (320, 240), interpolation=cv2.INTER_AREA) for p in face_frames(30, 160)
    ]
    canvas = [np.hstack([pictures[max(k - 30, 0)], p[:, ::-1]]) for k, p in enumerate(pictures)]
    return run(stream(map(np.ascontiguousarray, canvas)), faces=2)


def test_each_face_has_its_own_events(two):
    results, pipeline = two
    events = events_of(results)
    by_face = {f: [e for e in events if e.candidate.face_id == f] for f in (0, 1)}
    apexes = {f: [e.candidate.apex_s for e in own] for f, own in by_face.items()}
    places = {s.face_id: s.view.head[0] for s in pipeline.faces}
    left, right = sorted(places, key=places.get)
    planted_s = ((102 - 30) / SAMPLE_RATE, (127 - 30) / SAMPLE_RATE)
    assert any(planted_s[0] < apex < planted_s[1] for apex in apexes[right])
    assert any(planted_s[0] + 0.5 < apex < planted_s[1] + 0.5 for apex in apexes[left])
    assert [event.event_id for event in events] == list(range(1, len(events) + 1))
    assert set(pipeline.evidence) == {event.event_id for event in events}


def test_status_and_signals_of_each_face(two):
    _, pipeline = two
    assert [status.face_id for status in pipeline.faces] == [0, 1]
    for status in pipeline.faces:
        assert status.view is not None
        assert status.view.face_id == status.face_id
        assert status.excursions.shape == status.thresholds.shape == (6,)
        assert status.advice == ()
        signals = pipeline.signals_of(status.face_id)
        assert len(signals.time_s) == 130
        assert np.isfinite(signals.threshold_iod[5:]).all()
    np.testing.assert_array_equal(
        pipeline.signals.displacement_iod, pipeline.signals_of(0).displacement_iod
    )
    with pytest.raises(KeyError, match="no face 7 is known, only 0, 1"):
        pipeline.signals_of(7)
    assert pipeline.gaps == ()
    assert pipeline.mesh_runs < 20


def test_a_gap_is_declared_only_when_nobody_can_be_seen():
    gone = float("nan")
    scene = Scene(
        {
            "pale": walk((0, 160), (1.0, gone), (2.0, gone)),
            "astronaut": walk((0, 480), (0.6, gone), (0.9, gone), (1.5, 480)),
        },
        2.2,
    )
    _, pipeline = run(scene.frames(), faces=2)
    [gap] = pipeline.gaps
    assert gap.reason == "no face"
    assert 1.0 <= gap.start_s <= 1.2
    assert 1.5 <= gap.end_s <= 1.8
    assert all(pipeline.gaps_of(status.face_id) for status in pipeline.faces)
    unseen = [s for s in pipeline.faces if s.view is None]
    assert len(unseen) == 1
    assert np.isnan(unseen[0].excursions).all()


def test_nobody_at_all_is_one_gap_and_no_faces():
    empty = np.full((120, 160, 3), 128, np.uint8)
    results, pipeline = run(stream([empty] * 20), faces=3)
    assert pipeline.faces == ()
    assert pipeline.gaps == (Gap(0.0, 19 / SAMPLE_RATE, "no face"),)
    assert len(pipeline.signals.time_s) == 20
    assert not events_of(results)


def test_rings_go_round_and_signals_have_a_row_a_picture():
    gone = float("nan")
    scene = Scene(
        {
            "astronaut": walk((0, 320), (0.5, gone)),
            "pale": walk((0, gone), (2.7, 320), (3.4, gone)),
        },
        3.6,
    )
    frames = list(scene.frames())
    _, pipeline = run(iter(frames), faces=2)
    assert [status.face_id for status in pipeline.faces] == [0, 1]
    assert len(pipeline.signals.time_s) == len(frames)
    assert len(pipeline.signals_of(1).time_s) <= 0.95 * len(frames)
    assert np.isnan(pipeline.signals.displacement_iod[-1]).all()


@pytest.fixture(scope="module")
def gated(face_frames):
    """The brow raise out of focus from its onset on, then sharp again; and the same all sharp."""
    pictures = list(face_frames(30, 160))
    soft = [cv2.GaussianBlur(p, (0, 0), 9) if 72 <= k < 80 else p for k, p in enumerate(pictures)]
    return run(stream(soft), gate=GateSettings()), run(stream(pictures), gate=GateSettings())


def test_nothing_is_claimed_below_the_gate(gated):
    (results, pipeline), _ = gated
    assert not events_of(results)
    [gap] = [gap for gap in pipeline.gaps if gap.reason == "poor quality"]
    assert gap.start_s == pytest.approx(72 / SAMPLE_RATE, abs=0.06)
    assert gap.end_s == pytest.approx(80 / SAMPLE_RATE + GateSettings().calm_s, abs=0.1)
    for result in results:
        for candidate in result.provisional:
            assert candidate.offset_s < gap.start_s or candidate.onset_s > gap.end_s


def test_a_clear_face_passes_the_gate_unchanged(gated, face_frames):
    _, (results, pipeline) = gated
    plain, other = run(stream(face_frames(30, 160)))
    assert events_of(results) == events_of(plain)
    assert pipeline.gaps == other.gaps == ()


def test_a_movement_in_a_poor_stretch_is_turned_down_with_the_reason(face_frames):
    """A gate that finds fault with everything: whatever would be claimed is turned down."""
    strict = GateSettings(least_iod_px=1000)
    results, pipeline = run(stream(face_frames(30, 160)), gate=strict)
    assert not events_of(results)
    assert not [c for result in results for c in result.provisional]
    reasons = [d.reason for result in results for d in result.rejected]
    assert "poor quality" in reasons
    assert pipeline.rejected["poor quality"] == reasons.count("poor quality")
    assert {gap.reason for gap in pipeline.gaps} <= {"poor quality", "no face"}


def test_advice_is_given_for_each_face_by_itself(pair):
    blurred = []
    for frame in pair:
        picture = frame.image_rgb.copy()
        picture[:, :320] = cv2.GaussianBlur(picture[:, :320], (0, 0), 5)
        blurred.append(Frame(picture, frame.time_s, frame.index))
    _, pipeline = run(blurred, faces=2, gate=GateSettings())
    said = {}
    for status in pipeline.faces:
        middle_x = status.view.to_crop[0, 2]
        said["left" if middle_x > -400 else "right"] = status.advice
    assert said == {"left": (BLURRED,), "right": ()}
    assert not [gap for gap in pipeline.gaps if gap.reason == "poor quality"]


class Written(dict):
    """A mapping that notes what was put into it."""


def test_evidence_and_signals_go_where_they_are_told(face_frames):
    made = []

    class Noted(SignalRecorder):
        def __init__(self):
            super().__init__()
            made.append(self)

    evidence = Written()
    results, pipeline = run(stream(face_frames(60, 150)), evidence=evidence, recorder=Noted)
    assert pipeline.evidence is evidence
    assert set(evidence) == {event.event_id for event in events_of(results)} != set()
    assert len(made) == 1
    assert len(pipeline.signals.time_s) == 90


def test_a_pipeline_follows_at_least_one_face():
    with pytest.raises(ConfigError, match="at least 1 face, got faces=0"):
        Pipeline(MediaPipeMesh(), open_recognizer(), faces=0)
