"""SMIC-E (Li et al. 2013, extended), for spotting: the high-speed part, and the other cameras."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from offline.datasets.base import Problem
from offline.datasets.clip_tree import ClipFolder
from offline.datasets.long_videos import (
    MICRO,
    Coding,
    Key,
    SpottingDataset,
    VideoStyle,
    join_videos,
    no_sheet,
    table_files,
    video_folders,
)
from offline.datasets.sheets import Cells, header_key, integer, read_sheets
from realtime_mer.errors import SourceError

CAMERAS = ("hs", "vis", "nir")
EMOTIONS = {"ne": "negative", "po": "positive", "sur": "surprise"}
SUPERSEDED = "orig"
"""Word in the name of a sheet that a later one replaced."""

_CLIP = re.compile(r"s0*(\d+)_(ne|po|sur)_0*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Camera:
    """Which part of SMIC-E."""

    name: str
    style: VideoStyle


HS = _Camera(
    "hs", VideoStyle("smic-e", "SMIC-HS-E", 100.0, "SMIC-HS-E/s01/s1_ne_01/image000103.jpg")
)
VIS = _Camera(
    "vis", VideoStyle("smic-e-vis", "SMIC-VIS-E", 25.0, "VIS_long/SMIC-VIS-E/s11/s11_ne_01")
)
NIR = _Camera(
    "nir", VideoStyle("smic-e-nir", "SMIC-NIR-E", 25.0, "NIR_long/SMIC-NIR-E/s11/s11_ne_01")
)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where a sheet has what; ``pairs`` are onset and offset of the first and second expression."""

    clip: int
    pairs: tuple[tuple[int, int], ...]
    apex: int | None
    first: int | None


def read_smic_e(root: Path) -> SpottingDataset:
    """SMIC-E, high speed: SMIC-HS-E_annotation.xlsx and folders such as SMIC-HS-E/s01/s1_ne_01.

    Raises
    ------
    SourceError
        The sheet or most of the pictures are missing, or they are another camera's.
    """
    return _read(root, HS)


def read_smic_e_vis(root: Path) -> SpottingDataset:
    """SMIC-E, colour camera: SMIC-VIS-E_annotation.xlsx and folders below VIS_long.

    Raises
    ------
    SourceError
        As ``read_smic_e``.
    """
    return _read(root, VIS)


def read_smic_e_nir(root: Path) -> SpottingDataset:
    """SMIC-E, infrared camera: SMIC-NIR-E_annotation.xlsx and folders below NIR_long.

    Raises
    ------
    SourceError
        As ``read_smic_e``.
    """
    return _read(root, NIR)


def _read(root: Path, camera: _Camera) -> SpottingDataset:
    above = (root.absolute().parent.name, root.absolute().name)
    if _camera(above) not in ("", camera.name):
        raise SourceError(
            f"{root} is another camera's part of SMIC; give the folder of {camera.style.title}"
        )
    folders = video_folders(root, _key_of(camera, above))
    codings, firsts, problems = _read_sheet(root, camera, above)
    placed, shifts = _placed(codings, firsts, folders)
    return join_videos(root, camera.style, placed, folders, [*problems, *shifts])


def _camera(parts: Iterable[str]) -> str:
    """Return which camera a path names, the last one that does; empty for none."""
    words = [word for part in parts for word in re.split(r"[^a-z]+", part.lower())]
    return next((word for word in reversed(words) if word in CAMERAS), "")


def _key_of(camera: _Camera, above: tuple[str, ...]) -> Callable[[tuple[str, ...]], Key | None]:
    """Return what tells subject and video from a path; what names no camera is high speed."""

    def key(parts: tuple[str, ...]) -> Key | None:
        named = _camera((*above, *parts)) or HS.name
        return _named(parts[-1]) if parts and named == camera.name else None

    return key


def _named(clip: str) -> Key | None:
    """Return subject and video with padded numbers, so that both ways of writing meet."""
    match = _CLIP.fullmatch(clip.strip())
    if match is None:
        return None
    subject = f"s{int(match[1]):02d}"
    return subject, f"{subject}_{match[2].lower()}_{int(match[3]):02d}"


def _read_sheet(
    root: Path, camera: _Camera, above: tuple[str, ...]
) -> tuple[list[Coding], dict[Key, int], list[Problem]]:
    """Return rows, the number of each video's first picture, and problems."""
    found, seen = [], []
    for path in table_files(root):
        named = _camera((*above, *path.relative_to(root).parts))
        sheet = _sheet(path) if named in ("", camera.name) else None
        if sheet:
            found.append((path, *sheet))
        else:
            seen.append(path)
    if not found:
        expected = (
            f"{camera.style.title}_annotation.xlsx with the columns Filename, OnsetF, OffsetF"
        )
        raise no_sheet(root, camera.style, expected, seen)
    found.sort(key=lambda each: (SUPERSEDED not in each[0].name.lower(), each[0].name))
    *others, (path, top, columns, rows) = found
    codings, firsts, problems = _rows(path, top, columns, rows)
    reason = f"another annotation of {camera.style.title}, not read: {path.name} counts"
    problems += [Problem(each[0].name, "noted", reason) for each in others]
    return codings, firsts, problems


def _sheet(path: Path) -> tuple[int, _Columns, list[Cells]] | None:
    """Find the header by content; return its row, the columns and the rows below."""
    for cells in read_sheets(path):
        for top, row in enumerate(cells, start=1):
            columns = _columns([header_key(cell) for cell in row])
            if columns:
                return top, columns, cells[top:]
    return None


def _columns(keys: list[str]) -> _Columns | None:
    if not {"filename", "onsetf", "offsetf"} <= set(keys):
        return None
    onset, offset = keys.index("onsetf"), keys.index("offsetf")
    pairs = [(onset, offset)]
    # A second expression, where there is one, stands right behind the first; its columns are
    # named like the first's, or not at all.
    behind = [k for k in range(offset + 1, len(keys)) if keys[k] != "apexf"][:2]
    if len(behind) == 2 and all(
        not keys[k] or word in keys[k] for k, word in zip(behind, ("onset", "offset"), strict=True)
    ):
        pairs.append((behind[0], behind[1]))
    apex, first = (keys.index(name) if name in keys else None for name in ("apexf", "firstf"))
    return _Columns(keys.index("filename"), tuple(pairs), apex, first)


def _rows(
    path: Path, top: int, columns: _Columns, rows: list[Cells]
) -> tuple[list[Coding], dict[Key, int], list[Problem]]:
    codings: list[Coding] = []
    firsts: dict[Key, int] = {}
    problems = []
    for line, cells in enumerate(rows, start=top + 1):
        if not any(cells):
            continue
        where, clip = f"{path.name}, row {line}", _cell(cells, columns.clip)
        key = _named(clip)
        if key is None:
            said = " ".join(filter(None, cells))[:60]
            problems.append(Problem(where, "dropped", f"no row of a clip: {said}"))
            continue
        first = integer(_cell(cells, columns.first))
        if first is not None:
            firsts.setdefault(key, first)
        codings += _expressions(where, key, cells, columns)
    return codings, firsts, problems


def _expressions(where: str, key: Key, cells: Cells, columns: _Columns) -> list[Coding]:
    """Return the one or two expressions of a row; the apex belongs to the one around it."""
    apex, emotion = integer(_cell(cells, columns.apex)), EMOTIONS[key[1].split("_")[1]]
    found = []
    for number, (onset, offset) in enumerate(columns.pairs):
        begin, end = integer(_cell(cells, onset)), integer(_cell(cells, offset))
        if number and not begin and not end:
            continue
        around = apex is not None and (begin or 0) <= apex <= (end or 0)
        peak = apex if around or not number else None
        found.append(Coding(where, *key, begin, peak, end, MICRO, emotion))
    return found


def _cell(cells: Cells, place: int | None) -> str:
    return cells[place] if place is not None and place < len(cells) else ""


def _placed(
    codings: list[Coding], firsts: dict[Key, int], folders: dict[Key, ClipFolder]
) -> tuple[list[Coding], list[Problem]]:
    """Count from the first picture where the sheet numbers it otherwise than its file name."""
    shifts = {
        key: folders[key].numbers[0] - first
        for key, first in firsts.items()
        if key in folders and folders[key].numbers[0] != first
    }
    problems = [
        Problem(
            key[1],
            "repaired",
            f"the sheet calls the first picture {firsts[key]}, its name says "
            f"{firsts[key] + shift}: {shift:+d} on all frames",
        )
        for key, shift in shifts.items()
    ]
    return [_shifted(coding, shifts.get(coding.key, 0)) for coding in codings], problems


def _shifted(coding: Coding, by: int) -> Coding:
    onset, apex, offset = (
        None if frame is None else frame + by
        for frame in (coding.onset, coding.apex, coding.offset)
    )
    return replace(coding, onset=onset, apex=apex, offset=offset)
