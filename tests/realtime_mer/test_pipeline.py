import numpy as np
import pytest

from realtime_mer.events import Candidate, Frame, Gap
from realtime_mer.face.mesh import MediaPipeMesh
from realtime_mer.pipeline import (
    GapKeeper,
    Pipeline,
    SignalRecorder,
    candidate_frames,
    make_evidence,
)
from realtime_mer.recognizer import open_recognizer
from realtime_mer.ring import FaceRing
from tests.conftest import SAMPLE_RATE


def run(pictures):
    pipeline = Pipeline(MediaPipeMesh(), open_recognizer(), fps=SAMPLE_RATE)
    try:
        results = [
            pipeline.step(Frame(image, k / SAMPLE_RATE, k)) for k, image in enumerate(pictures)
        ]
        return [*results, pipeline.finish()], pipeline
    finally:
        pipeline.close()


@pytest.fixture(scope="module")
def raised(face_frames):
    """A brow raise, twice through pipelines of their own; the pictures are read only."""
    pictures = list(face_frames(60, 150))
    for picture in pictures:
        picture.flags.writeable = False
    return run(pictures), run(pictures)


def test_the_same_frames_give_the_same_results(raised):
    (once, first), (again, second) = raised
    assert once == again
    assert first.evidence == second.evidence
    assert first.gaps == second.gaps == ()
    np.testing.assert_array_equal(first.signals.displacement_iod, second.signals.displacement_iod)


def test_an_event_is_announced_then_confirmed_soon_after_its_offset(raised):
    results = raised[0][0]
    confirmed = [(k / SAMPLE_RATE, e) for k, r in enumerate(results) for e in r.events]
    assert len(confirmed) >= 1
    at_s, event = confirmed[0]
    assert 0 <= at_s - event.candidate.offset_s < 0.25
    announced = [k / SAMPLE_RATE for k, r in enumerate(results) if r.provisional]
    assert announced[0] < at_s
    assert sum(event.probabilities) == pytest.approx(1)


def test_times_may_begin_anywhere(raised, face_frames):
    moved = Pipeline(MediaPipeMesh(), open_recognizer(), fps=SAMPLE_RATE)
    events = []
    for k, image in enumerate(face_frames(60, 150)):
        events += moved.step(Frame(image, 1000 + k / SAMPLE_RATE, 500 + k)).events
    moved.close()
    expected = [event for result in raised[0][0] for event in result.events]
    assert [event.candidate.apex_frame - 500 for event in events] == [
        event.candidate.apex_frame for event in expected
    ]


def ring_of(frames, rate=100.0):
    ring = FaceRing(64)
    rng = np.random.default_rng(0)
    for k in range(frames):
        ring.slot()[:] = rng.integers(0, 256, ring.slot().shape, np.uint8)
        ring.commit(k / rate, k)
    return ring


def candidate(onset, apex, offset, rate=100.0):
    moments = (onset, apex, offset)
    times = (moment / rate for moment in moments)
    return Candidate(0, 0, *moments, *times, ("mouth",), 9.0, 0.02, 1.0)


@pytest.mark.parametrize(
    ("moments", "positions"),
    [
        ((10, 15, 20), (10, 15, 20)),
        ((10, 10, 10), (10, 11, 11)),
        ((29, 29, 29), (28, 29, 29)),
        ((0, 1, 29), (0, 1, 29)),
    ],
)
def test_onset_always_comes_before_apex(moments, positions):
    span = ring_of(30).span(0, 29)
    frames = candidate_frames(span, candidate(*moments))
    assert (frames.onset, frames.apex, frames.offset) == positions
    assert len(frames.crops_rgb) == len(frames.time_s) == 30


@pytest.mark.parametrize("moments", [(5, 12, 25), (5, 6, 7), (0, 29, 29)])
def test_evidence_of_any_length_is_jpeg(moments):
    evidence = make_evidence(ring_of(30).span(0, 29), candidate(*moments))
    for picture in (evidence.onset, evidence.apex, evidence.offset, evidence.residual):
        assert picture[:2] == b"\xff\xd8"
        assert picture[-2:] == b"\xff\xd9"


def test_gaps_join_equal_reasons_and_part_others():
    keeper = GapKeeper()
    reasons = [None, "no face", "no face", "cut", None, None, "occluded", "occluded"]
    for k, reason in enumerate(reasons):
        keeper.step(k / 10, reason)
    keeper.finish()
    keeper.finish()
    assert keeper.gaps == [
        Gap(0.1, pytest.approx(0.3), "no face"),
        Gap(pytest.approx(0.3), 0.4, "cut"),
        Gap(pytest.approx(0.6), pytest.approx(0.7), "occluded"),
    ]


def test_signals_of_a_long_recording_without_a_face():
    recorder = SignalRecorder()
    for k in range(5000):
        recorder.step(k / 30, None)
    signals = recorder.signals()
    np.testing.assert_array_equal(signals.time_s, np.arange(5000) / 30)
    assert signals.displacement_iod.shape == signals.threshold_iod.shape == (5000, 6)
    assert np.isnan(signals.displacement_iod).all()
