"""The nouns of the whole system: frozen values that the stages hand to each other.

Conventions everywhere: images are RGB, ``uint8``, (H, W, 3); pixels run x right, y down, the
centre of the top-left pixel is (0, 0); times are media seconds (float64); frames count from 0 in
decode order; *left* and *right* are the subject's, not the viewer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

EMOTIONS = ("negative", "positive", "surprise")
"""Class order of every probability vector in the project (MEGC2019's three classes)."""
NONE = "none"
"""What an expression is called that the model takes for none of ``EMOTIONS``."""

ACTION_UNIT_GROUPS: Mapping[str, tuple[int, ...]] = MappingProxyType({
    "brow_raise": (1, 2),
    "brow_lower": (4,),
    "lid_tighten": (6, 7),
    "nose_wrinkle": (9,),
    "upper_lip_raise": (10,),
    "lip_corner_pull": (12,),
    "dimple": (14,),
    "lip_corner_drop": (15,),
    "chin_raise": (17,),
    "lips_part": (25, 26),
})  # fmt: skip
"""Movements that a model may tell of, with their numbers in FACS (Ekman, Friesen, Hager 2002)."""
ACTION_UNIT_SHOWN = 0.5
"""A group is named where its score reaches this."""

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
        One number for each of ``EMOTIONS``, in that order, summing to 1: how likely each is,
        given that it is one of them.
    model, engine
        Model package ``name@sha256-prefix`` and the backend that ran it.
    p_none
        Probability that it is none of ``EMOTIONS``; 0 of a model that does not know of that.
    action_units
        Group of ``ACTION_UNIT_GROUPS`` → (right, left): independent scores between 0 and 1 for
        the subject's two sides. Empty if the model gives none.
    """

    event_id: int
    candidate: Candidate
    probabilities: tuple[float, ...]
    model: str
    engine: str
    p_none: float = 0.0
    action_units: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)

    @property
    def emotion(self) -> str:
        """``NONE`` where that is likelier than not, else the most probable of ``EMOTIONS``."""
        if self.p_none > 0.5:
            return NONE
        return EMOTIONS[int(np.argmax(self.probabilities))]

    @property
    def confidence(self) -> float:
        """Probability of ``emotion``, the chance that it is none of them taken into account.

        So it is ``p_none``, or what ``1 - p_none`` leaves to the likeliest of ``EMOTIONS``, and
        can be low although that one is far ahead of the others: then it may well be no emotion.
        """
        if self.emotion == NONE:
            return self.p_none
        return (1 - self.p_none) * max(self.probabilities)

    @property
    def action_unit_text(self) -> str:
        """Groups that reach ``ACTION_UNIT_SHOWN``, strongest first, joined by ``+``.

        A group that only one of the subject's sides reaches ends in ``_right`` or ``_left``:
        ``brow_raise+lip_corner_pull_left``.
        """
        strongest = {group: max(sides) for group, sides in self.action_units.items()}
        shown = [group for group, score in strongest.items() if score >= ACTION_UNIT_SHOWN]
        shown.sort(key=lambda group: -strongest[group])
        return "+".join(group + _side(*self.action_units[group]) for group in shown)


def _side(right: float, left: float) -> str:
    """Return which side alone reaches ``ACTION_UNIT_SHOWN``, as a suffix; nothing for both."""
    if right >= ACTION_UNIT_SHOWN and left >= ACTION_UNIT_SHOWN:
        return ""
    return "_right" if right > left else "_left"


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which nothing could be seen, declared rather than hidden.

    ``reason`` is one of ``no face``, ``cut``, ``time gap``, ``occluded``, ``poor quality``,
    ``decode error``, ``connection lost``.
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
    ``explanation`` shows what moved the model's answer, in any size, and ``explained`` says it;
    both are empty unless that was asked for.
    """

    onset: bytes
    apex: bytes
    offset: bytes
    residual: bytes
    explanation: bytes = b""
    explained: str = ""


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
