"""From packets to pictures: keep going after damage, and know each picture's timestamp."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, cast

import av
from av.error import FFmpegError
from av.format import Flags

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

NO_TIMESTAMPS = cast(int, Flags.no_timestamps.value)
STUCK_AFTER = 3
"""Reads that fail one after the other, nothing between them, before the end is declared."""


class Timing(Enum):
    """Where timestamps come from."""

    PTS = "presentation time of the picture"
    DTS = "decoding times of the packets, in order"
    COUNT = "position over the frame rate"
    ARRIVAL = "clock when the packet arrived"


@dataclass(frozen=True, slots=True)
class Decoded:
    """One picture as the decoder gave it.

    Attributes
    ----------
    picture
        The decoder's frame.
    raw_s
        Its timestamp in seconds as found, None if it has none.
    damage
        What broke between the picture before and this one, or in this one; empty if nothing.
    trusted
        True for an intact picture that needs no other: after damage, all is well again.
    """

    picture: av.VideoFrame
    raw_s: float | None
    damage: str
    trusted: bool


def timing_of(container: InputContainer, *, live: bool) -> Timing:
    """Return where the true timestamps of a container are to be found.

    AVI stores no presentation times, and those that the demuxer guesses are wrong with
    B-frames; raw streams store none at all and get made-up ones.
    """
    if container.format.flags & NO_TIMESTAMPS:
        return Timing.ARRIVAL if live else Timing.COUNT
    return Timing.DTS if container.format.name == "avi" else Timing.PTS


class Decoder:
    """Iterate over the pictures of one video stream.

    Parameters
    ----------
    rate
        Frames per second for ``Timing.COUNT``.
    clock
        Seconds, for ``Timing.ARRIVAL``.

    Attributes
    ----------
    packets, discarded, pictures
        What was read so far; ``discarded`` packets are marked by the container as not shown.
    damage
        What broke since the last picture; at the end: after the last picture.
    arrived_s
        The clock when the newest packet arrived.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        timing: Timing,
        *,
        rate: float,
        clock: Callable[[], float],
    ) -> None:
        self.timing = timing
        self.packets = self.discarded = self.pictures = 0
        self.damage = ""
        self._container = container
        self._stream = stream
        self._rate = rate
        self._clock = clock
        self.arrived_s = 0.0
        self._times: list[float] = []

    def __iter__(self) -> Iterator[Decoded]:
        failed_at, failures = -1, 0
        while failures < STUCK_AFTER:
            try:
                for packet in self._container.demux(self._stream):
                    yield from self._pictures(packet)
                return
            except FFmpegError as error:
                failures = failures + 1 if failed_at == self.packets else 1
                failed_at = self.packets
                self.damage = self.damage or _say(error)
                if isinstance(error, TimeoutError | av.error.ExitError | ConnectionError):
                    break
        yield from self._pictures(None)

    def _pictures(self, packet: Packet[VideoStream] | None) -> Iterator[Decoded]:
        if packet is not None and packet.size:
            self._account(packet)
        try:
            pictures = self._stream.decode(packet)
        except EOFError:
            return
        except FFmpegError as error:
            self.damage = self.damage or _say(error)
            if self._times and packet is not None and packet.size:
                heapq.heappop(self._times)
            return
        for picture in pictures:
            yield self._decoded(picture)

    def _account(self, packet: Packet[VideoStream]) -> None:
        self.packets += 1
        self.discarded += packet.is_discard
        if packet.is_corrupt:
            self.damage = self.damage or "a packet is incomplete"
        self.arrived_s = self._clock()
        if self.timing is Timing.DTS and packet.dts is not None:
            heapq.heappush(self._times, self._seconds(packet.dts))

    def _decoded(self, picture: av.VideoFrame) -> Decoded:
        if picture.is_corrupt:
            self.damage = self.damage or "a picture is incomplete"
        damage, self.damage = self.damage, ""
        raw_s = self._raw_s(picture)
        self.pictures += 1
        return Decoded(picture, raw_s, damage, picture.key_frame and not picture.is_corrupt)

    def _raw_s(self, picture: av.VideoFrame) -> float | None:
        if self.timing is Timing.COUNT:
            return self.pictures / self._rate
        if self.timing is Timing.ARRIVAL:
            return self.arrived_s
        if self.timing is Timing.DTS:
            return heapq.heappop(self._times) if self._times else None
        return None if picture.pts is None else self._seconds(picture.pts)

    def _seconds(self, ticks: int) -> float:
        base = self._stream.time_base
        if base is None:
            raise ValueError("a video stream without a time base")
        return ticks * base.numerator / base.denominator


def _say(error: FFmpegError) -> str:
    """Return FFmpeg's words without the file name, which may hold a password."""
    return (error.strerror or type(error).__name__).lower()
