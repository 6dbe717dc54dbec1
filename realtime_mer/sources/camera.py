"""Cameras at this computer, through OpenCV.

A camera is asked for what it should give and may ignore all of it, so what comes is measured.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import SourceError
from realtime_mer.events import Frame, Gap
from realtime_mer.sources.base import Problem, Source, SourceInfo, monotonic
from realtime_mer.sources.timeline import RECENT, Timeline

MJPG = cv2.VideoWriter.fourcc(*"MJPG")
"""The picture format in which USB cameras reach their high rates."""
FASTEST = 1000.0
"""Asked for when nobody says a rate: drivers answer with the highest they have."""
TOLERANCE = 0.1
"""A measured rate this much beside the one asked for is another one."""


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that is used; pictures are BGR."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802, RUF100
    def grab(self) -> bool: ...  # noqa: D102
    def retrieve(self) -> tuple[bool, NDArray[np.uint8] | None]: ...  # noqa: D102
    def set(self, what: int, value: float, /) -> bool: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


class CameraSource(Source):
    """Frames of a camera; the times are a monotonic clock at grab, counted from the first frame.

    It is asked for motion JPEG, without which most reach no high rate. If it gives another size
    or rate than was asked for, that is declared once it is known (``option ignored``).

    Parameters
    ----------
    number
        The camera, from 0.
    fps
        Rate to ask for; None for the highest. The rate in ``info`` is the measured one.
    width, height
        Size to ask for, in pixels; None for the camera's own.
    clock
        Seconds that only rise.
    capture
        Opens a camera by number.

    Raises
    ------
    SourceError
        On opening: no such camera, in use, or no picture from it.
    """

    live = True
    comes_back = True

    def __init__(
        self,
        number: int,
        *,
        fps: float | None = None,
        width: int | None = None,
        height: int | None = None,
        clock: Callable[[], float] = monotonic,
        capture: Callable[[int], Capture] | None = None,
    ) -> None:
        super().__init__(f"camera {number}")
        self._number = number
        self._clock = clock
        self._timeline = Timeline()
        self._capture = open_capture(number) if capture is None else capture(number)
        self._asked_fps, self._judged = fps, fps is None
        _ask(self._capture, fps, width, height)
        first = self._grab() if self._capture.isOpened() else None
        if first is None:
            self._capture.release()
            raise SourceError(_no_camera(number))
        self.clock_offset_s, self._first_image = first
        self._check_size(width, height)

    @property
    def info(self) -> SourceInfo:
        """What the camera gives; ``fps`` is measured, None before the second frame."""
        height, width = self._first_image.shape[:2]
        interval_s = self._timeline.measured_interval_s
        return SourceInfo(
            path=self.redacted,
            name=self.redacted.replace(" ", ""),
            width=width,
            height=height,
            codec="camera",
            fps=1 / interval_s if interval_s else None,
            start_s=0.0,
        )

    def _grab(self) -> tuple[float, NDArray[np.uint8]] | None:
        """Return the time and the RGB picture, None when the camera gives none any more."""
        if not self._capture.grab():
            return None
        now_s = self._clock()
        done, bgr = self._capture.retrieve()
        if not done or bgr is None:
            return None
        return now_s, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)

    def _frames(self) -> Iterator[Frame]:
        offset_s, segment, index = self.clock_offset_s or 0.0, 0, 0
        grabbed: tuple[float, NDArray[np.uint8]] | None = (offset_s, self._first_image)
        while grabbed is not None and grabbed[1].shape == self._first_image.shape:
            placed = self._timeline.place(grabbed[0] - offset_s)
            if placed.gap_from_s is not None:
                self._declare_gap(index, placed.gap_from_s, placed.time_s)
            segment += placed.breaks
            self.captured_s = grabbed[0]
            self._check_rate(index)
            yield Frame(grabbed[1], placed.time_s, index, segment)
            index += 1
            grabbed = self._grab()
        message = (
            f"{self.redacted} gave no more pictures after frame {index - 1}; is it plugged in?"
        )
        self._log.add(Problem("camera lost", message, index, self._last_s))

    def _declare_gap(self, index: int, start_s: float, end_s: float) -> None:
        self._gaps.append(Gap(start_s, end_s, "time gap"))
        message = f"no pictures for {end_s - start_s:.3f} s before frame {index} ({end_s:.2f} s)"
        self._log.add(Problem("time gap", message, index, end_s), same_as="time gap")

    def _check_size(self, width: int | None, height: int | None) -> None:
        gives = self._first_image.shape[1], self._first_image.shape[0]
        asked = width or gives[0], height or gives[1]
        if asked != gives:
            message = "{} gives {}x{} pictures, not the {}x{} asked for".format(
                self.redacted, *gives, *asked
            )
            self._log.add(Problem("option ignored", message))

    def _check_rate(self, index: int) -> None:
        """Compare the rate with what was asked for, once it is known well."""
        if self._judged or self._asked_fps is None or index < RECENT:
            return
        self._judged = True
        fps = 1 / self._timeline.interval_s
        if abs(fps - self._asked_fps) > TOLERANCE * self._asked_fps:
            message = (
                f"{self.redacted} gives {fps:.1f} pictures a second, not the "
                f"{self._asked_fps:g} asked for; more light, a smaller picture or a USB 3 port "
                "may help"
            )
            self._log.add(Problem("option ignored", message))

    def _release(self) -> None:
        self._capture.release()


def _ask(capture: Capture, fps: float | None, width: int | None, height: int | None) -> None:
    """Ask for motion JPEG first: it decides which sizes and rates there are."""
    capture.set(cv2.CAP_PROP_FOURCC, MJPG)
    if width is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
    if height is not None:
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
    capture.set(cv2.CAP_PROP_FPS, FASTEST if fps is None else fps)


def open_capture(number: int) -> Capture:
    """Open a camera without OpenCV's complaints on stderr."""
    if sys.platform.startswith("linux") and not Path(f"/dev/video{number}").exists():
        raise SourceError(_no_camera(number))
    level = cv2.getLogLevel()
    cv2.setLogLevel(0)
    try:
        capture: Capture = cv2.VideoCapture(number)
    finally:
        cv2.setLogLevel(level)
    return capture


def _no_camera(number: int) -> str:
    found = sorted(int(p.name[5:]) for p in Path("/dev").glob("video*") if p.name[5:].isdigit())
    there = f"cameras here: {', '.join(map(str, found))}" if found else "no camera was found here"
    return (
        f"camera {number} cannot be opened ({there}); check that it is plugged in, not used by "
        "another program, and that you may use it (group video)"
    )
