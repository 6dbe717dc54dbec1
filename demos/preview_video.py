"""A version of a recording that every browser plays, at the recording's own times.

Where the browser would play the file itself nothing is done; a file that only lacks its length
or index, as a browser's own recorder leaves it, is packed anew; everything else is encoded while
it is analysed, picture by picture at its own time, so that what one sees is what was analysed.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from realtime_mer.errors import OutputError
from realtime_mer.events import Frame

LONGEST_SIDE_PX = 1280
"""Larger pictures are made smaller for the preview. Larger: sharper, slower to write and seek."""
KEY_FRAME_EVERY = 30
"""Pictures between two that stand for themselves. Fewer: quicker jumps, a larger file."""
_LATEST_START_S = 0.1
_TICKS = 90_000
_PLAIN = frozenset({"yuv420p", "yuvj420p"})
_CODECS = {"mp4": frozenset({"h264", "av1"}), "webm": frozenset({"vp8", "vp9", "av1"})}


class How(StrEnum):
    """What must be done so that a browser plays a file."""

    AS_IT_IS = "as it is"
    PACK = "pack"
    ENCODE = "encode"


@dataclass(frozen=True, slots=True)
class Plan:
    """What must be done, and the container of the result, ``mp4`` or ``webm``."""

    how: How
    container: str


def plan_for(path: Path) -> Plan:
    """Return how to make ``path`` playable; what cannot be looked into is to be encoded."""
    with suppress(FFmpegError, OSError, ValueError), av.open(f"file:{path.absolute()}") as opened:
        return _plan(opened)
    return Plan(How.ENCODE, "mp4")


def _plan(opened: av.container.InputContainer) -> Plan:
    encode = Plan(How.ENCODE, "mp4")
    if len(opened.streams.video) != 1:
        return encode
    video = opened.streams.video[0]
    names = set(opened.format.name.split(","))
    kind = "mp4" if "mp4" in names else "webm" if "webm" in names else ""
    context = video.codec_context
    if context.codec.canonical_name not in _CODECS.get(kind, ()):
        return encode
    starts_s = float((video.start_time or 0) * (video.time_base or 0))
    if context.pix_fmt not in _PLAIN or abs(starts_s) > _LATEST_START_S:
        return encode
    if kind == "webm" and not opened.duration:
        return Plan(How.PACK, "webm")
    return Plan(How.AS_IT_IS, kind)


def link(path: Path, target: Path) -> Path:
    """Make ``path`` known as ``target`` too, copied where the two lie on different disks.

    Raises
    ------
    OutputError
        Neither is possible.
    """
    try:
        try:
            os.link(path.resolve(), target)
        except OSError:
            shutil.copyfile(path, target)
    except OSError as error:
        raise OutputError(
            f"the video cannot be shown: {error.strerror}; free some space"
        ) from error
    return target


def pack(path: Path, target: Path) -> Path:
    """Write the video of ``path`` anew, with its length and index, pictures and times untouched.

    Raises
    ------
    OutputError
        It cannot be packed.
    """
    try:
        with av.open(f"file:{path.absolute()}") as source, av.open(str(target), "w") as made:
            video = source.streams.video[0]
            stream = made.add_stream_from_template(video)
            for packet in source.demux(video):
                if packet.dts is not None:
                    packet.stream = stream
                    made.mux(packet)
    except (FFmpegError, OSError, ValueError) as error:
        raise OutputError(f"the video cannot be packed for the browser: {error}") from error
    return target


class PreviewWriter:
    """Encode frames as H.264 in MP4, each at its own time counted from the first.

    Call ``add`` with every frame, ``close`` at the end (twice does no harm).

    Attributes
    ----------
    start_s
        Media time of the first frame, which the file shows at 0.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.start_s = 0.0
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._last = -1

    def add(self, frame: Frame) -> None:
        """Encode one frame."""
        if self._container is None or self._stream is None:
            self._open(frame)
        if self._container is None or self._stream is None:
            raise OutputError("the preview is closed")
        size = (self._stream.width, self._stream.height)
        picture = av.VideoFrame.from_ndarray(_fitted(frame, size), format="rgb24")
        self._last = max(self._last + 1, round((frame.time_s - self.start_s) * _TICKS))
        picture.pts, picture.time_base = self._last, Fraction(1, _TICKS)
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Write what waits and finish the file."""
        container, self._container = self._container, None
        if container is not None and self._stream is not None:
            container.mux(self._stream.encode(None))
            container.close()

    def _open(self, frame: Frame) -> None:
        if self._last >= 0:
            return
        height, width = frame.image_rgb.shape[:2]
        scale = min(1.0, LONGEST_SIDE_PX / max(width, height))
        container = av.open(str(self.target), "w", options={"movflags": "faststart"})
        options = {"crf": "20", "preset": "veryfast", "g": str(KEY_FRAME_EVERY), "bf": "0"}
        stream = container.add_stream("libx264", rate=Fraction(30), options=options)
        stream.width, stream.height = _even(width * scale), _even(height * scale)
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        self.start_s = frame.time_s
        self._container, self._stream = container, stream


def _even(side_px: float) -> int:
    return max(2, round(side_px) // 2 * 2)


def _fitted(frame: Frame, size: tuple[int, int]) -> NDArray[np.uint8]:
    if frame.image_rgb.shape[1::-1] == size:
        return frame.image_rgb
    return np.asarray(cv2.resize(frame.image_rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
