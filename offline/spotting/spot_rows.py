"""What was found in each long video, kept as it is found: one line of JSON a video.

A line is written whole and forced to the disk before the next video counts as done, so a run that
is killed loses the videos under way and nothing else. Each line carries a key that stands for the
pictures, the settings, the model and the program; a later run takes only lines whose keys fit.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from offline.datasets.long_videos import LongVideo
from realtime_mer.errors import OutputError

ROWS = "rows.jsonl"
PROGRAM = ("realtime_mer", "engines")
"""Packages whose files decide what is found."""
PROGRAM_FILES = (".py", ".npy", ".onnx")
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

    def to_line(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=True, allow_nan=False) + "\n"

    @classmethod
    def from_line(cls, line: str | bytes) -> VideoRow:
        """Read what ``to_line`` wrote; raises ``ValueError`` or ``TypeError`` on anything else."""
        values = json.loads(line)
        found = tuple(
            Detection(**{**each, "regions": tuple(each["regions"])}) for each in values["found"]
        )
        return cls(**{**values, "found": found, "remarks": tuple(values["remarks"])})


class RowBook:
    """An append-only file of rows, open in one process at a time; a context manager.

    A last line without its end, left by a run that was killed while writing, is cut off when the
    book is opened; lines that are none of ours are passed over.

    Raises
    ------
    OutputError
        The file cannot be read or written, or another run is writing it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, VideoRow] = {}
        try:
            self._file = path.open("a+b")
        except OSError as error:
            raise _cannot_write(path, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._load()
        except BlockingIOError as error:
            self._file.close()
            raise OutputError(
                f"another run is writing {path}; wait for it, stop it, or choose another --out"
            ) from error
        except OSError as error:
            self._file.close()
            raise _cannot_write(path, error) from error

    def _load(self) -> None:
        self._file.seek(0)
        *lines, torn = self._file.read().split(b"\n")
        if torn:
            self._file.truncate(sum(len(line) + 1 for line in lines))
        for line in lines:
            try:
                row = VideoRow.from_line(line)
            except (ValueError, TypeError, KeyError):
                continue
            self._rows[row.key] = row

    def get(self, key: str) -> VideoRow | None:
        """Return the row of a key."""
        return self._rows.get(key)

    def append(self, row: VideoRow) -> None:
        """Write a row; it is on the disk when this returns.

        Raises
        ------
        OutputError
            The disk is full, for instance.
        """
        try:
            self._file.write(row.to_line().encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _cannot_write(self._path, error) from error
        self._rows[row.key] = row

    def __enter__(self) -> RowBook:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def video_key(video: LongVideo, run: Mapping[str, Any]) -> str:
    """Return what stands for a video's pictures and everything that decides what is found there.

    Pictures are told by name and size; annotations do not take part.
    """
    pictures = [(path.name, path.stat().st_size) for path in video.frames]
    facts = [video.dataset, video.video_id, video.fps, pictures, run]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


@cache
def program_digest() -> str:
    """Return what stands for the program: every file of it that decides what is found."""
    digest = hashlib.sha256()
    for package in PROGRAM:
        for name, data in _files(package, resources.files(package)):
            digest.update(f"{name}\0{len(data)}\0".encode())
            digest.update(data)
    return digest.hexdigest()[:16]


def _files(name: str, folder: Traversable) -> Sequence[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = f"{name}/{each.name}"
        if each.is_dir():
            found += _files(path, each)
        elif each.name.endswith(PROGRAM_FILES):
            found.append((path, each.read_bytes()))
    return found


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot keep what is found in {path}: {error.strerror or error}; choose a folder that "
        "you may write to"
    )
