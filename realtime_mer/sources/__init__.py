"""Where frames come from: files, folders of images, cameras and network streams.

`open_source` takes whatever names one of them and returns a `Source`, an iterator of `Frame`
with true, strictly increasing times. `open_replay` plays a recording as if it were happening.
`Prefetch` reads one ahead in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from realtime_mer.errors import ConfigError, SourceError
from realtime_mer.sources.base import Problem, Source, SourceInfo, monotonic
from realtime_mer.sources.camera import CameraSource
from realtime_mer.sources.file import FileSource
from realtime_mer.sources.folder import FolderSource
from realtime_mer.sources.prefetch import Prefetch
from realtime_mer.sources.replay import ReplaySource
from realtime_mer.sources.spec import parse_spec, printable, redact
from realtime_mer.sources.stream import OPEN_TIMEOUT_S, READ_TIMEOUT_S, StreamSource

__all__ = [
    "Prefetch",
    "Problem",
    "ReplaySource",
    "Source",
    "SourceInfo",
    "open_replay",
    "open_source",
    "printable",
    "redact",
]


def open_source(
    spec: str | Path | int,
    *,
    fps: float | None = None,
    width: int | None = None,
    height: int | None = None,
    open_timeout_s: float = OPEN_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
    clock: Callable[[], float] = monotonic,
    av_options: Mapping[str, str] | None = None,
) -> Source:
    """Open a video file, a folder of images, a camera or a network stream.

    Parameters
    ----------
    spec
        Path of a file or folder; number of a camera (``0`` or ``"0"``, unless a file has that
        name); URL (rtsp, rtmp, udp, tcp, srt, rtp, http, https, file).
    fps
        Images a second of a folder or of a stream without timestamps; what to ask of a camera.
        Ignored, with a declared problem, where the video has timestamps.
    width, height
        What to ask of a camera, in pixels; other sources keep their size.
    open_timeout_s, read_timeout_s
        How long to wait for a network stream to begin, and for its next data.
    clock
        Monotonic seconds, for live sources.
    av_options
        More options for FFmpeg, for network streams.

    Raises
    ------
    SourceError
        It cannot be opened; the text says what was given and what to do.
    ConfigError
        An option is out of range.
    """
    options = {
        "fps": fps,
        "width": width,
        "height": height,
        "open_timeout_s": open_timeout_s,
        "read_timeout_s": read_timeout_s,
    }
    for name, value in options.items():
        if value is not None and not 0 < value < float("inf"):
            raise ConfigError(f"{name} must be a number above 0, got {value}")
    parsed = parse_spec(spec)
    if parsed.kind == "camera":
        return CameraSource(int(parsed.target), fps=fps, width=width, height=height, clock=clock)
    if parsed.kind == "folder":
        return FolderSource(Path(parsed.target), fps=fps)
    if parsed.kind == "file":
        return FileSource(Path(parsed.target), fps=fps)
    return StreamSource(
        parsed.target,
        open_timeout_s=open_timeout_s,
        read_timeout_s=read_timeout_s,
        fps=fps,
        clock=clock,
        av_options=av_options,
    )


def open_replay(
    spec: str | Path,
    *,
    speed: float = 1.0,
    fps: float | None = None,
    loop: bool = False,
    duration_s: float | None = None,
    clock: Callable[[], float] = monotonic,
) -> ReplaySource:
    """Play a file or folder at its own pace, or another; see ``ReplaySource``.

    Raises
    ------
    SourceError
        It cannot be opened, or names a camera or stream, which have a pace of their own.
    ConfigError
        An option is out of range.
    """
    parsed = parse_spec(spec)
    if parsed.kind not in ("file", "folder"):
        raise SourceError(f"cannot replay {parsed.redacted}: give a video file or a folder")
    return ReplaySource(
        parsed.target, speed=speed, fps=fps, loop=loop, duration_s=duration_s, clock=clock
    )
