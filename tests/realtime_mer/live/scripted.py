"""Sources, clocks and a pipeline that do as a test tells them."""

from __future__ import annotations

import threading

import numpy as np

from realtime_mer.events import Frame
from realtime_mer.live.capture import THREAD_NAME
from realtime_mer.pipeline import StepResult
from realtime_mer.sources.base import Source, SourceInfo

PICTURE = np.zeros((4, 4, 3), np.uint8)


class Clock:
    """Stands still unless told; waiting moves it on."""

    def __init__(self, now_s: float = 100.0):
        self.now_s = now_s
        self.waits: list[float] = []

    def __call__(self):
        return self.now_s

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now_s += seconds


class Scripted(Source):
    """Gives what the script yields: times become frames, errors are raised, True a new segment."""

    live = True
    comes_back = True

    def __init__(self, script, clock=None, live=True, comes_back=True, name="rtsp://***@cam/1"):
        super().__init__(name)
        self.script, self.clock = script, clock
        self.live, self.comes_back = live, comes_back
        self.releases = 0

    @property
    def info(self):
        return SourceInfo(self.redacted, "cam", 4, 4, "raw")

    def _frames(self):
        segment = index = 0
        for item in self.script:
            if isinstance(item, BaseException):
                raise item
            if item is True:
                segment += 1
                continue
            if self.clock is not None:
                self.captured_s = self.clock.now_s = max(self.clock.now_s, 100.0 + item)
            yield Frame(PICTURE, item, index, segment)
            index += 1

    def _release(self):
        self.releases += 1


class Openings:
    """Opens one prepared source after the other; errors among them are raised."""

    def __init__(self, *sources):
        self.left = list(sources)
        self.count = 0

    def __call__(self):
        self.count += 1
        source = self.left.pop(0)
        if isinstance(source, BaseException):
            raise source
        return source


class Notes:
    """A pipeline that remembers the frames it was given."""

    def __init__(self, answer=lambda frame: StepResult(), last=None):
        self.frames: list[Frame] = []
        self.answer, self.last = answer, last or StepResult()
        self.finished = 0

    def step(self, frame):
        self.frames.append(frame)
        return self.answer(frame)

    def finish(self):
        self.finished += 1
        return self.last


def capture_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name in (THREAD_NAME, "mer-prefetch")]
