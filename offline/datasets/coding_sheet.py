"""Annotation sheets with one row a clip: every data set has its columns, names and mistakes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from re import Pattern
from typing import Any, Literal

from offline.datasets.base import Problem
from offline.datasets.sheets import (
    OLD_SUFFIX,
    SHEET_SUFFIXES,
    Table,
    header_key,
    integer,
    read_tables,
)
from realtime_mer.errors import SourceError

OBJECTIVE = ("objectiveclasses", "objectiveclass")
NUMERALS = ("i", "ii", "iii", "iv", "v", "vi", "vii")

Key = tuple[str, str]
"""Subject and clip as the samples name them."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The headers of a sheet, as it writes them.

    ``second_apex`` may be missing: it counts where ``apex`` holds no number.
    """

    subject: str = "Subject"
    clip: str = "Filename"
    onset: str = "Onset Frame"
    apex: str = "Apex Frame"
    offset: str = "Offset Frame"
    action_units: str = "Action Units"
    emotion: str = "Estimated Emotion"
    second_apex: str = ""

    @property
    def required(self) -> tuple[str, ...]:
        """The headers without which it is another sheet."""
        frames = (self.onset, self.apex, self.offset)
        return (self.subject, self.clip, *frames, self.action_units, self.emotion)


@dataclass(frozen=True, slots=True)
class Coding:
    """One row: frames as numbered in the file names, None where the cell holds no number.

    ``recording`` is the clip's name without its onset, where that is a part of it.
    """

    subject: str
    clip: str
    recording: str
    onset: int | None
    apex: int | None
    offset: int | None
    emotion: str
    action_units: str
    objective_class: int | None

    @property
    def key(self) -> Key:
        """Subject and clip."""
        return self.subject, self.clip


@dataclass(frozen=True, slots=True)
class FrameRepair:
    """A known mistake: the frame to use instead, if the sheet has one of the ``old`` ones."""

    moment: Literal["onset", "apex", "offset"]
    old: tuple[int | None, ...]
    new: int


@dataclass(frozen=True, slots=True)
class SheetStyle:
    """What tells one data set's sheet from another's.

    Attributes
    ----------
    title
        For messages.
    clip_name
        What every clip is called in the sheet.
    prefix, digits
        The subject is ``prefix`` and a number padded to ``digits``.
    columns
        Its headers.
    repairs
        By subject and clip.
    spellings
        Emotions that it misspells → what they are.
    with_onset
        Several rows may share a file name, and the clip is called after its onset too.
    in_parts
        It may come as several sheets, which count together.
    """

    title: str
    clip_name: Pattern[str]
    prefix: str
    digits: int
    columns: Columns = Columns()
    repairs: Mapping[Key, tuple[FrameRepair, ...]] = field(default_factory=dict)
    spellings: Mapping[str, str] = field(default_factory=dict)
    with_onset: bool = False
    in_parts: bool = False

    def subject(self, text: str) -> str:
        """Return a subject as the samples name it: ``1`` and ``sub01`` are both ``sub01``."""
        number = re.fullmatch(rf"(?:{re.escape(self.prefix)})?0*([0-9]+)", text, re.IGNORECASE)
        return self.prefix + number[1].zfill(self.digits) if number else text


def read_codings(root: Path, style: SheetStyle) -> tuple[list[Coding], list[Problem]]:
    """Find and read the sheet under ``root``.

    It is looked for in ``root`` and the folders directly in it; of several, the last by name
    (the newest, for the names end in a date or version) counts, unless it comes in parts.

    Raises
    ------
    SourceError
        There is none; the message tells what was found instead.
    """
    tables, seen = [], []
    for path in sheet_files(root, SHEET_SUFFIXES):
        readable = read_tables(path, map(header_key, style.columns.required))
        found = [table for table in readable if _is_of(table, style)]
        tables += found if style.in_parts else found[:1]
        if not found:
            seen.append(f"{path.name} ({'of another data set' if readable else 'other columns'})")
    old = sheet_files(root, (OLD_SUFFIX,))
    if not tables:
        raise SourceError(_no_sheet(root, style, seen, old))
    used = tables if style.in_parts else [max(tables, key=lambda table: table.path.name)]
    codings, problems = _read_rows(used, style)
    for table in tables:
        if table not in used:
            reason = f"another sheet of {style.title}, not read: {used[0].path.name} counts"
            problems.append(Problem(table.path.name, "noted", reason))
    read = {table.path.with_suffix("") for table in tables}
    for path in old if style.in_parts else []:
        if path.with_suffix("") not in read:
            reason = "an old Excel file, not read; save it as .xlsx or .csv if its rows are missing"
            problems.append(Problem(path.name, "noted", reason))
    return codings, problems


def sheet_files(root: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files with a suffix in ``root`` and the folders directly in it, sorted.

    Where there is none, those one folder further below: archives unpack into doubled folders.
    """
    near = [path for pattern in ("*", "*/*") for path in _files(root, pattern, suffixes)]
    return sorted(near or _files(root, "*/*/*", suffixes))


def _files(root: Path, pattern: str, suffixes: tuple[str, ...]) -> list[Path]:
    return [
        path
        for path in root.glob(pattern)
        if path.suffix.lower() in suffixes
        and not path.name.startswith(("~$", "."))
        and path.is_file()
    ]


def _is_of(table: Table, style: SheetStyle) -> bool:
    clip = header_key(style.columns.clip)
    return any(style.clip_name.fullmatch(row[clip]) for row in table.rows)


def _no_sheet(root: Path, style: SheetStyle, seen: list[str], old: list[Path]) -> str:
    if old:
        return f"{old[0]} is an old Excel file; save it as .xlsx or .csv beside it"
    found = f"found {', '.join(seen[:4])}" if seen else "found no .xlsx or .csv file"
    return (
        f"no coding sheet of {style.title} in {root}: expected one with the columns "
        f"{', '.join(style.columns.required)}; {found}; "
        "put the sheet that comes with the data set there"
    )


def _read_rows(tables: list[Table], style: SheetStyle) -> tuple[list[Coding], list[Problem]]:
    codings: dict[Key, Coding] = {}
    problems = []
    rows = [
        (f"{table.path.name}, row {line}", row)
        for table in tables
        for line, row in zip(table.lines, table.rows, strict=True)
    ]
    columns = style.columns
    for where, row in rows:
        subject, clip = row[header_key(columns.subject)], row[header_key(columns.clip)]
        if not style.clip_name.fullmatch(clip) or not subject:
            reason = f"no row of a clip: subject {subject!r}, file {clip!r}"
            problems.append(Problem(where, "dropped", reason))
            continue
        written, told = _coding(row, style)
        coding, repaired = _repaired(written, style)
        if coding.key in codings:
            reason = f"{' '.join(coding.key)} stands in the sheet twice: the first row counts"
            problems.append(Problem(where, "dropped", reason))
            continue
        codings[coding.key] = coding
        problems += told + repaired
    return list(codings.values()), problems


def _coding(row: Mapping[str, str], style: SheetStyle) -> tuple[Coding, list[Problem]]:
    """Return a row as it is written, and a problem if its second apex had to do."""

    def cell(column: str) -> str:
        return row.get(header_key(column), "")

    columns = style.columns
    subject, clip = style.subject(cell(columns.subject)), cell(columns.clip)
    onset, apex, told = integer(cell(columns.onset)), integer(cell(columns.apex)), []
    begin = cell(columns.onset) if onset is None else onset
    name = f"{clip}_{begin}" if style.with_onset else clip
    second = integer(cell(columns.second_apex))
    if apex is None and second is not None:
        apex = second
        reason = f"no number for the apex in the sheet: the second one, {second}, instead"
        told.append(Problem(f"{subject} {name}", "repaired", reason))
    emotion = cell(columns.emotion).lower()
    coding = Coding(
        subject=subject,
        clip=name,
        recording=clip,
        onset=onset,
        apex=apex,
        offset=integer(cell(columns.offset)),
        emotion=style.spellings.get(emotion, emotion),
        action_units=cell(columns.action_units),
        objective_class=objective_number(next((row[key] for key in OBJECTIVE if key in row), "")),
    )
    return coding, told


def objective_number(text: str) -> int | None:
    """Return an objective class from ``3`` or ``III``; None if it is no class from 1 to 7."""
    if text.lower() in NUMERALS:
        return NUMERALS.index(text.lower()) + 1
    number = integer(text)
    return number if number in range(1, len(NUMERALS) + 1) else None


def _repaired(coding: Coding, style: SheetStyle) -> tuple[Coding, list[Problem]]:
    """Apply the known repairs of a row; a sheet that has another value is left as it is."""
    problems = []
    for repair in style.repairs.get(coding.key, ()):
        has: int | None = getattr(coding, repair.moment)
        if has == repair.new:
            continue
        what = f"{repair.moment} {'no number' if has is None else has} in the sheet"
        if has in repair.old:
            change: dict[str, Any] = {repair.moment: repair.new}
            coding = replace(coding, **change)
            action, reason = "repaired", f"{what} is a known mistake: {repair.new} instead"
        else:
            action, reason = "noted", f"{what}, where others have a known mistake: left as it is"
        problems.append(Problem(" ".join(coding.key), action, reason))
    return coding, problems
