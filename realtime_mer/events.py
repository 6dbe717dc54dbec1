"""The nouns of the whole system: frozen values that the stages hand to each other.

Conventions everywhere: images are RGB, ``uint8``, (H, W, 3); pixels run x right, y down, the
centre of the top-left pixel is (0, 0); times are media seconds (float64); frames count from 0 in
decode order; *left* and *right* are the subject's, not the viewer's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

EMOTIONS = ("negative", "positive", "surprise")
"""Class order of every probability vector in the project (MEGC2019's three classes)."""

MIN_DURATION_S = 1 / 25
MAX_DURATION_S = 1 / 2
"""A micro-expression lasts 1/25 to 1/2 second (Yan et al. 2013)."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture with its true time.

    Attributes
    ----------
    image_rgb
        (H, W, 3) uint8, C-contiguous, upright (rotation metadata already applied).
    time_s
        Presentation time in seconds; strictly increasing within a source.
    index
        Position in decode order, from 0. Frames lost before decoding leave a hole in time, not
        in the index.
    segment
        Rises by one at every gap, reconnect or backward jump of the clock: no window may span
        two segments.
    """

    image_rgb: NDArray[np.uint8]
    time_s: float
    index: int
    segment: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """An onset–apex–offset window that the spotter proposes.

    Attributes
    ----------
    segment, face_id
        Where it was seen: windows never span two segments.
    onset_frame, apex_frame, offset_frame
        Frame indices. A provisional candidate repeats the newest frame as its offset.
    onset_s, apex_s, offset_s
        Media seconds of the same three moments.
    regions
        Facial regions that moved, strongest first, out of ``topology.REGIONS``.
    spot_score
        How far the movement stands out, in standard deviations of what is usual in this face
        and picture; of a provisional alert, its distance from rest in units of the noise.
    amplitude_iod
        Peak displacement as a fraction of the inter-ocular distance.
    quality
        0 (blind) … 1 (large, sharp, frontal, well-tracked face).
    provisional
        True while only onset and apex are known.
    """

    segment: int
    face_id: int
    onset_frame: int
    apex_frame: int
    offset_frame: int
    onset_s: float
    apex_s: float
    offset_s: float
    regions: tuple[str, ...]
    spot_score: float
    amplitude_iod: float
    quality: float
    provisional: bool = False

    def __post_init__(self) -> None:
        if not self.onset_s <= self.apex_s <= self.offset_s:
            raise ValueError(
                f"a candidate needs onset <= apex <= offset, got "
                f"{self.onset_s:.4f}, {self.apex_s:.4f}, {self.offset_s:.4f} s"
            )

    @property
    def duration_s(self) -> float:
        """Seconds from onset to offset."""
        return self.offset_s - self.onset_s


@dataclass(frozen=True, slots=True)
class Event:
    """A confirmed candidate with what the recogniser says about it.

    Attributes
    ----------
    event_id
        Counts from 1 within one analysis.
    candidate
        When and where.
    probabilities
        One number for each of ``EMOTIONS``, in that order, summing to 1.
    model, engine
        Model package ``name@sha256-prefix`` and the backend that ran it.
    """

    event_id: int
    candidate: Candidate
    probabilities: tuple[float, ...]
    model: str
    engine: str

    @property
    def emotion(self) -> str:
        """The most probable of ``EMOTIONS``."""
        return EMOTIONS[int(np.argmax(self.probabilities))]

    @property
    def confidence(self) -> float:
        """Probability of ``emotion``."""
        return max(self.probabilities)


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which nothing could be seen, declared rather than hidden.

    ``reason`` is one of ``no face``, ``cut``, ``time gap``, ``occluded``, ``poor quality``,
    ``decode error``.
    """

    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What was analysed.

    ``fps`` is measured from the timestamps, (n - 1) / (last - first), NaN below two frames;
    ``start_s`` is the media time of the first frame; ``frames`` counts decoded frames.
    """

    path: str
    name: str
    width: int
    height: int
    frames: int
    duration_s: float
    fps: float
    start_s: float
    codec: str


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """Region signals for the report's timeline.

    Attributes
    ----------
    time_s
        (T,) float64 media seconds.
    displacement_iod
        (T, R) float32: how far each region stands from rest, as a fraction of the inter-ocular
        distance, NaN where no face was followed.
    threshold_iod
        (T, R) float32: what the displacement had to exceed at that moment.
    regions
        R names, the columns' order.
    """

    time_s: NDArray[np.float64]
    displacement_iod: NDArray[np.float32]
    threshold_iod: NDArray[np.float32]
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """JPEG pictures (bytes) of one event, each a 320×320 aligned face crop.

    ``residual`` shows the relative residual sum (RRS) of the key frames from onset to apex.
    """

    onset: bytes
    apex: bytes
    offset: bytes
    residual: bytes


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything the sinks need, once, in one place.

    ``summary`` is the content of ``summary.json``: JSON-ready, versions and counts included.
    ``evidence`` is keyed by ``event_id``.
    """

    media: MediaInfo
    events: tuple[Event, ...]
    signals: Signals
    evidence: dict[int, Evidence]
    gaps: tuple[Gap, ...] = ()
    summary: dict[str, object] = field(default_factory=dict)
