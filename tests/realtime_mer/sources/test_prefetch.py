import threading
import time

import numpy as np
import pytest

from realtime_mer.sources import Prefetch, open_source
from tests.realtime_mer.sources.media import read_number, write_video


def endless():
    k = 0
    while True:
        yield k
        k += 1


def reader_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "mer-prefetch"]


@pytest.fixture(autouse=True)
def _no_thread_left_behind():
    yield
    assert not reader_threads()


def test_every_frame_arrives_once_and_in_order(tmp_path):
    path = write_video(tmp_path / "a.mkv", 300, codec="ffv1", pixels="bgr0")
    with open_source(path) as plain:
        expected = [(f.index, f.time_s, f.segment) for f in plain]
    with open_source(path) as source, Prefetch(source, depth=3) as frames:
        got = list(frames)
    assert [read_number(f.image_rgb) for f in got] == list(range(300))
    assert [(f.index, f.time_s, f.segment) for f in got] == expected


def test_the_reader_runs_ahead_by_depth_and_no_further():
    produced, reached = [], threading.Event()

    def items():
        for k in range(100):
            produced.append(k)
            if k == 4:
                reached.set()
            yield k

    with Prefetch(items(), depth=4) as ahead:
        assert reached.wait(10)  # four wait in the queue, the fifth in the reader's hand
        assert len(produced) == 5
        assert next(ahead) == 0
    assert 5 <= len(produced) <= 6


def test_errors_come_after_the_items_before_them():
    def items():
        yield 1
        yield 2
        raise RuntimeError("broke")

    with Prefetch(items()) as ahead:
        assert next(ahead) == 1
        assert next(ahead) == 2
        with pytest.raises(RuntimeError, match="broke"):
            next(ahead)
        assert list(ahead) == []


@pytest.mark.parametrize("take", [0, 1, 20])
def test_stopping_early_is_prompt(take):
    started = time.perf_counter()
    with Prefetch(endless(), depth=2) as ahead:
        for _ in range(take):
            next(ahead)
    assert time.perf_counter() - started < 2
    assert list(ahead) == []


def test_an_error_in_the_consumer_stops_the_reader():
    def consume() -> None:
        with Prefetch(endless()) as ahead:
            next(ahead)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume()


def test_works_as_a_plain_iterator_and_empty():
    assert list(Prefetch(range(50), depth=1)) == list(range(50))
    assert list(Prefetch([])) == []


def test_closing_without_starting_and_twice():
    ahead = Prefetch(endless())
    ahead.close()
    ahead.close()
    assert list(ahead) == []


def test_depth_below_one_is_refused():
    with pytest.raises(ValueError, match="depth"):
        Prefetch([], depth=0)


def test_a_source_closed_under_the_reader_ends_in_an_error_not_a_crash(tmp_path):
    path = write_video(tmp_path / "a.mp4", 200)
    source = open_source(path)
    with Prefetch(source, depth=2) as frames:
        assert next(frames).image_rgb.dtype == np.uint8
        source.close()
        with pytest.raises(OSError, match="closed"):
            list(frames)
