"""Lists of labels beside flat flow archives: CSV with or without a header."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from offline.datasets.base import Problem
from offline.datasets.sheets import header_key, integer, read_sheets

COLUMNS = ("dataset", "sub", "filenameo", "label")
"""Normalised headers, and the order in a list without any."""
ALIASES = {"subject": "sub", "clip": "filenameo", "filename": "filenameo"}


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One labelled picture; ``name`` is the stem that its file should have."""

    subject: str
    name: str
    label: int


@dataclass(frozen=True, slots=True)
class FlowList:
    """The rows of a list, and those that make no sense."""

    path: Path
    rows: tuple[FlowRow, ...]
    problems: tuple[Problem, ...]


def read_flow_list(root: Path) -> FlowList | None:
    """Return the first list in, beside or above ``root`` with data set, subject, clip and label.

    Raises
    ------
    SourceError
        A .csv file there cannot be read.
    """
    above = root.absolute().parents[:2]
    beside = [path for folder in above for path in sorted(folder.glob("combined*3*class*.csv"))]
    for path in [*sorted(root.glob("*.csv")), *sorted(root.glob("*/*.csv")), *beside]:
        found = _read(path)
        if found:
            return found
    return None


def _read(path: Path) -> FlowList | None:
    for cells in read_sheets(path):
        header = [ALIASES.get(header_key(cell), header_key(cell)) for cell in (cells or [[]])[0]]
        named = set(COLUMNS) <= set(header)
        if not named and len(header) != len(COLUMNS):
            continue
        places = [header.index(column) for column in COLUMNS] if named else [0, 1, 2, 3]
        rows, problems = [], []
        for line, row in enumerate(cells[named:], 1 + named):
            picked = [row[place] if place < len(row) else "" for place in places]
            label = integer(picked[3])
            if label in (0, 1, 2):
                rows.append(_row(picked[0], picked[1], picked[2], label))
            elif any(row):
                reason = f"label {picked[3]!r}: expected 0, 1 or 2"
                problems.append(Problem(f"{path.name}, row {line}", "dropped", reason))
        if rows:
            return FlowList(path, tuple(rows), tuple(problems))
    return None


def _row(dataset: str, subject: str, clip: str, label: int) -> FlowRow:
    if dataset.lower().startswith("samm"):
        subject = subject.zfill(3)
    return FlowRow(subject, f"{subject}_{clip}", label)
