"""What files and streams share: decoded pictures become frames, damage and gaps declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from realtime_mer.errors import SourceError
from realtime_mer.events import Frame, Gap
from realtime_mer.sources.base import Problem, Source, SourceInfo, monotonic
from realtime_mer.sources.decode import Decoded, Decoder, Timing, timing_of
from realtime_mer.sources.picture import Upright
from realtime_mer.sources.spec import ALLOWED
from realtime_mer.sources.timeline import Placed, Timeline

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

FALLBACK_RATE = 25.0
AT_ONCE_S = 0.005
"""Frames closer than this were waiting together, not taken one after the other."""
NOT_VIDEO = frozenset({"ansi", "bintext", "xbin", "idf"})
"""Codecs by which FFmpeg renders text files as pictures."""
REPAIRS = {
    "missing": "has no timestamp: placed between its neighbours",
    "duplicate": "has the timestamp of the frame before it: moved on",
    "backward": "has a timestamp before that of the frame before it: moved on",
    "leap": "has a timestamp far ahead of its neighbours: placed between them",
    "reset": "the clock of the file jumped back here: later times are shifted to go on",
}


class AvSource(Source):
    """Frames of one video stream of an open FFmpeg container.

    Parameters
    ----------
    container
        Closed together with the source, and when opening fails.
    where
        What to call it in messages, credentials hidden.
    live
        Frames arrive by themselves: no looking ahead, timing by arrival where there is no other.
    fps
        Frame rate for streams without timestamps.
    """

    def __init__(
        self,
        container: InputContainer,
        where: str,
        name: str,
        *,
        live: bool,
        fps: float | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(where)
        self.live = live
        self._name = name
        self._container = container
        self._clock = clock
        try:
            self._begin(fps)
        except BaseException:
            container.close()
            raise

    def _begin(self, fps: float | None) -> None:
        self._video = self._choose()
        self._video.thread_type = "SLICE" if self.live else "AUTO"
        timing = timing_of(self._container, live=self.live)
        self._decoder = Decoder(
            self._container, self._video, timing, rate=self._rate(timing, fps), clock=self._clock
        )
        self._decoded: Iterator[Decoded] = iter(self._decoder)
        self._timeline = Timeline(1 / self._fps if self._fps else None)
        self._upright = Upright(float(self._video.sample_aspect_ratio or 1))
        self._segment = 0
        self._at_once = True
        self._damaged_since_s: float | None = None
        first = next(self._decoded, None)
        if first is None:
            raise SourceError(self._no_frames())
        self._first = self._timed(first) if self.live else first
        self._first_image = self._upright.convert(self._first.picture)[0]
        self._declared = self._read_info()  # the container's memory is gone once it is closed
        if first.picture.interlaced_frame:
            message = (
                "the video is interlaced: movement shows combs; deinterlace it for best results"
            )
            self._log.add(Problem("interlaced", message))

    def _timed(self, first: Decoded) -> Decoded:
        """Return the first frame to show: FFmpeg gives RTSP's very first one no timestamp."""
        if first.raw_s is not None:
            return first
        second = next(self._decoded, None)
        if second is None or second.raw_s is None:
            self._decoded = chain(() if second is None else (second,), self._decoded)
            return first
        message = "the very first frame has no timestamp: skipped"
        self._log.add(Problem("timing", message))
        return second

    def _choose(self) -> VideoStream:
        """Return the stream to read: the best real video, no cover picture."""
        videos = [s for s in self._container.streams.video if not _is_cover(s)]
        if not videos:
            raise SourceError(self._no_video())
        readable = [s for s in videos if s.codec_context is not None]
        if not readable:
            raise SourceError(
                f"{self.redacted} holds video in a codec that cannot be decoded here; convert it "
                "to H.264 (for example: ffmpeg -i INPUT -c:v libx264 -crf 12 output.mp4)"
            )
        best = self._container.streams.best("video")
        chosen = next((s for s in readable if best is not None and s.index == best.index), None)
        chosen = chosen or readable[0]
        if chosen.codec_context.name in NOT_VIDEO:
            raise SourceError(
                f"{self.redacted} is not a video (only text or bytes); give {ALLOWED}"
            )
        if len(videos) > 1:
            message = f"{len(videos)} video streams: only number {chosen.index} is analysed"
            self._log.add(Problem("several streams", message))
        return chosen

    def _no_video(self) -> str:
        covers = " (its picture is a cover, not a video)" if self._container.streams.video else ""
        if self._container.streams.audio:
            return f"{self.redacted} is audio only{covers}: it holds no video; give a video file"
        return f"{self.redacted} holds no video{covers}; give a video file"

    def _no_frames(self) -> str:
        why = f": {self._decoder.damage}" if self._decoder.damage else ""
        return (
            f"{self.redacted} holds a {self._video.codec_context.name} video of 0 frames{why}; "
            "check that it plays, or record it again"
        )

    def _rate(self, timing: Timing, fps: float | None) -> float:
        if timing is not Timing.COUNT:
            declared = self._video.average_rate or self._video.guessed_rate
            self._fps = float(declared) if declared and timing is not Timing.ARRIVAL else None
            if fps is not None:
                message = f"fps={fps:g} is ignored: {self.redacted} has timestamps of its own"
                self._log.add(Problem("option ignored", message))
            return FALLBACK_RATE
        header = self._video.codec_context.framerate
        self._fps = fps or (float(header) if header else FALLBACK_RATE)
        if fps is None:
            source = "as its header says" if header else "which is a guess"
            message = f"no timestamps in a raw stream: {self._fps:g} fps, {source}; pass --fps"
            self._log.add(Problem("timing", message))
        return self._fps

    @property
    def info(self) -> SourceInfo:
        """What the container declares."""
        return self._declared

    def _read_info(self) -> SourceInfo:
        width, height = self._upright.size or (0, 0)
        duration_s = None if self.live else self._promised_s()
        frames = self._video.frames or None
        if frames is None and duration_s and self._fps:
            frames = round(duration_s * self._fps)
        return SourceInfo(
            path=self.redacted,
            name=self._name,
            width=width,
            height=height,
            codec=self._video.codec_context.name,
            fps=self._fps,
            frames=None if self.live else frames,
            duration_s=duration_s,
            start_s=0.0 if self._decoder.timing is Timing.ARRIVAL else self._first.raw_s,
        )

    def _promised_s(self) -> float | None:
        video = self._video
        if video.duration and video.time_base:
            return float(video.duration * video.time_base)
        whole = self._container.duration
        return whole / 1e6 if whole and whole > 0 else None

    def _frames(self) -> Iterator[Frame]:
        pictures = chain((self._first,), self._decoded)
        for index, (decoded, following) in enumerate(self._with_following(pictures)):
            next_s = None if following is None else following.raw_s
            yield self._frame(index, decoded, next_s)
        self._finish()

    def _with_following(
        self, pictures: Iterator[Decoded]
    ) -> Iterator[tuple[Decoded, Decoded | None]]:
        if self.live:
            return ((picture, None) for picture in pictures)
        return pairwise(chain(pictures, (None,)))  # type: ignore[arg-type]

    def _frame(self, index: int, decoded: Decoded, following_s: float | None) -> Frame:
        if self.live:
            self.captured_s = self._decoder.arrived_s
            placed = self._place_live(index, decoded.raw_s)
        else:
            placed = self._timeline.place(decoded.raw_s, following_s)
        before_s = self._last_s if index else placed.time_s
        self._declare(index, placed)
        damage_breaks = self._follow_damage(index, decoded, before_s, placed.time_s)
        if index and (placed.breaks or damage_breaks):
            self._segment += 1
        if index == 0:
            return Frame(self._first_image, placed.time_s, 0, 0)
        image, fitted = self._upright.convert(decoded.picture)
        if fitted:
            self._declare_size(index, decoded, placed.time_s)
        return Frame(image, placed.time_s, index, self._segment)

    def _place_live(self, index: int, raw_s: float | None) -> Placed:
        if self._decoder.timing is Timing.ARRIVAL:
            return self._place_arrival(index, raw_s or 0.0)
        now_s, offset_s = self._clock(), self.clock_offset_s
        if raw_s is None:
            raw_s = now_s - (now_s if offset_s is None else offset_s)
        placed = self._timeline.place(raw_s)
        delay_s = now_s - placed.time_s
        self.clock_offset_s = delay_s if offset_s is None else min(offset_s, delay_s)
        return placed

    def _place_arrival(self, index: int, arrived_s: float) -> Placed:
        """Count from the first arrival; frames that came at once on opening stand alone."""
        if self.clock_offset_s is None:
            self.clock_offset_s = arrived_s
        placed = self._timeline.place(arrived_s - self.clock_offset_s)
        if index and self._at_once and placed.time_s - self._last_s > AT_ONCE_S:
            self._at_once = False
            if index > 1:
                message = f"the first {index} frames came at once: their true times are unknown"
                self._log.add(Problem("timing", message, 0, 0.0))
                return replace(placed, breaks=True)
        return placed

    def _declare(self, index: int, placed: Placed) -> None:
        if placed.gap_from_s is not None:
            self._gaps.append(Gap(placed.gap_from_s, placed.time_s, "time gap"))
            step = placed.time_s - placed.gap_from_s
            message = f"no frames for {step:.3f} s before frame {index} ({placed.time_s:.2f} s)"
            problem = Problem("time gap", message, index, placed.time_s)
            self._log.add(problem, same_as="time gap")
        if placed.note is not None:
            message = f"frame {index} ({placed.time_s:.2f} s) {REPAIRS[placed.note]}"
            problem = Problem("timestamps", message, index, placed.time_s)
            self._log.add(problem, same_as=placed.note)

    def _follow_damage(self, index: int, decoded: Decoded, before_s: float, now_s: float) -> bool:
        """Return whether damage begins or ends at this frame."""
        begins = bool(decoded.damage) and self._damaged_since_s is None
        if decoded.damage:
            outcome = "went on after it"
            message = (
                f"decoding broke at frame {index} ({now_s:.2f} s): {decoded.damage}; {outcome}"
            )
            self._log.add(Problem("decode error", message, index, now_s), same_as="decode error")
        if begins:
            self._damaged_since_s = before_s
        if self._damaged_since_s is None or not decoded.trusted:
            return begins
        self._end_damage(now_s)
        return True

    def _end_damage(self, now_s: float) -> None:
        since_s, self._damaged_since_s = self._damaged_since_s, None
        if since_s is not None and now_s > since_s:
            self._gaps.append(Gap(since_s, now_s, "decode error"))

    def _declare_size(self, index: int, decoded: Decoded, time_s: float) -> None:
        new = f"{decoded.picture.width}x{decoded.picture.height}"
        first = "{}x{}".format(*(self._upright.size or (0, 0)))
        message = (
            f"the picture becomes {new} at frame {index} ({time_s:.2f} s): fitted into {first}"
        )
        self._log.add(Problem("size change", message, index, time_s), same_as=f"size {new}")

    def _finish(self) -> None:
        """Declare what broke after the last frame."""
        self._end_damage(self._last_s)

    def _release(self) -> None:
        self._decoded = iter(())
        self._container.close()


def _is_cover(stream: VideoStream) -> bool:
    covers = stream.disposition.__class__
    return bool(stream.disposition & (covers.attached_pic | covers.timed_thumbnails))
