"""Network streams: RTSP cameras, HTTP, UDP and the like."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import av
from av.error import FFmpegError

from realtime_mer.errors import SourceError
from realtime_mer.sources.base import Problem, monotonic
from realtime_mer.sources.reel import AvSource
from realtime_mer.sources.spec import LIVE_SCHEMES, redact

OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 5.0


class StreamSource(AvSource):
    """Frames of a network stream.

    Times are the stream's presentation timestamps, or a monotonic clock read when the packet
    arrives, counted from the first frame, for streams that carry none (MJPEG over HTTP).

    Parameters
    ----------
    url
        Its user, password and query values are never printed.
    open_timeout_s, read_timeout_s
        How long to wait for the stream to begin, and for its next data. Longer forgives worse
        networks; shorter notices a dead camera sooner.
    av_options
        Options for FFmpeg, winning over ours, such as ``{"rtsp_transport": "udp"}``.
    """

    def __init__(
        self,
        url: str,
        *,
        open_timeout_s: float = OPEN_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        fps: float | None = None,
        clock: Callable[[], float] = monotonic,
        av_options: Mapping[str, str] | None = None,
    ) -> None:
        where, scheme = redact(url), url.partition("://")[0].lower()
        self._read_timeout_s = read_timeout_s
        options = {**options_for(scheme), **(av_options or {})}
        try:
            container = av.open(url, timeout=(open_timeout_s, read_timeout_s), options=options)
        except (FFmpegError, OSError, ValueError) as error:
            raise SourceError(_diagnose(where, error, open_timeout_s)) from None
        live = scheme in LIVE_SCHEMES or not container.duration
        super().__init__(container, where, _name(where), live=live, fps=fps, clock=clock)
        self.comes_back = live

    def _finish(self) -> None:
        super()._finish()
        if self._decoder.damage:
            message = (
                f"the stream broke after frame {self._count - 1} ({self._last_s:.2f} s): "
                f"{self._decoder.damage}; analysed what came before"
            )
            self._log.add(Problem("connection lost", message, self._count, self._last_s))


def options_for(scheme: str) -> dict[str, str]:
    """Return FFmpeg's options for a scheme: RTSP over TCP, which loses nothing.

    What is not set matters too. ``nobuffer`` would throw away the frames read while the stream is
    probed, and saves no time, for they are decoded faster than new ones come. The decoder's
    ``low_delay`` breaks the order of streams with B-frames; without B-frames nothing is held back.
    """
    return {"rtsp_transport": "tcp"} if scheme in ("rtsp", "rtsps") else {}


def _name(where: str) -> str:
    place = where.partition("://")[2].partition("?")[0].rstrip("/")
    return place.rpartition("/")[2].rpartition("@")[2] or "stream"


def _diagnose(where: str, error: Exception, timeout_s: float) -> str:
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return f"{where} refuses access; check the user name and password in the URL"
    if isinstance(error, av.error.HTTPNotFoundError):
        return f"{where} does not exist on that server; check the path in the URL"
    if isinstance(error, av.error.ExitError | TimeoutError):
        return (
            f"{where} sent no video within {timeout_s:g} s; check the address and that the "
            "camera is on, or allow a longer open timeout"
        )
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens at {where}; check the address and the port"
    if isinstance(error, av.error.InvalidDataError):
        return f"{where} answers, but not with video; check the path in the URL"
    why = getattr(error, "strerror", None) or type(error).__name__
    return f"cannot open {where}: {str(why).lower()}; check the address and the network"
