import itertools
import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from realtime_mer.errors import ConfigError, SourceError
from realtime_mer.sources import ReplaySource, open_replay, open_source
from tests.realtime_mer.sources.media import numbered, read_number, write_video


class Clock:
    def __init__(self):
        self.now_s = 1000.0
        self.waits = []

    def __call__(self):
        return self.now_s

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now_s += seconds


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Twelve numbered frames of uneven length, with a gap of a second before the ninth."""
    ticks = [0, 10, 30, 45, 60, 80, 100, 120, 1120, 1140, 1160, 1180]
    path = tmp_path_factory.mktemp("replay") / "clip.mkv"
    return write_video(path, 12, codec="ffv1", pixels="bgr0", pts=ticks)


def read(path, **options):
    clock = Clock()
    frames, due = [], []
    with ReplaySource(path, clock=clock, wait=clock.wait, **options) as source:
        for frame in source:
            frames.append(frame)
            due.append((source.due_s, clock.now_s))
    return frames, due, source


def test_every_frame_comes_when_it_is_due_with_the_files_own_times(clip):
    with open_source(clip) as plain:
        expected = [(f.time_s, f.index, f.segment) for f in plain]
        gaps = plain.gaps
    frames, due, source = read(clip)
    assert [(f.time_s, f.index, f.segment) for f in frames] == expected
    assert [read_number(f.image_rgb) for f in frames] == list(range(12))
    assert [d for d, _ in due] == pytest.approx([1000 + t for t, _, _ in expected])
    assert [now for _, now in due] == pytest.approx([d for d, _ in due])
    assert source.gaps == gaps
    assert source.live
    assert not source.comes_back
    assert (source.info.name, source.info.codec) == ("clip.mkv", "ffv1")


def test_speed_changes_the_pace_and_no_time(clip):
    frames, due, _ = read(clip, speed=4.0)
    assert frames[-1].time_s == pytest.approx(1.18)
    assert due[-1][0] == pytest.approx(1000 + 1.18 / 4)


def test_without_pace_nothing_waits(clip):
    frames, due, source = read(clip, speed=float("inf"))
    assert len(frames) == 12
    assert due[-1] == (None, 1000.0)
    assert not source.live


def test_a_late_reader_gets_the_frames_at_once_and_their_due_times(clip):
    clock = Clock()
    with ReplaySource(clip, clock=clock, wait=clock.wait) as source:
        next(source)
        clock.now_s += 0.11
        late = []
        for _ in range(6):
            next(source)
            late.append(source.due_s - 1000)
    assert late == pytest.approx([0.01, 0.03, 0.045, 0.06, 0.08, 0.1])
    assert clock.waits == []


def test_a_rate_gives_new_times_and_keeps_the_gap(clip):
    frames, due, source = read(clip, fps=200)
    assert [f.time_s for f in frames] == pytest.approx([k / 200 for k in range(12)])
    assert due[-1][0] == pytest.approx(1000 + 11 / 200)
    assert [f.segment for f in frames] == [0] * 8 + [1] * 4
    [gap] = source.gaps
    assert (gap.start_s, gap.end_s) == pytest.approx((7 / 200, 8 / 200))
    assert source.info.fps == 200


def test_a_loop_goes_on_in_a_new_segment_until_its_time_is_over(clip):
    frames, _, source = read(clip, loop=True, duration_s=3.0)
    assert [f.index for f in frames] == list(range(len(frames)))
    assert [read_number(f.image_rgb) for f in frames] == [k % 12 for k in range(len(frames))]
    assert [f.segment for f in frames[:26]] == [0] * 8 + [1] * 4 + [2] * 8 + [3] * 4 + [4] * 2
    steps = np.diff([f.time_s for f in frames])
    assert steps.min() > 0
    assert steps[11] == pytest.approx(0.02)
    assert frames[-1].time_s < 3.0
    assert len(frames) == 12 * 2 + 8
    assert len(source.gaps) == 2
    assert (source.info.frames, source.info.duration_s) == (None, 3.0)


def test_a_folder_and_one_picture(tmp_path):
    import cv2

    for k in range(3):
        cv2.imwrite(str(tmp_path / f"img{k}.png"), numbered(k))
    frames, due, _ = read(tmp_path, fps=100, loop=True, duration_s=0.055)
    assert [read_number(f.image_rgb) for f in frames] == [0, 1, 2, 0, 1, 2]
    assert [d - 1000 for d, _ in due] == pytest.approx([k / 100 for k in range(6)])
    for k in (1, 2):
        (tmp_path / f"img{k}.png").unlink()
    frames, _, _ = read(tmp_path, loop=True, duration_s=0.1)
    assert [f.time_s for f in frames] == pytest.approx([0, 1 / 30, 2 / 30])


def test_a_real_clock_keeps_the_pace(tmp_path):
    path = write_video(tmp_path / "a.mkv", 20, codec="ffv1", pixels="bgr0", rate=100)
    lateness = []
    with open_replay(path) as source:
        for _ in source:
            lateness.append(time.monotonic() - source.due_s)
    assert min(lateness) >= 0
    assert len(lateness) == 20


def test_closing_wakes_a_wait(tmp_path):
    path = write_video(
        tmp_path / "a.mkv", 2, codec="ffv1", pixels="bgr0", pts=[0, 60], time_base=Fraction(1)
    )
    source = ReplaySource(path)
    next(source)
    waiting, rest = threading.Event(), []

    def read_on():
        waiting.set()
        rest.extend(source)

    reader = threading.Thread(target=read_on)
    reader.start()
    waiting.wait(10)
    source.close()
    reader.join(10)
    assert not reader.is_alive()
    assert rest == []
    assert not [t for t in threading.enumerate() if t.name == "mer-prefetch"]


@pytest.mark.parametrize("take", [0, 1, 30])
def test_leaving_early_leaves_no_thread(clip, take):
    with ReplaySource(clip, speed=float("inf"), loop=True) as source:
        assert len(list(itertools.islice(source, take))) == take
    assert not [t for t in threading.enumerate() if t.name == "mer-prefetch"]


@pytest.mark.parametrize(
    "wrong", [{"speed": 0}, {"speed": float("nan")}, {"fps": -1}, {"duration_s": 0}]
)
def test_options_out_of_range(clip, wrong):
    with pytest.raises(ConfigError, match="must be a number above 0"):
        ReplaySource(clip, **wrong)


def test_only_recordings_can_be_replayed(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        open_replay(tmp_path / "none.mp4")
    with pytest.raises(SourceError, match=r"cannot replay rtsp://\*\*\*@cam/1"):
        open_replay("rtsp://me:s3cret@cam/1")
