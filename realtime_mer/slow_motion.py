"""One event as a short clip to look at: slowed, and beside itself with its motion magnified.

On the left the face as it was, on the right the same with small motion amplified
(``motion.magnification``, Eulerian, looking both ways in time); below, a strip of time with onset,
apex and offset. The face is held still by alignment, so that what moves is the face's own.

The clip begins and ends at rest and its end fades into its beginning, so that it can be played in a
loop. Between two pictures of the video both halves show their mixture: at an eighth of the speed a
camera of 30 pictures a second would otherwise show four a second. At the moment of each picture the
left half is that picture, untouched.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError, OutputError
from realtime_mer.events import Candidate, Event
from realtime_mer.face.mesh import MeshDetector
from realtime_mer.motion.magnification import Magnification, magnified
from realtime_mer.slow_motion_source import Stretch, read_stretch
from realtime_mer.slow_motion_strip import GAP_PX, GROUND, names, strip

SLOW = 8.0
RATE = 30
"""Pictures a second of the clip."""
REST_S = 0.12
"""Media seconds shown before the onset and after the offset."""
AROUND_S = 0.5
"""Media seconds read on both sides, for the band-pass filter needs to know what rest looks like."""
FADE_S = 0.4
"""Seconds of the clip in which its end fades into its beginning."""
SHOWN_IOD = 0.12
"""How large the largest motion is made on the right, in inter-ocular distances, if it is left to
us: well visible, and not yet torn."""
LEAST, MOST = 2.0, 6.0
"""Between these amplifications ours is kept: fainter motion is mostly noise by then."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Media seconds of onset, apex and offset, in that order."""

    onset_s: float
    apex_s: float
    offset_s: float

    def __post_init__(self) -> None:
        if not self.onset_s <= self.apex_s <= self.offset_s or self.onset_s == self.offset_s:
            raise ConfigError(
                f"need onset <= apex <= offset and onset < offset, got {self.onset_s}, "
                f"{self.apex_s} and {self.offset_s} s"
            )

    @property
    def all(self) -> tuple[float, float, float]:
        """The three."""
        return self.onset_s, self.apex_s, self.offset_s


@dataclass(frozen=True, slots=True)
class Look:
    """How the clip is made.

    Attributes
    ----------
    slow
        How many times longer than the event the clip takes. Higher shows more, and takes longer.
    amplification
        How many times as large a small motion looks on the right; 1 leaves it as it is. Higher
        shows fainter motion, amplifies noise as much, and tears edges that move far. A motion
        beyond an eighth of its wavelength grows less: one of 4 % of the inter-ocular distance
        by some 1.5 times at 3.
    left, right
        What is written above the two halves; empty writes what they are.
    """

    slow: float = SLOW
    amplification: float = 4.0
    left: str = ""
    right: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.slow <= 100:
            raise ConfigError(f"slow is {self.slow}; give 1 (full speed) to 100")
        if not 1 <= self.amplification <= 50:
            raise ConfigError(f"amplification is {self.amplification}; give 1 (none) to 50")

    @property
    def titles(self) -> tuple[str, str]:
        """What is written above the two halves."""
        slowed = f"as it was, {self.slow:g} times slower" if self.slow > 1 else "as it was"
        magnified_ = "the same, motion magnified" if self.amplification > 1 else "the same"
        return self.left or slowed, self.right or magnified_


def side_by_side(
    source_path: str | os.PathLike[str],
    event: Event | Candidate,
    out_path: str | os.PathLike[str],
    *,
    slow: float = SLOW,
    amplification: float | None = None,
    detector: MeshDetector | None = None,
) -> Path:
    """Write the clip of one event of a video; return its path.

    H.264, yuv420p, 30 pictures a second, index first, silent: every browser plays it.

    Parameters
    ----------
    source_path
        The video that the event was found in, a file or a folder of pictures. Only the second or
        so around the event is decoded where the file lets itself be sought exactly.
    event
        The event, or its candidate.
    out_path
        Replaced once the clip is complete; its folder must exist.
    slow
        See ``Look``.
    amplification
        See ``Look``; None chooses by the event's amplitude (``fitting_amplification``).
    detector
        Finds the face; None opens MediaPipe for the occasion. The largest face is shown.

    Raises
    ------
    SourceError
        The video cannot be read, or shows no face there.
    OutputError
        The clip cannot be written.
    ConfigError
        ``slow`` or ``amplification`` is out of range.
    """
    candidate = event.candidate if isinstance(event, Event) else event
    if amplification is None:
        amplification = fitting_amplification(candidate.amplitude_iod)
    look = Look(slow, amplification)
    moments = Moments(candidate.onset_s, candidate.apex_s, candidate.offset_s)
    stretch = read_stretch(
        Path(source_path),
        moments.onset_s - AROUND_S,
        moments.offset_s + AROUND_S,
        moments.all,
        detector,
    )
    return write_side_by_side(stretch, moments, out_path, look)


def fitting_amplification(amplitude_iod: float) -> float:
    """Return an amplification that shows a motion of this size (IOD) well: ``SHOWN_IOD`` large."""
    if not amplitude_iod > 0:
        return MOST
    return float(np.clip(SHOWN_IOD / amplitude_iod, LEAST, MOST))


def write_side_by_side(
    stretch: Stretch, moments: Moments, out_path: str | os.PathLike[str], look: Look | None = None
) -> Path:
    """Write the clip of a face whose pictures are at hand; return its path.

    Parameters
    ----------
    stretch
        Aligned pictures of even height and width, from before the onset to after the offset;
        the more there is on both sides (``AROUND_S``), the better rest is known.
    moments
        Within the stretch.
    out_path
        As for ``side_by_side``.

    Raises
    ------
    OutputError
        The clip cannot be written.
    ConfigError
        Sizes are odd, or the moments lie outside the stretch.
    """
    look = look or Look()
    target = Path(out_path)
    pictures = side_by_side_pictures(stretch, moments, look)
    try:
        with tempfile.TemporaryDirectory(prefix=".mer-", dir=target.parent) as scratch:
            made = Path(scratch) / "clip.mp4"
            encode(pictures, made, Fraction(RATE))
            made.replace(target)
    except (OSError, av.FFmpegError) as error:
        raise OutputError(
            f"cannot write {target}: {error}; give an .mp4 path in an existing, writable folder"
        ) from error
    return target


def encode(pictures: Iterator[NDArray[np.uint8]], path: Path, rate: Fraction) -> None:
    """Write pictures, (H, W, 3) uint8 RGB of one even size, as H.264 that every browser plays."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(
            "libx264", rate=rate, options={"crf": "18", "preset": "veryfast"}
        )
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def clip_seconds(stretch: Stretch, moments: Moments, slow: float) -> float:
    """Return how long the clip plays, in seconds."""
    first_s, last_s = _shown(stretch, moments)
    return (last_s - first_s) * slow


def side_by_side_pictures(
    stretch: Stretch, moments: Moments, look: Look
) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures of the clip, (HEAD_PX + H + STRIP_PX, 2 W + GAP_PX, 3) uint8 RGB."""
    _check(stretch, moments)
    first_s, last_s = span_s = _shown(stretch, moments)
    near = _near(stretch.time_s, first_s, last_s)
    right = _magnified(stretch, near, moments, look)
    left, times = stretch.crops_rgb[near], stretch.time_s[near]
    width = 2 * left.shape[2] + GAP_PX
    head = names(width, *look.titles)
    marks = tuple(zip(("onset", "apex", "offset"), moments.all, strict=True))
    gap = np.full((left.shape[1], GAP_PX, 3), GROUND, np.uint8)
    count = max(round((last_s - first_s) * look.slow * RATE), 2)
    fading = min(round(FADE_S * RATE), count // 3)
    for number in range(count):
        now_s = first_s + number / (RATE * look.slow)
        share = max(number + 1 - (count - fading), 0) / (fading + 1)
        halves = [_faded(_at(part, times, now_s), part, share) for part in (left, right)]
        body = np.hstack([halves[0], gap, halves[1]])
        yield np.vstack([head, body, strip(width, span_s, marks, now_s)])


def _shown(stretch: Stretch, moments: Moments) -> tuple[float, float]:
    """Return the media seconds that the clip shows."""
    return (
        float(max(moments.onset_s - REST_S, stretch.time_s[0])),
        float(min(moments.offset_s + REST_S, stretch.time_s[-1])),
    )


def _near(time_s: NDArray[np.float64], first_s: float, last_s: float) -> NDArray[np.int64]:
    """Return the pictures shown: from the last one at or before the start to beyond the end."""
    first = max(int(np.searchsorted(time_s, first_s, "right")) - 1, 0)
    last = min(int(np.searchsorted(time_s, last_s, "left")), len(time_s) - 1)
    return np.arange(first, last + 1)


def _magnified(
    stretch: Stretch, near: NDArray[np.int64], moments: Moments, look: Look
) -> NDArray[np.uint8]:
    if look.amplification == 1:
        return stretch.crops_rgb[near]
    pictures = stretch.crops_rgb.astype(np.float32) / np.float32(255)
    rate_hz = 1 / float(np.median(np.diff(stretch.time_s)))
    duration_s = moments.offset_s - moments.onset_s
    high_hz = float(np.clip(3 / duration_s, 4.0, max(0.45 * rate_hz, 4.0)))
    settings = Magnification(look.amplification - 1, low_hz=0.5, high_hz=high_hz)
    made = magnified(pictures, stretch.time_s, settings, places=near)
    return np.asarray(np.rint(made * 255), np.uint8)


def _at(
    pictures: NDArray[np.uint8], time_s: NDArray[np.float64], now_s: float
) -> NDArray[np.float32]:
    """Return the picture of a moment: that of its neighbours, mixed by how near they are."""
    place = float(np.interp(now_s, time_s, np.arange(len(time_s))))
    before = min(int(place), len(pictures) - 2)
    share = np.float32(place - before)
    mixed = (1 - share) * pictures[before].astype(np.float32) + share * pictures[before + 1]
    return np.asarray(mixed, np.float32)


def _faded(
    picture: NDArray[np.float32], pictures: NDArray[np.uint8], share: float
) -> NDArray[np.uint8]:
    """Return the picture with this share of the clip's first one mixed in."""
    if share:
        picture = np.float32(1 - share) * picture + np.float32(share) * pictures[0]
    return np.asarray(np.rint(picture), np.uint8)


def _check(stretch: Stretch, moments: Moments) -> None:
    count, *size = stretch.crops_rgb.shape
    if len(size) != 3 or size[2] != 3 or size[0] % 2 or size[1] % 2 or stretch.time_s.size != count:
        raise ConfigError(
            f"need (T, H, W, 3) pictures, H and W even, and (T,) seconds, got "
            f"{stretch.crops_rgb.shape} and {stretch.time_s.shape}"
        )
    if count < 3 or not stretch.time_s[0] <= moments.onset_s < moments.offset_s <= (
        stretch.time_s[-1] + 1e-6
    ):
        raise ConfigError(
            f"onset and offset, {moments.onset_s:.3f} and {moments.offset_s:.3f} s, must lie among "
            f"the {count} pictures: give at least three, from before to after the event"
        )
