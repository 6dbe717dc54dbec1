import cv2
import numpy as np
import pytest

from realtime_mer.errors import SourceError
from realtime_mer.sources import open_source
from realtime_mer.sources.camera import FASTEST, CameraSource
from tests.realtime_mer.sources.media import numbered, read_number


class FakeCamera:
    """Gives numbered BGR pictures at the times of its own clock."""

    def __init__(self, times, size=(64, 48)):
        self.times, self.size = list(times), size
        self.now = 0.0
        self.taken = 0
        self.settings: dict[int, float] = {}
        self.released = 0
        self.current = None

    def __call__(self, number):
        self.number = number
        return self

    def clock(self):
        return self.now

    def isOpened(self):
        return True

    def set(self, what, value):
        self.settings[what] = value
        return True

    def grab(self):
        if self.taken == len(self.times):
            return False
        self.now = self.times[self.taken]
        self.current = numbered(self.taken, *self.size)
        self.current[0, 0] = (200, 100, 50)
        self.taken += 1
        return True

    def retrieve(self):
        self.now += 0.5  # decoding takes time, which must not count
        return True, self.current

    def release(self):
        self.released += 1


def test_times_are_the_clock_at_grab_from_the_first_frame():
    times = 1000 + np.cumsum([0.0, 0.033, 0.034, 0.033, 0.02, 0.05])
    fake = FakeCamera(times)
    with CameraSource(3, fps=60, width=1280, height=720, clock=fake.clock, capture=fake) as source:
        assert source.info.fps is None
        frames = list(source)
        assert source.info.fps == pytest.approx(1 / 0.033, rel=0.02)
    assert fake.number == 3
    assert fake.released == 1
    assert [f.time_s for f in frames] == pytest.approx(times - 1000)
    assert [read_number(f.image_rgb) for f in frames] == list(range(6))
    assert frames[0].image_rgb[0, 0].tolist() == [50, 100, 200]
    assert source.live
    assert source.clock_offset_s == 1000
    assert source.comes_back
    assert source.captured_s == times[-1]
    assert list(fake.settings.items()) == [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
        (cv2.CAP_PROP_FRAME_WIDTH, 1280),
        (cv2.CAP_PROP_FRAME_HEIGHT, 720),
        (cv2.CAP_PROP_FPS, 60),
    ]
    size, lost = source.problems
    assert (size.kind, lost.kind) == ("option ignored", "camera lost")
    assert str(size) == "camera 3 gives 64x48 pictures, not the 1280x720 asked for"
    assert (source.info.width, source.info.height, source.info.codec) == (64, 48, "camera")


def test_a_stall_is_a_gap_and_a_new_segment():
    times = [k / 30 for k in range(10)] + [1.0 + k / 30 for k in range(10)]
    fake = FakeCamera(times)
    with CameraSource(0, clock=fake.clock, capture=fake) as source:
        frames = list(source)
    assert [f.segment for f in frames] == [0] * 10 + [1] * 10
    [gap] = source.gaps
    assert (gap.start_s, gap.end_s, gap.reason) == (pytest.approx(0.3), 1.0, "time gap")


@pytest.mark.parametrize(("asked", "gives"), [(120, 30), (30, 120), (60, 50)])
def test_another_rate_than_asked_for_is_declared_once(asked, gives):
    fake = FakeCamera(np.arange(100) / gives)
    with CameraSource(0, fps=asked, clock=fake.clock, capture=fake) as source:
        list(source)
    rate, lost = source.problems
    assert (rate.kind, lost.kind) == ("option ignored", "camera lost")
    said = f"camera 0 gives {gives:.1f} pictures a second, not the {asked} asked for"
    assert str(rate).startswith(said)
    assert source.info.fps == pytest.approx(gives, rel=0.01)


@pytest.mark.parametrize("asked", [None, 58, 64])
def test_about_the_rate_asked_for_is_no_problem(asked):
    fake = FakeCamera(np.arange(100) / 60)
    with CameraSource(0, fps=asked, width=64, clock=fake.clock, capture=fake) as source:
        list(source)
    assert [p.kind for p in source.problems] == ["camera lost"]
    assert fake.settings[cv2.CAP_PROP_FPS] == (asked or FASTEST)


def test_a_camera_without_pictures_is_released_and_refused():
    fake = FakeCamera([])
    with pytest.raises(SourceError, match="camera 5 cannot be opened"):
        CameraSource(5, capture=fake)
    assert fake.released == 1


@pytest.mark.parametrize("spec", [97, "97", "/dev/video97"])
def test_a_camera_that_does_not_exist(spec, capfd):
    with pytest.raises(SourceError, match=r"camera 97 cannot be opened.*check that it is plugged"):
        open_source(spec)
    assert capfd.readouterr() == ("", "")
