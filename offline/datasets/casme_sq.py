"""CAS(ME)^2 (Qu et al. 2017), for spotting: 30 frames a second, macro- and micro-expressions.

The coding sheet has no header, numbers its subjects anew and names the films they watched; two
more sheets of the same file, the naming rules, lead from there to the folders.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from offline.datasets.base import Problem
from offline.datasets.interval_list import COLUMNS, read_intervals
from offline.datasets.long_videos import (
    Coding,
    Key,
    SpottingDataset,
    VideoStyle,
    join_videos,
    no_sheet,
    table_files,
    video_folders,
)
from offline.datasets.sheets import Cells, integer, read_sheets
from realtime_mer.errors import SourceError

STYLE = VideoStyle("casme-sq", "CAS(ME)^2", 30.0, "rawpic/s15/15_0101disgustingteeth/img001.jpg")
EXPECTED = (
    "CAS(ME)^2code_final.xlsx with its two sheets of naming rules, or a table with the columns "
    + COLUMNS
)

APEXES: Mapping[tuple[str, int], tuple[int, int]] = {("34_0401", 1763): (0, 1775)}
"""By video and onset: a forgotten apex as it stands in the sheet, and the middle instead."""

_TYPE = re.compile(r"(micro|macro)[ -]?expressions?", re.IGNORECASE)
_FOLDER = re.compile(r"(\d{2})_(\d{4})(?!\d).*")
_SUBJECT = re.compile(r"s0*(\d{1,2})", re.IGNORECASE)


def read_casme_sq(root: Path) -> SpottingDataset:
    """CAS(ME)^2: code_final.xlsx and folders such as rawpic/s15/15_0101disgustingteeth.

    Raises
    ------
    SourceError
        The sheet or most of the pictures are missing, or the sheet is another one.
    """
    codings, problems = _read_sheet(root)
    repaired = []
    for coding in codings:
        fixed, problem = _repaired(coding)
        repaired.append(fixed)
        if problem:
            problems.append(problem)
    return join_videos(root, STYLE, repaired, video_folders(root, _key), problems)


def _key(parts: tuple[str, ...]) -> Key | None:
    """Return the video by the code that its folder begins with; the description goes."""
    match = _FOLDER.fullmatch(parts[-1]) if parts else None
    return _named(int(match[1]), match[2]) if match else None


def _named(subject: int, code: str) -> Key:
    return f"s{subject:02d}", f"{subject:02d}_{code.zfill(4)}"


def _read_sheet(root: Path) -> tuple[list[Coding], list[Problem]]:
    """Return the rows of the coding sheet, or else of an interval list; the last by name."""
    found, lists, seen = [], [], []
    for path in table_files(root):
        book = _read_book(path)
        listed = None if book else read_intervals(path, "casme", _named)
        if book:
            found.append((path, book))
        elif listed:
            lists.append((path, listed))
        else:
            seen.append(path)
    if not found and not lists:
        raise no_sheet(root, STYLE, EXPECTED, seen)
    *others, (path, (codings, problems)) = lists + found
    reason = f"another annotation of {STYLE.title}, not read: {path.name} counts"
    return codings, [*problems, *(Problem(each.name, "noted", reason) for each, _ in others)]


@dataclass(frozen=True, slots=True)
class _Names:
    """The naming rules: running number → folder number, film → code."""

    subjects: dict[int, int]
    films: dict[str, str]


def _read_book(path: Path) -> tuple[list[Coding], list[Problem]] | None:
    """Return the rows of a coding sheet, None if the file is none."""
    sheets = read_sheets(path)
    coded = [sheet for sheet in sheets if any(_is_coding(cells) for cells in sheet)]
    if not coded:
        return None
    names = _names([sheet for sheet in sheets if sheet is not coded[0]])
    if not names.subjects or not names.films:
        raise SourceError(
            f"{path} has no sheets 'naming rule1' and 'naming rule2', which lead from its subjects "
            "and films to the folders; take the file as it comes with the data set"
        )
    codings, problems = [], []
    for line, cells in enumerate(coded[0], start=1):
        where = f"{path.name}, row {line}"
        if _is_coding(cells):
            coding = _coding(where, cells, names)
            if coding:
                codings.append(coding)
                continue
            reason = f"subject {cells[0]!r} or film {cells[1]!r} is in no naming rule"
            problems.append(Problem(where, "dropped", reason))
        elif any(integer(cell) is not None for cell in cells[2:5]):
            problems.append(Problem(where, "dropped", "neither micro- nor macro-expression"))
    return codings, problems


def _is_coding(cells: Cells) -> bool:
    return len(cells) > 7 and _TYPE.fullmatch(cells[7]) is not None


def _names(sheets: list[list[Cells]]) -> _Names:
    names = _Names({}, {})
    for sheet in sheets:
        for cells in sheet:
            _read_rule(cells, names)
    return names


def _read_rule(cells: Cells, names: _Names) -> None:
    """Take one row of either sheet: (…, s15, 1) or (0101, disgust1)."""
    if len(cells) < 2:
        return
    subjects = [_SUBJECT.fullmatch(cell) for cell in cells]
    folder = next((int(match[1]) for match in subjects if match), None)
    numbers = [number for cell in cells if (number := integer(cell)) is not None]
    if folder is not None:
        if numbers:
            names.subjects[numbers[-1]] = folder
    elif re.fullmatch(r"\d{3,4}", cells[0]) and cells[1]:
        names.films[cells[1].lower()] = cells[0].zfill(4)


def _coding(where: str, cells: Cells, names: _Names) -> Coding | None:
    number = integer(cells[0])
    subject = names.subjects.get(number) if number is not None else None
    film = names.films.get(cells[1].split("_")[0].strip().lower())
    kind = _TYPE.fullmatch(cells[7])
    if subject is None or film is None or kind is None:
        return None
    onset, apex, offset = (integer(cell) for cell in cells[2:5])
    key = _named(subject, film)
    return Coding(where, *key, onset, apex, offset, kind[1].lower(), cells[6].lower(), cells[5])


def _repaired(coding: Coding) -> tuple[Coding, Problem | None]:
    """Apply MEGC's rule for a missing offset, and the known repair of an apex."""
    if coding.offset == 0 and coding.apex:
        reason = f"offset 0 in the sheet: the apex {coding.apex} stands for it, as in MEGC"
        fixed = replace(coding, offset=coding.apex)
        return fixed, Problem(coding.place, "repaired", reason)
    old, new = APEXES.get((coding.video, coding.onset or 0), (None, None))
    if new is not None and coding.apex == old:
        reason = f"apex {old} in the sheet: the middle of the interval instead, {new}"
        return replace(coding, apex=new), Problem(coding.place, "repaired", reason)
    return coding, None
