"""From a sample to what a model reads: the same tracker and recipes as the live stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.datasets.base import FlowFile, ImageClip, Sample, VideoClip
from offline.datasets.flow_picture import read_flow_picture
from offline.handcrafted.registry import HANDCRAFTED
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.errors import ConfigError, SourceError
from realtime_mer.events import Frame
from realtime_mer.face.mesh import MediaPipeMesh, MeshDetector
from realtime_mer.face.quiet import QuietMesh
from realtime_mer.face.tracker import FaceTracker, TrackerSettings
from realtime_mer.face.view import FaceView
from realtime_mer.pipeline import BEFORE_ONSET_S
from realtime_mer.recipes import ARCHIVE_RECIPES, recipe
from realtime_mer.sources import Source, open_source
from realtime_mer.sources.folder import read_image

SETTLE_S = 0.5
"""Recording before the onset that the tracker sees, to find the face and settle on it."""
MARGIN = 0.4
"""Border around a cropped face, as a share of its size: detectors want to see some room."""
PATIENCE_FRAMES = 2.5
"""An onset or apex at which the face was lost for longer than this is not replaced."""


class InputReader:
    """Make the input of a model from a sample's pictures.

    A context manager; the face mesh is loaded when the first pictures are read. Samples of one
    recording are read fastest in the order of time.
    """

    def __init__(self, detector: MeshDetector | None = None) -> None:
        self._detector = detector
        self._reel: _Reel | None = None

    def read(self, sample: Sample, recipe_name: str) -> NDArray[np.float32]:
        """Return what the recipe makes of a sample.

        Raises
        ------
        ConfigError
            There is no such recipe, or it needs pictures and the sample is only motion.
        SourceError
            A picture cannot be read, or the face is not seen from onset to apex.
        """
        if isinstance(sample.source, FlowFile):
            return _of_flow(sample.source, recipe_name)
        make = HANDCRAFTED.get(recipe_name) or recipe(recipe_name)
        return make(self.frames(sample))

    def frames(self, sample: Sample) -> CandidateFrames:
        """Return the aligned pictures of a sample, from just before its onset to its offset.

        Raises
        ------
        ConfigError
            The sample is only motion.
        SourceError
            A picture cannot be read, or the face is not seen from onset to apex.
        """
        source = sample.source
        if isinstance(source, FlowFile):
            raise ConfigError(f"{sample.sample_id} has no pictures; a flow archive holds motion")
        if isinstance(source, ImageClip):
            times = tuple(source.time_s[k] for k in (source.onset, source.apex, source.offset))
            pictures = _pictures(source)
        else:
            times = source.onset_s, source.apex_s, source.offset_s
            pictures = self._stretch(source)
        onset_s, apex_s, offset_s = times
        return _candidate(sample, list(self._views(pictures)), (onset_s, apex_s, offset_s))

    def _views(self, pictures: Iterable[Frame]) -> Iterator[FaceView]:
        if self._detector is None:
            self._detector = QuietMesh(MediaPipeMesh())
        # A clip is short: every picture without a face is worth a search.
        tracker = FaceTracker(self._detector, TrackerSettings(search_every_s=0))
        for frame in pictures:
            view = tracker.step(frame)
            if view is not None:
                yield view

    def _stretch(self, clip: VideoClip) -> Iterator[Frame]:
        start_s = clip.onset_s - SETTLE_S
        if self._reel is None or not self._reel.can_reach(clip, start_s):
            self._close_reel()
            self._reel = _Reel(clip)
        return self._reel.stretch(start_s, clip.offset_s)

    def _close_reel(self) -> None:
        if self._reel is not None:
            self._reel.close()
            self._reel = None

    def close(self) -> None:
        """Free the face mesh and the recording."""
        self._close_reel()
        if self._detector is not None:
            self._detector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Reel:
    """A recording that is only wound forward."""

    def __init__(self, clip: VideoClip) -> None:
        self._of = (clip.path, clip.fps)
        self._source: Source = open_source(clip.path, fps=clip.fps)
        self._reached_s = -np.inf

    def can_reach(self, clip: VideoClip, start_s: float) -> bool:
        return self._of == (clip.path, clip.fps) and start_s > self._reached_s

    def stretch(self, start_s: float, end_s: float) -> Iterator[Frame]:
        for frame in self._source:
            self._reached_s = frame.time_s
            if frame.time_s >= start_s:
                yield frame
            if frame.time_s >= end_s:
                return

    def close(self) -> None:
        self._source.close()


def _pictures(clip: ImageClip) -> Iterator[Frame]:
    for index, path, time_s in zip(count(), clip.frames, clip.time_s, strict=False):
        image = read_image(path)
        if image is None:
            raise SourceError(f"cannot read the picture {path}; unpack the data set again")
        yield Frame(with_margin(image) if clip.cropped else image, time_s, index)


def with_margin(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a cropped face with blurred room around it, (H, W, 3) to about (1.8 H, 1.8 W, 3)."""
    height, width = image.shape[:2]
    down, right = round(MARGIN * height), round(MARGIN * width)
    wide = cv2.copyMakeBorder(image, down, down, right, right, cv2.BORDER_REPLICATE)
    wide = cv2.GaussianBlur(wide, (0, 0), max(1.0, 0.1 * min(down, right)))
    wide[down : down + height, right : right + width] = image
    return np.ascontiguousarray(wide, np.uint8)


def _candidate(
    sample: Sample, views: list[FaceView], moments_s: tuple[float, float, float]
) -> CandidateFrames:
    onset_s, _, offset_s = moments_s
    views = [view for view in views if onset_s - BEFORE_ONSET_S <= view.time_s <= offset_s + 1e-6]
    if len(views) < 2:
        raise SourceError(
            f"no face found in {sample.sample_id} ({_where(sample)}); check its pictures, or "
            "leave the sample out"
        )
    time_s = np.array([view.time_s for view in views])
    onset, apex, offset = (int(np.abs(time_s - moment).argmin()) for moment in moments_s)
    interval_s = float(np.median(np.diff(time_s)))
    late_s = max(abs(time_s[onset] - onset_s), abs(time_s[apex] - moments_s[1]))
    if late_s > PATIENCE_FRAMES * interval_s or apex <= onset:
        raise SourceError(
            f"the face in {sample.sample_id} ({_where(sample)}) is lost between onset and apex; "
            "check its pictures, or leave the sample out"
        )
    crops = np.stack([view.crop_rgb for view in views])
    return CandidateFrames(crops, time_s, onset, apex, max(offset, apex))


def _where(sample: Sample) -> Path:
    source = sample.source
    return source.frames[0].parent if isinstance(source, ImageClip) else source.path


def _of_flow(source: FlowFile, recipe_name: str) -> NDArray[np.float32]:
    if recipe_name not in ARCHIVE_RECIPES:
        raise ConfigError(
            f"the model reads {recipe_name}, which needs pictures; a flow archive holds only "
            f"motion: take a model that reads {', '.join(ARCHIVE_RECIPES)}, or another data set"
        )
    picture = read_flow_picture(source.path)
    if picture is None:
        raise SourceError(f"cannot read the flow picture {source.path}; unpack the archive again")
    planes = (*source.planes, source.strain_plane)
    u, v, strain = (picture[..., plane].astype(np.float32) for plane in planes)
    return ARCHIVE_RECIPES[recipe_name](u, v, strain)
