"""The pictures around one event of a video, aligned: found by seeking where that is exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from realtime_mer.errors import SourceError
from realtime_mer.events import Frame
from realtime_mer.face.mesh import MediaPipeMesh, MeshDetector
from realtime_mer.face.quiet import QuietMesh
from realtime_mer.face.tracker import FaceTracker
from realtime_mer.face.view import FaceView
from realtime_mer.sources import open_source
from realtime_mer.sources.decode import Timing, timing_of
from realtime_mer.sources.file import open_container
from realtime_mer.sources.picture import Upright
from realtime_mer.sources.spec import printable

SAME_MOMENT_S = 5e-4
"""Two moments this close are those of one picture."""
MOST_PER_S = 120.0
"""Pictures a second that slow motion needs; of faster cameras some are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Pictures of one face in the order of time.

    Attributes
    ----------
    crops_rgb
        (T, H, W, 3) uint8; of a video (T, 320, 320, 3), aligned on the head's rigid points.
    time_s
        (T,) float64 media seconds, strictly rising.
    """

    crops_rgb: NDArray[np.uint8]
    time_s: NDArray[np.float64]


def read_stretch(
    path: str | Path,
    first_s: float,
    last_s: float,
    moments_s: Sequence[float],
    detector: MeshDetector | None = None,
) -> Stretch:
    """Return the aligned face between two moments of a video.

    Parameters
    ----------
    path
        Video file or folder of pictures, as for ``open_source``.
    first_s, last_s
        Media seconds; what the video does not have at its ends is left out.
    moments_s
        Frame times that must lie in the stretch. A seek that does not meet them exactly, as in a
        file whose timestamps had to be repaired, is given up and the file read from its start.
    detector
        Finds the face; None opens MediaPipe and closes it again. The largest face is taken.

    Raises
    ------
    SourceError
        The video cannot be read, has no picture there, or the face is lost in between.
    """
    frames = _sought(Path(path), first_s, last_s, moments_s)
    if frames is None:
        with open_source(path) as source:
            frames = list(_between(source, first_s, last_s))
    if detector is not None:
        views = _followed(frames, detector)
    else:
        with closing(QuietMesh(MediaPipeMesh())) as opened:
            views = _followed(frames, opened)
    runs = _runs(views)
    for run in runs:
        times = np.array([view.time_s for view in run])
        if all(times[0] <= moment + SAME_MOMENT_S for moment in moments_s) and all(
            times[-1] >= moment - SAME_MOMENT_S for moment in moments_s
        ):
            return Stretch(np.stack([view.crop_rgb for view in run]), times)
    where = printable(str(path))
    raise SourceError(
        f"{where} shows no face that could be followed from {min(moments_s):.2f} to "
        f"{max(moments_s):.2f} s; give an event of this video"
    )


def _sought(
    path: Path, first_s: float, last_s: float, moments_s: Sequence[float]
) -> list[Frame] | None:
    """Return the frames by seeking, None where that cannot be trusted to be exact."""
    if not path.is_file():
        return None
    try:
        with closing(open_container(path, printable(str(path)))) as container:
            best = container.streams.best("video")
            if best is None or timing_of(container, live=False) is not Timing.PTS:
                return None
            stream = next(each for each in container.streams.video if each.index == best.index)
            base = stream.time_base
            if base is None:
                return None
            container.seek(int(first_s / base), stream=stream, backward=True)
            upright = Upright(float(stream.sample_aspect_ratio or 1))
            frames: list[Frame] = []
            for picture in container.decode(stream):
                if picture.pts is None:
                    return None
                time_s = float(picture.pts * base)
                if time_s > last_s + SAME_MOMENT_S:
                    break
                if time_s < first_s - SAME_MOMENT_S or _too_soon(frames, time_s):
                    continue
                frames.append(Frame(upright.convert(picture)[0], time_s, len(frames)))
    except FFmpegError:
        return None
    interval_s = 1 / MOST_PER_S + SAME_MOMENT_S
    times = np.array([frame.time_s for frame in frames])
    rises = len(times) > 1 and bool((np.diff(times) > 0).all())
    met = rises and all(np.abs(times - moment).min() < interval_s for moment in moments_s)
    return frames if met else None


def _between(source: Iterable[Frame], first_s: float, last_s: float) -> Iterator[Frame]:
    kept: list[Frame] = []
    for frame in source:
        if frame.time_s > last_s + SAME_MOMENT_S:
            return
        if frame.time_s >= first_s - SAME_MOMENT_S and not _too_soon(kept, frame.time_s):
            kept = [frame]
            yield frame


def _too_soon(kept: Sequence[Frame], time_s: float) -> bool:
    return bool(kept) and 0 < time_s - kept[-1].time_s < 1 / MOST_PER_S - SAME_MOMENT_S


def _followed(frames: Iterable[Frame], detector: MeshDetector) -> list[FaceView]:
    tracker = FaceTracker(detector)
    views = (tracker.step(frame) for frame in frames)
    return [view for view in views if view is not None]


def _runs(views: Sequence[FaceView]) -> list[list[FaceView]]:
    """Return stretches in which the face was followed without being found anew."""
    runs: list[list[FaceView]] = []
    for view in views:
        if not runs or view.segment != runs[-1][-1].segment:
            runs.append([])
        runs[-1].append(view)
    return runs
