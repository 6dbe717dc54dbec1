"""What was found in each long video, kept so that a stopped run goes on where it was.

Each row has a key that stands for the pictures, the settings, the model and the program; a later
run takes only rows whose keys fit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline.bench.row_store import RowStore
from offline.datasets.long_videos import LongVideo

ROWS = "rows.jsonl"
PACKAGES = ("numpy", "numba", "opencv-contrib-python", "mediapipe", "onnxruntime")
"""Other people's packages that decide what is found."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One event that the stream reported.

    Attributes
    ----------
    onset, apex, offset
        Frames as the pictures are numbered.
    emotion, confidence, p_none
        What the recogniser says, see ``realtime_mer.events.Event``.
    spot_score, regions
        As in ``realtime_mer.events.Candidate``.
    """

    onset: int
    apex: int
    offset: int
    emotion: str
    confidence: float
    p_none: float
    spot_score: float
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VideoRow:
    """One video, watched.

    Attributes
    ----------
    key
        See ``video_key``.
    video
        Its id.
    frames, unseen_s
        Pictures watched, and seconds of them without a usable face.
    wall_s
        Seconds it took.
    found
        In the order of time.
    remarks
        What went wrong without ending the work.
    """

    key: str
    video: str
    frames: int
    unseen_s: float
    wall_s: float
    found: tuple[Detection, ...]
    remarks: tuple[str, ...] = ()


def open_rows(out_dir: Path) -> RowStore[VideoRow]:
    """Open the rows below a run's folder.

    Raises
    ------
    OutputError
        They cannot be written, or another process is writing them.
    """
    return RowStore(out_dir / ROWS, _row)


def _row(values: dict[str, Any]) -> VideoRow:
    found = (Detection(**{**each, "regions": tuple(each["regions"])}) for each in values["found"])
    return VideoRow(**{**values, "found": tuple(found), "remarks": tuple(values["remarks"])})


def video_key(video: LongVideo, run: Mapping[str, Any]) -> str:
    """Return what stands for a video's pictures and everything that decides what is found there.

    Pictures are told by name and size; annotations do not take part.
    """
    pictures = [(path.name, path.stat().st_size) for path in video.frames]
    facts = [video.dataset, video.video_id, video.fps, pictures, run]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
