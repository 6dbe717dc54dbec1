import itertools
import threading
import time

import pytest

from realtime_mer.errors import ConfigError, SourceError
from realtime_mer.live import capture as capture_module
from realtime_mer.live.capture import Capture
from realtime_mer.live.link import LinkSettings, LinkState
from realtime_mer.sources.camera import CameraSource
from tests.realtime_mer.live.scripted import Clock, Openings, Scripted, capture_threads
from tests.realtime_mer.sources.test_camera import FakeCamera

SOON = LinkSettings(backoff_s=(0.5, 1.0, 2.0))


def run(*sources, clock=None, **options):
    """Read everything; return the frames and the capture, closed."""
    clock = clock or Clock()
    made = Capture(Openings(*sources), clock=clock, wait=clock.wait, settings=SOON, **options)
    made.start()
    frames = []
    try:
        while (item := made.take()) is not None:
            frames.append(item)
    finally:
        made.close()
    return frames, made


def times(count, start_s=0.0, rate=10):
    return [start_s + k / rate for k in range(count)]


def test_a_recording_passes_unchanged_and_ends():
    source = Scripted([*times(3), True, *times(3, 9.0)], live=False, comes_back=False)
    frames, made = run(source, capacity=2)
    assert [f.frame.time_s for f in frames] == [0.0, 0.1, 0.2, 9.0, 9.1, 9.2]
    assert [f.frame.segment for f in frames] == [0, 0, 0, 1, 1, 1]
    assert [f.frame.index for f in frames] == list(range(6))
    assert made.link.state is LinkState.ENDED
    assert source.releases == 1
    assert made.info.name == "cam"


def test_a_lost_source_comes_back_after_growing_waits():
    clock = Clock()
    gone = SourceError("nothing listens at rtsp://***@cam/1; check the address and the port")
    frames, made = run(
        Scripted(times(4), clock),
        gone,
        gone,
        Scripted(times(3), None, comes_back=False),
        clock=clock,
    )
    assert clock.waits == [0.5, 1.0, 2.0]
    assert [f.frame.index for f in frames] == list(range(7))
    assert [f.frame.segment for f in frames] == [0] * 4 + [1] * 3
    assert [f.frame.time_s for f in frames] == pytest.approx([*times(4), *times(3, 0.3 + 3.5)])
    [gap] = made.gaps
    assert (gap.start_s, gap.end_s) == pytest.approx((0.3, 3.8))
    assert gap.reason == "connection lost"
    assert made.splice.connections == 2


def test_a_failing_read_is_a_loss_where_a_source_may_come_back():
    frames, _ = run(Scripted([0.0, SourceError("broke")]), Scripted([0.0, 0.1], comes_back=False))
    assert [f.frame.segment for f in frames] == [0, 1, 1]


@pytest.mark.parametrize("error", [SourceError("camera 5 cannot be opened"), KeyError("x")])
def test_the_first_opening_that_fails_is_told_at_once(error):
    with pytest.raises(type(error)) as caught:
        run(error)
    assert caught.value is error


def test_an_error_of_the_thread_comes_after_the_frames_before_it_as_itself():
    error = ZeroDivisionError("rtsp://me:s3cret@cam")
    clock = Clock()
    made = Capture(Openings(Scripted([0.0, 0.1, error])), clock=clock)
    made.start()
    assert [made.take().frame.index, made.take().frame.index] == [0, 1]
    with pytest.raises(ZeroDivisionError) as caught:
        made.take()
    assert caught.value is error
    assert made.link.state is LinkState.FAILED
    assert made.link.reason == "ZeroDivisionError"
    assert made.take() is None
    made.close()


def test_without_reconnecting_a_loss_is_the_end():
    frames, made = run(Scripted(times(2)), reconnect=False)
    assert len(frames) == 2
    assert (made.link.state, made.link.reason) == (LinkState.ENDED, "rtsp://***@cam/1 ended")


def test_too_slow_a_consumer_loses_the_newest_frames_declared():
    caught_up, read_on = threading.Event(), threading.Event()

    def script():
        yield from times(20)
        caught_up.set()
        read_on.wait(10)
        yield from times(5, 2.0)

    made = Capture(Openings(Scripted(script(), comes_back=False)), capacity=8, clock=Clock())
    made.start()
    assert caught_up.wait(10)
    first = [made.take() for _ in range(7)]
    assert made.waiting == 1
    read_on.set()
    rest = []
    while (item := made.take()) is not None:
        rest.append(item)
    made.close()
    assert [f.frame.index for f in first + rest] == [*range(8), *range(20, 25)]
    assert [f.frame.segment for f in first + rest] == [0] * 8 + [1] * 5
    assert (made.splice.captured, made.splice.dropped) == (25, 12)
    [gap] = made.gaps
    assert (gap.start_s, gap.end_s, gap.reason) == (pytest.approx(0.7), 2.0, "time gap")
    assert [p.kind for p in made.problems] == ["too slow"]
    assert "12 frames in 1 stretch" in str(made.problems[0])


def test_a_full_queue_is_left_alone_until_it_has_run_nearly_empty():
    go = [threading.Event() for _ in range(3)]
    reached = [threading.Event() for _ in range(3)]

    def script():
        for k, number in itertools.product(range(3), range(10)):
            yield k + number / 10
            if number == 9:
                reached[k].set()
                go[k].wait(10)

    made = Capture(Openings(Scripted(script(), comes_back=False)), capacity=8, clock=Clock())
    made.start()
    assert reached[0].wait(10)
    taken = [made.take() for _ in range(3)]  # five still wait: room, but no long stretch
    go[0].set()
    assert reached[1].wait(10)
    taken += [made.take() for _ in range(5)]
    go[1].set()
    assert reached[2].wait(10)
    go[2].set()
    while (item := made.take()) is not None:
        taken.append(item)
    made.close()
    assert [f.frame.index for f in taken] == [*range(8), *range(20, 28)]
    assert made.splice.dropped == 14
    first, last = made.gaps
    assert (first.start_s, first.end_s) == pytest.approx((0.7, 2.0))
    assert (last.start_s, last.end_s) == pytest.approx((2.7, 2.9))


def test_a_source_that_can_wait_is_never_dropped_from():
    frames, made = run(Scripted(times(500), live=False, comes_back=False), capacity=2)
    assert len(frames) == 500
    assert made.splice.dropped == 0


def test_silence_is_a_stall_and_a_frame_ends_it():
    clock, silent, speak = Clock(), threading.Event(), threading.Event()

    def script():
        yield 0.0
        silent.set()
        speak.wait(10)
        yield 5.0

    made = Capture(Openings(Scripted(script(), comes_back=False)), clock=clock)
    assert made.link.state is LinkState.OPENING
    made.start()
    made.take()
    assert silent.wait(10)
    assert made.link.state is LinkState.RUNNING
    clock.now_s += 2.5
    assert (made.link.state, made.link.reason) == (LinkState.STALLED, "no frame for 2 s")
    speak.set()
    assert made.take().frame.time_s == 5.0
    assert made.take() is None
    assert made.link.state is LinkState.ENDED
    made.close()


def test_a_read_that_hangs_does_not_hang_stopping(monkeypatch):
    monkeypatch.setattr(capture_module, "JOIN_PATIENCE_S", 0.05)
    hanging, let_go = threading.Event(), threading.Event()

    def script():
        yield 0.0
        hanging.set()
        let_go.wait(20)
        yield 1.0

    source = Scripted(script())
    made = Capture(Openings(source))
    made.start()
    made.take()
    assert hanging.wait(10)
    begin = time.perf_counter()
    made.stop()
    assert made.take() is None
    made.close()
    assert time.perf_counter() - begin < 5
    assert [t for t in capture_threads() if t.is_alive()]
    let_go.set()
    for thread in capture_threads():
        thread.join(10)
    assert source.releases == 1


@pytest.mark.parametrize("take", [0, 1, 5])
def test_stopping_early_leaves_nothing_behind(take):
    source = Scripted((k / 10 for k in itertools.count()), live=False)
    made = Capture(Openings(source), capacity=4)
    made.start()
    for _ in range(take):
        made.take()
    made.close()
    made.close()
    assert made.take() is None
    assert not capture_threads()
    assert source.releases in (0, 1)
    assert made.link.state is LinkState.ENDED


def test_closing_while_it_waits_to_reconnect_is_prompt():
    lost = threading.Event()

    def script():
        yield 0.0
        lost.set()

    made = Capture(Openings(Scripted(script())), settings=LinkSettings(backoff_s=(60.0,)))
    made.start()
    made.take()
    assert lost.wait(10)
    begin = time.perf_counter()
    made.close()
    assert time.perf_counter() - begin < 5
    assert not capture_threads()


def test_problems_of_past_connections_are_counted_not_piled_up():
    clock = Clock()

    class Complaining(Scripted):
        def _frames(self):
            from realtime_mer.sources.base import Problem

            yield from super()._frames()
            self._log.add(Problem("connection lost", "the stream broke"))

    sources = [Complaining([0.0], clock) for _ in range(3)]
    _, made = run(*sources, Scripted([0.0], clock, comes_back=False), clock=clock)
    assert [(p.kind, p.count) for p in made.problems] == [("connection lost", 3)]
    assert len(made.gaps) == 3


def test_an_unplugged_camera_is_opened_again_until_it_is_back():
    clock = Clock()
    first = FakeCamera([100.0, 100.1, 100.2])
    second = FakeCamera([105.0, 105.1])

    def camera(fake):
        return CameraSource(0, clock=fake.clock, capture=fake)

    plugged = iter([first, None, second])

    def open_again():
        fake = next(plugged, None)
        return CameraSource(97) if fake is None else camera(fake)

    made = Capture(open_again, clock=clock, wait=clock.wait, settings=SOON)
    made.start()
    frames = [made.take().frame for _ in range(5)]
    made.close()
    assert [f.time_s for f in frames] == pytest.approx([0, 0.1, 0.2, 5.0, 5.1])
    assert [f.segment for f in frames] == [0, 0, 0, 1, 1]
    assert clock.waits[:2] == [0.5, 1.0]
    assert first.released == 1
    assert {p.kind for p in made.problems} == {"camera lost"}


def test_capacity_out_of_range():
    with pytest.raises(ConfigError, match="at least 2 frames, got 1"):
        Capture(Openings(), capacity=1)
