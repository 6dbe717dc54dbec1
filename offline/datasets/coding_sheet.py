"""The annotation sheet of CASME II and SAMM: the same columns, each with its own mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from re import Pattern

from offline.datasets.base import Problem
from offline.datasets.sheets import OLD_SUFFIX, SHEET_SUFFIXES, Table, integer, read_table
from realtime_mer.errors import SourceError

REQUIRED = (
    "subject",
    "filename",
    "onsetframe",
    "apexframe",
    "offsetframe",
    "actionunits",
    "estimatedemotion",
)
COLUMNS = "Subject, Filename, Onset/Apex/Offset Frame, Action Units, Estimated Emotion"
OBJECTIVE = ("objectiveclasses", "objectiveclass")

Key = tuple[str, str]
"""Subject and clip as the samples name them."""


@dataclass(frozen=True, slots=True)
class Coding:
    """One row: frames as numbered in the file names, None where the cell holds no number."""

    subject: str
    clip: str
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
class ApexRepair:
    """A known mistake: the apex to use instead, if the sheet has one of the ``old`` ones."""

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
        What every clip is called.
    prefix, digits
        The subject is ``prefix`` and a number padded to ``digits``.
    repairs
        By subject and clip.
    """

    title: str
    clip_name: Pattern[str]
    prefix: str
    digits: int
    repairs: Mapping[Key, ApexRepair] = field(default_factory=dict)

    def subject(self, text: str) -> str:
        """Return a subject as the samples name it: ``1`` and ``sub01`` are both ``sub01``."""
        return self.prefix + text.lower().removeprefix(self.prefix).zfill(self.digits)


def read_codings(root: Path, style: SheetStyle) -> tuple[list[Coding], list[Problem]]:
    """Find and read the sheet under ``root``.

    It is looked for in ``root`` and the folders directly in it; of several, the last by name
    (the newest, for the names end in a date) counts.

    Raises
    ------
    SourceError
        There is none; the message tells what was found instead.
    """
    tables, seen = [], []
    for path in _sheet_files(root):
        table = read_table(path, REQUIRED)
        rows = table.rows if table else ()
        if table and any(style.clip_name.fullmatch(row["filename"]) for row in rows):
            tables.append(table)
        else:
            seen.append(f"{path.name} ({'of another data set' if table else 'other columns'})")
    if not tables:
        raise SourceError(_no_sheet(root, style, seen))
    used = max(tables, key=lambda table: (table.path.name, table.path))
    codings, problems = _read_rows(used, style)
    for table in tables:
        if table is not used:
            reason = f"another sheet of {style.title}, not read: {used.path.name} counts"
            problems.append(Problem(table.path.name, "noted", reason))
    return codings, problems


def _sheet_files(root: Path) -> list[Path]:
    found = [
        path
        for pattern in ("*", "*/*")
        for path in root.glob(pattern)
        if path.suffix.lower() in SHEET_SUFFIXES and not path.name.startswith(("~$", "."))
    ]
    return sorted(path for path in found if path.is_file())


def _no_sheet(root: Path, style: SheetStyle, seen: list[str]) -> str:
    old = sorted(path.name for path in root.glob(f"*{OLD_SUFFIX}"))
    if old:
        return f"{root / old[0]} is an old Excel file; save it as .xlsx or .csv beside it"
    found = f"found {', '.join(seen[:4])}" if seen else "found no .xlsx or .csv file"
    return (
        f"no coding sheet of {style.title} in {root}: expected one with the columns {COLUMNS}; "
        f"{found}; put the sheet that comes with the data set there"
    )


def _read_rows(table: Table, style: SheetStyle) -> tuple[list[Coding], list[Problem]]:
    codings: dict[Key, Coding] = {}
    problems = []
    for line, row in zip(table.lines, table.rows, strict=True):
        where = f"{table.path.name}, row {line}"
        subject = style.subject(row["subject"])
        if not style.clip_name.fullmatch(row["filename"]) or not row["subject"]:
            reason = f"no row of a clip: subject {row['subject']!r}, file {row['filename']!r}"
            problems.append(Problem(where, "dropped", reason))
            continue
        coding, repaired = _repaired(_coding(subject, row), style)
        if coding.key in codings:
            reason = f"{subject} {coding.clip} stands in the sheet twice: the first row counts"
            problems.append(Problem(where, "dropped", reason))
            continue
        codings[coding.key] = coding
        problems += repaired
    return list(codings.values()), problems


def _coding(subject: str, row: Mapping[str, str]) -> Coding:
    objective = next((row[key] for key in OBJECTIVE if key in row), "")
    return Coding(
        subject=subject,
        clip=row["filename"],
        onset=integer(row["onsetframe"]),
        apex=integer(row["apexframe"]),
        offset=integer(row["offsetframe"]),
        emotion=row["estimatedemotion"].lower(),
        action_units=row["actionunits"],
        objective_class=integer(objective),
    )


def _repaired(coding: Coding, style: SheetStyle) -> tuple[Coding, list[Problem]]:
    repair = style.repairs.get(coding.key)
    if repair is None or coding.apex not in repair.old:
        return coding, []
    old = "no number" if coding.apex is None else coding.apex
    reason = f"apex {old} in the sheet lies outside the movement: {repair.new} instead"
    return replace(coding, apex=repair.new), [Problem(" ".join(coding.key), "repaired", reason)]
