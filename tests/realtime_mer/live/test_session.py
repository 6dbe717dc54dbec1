import threading

import cv2
import pytest
from threadpoolctl import threadpool_info

from realtime_mer.analysis import analyze_file
from realtime_mer.errors import SourceError
from realtime_mer.events import Candidate, Event
from realtime_mer.face.mesh import MediaPipeMesh
from realtime_mer.live import LinkState, LiveSession, open_live
from realtime_mer.live.rate import RateMeter
from realtime_mer.pipeline import Pipeline, StepResult
from realtime_mer.recognizer import open_recognizer
from realtime_mer.sources import ReplaySource
from realtime_mer.threads import one_thread_each
from tests.realtime_mer.live.scripted import Clock, Notes, Openings, Scripted, capture_threads


def recording(times):
    return Scripted(times, live=False, comes_back=False)


def candidate(apex, offset, provisional=False):
    moments = (0, apex, offset)
    seconds = (k / 10 for k in moments)
    return Candidate(0, 0, *moments, *seconds, ("mouth",), 9.0, 0.02, 1.0, provisional)


def test_an_unpaced_replay_finds_what_the_analysis_finds(sample):
    analysis = analyze_file(sample)
    pipeline = Pipeline(MediaPipeMesh(), open_recognizer(), fps=60)
    with LiveSession(lambda: ReplaySource(sample, speed=float("inf")), pipeline) as session:
        updates = list(session.updates())
    pipeline.close()
    events = tuple(event for update in updates for event in update.events)
    assert events == analysis.events
    assert len(events) >= 2
    assert [u.index for u in updates[:600]] == list(range(600))
    assert (pipeline.signals.time_s == analysis.signals.time_s).all()
    assert session.gaps == ()
    assert session.link.state is LinkState.ENDED
    counters = session.counters
    assert (counters.captured, counters.processed, counters.segments) == (600, 600, 1)
    assert (counters.declared_drops, counters.undeclared_drops, counters.waiting) == (0, 0, 0)
    assert session.latest.frame.index == 599
    table = session.latency.table()
    assert table["signal"]["count"] == 600
    assert table["event"]["count"] == len(events)


def test_updates_carry_what_the_pipeline_said_and_delays_run_from_capture():
    clock = Clock()
    alarm, event = candidate(2, 2, True), Event(1, candidate(2, 4), (1.0, 0, 0), "m", "e")

    def answer(frame):
        clock.now_s += 0.003
        if frame.index == 3:
            return StepResult(provisional=(alarm,))
        return StepResult(events=(event,)) if frame.index == 6 else StepResult()

    moments = iter(range(10))

    class Stamped(Scripted):
        def _frames(self):
            for frame in super()._frames():
                self.captured_s = 90.0 + next(moments)
                yield frame

    source = Stamped([k / 10 for k in range(8)], live=False, comes_back=False)
    with LiveSession(Openings(source), Notes(answer), clock=clock) as session:
        updates = list(session.updates())
    assert [u.index for u in updates] == list(range(8))
    assert updates[3].provisional == (alarm,)
    assert updates[6].events == (event,)
    table = session.latency.table()
    assert {stage: row["count"] for stage, row in table.items()} == {
        "signal": 8,
        "provisional": 1,
        "event": 1,
    }
    assert table["provisional"]["total_s"] == pytest.approx(100 + 4 * 0.003 - 92)
    assert table["event"]["total_s"] == pytest.approx(100 + 7 * 0.003 - 94)


def test_what_the_end_turns_down_comes_last():
    last = StepResult(provisional=(candidate(1, 1, True),))
    notes = Notes(last=last)
    with LiveSession(Openings(recording([0.0, 0.1])), notes) as session:
        updates = list(session.updates())
    assert [(u.index, len(u.provisional)) for u in updates] == [(0, 0), (1, 0), (1, 1)]
    assert notes.finished == 1


def test_the_pipelines_error_reaches_the_caller_and_ends_the_thread():
    error = RuntimeError("mesh broke at rtsp://me:s3cret@cam")

    def answer(frame):
        raise error

    source = Scripted([0.0] + [k / 10 for k in range(1, 50)])
    session = LiveSession(Openings(source), Notes(answer))

    def consume() -> None:
        with session:
            list(session.updates())

    with pytest.raises(RuntimeError) as caught:
        consume()
    assert caught.value is error
    assert (session.link.state, session.link.reason) == (LinkState.FAILED, "RuntimeError")
    assert not capture_threads()


def test_an_error_in_the_callers_own_loop_ends_the_thread():
    session = LiveSession(Openings(Scripted(k / 10 for k in range(10**6))), Notes())

    def consume() -> None:
        with session:
            next(session.updates())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume()
    assert not capture_threads()


def test_stop_from_another_thread_ends_the_updates():
    waiting = threading.Event()

    def script():
        yield 0.0
        waiting.wait(20)

    with LiveSession(Openings(Scripted(script())), Notes()) as session:
        updates = session.updates()
        next(updates)
        stopper = threading.Thread(target=session.stop)
        stopper.start()
        assert list(updates) == []
        stopper.join()
        waiting.set()
    assert session.link.state is LinkState.ENDED


def test_a_source_that_does_not_exist(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        open_live(tmp_path / "none.mp4")


def test_undeclared_drops_would_be_counted():
    frames = [0.0, 0.1, 0.2]
    source = recording(frames)
    with LiveSession(Openings(source), Notes()) as session:
        real = session._capture.take
        taken = iter([real(), real() and real(), None])
        session._capture.take = lambda: next(taken)
        list(session.updates())
        assert session.counters.undeclared_drops == 1


def test_thread_pools_come_back_after_the_last_session():
    def pools():
        blas = [p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"]
        return cv2.getNumThreads(), blas

    before = pools()
    cv2.setNumThreads(2)
    with one_thread_each():
        with one_thread_each():
            assert pools() == (1, [1] * len(before[1]))
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == 2
    cv2.setNumThreads(before[0])
    assert pools() == before


def test_rates_follow_the_last_second():
    meter = RateMeter()
    assert meter.per_second(0.0) == 0.0
    for k in range(300):
        meter.note(k / 100)
    assert meter.per_second(2.99) == pytest.approx(100)
    assert meter.per_second(3.5) == pytest.approx(100)
    assert meter.per_second(4.1) == 0.0


def test_open_live_replays_a_file_at_its_pace_and_claims_what_is_there(sample):
    with open_live(sample, speed=4.0, duration_s=0.5, gate=None) as session:
        updates = list(session.updates())
    session.pipeline.close()
    assert session.info.name == "sample.mp4"
    assert session.link.state is LinkState.ENDED
    counters = session.counters
    assert counters.captured == counters.processed + counters.declared_drops == 30
    assert counters.undeclared_drops == 0
    assert len(updates) >= 1
