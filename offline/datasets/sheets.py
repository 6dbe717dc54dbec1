"""Tables as they come: Excel or CSV, the header anywhere, numbers and ids as text."""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime_mer.errors import SourceError

SHEET_SUFFIXES = (".xlsx", ".csv")
OLD_SUFFIX = ".xls"
DELIMITERS = ",;\t"

Cells = list[str]

_INTEGER = re.compile(r"(-?[0-9]{1,9})(\.0+)?")


@dataclass(frozen=True, slots=True)
class Table:
    """The rows below a header.

    Attributes
    ----------
    path
        The file.
    rows
        One dict a row: normalised header (see ``header_key``) → text, stripped.
    lines
        Of each row, its number in the file as a spreadsheet shows it, from 1.
    """

    path: Path
    rows: tuple[dict[str, str], ...]
    lines: tuple[int, ...]


def header_key(text: str) -> str:
    """Return a header without case, spaces and signs: ``Onset Frame`` is ``onsetframe``."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def integer(text: str) -> int | None:
    """Return a whole number of at most nine digits; None for ``/``, ``?``, blanks and the rest."""
    match = _INTEGER.fullmatch(text.strip())
    return int(match[1]) if match else None


def read_table(path: Path, required: Iterable[str]) -> Table | None:
    """Return the first table of a file, see ``read_tables``; None where there is none."""
    tables = read_tables(path, required)
    return tables[0] if tables else None


def read_tables(path: Path, required: Iterable[str]) -> list[Table]:
    """Read the tables of a file whose header has all of ``required``, one of every sheet.

    Parameters
    ----------
    path
        An .xlsx or .csv file.
    required
        Normalised headers. The row that holds them is found by content: it may stand below a
        preamble, or on another sheet than the first.

    Returns
    -------
    The tables without their blank rows, in the order of the sheets.

    Raises
    ------
    SourceError
        The file cannot be read as a table.
    """
    wanted = set(required)
    tables = (_find_table(path, sheet, wanted) for sheet in read_sheets(path))
    return [table for table in tables if table]


def _find_table(path: Path, sheet: Sequence[Cells], wanted: set[str]) -> Table | None:
    for top, cells in enumerate(sheet):
        keys = [header_key(cell) for cell in cells]
        if wanted <= set(keys):
            below = enumerate(sheet[top + 1 :], top + 2)
            found = [(line, _record(keys, row)) for line, row in below if any(row)]
            return Table(path, tuple(row for _, row in found), tuple(line for line, _ in found))
    return None


def _record(keys: Sequence[str], cells: Cells) -> dict[str, str]:
    """Name the cells; blank headers do not count, of equal ones the first does."""
    record: dict[str, str] = {}
    for place, key in enumerate(keys):
        if key and key not in record:
            record[key] = cells[place] if place < len(cells) else ""
    return record


def read_sheets(path: Path) -> list[list[Cells]]:
    """Return every sheet of a file as rows of stripped text; a CSV once for each delimiter.

    Raises
    ------
    SourceError
        It is an old .xls file, of another kind, or damaged.
    """
    suffix = path.suffix.lower()
    if suffix == OLD_SUFFIX:
        raise SourceError(f"{path} is an old Excel file; save it as .xlsx or .csv beside it")
    if suffix not in SHEET_SUFFIXES:
        raise SourceError(f"{path} is no table; give {' or '.join(SHEET_SUFFIXES)}")
    try:
        return _excel_sheets(path) if suffix == ".xlsx" else _csv_readings(path)
    except (OSError, zipfile.BadZipFile, csv.Error, KeyError, ValueError, SyntaxError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"cannot read {path}: {why}; unpack or save the table again") from error


def _excel_sheets(path: Path) -> list[list[Cells]]:
    import openpyxl

    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore", UserWarning)  # styles and validations it does not know
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        try:
            return [_worksheet_rows(sheet) for sheet in book.worksheets]
        finally:
            book.close()


def _worksheet_rows(sheet: object) -> list[Cells]:
    sheet.reset_dimensions()  # type: ignore[attr-defined]  # what other writers declare may be wrong
    rows = sheet.iter_rows(values_only=True)  # type: ignore[attr-defined]
    return [[_text(value) for value in row] for row in rows]


def _text(value: object) -> str:
    """Return a cell as text; 46.0 is ``46``, for Excel knows no whole numbers."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _csv_readings(path: Path) -> list[list[Cells]]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return [
        [
            [cell.strip() for cell in row]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        ]
        for delimiter in DELIMITERS
    ]
