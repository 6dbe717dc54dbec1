"""What a spotting data set is to the bench: long videos, and every expression annotated in them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from offline.datasets.base import Problem
from offline.datasets.clip_tree import ClipFolder, by_clip, leftovers
from offline.datasets.sheets import OLD_SUFFIX, SHEET_SUFFIXES
from realtime_mer.errors import SourceError

MICRO, MACRO = "micro", "macro"
KINDS = (MICRO, MACRO)
LEAST_SHARE = 0.5
"""A tree with fewer of the annotated videos than this was not unpacked to the end."""
SHEET_DEPTH = 3
"""Folders below the root in which a sheet is looked for, the root counted."""

Key = tuple[str, str]
"""Subject and video."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One annotated expression; frames as the pictures are numbered, the offset belongs to it.

    Attributes
    ----------
    onset, apex, offset
        onset <= apex <= offset; the apex is None where nobody marked one.
    kind
        ``micro`` or ``macro``, as the sheet says, whatever its length.
    emotion
        As the sheet spells it, in lower case; empty where there is none.
    action_units
        As the sheet writes them; empty where unknown.
    """

    onset: int
    apex: int | None
    offset: int
    kind: str
    emotion: str = ""
    action_units: str = ""


@dataclass(frozen=True, slots=True)
class LongVideo:
    """One recording as a folder of numbered pictures.

    Attributes
    ----------
    video_id
        Unique within its data set, as the challenges name it: ``15_0101``, ``006_1``.
    dataset, subject
        Together they are the person.
    frames, numbers
        Picture files in the order of time, and the number in each one's name, rising.
    fps
        Numbers a second.
    expressions
        In the order of their onsets; none where nothing was annotated.
    cropped
        True where the pictures show only the face.
    """

    video_id: str
    dataset: str
    subject: str
    frames: tuple[Path, ...]
    numbers: tuple[int, ...]
    fps: float
    expressions: tuple[Expression, ...] = ()
    cropped: bool = False

    @property
    def group(self) -> Key:
        """The person: data set and subject."""
        return self.dataset, self.subject

    @property
    def folder(self) -> Path:
        """Where the pictures lie."""
        return self.frames[0].parent

    @property
    def step(self) -> int:
        """Usual distance of two numbers: 2 where every second picture was kept."""
        steps = sorted(b - a for a, b in pairwise(self.numbers))
        return steps[(len(steps) - 1) // 2] if steps else 1

    @property
    def picture_fps(self) -> float:
        """Pictures a second, gaps aside."""
        return self.fps / self.step

    @property
    def duration_s(self) -> float:
        """Seconds from the first picture to the end of the last."""
        return self.seconds(self.numbers[-1]) + 1 / self.picture_fps

    def seconds(self, number: int) -> float:
        """Return the time of a frame number; the first picture is at 0."""
        return (number - self.numbers[0]) / self.fps

    def of_kind(self, kind: str) -> tuple[Expression, ...]:
        """Return the expressions of one kind."""
        return tuple(each for each in self.expressions if each.kind == kind)


@dataclass(frozen=True, slots=True)
class SpottingDataset:
    """All videos that have pictures, in a fixed order, and every problem with its reason."""

    name: str
    root: Path
    videos: tuple[LongVideo, ...]
    problems: tuple[Problem, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Coding:
    """One row of a sheet: frames are None where the cell holds no number.

    ``where`` is the row's place in its file, for problems; ``clip`` what the sheet calls the
    expression, empty where it has no name.
    """

    where: str
    subject: str
    video: str
    onset: int | None
    apex: int | None
    offset: int | None
    kind: str
    emotion: str = ""
    action_units: str = ""
    clip: str = ""

    @property
    def key(self) -> Key:
        """Subject and video."""
        return self.subject, self.video

    @property
    def place(self) -> str:
        """Video and row, for problems."""
        return f"{self.video}, {self.where}"


@dataclass(frozen=True, slots=True)
class VideoStyle:
    """What tells one data set's videos from another's.

    Attributes
    ----------
    name, title
        On the command line, and for messages.
    fps
        Frames a second of all its videos.
    layout
        An example of a picture's path, for messages.
    """

    name: str
    title: str
    fps: float
    layout: str


def join_videos(
    root: Path,
    style: VideoStyle,
    codings: Sequence[Coding],
    folders: Mapping[Key, ClipFolder],
    problems: Sequence[Problem] = (),
) -> SpottingDataset:
    """Put annotations and pictures together.

    Videos without annotation stay in, for what is found there is a false alarm; annotations
    without pictures are left out and told.

    Raises
    ------
    SourceError
        There is no annotation, or fewer than half of the annotated videos have pictures.
    """
    if not codings:
        raise SourceError(
            f"the annotation of {style.title} in {root} has no row of an expression; put the "
            "sheet that comes with the data set there"
        )
    wanted = {coding.key for coding in codings}
    present = len(wanted & set(folders))
    if present < LEAST_SHARE * len(wanted):
        raise SourceError(
            f"{root} holds pictures of {present} of the {len(wanted)} annotated videos of "
            f"{style.title} ({len(codings)} rows of {len({subject for subject, _ in wanted})} "
            f"subjects); expected folders such as {style.layout}; unpack the pictures there"
        )
    told = list(problems)
    found: dict[Key, list[Expression]] = defaultdict(list)
    for coding in codings:
        if coding.key not in folders:
            told.append(Problem(coding.place, "dropped", "no folder with pictures of its video"))
            continue
        expression, problem = expression_of(coding)
        if expression:
            found[coding.key].append(expression)
            told += _outside(coding, expression, folders[coding.key])
        if problem:
            told.append(problem)
    videos = [_video(key, folders[key], style, found[key]) for key in sorted(folders)]
    for key, video in zip(sorted(folders), videos, strict=True):
        told += _remarks(video, folders[key])
    return SpottingDataset(style.name, root, tuple(videos), tuple(told))


def expression_of(coding: Coding) -> tuple[Expression | None, Problem | None]:
    """Return a row as an expression, None where it is none, and what was wrong with it."""
    onset, apex, offset = coding.onset, coding.apex, coding.offset
    if onset is None or offset is None:
        blank = [part for part in ("onset", "offset") if getattr(coding, part) is None]
        reason = f"no number for {' and '.join(blank)} in the sheet"
        return None, Problem(coding.place, "dropped", reason)
    if onset > offset:
        reason = f"onset {onset} lies after offset {offset}"
        return None, Problem(coding.place, "dropped", reason)
    problem = None
    if apex is not None and apex < 1:
        problem = Problem(coding.place, "noted", f"apex {apex} in the sheet: not known")
        apex = None
    elif apex is not None and not onset <= apex <= offset:
        reason = (
            f"apex {apex} lies outside {onset}–{offset}: the interval counts, the apex does not"
        )
        problem = Problem(coding.place, "repaired", reason)
        apex = None
    return Expression(
        onset, apex, offset, coding.kind, coding.emotion, coding.action_units
    ), problem


def video_folders(
    root: Path, key: Callable[[tuple[str, ...]], Key | None]
) -> dict[Key, ClipFolder]:
    """Return the folder of each video: whole pictures before cropped, long before short.

    ``key`` tells subject and video from a path below ``root``, None if it is not a video's.
    """
    return {
        name: min(folders, key=lambda folder: (_cropped(folder), -len(folder.numbers)))
        for name, folders in by_clip(root, key).items()
    }


def table_files(root: Path) -> Iterator[Path]:
    """Yield the tables in ``root`` and the folders near it, in the order of their names.

    Raises
    ------
    SourceError
        There is none but old Excel files.
    """
    found, old = [], []
    for folder, inner, files in os.walk(root, followlinks=True):
        depth = len(Path(folder).relative_to(root).parts)
        inner[:] = sorted(n for n in inner if not n.startswith(".") and depth + 1 < SHEET_DEPTH)
        for name in files:
            if name.startswith(("~$", ".")):
                continue
            if name.lower().endswith(SHEET_SUFFIXES):
                found.append(Path(folder, name))
            elif name.lower().endswith(OLD_SUFFIX):
                old.append(Path(folder, name))
    if old and not found:
        raise SourceError(f"{min(old)} is an old Excel file; save it as .xlsx or .csv beside it")
    yield from sorted(found, key=lambda path: (path.name, path))


def no_sheet(root: Path, style: VideoStyle, expected: str, seen: Sequence[Path]) -> SourceError:
    """Return the error that tells what was looked for and what was found instead."""
    names = ", ".join(path.name for path in seen[:4])
    found = f"found {names}, with other columns" if names else "found no .xlsx or .csv file"
    return SourceError(
        f"no annotation of {style.title} in {root}: expected {expected}; {found}; put the sheet "
        "that comes with the data set there"
    )


def _video(
    key: Key, folder: ClipFolder, style: VideoStyle, expressions: Sequence[Expression]
) -> LongVideo:
    subject, video = key
    return LongVideo(
        video_id=video,
        dataset=style.name,
        subject=subject,
        frames=tuple(folder.path / name for name in folder.names),
        numbers=folder.numbers,
        fps=style.fps,
        expressions=tuple(sorted(expressions, key=lambda each: (each.onset, each.offset))),
        cropped=_cropped(folder),
    )


def _outside(coding: Coding, expression: Expression, folder: ClipFolder) -> list[Problem]:
    """Return a note if an expression has no pictures; it still counts, as a miss."""
    first, last = folder.numbers[0], folder.numbers[-1]
    if first <= expression.onset and expression.offset <= last:
        return []
    reason = f"{expression.onset}–{expression.offset} lies outside the pictures {first}–{last}"
    return [Problem(coding.place, "noted", reason)]


def _remarks(video: LongVideo, folder: ClipFolder) -> list[Problem]:
    remarks = leftovers(folder)
    if not video.expressions:
        reason = "nothing annotated: what is found there is a false alarm"
        remarks.append(Problem(video.video_id, "noted", reason))
    if video.cropped:
        reason = "cropped pictures only: the face finder was made for whole ones"
        remarks.append(Problem(video.video_id, "noted", reason))
    return remarks


def _cropped(folder: ClipFolder) -> bool:
    return folder.cropped or any("cropped" in part.lower() for part in folder.parts)
