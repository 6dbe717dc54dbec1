"""SAMM Long Videos (Yap et al. 2020), for spotting: 200 frames a second, grey."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from statistics import median

from offline.datasets.base import Problem
from offline.datasets.interval_list import COLUMNS, read_intervals
from offline.datasets.long_videos import (
    MACRO,
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
from offline.datasets.sheets import Table, integer, read_table
from realtime_mer.errors import SourceError

STYLE = VideoStyle("samm-lv", "SAMM Long Videos", 200.0, "SAMM_longvideos/006_1/006_1_0001.jpg")
MOMENTS = ("onset", "apex", "offset")
REQUIRED = ("subject", "filename", "type")
EXPECTED = (
    "SAMM_LongVideos_V…_Release.xlsx with the columns Subject, Filename, Onset, Apex, Offset, "
    f"Type, or a table with the columns {COLUMNS}"
)
MICRO_SHEET = ("filename", "onsetframe", "offsetframe", "estimatedemotion")
"""Columns of SAMM's own sheet of micro-expressions, which knows the emotions."""

CHALLENGE = frozenset([
    "001_2", "001_3", "002_1", "002_4", "003_1", "003_7", "004_3", "004_6", "005_2", "005_7",
])  # fmt: skip
"""Videos of the SAMM Challenge: their annotation was never given out."""
SHORTEST_MACRO = 100
"""Half a second. Macro-expressions shorter than that are numbered at another rate."""

_FILE = re.compile(r"((\d{3})_\d+)_\d+")
_VIDEO = re.compile(r"(\d{3})_\d+")


def read_samm_lv(root: Path) -> SpottingDataset:
    """SAMM Long Videos: the release's sheet and folders such as SAMM_longvideos/006_1.

    Raises
    ------
    SourceError
        The sheet or most of the pictures are missing, or the sheet is another one.
    """
    tables = list(table_files(root))
    codings, problems = _read_sheet(root, tables)
    repaired = []
    for coding in codings:
        fixed, problem = _repaired(coding)
        repaired.append(fixed)
        if problem:
            problems.append(problem)
    folders = video_folders(root, _key)
    annotated = {coding.video for coding in repaired}
    for key in sorted(folders):
        if key[1] in CHALLENGE - annotated:
            reason = "a video of the SAMM Challenge: its annotation was never given out"
            problems.append(Problem(key[1], "dropped", reason))
            del folders[key]
    return join_videos(root, STYLE, repaired, folders, problems)


def _key(parts: tuple[str, ...]) -> Key | None:
    match = _VIDEO.fullmatch(parts[-1]) if parts else None
    return (match[1], match[0]) if match else None


def _read_sheet(root: Path, tables: list[Path]) -> tuple[list[Coding], list[Problem]]:
    """Return the rows of the release's sheet, or else of an interval list; the last by name."""
    found, lists, seen = [], [], []
    emotions: dict[str, tuple[str, int | None]] = {}
    for path in tables:
        micro = read_table(path, MICRO_SHEET)
        table = None if micro else _release(path)
        listed = None if micro or table else _read_list(path)
        if micro:
            emotions |= _emotions(micro)
        elif table:
            found.append((path, _read_rows(table)))
        elif listed:
            lists.append((path, listed))
        if not table and not listed:
            seen.append(path)
    if not found and not lists:
        raise no_sheet(root, STYLE, EXPECTED, seen)
    *others, (path, (codings, problems)) = lists + found
    reason = f"another annotation of {STYLE.title}, not read: {path.name} counts"
    problems = [*problems, *(Problem(each.name, "noted", reason) for each, _ in others)]
    return [_with_emotion(coding, emotions) for coding in codings], problems


def _release(path: Path) -> Table | None:
    """Read the release's sheet, its columns called Onset or Onset Frame."""
    plain = read_table(path, (*REQUIRED, *MOMENTS))
    return plain or read_table(path, (*REQUIRED, *(f"{part}frame" for part in MOMENTS)))


def _read_list(path: Path) -> tuple[list[Coding], list[Problem]] | None:
    """Read an interval list, unless its frames are numbered at another rate."""
    listed = read_intervals(
        path, "samm", lambda subject, n: (f"{subject:03d}", f"{subject:03d}_{n}")
    )
    lengths = [
        coding.offset - coding.onset
        for coding in (listed[0] if listed else ())
        if coding.kind == MACRO and coding.onset is not None and coding.offset is not None
    ]
    if lengths and median(lengths) < SHORTEST_MACRO:
        raise SourceError(
            f"{path} numbers frames at another rate than the {STYLE.fps:g}/s of the pictures (its "
            f"macro-expressions last {median(lengths):g} frames); give the sheet of the release"
        )
    return listed


def _read_rows(table: Table) -> tuple[list[Coding], list[Problem]]:
    codings: dict[tuple[str, str], Coding] = {}
    problems = []
    for line, row in zip(table.lines, table.rows, strict=True):
        name, kind = _FILE.fullmatch(row["filename"]), _kind(row["type"])
        where = f"{table.path.name}, row {line}"
        if name is None or kind is None:
            reason = f"no row of an expression: file {row['filename']!r}, type {row['type']!r}"
            problems.append(Problem(where, "dropped", reason))
            continue
        if (row["filename"], kind) in codings:
            reason = f"{row['filename']} stands in the sheet twice as {kind}: the first row counts"
            problems.append(Problem(where, "dropped", reason))
            continue
        onset, apex, offset = (
            integer(row.get(part) or row.get(f"{part}frame", "")) for part in MOMENTS
        )
        units = row.get("actionunits", "")
        codings[row["filename"], kind] = Coding(
            where, name[2], name[1], onset, apex, offset, kind, "", units, name[0]
        )
    return list(codings.values()), problems


def _kind(text: str) -> str | None:
    return next((kind for kind in (MICRO, MACRO) if text.lower().startswith(kind)), None)


def _repaired(coding: Coding) -> tuple[Coding, Problem | None]:
    """Begin with the video what was under way before it, as the later release of the sheet does."""
    if coding.onset not in (0, -1):
        return coding, None
    reason = f"onset {coding.onset} in the sheet: under way when the video begins, so frame 1"
    return replace(coding, onset=1), Problem(coding.place, "repaired", reason)


def _emotions(table: Table) -> dict[str, tuple[str, int | None]]:
    """Return file → emotion and length of SAMM's micro-expressions."""
    return {
        row["filename"]: (row["estimatedemotion"].lower(), _length(row))
        for row in table.rows
        if row["filename"]
    }


def _length(row: dict[str, str]) -> int | None:
    onset, offset = integer(row["onsetframe"]), integer(row["offsetframe"])
    return None if onset is None or offset is None else offset - onset


def _with_emotion(coding: Coding, emotions: dict[str, tuple[str, int | None]]) -> Coding:
    """Take a micro-expression's emotion from SAMM's own sheet if it is as long there."""
    emotion, length = emotions.get(coding.clip, ("", None))
    if coding.kind != MICRO or length is None or coding.onset is None or coding.offset is None:
        return coding
    return replace(coding, emotion=emotion) if length == coding.offset - coding.onset else coding
