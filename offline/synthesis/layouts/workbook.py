"""Annotation sheets: Excel files whose bytes depend on their content alone."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from realtime_mer.errors import OutputError

Cell = str | int | float | None
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_DATES = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")


def write_workbook(path: Path, sheets: Sequence[tuple[str, Iterable[Sequence[Cell]]]]) -> None:
    """Write sheets of rows; text stays text, even if it looks like a number.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    written = io.BytesIO()
    book.save(written)
    try:
        path.write_bytes(_without_dates(written))
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"cannot write {path}: {why}; give another --out") from error


def _without_dates(written: io.BytesIO) -> bytes:
    """Return the same archive as if it had been written long ago."""
    again = io.BytesIO()
    with zipfile.ZipFile(written) as old, zipfile.ZipFile(again, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "docProps/core.xml":
                data = _DATES.sub(rb"\g<1>1980-01-01T00:00:00Z", data)
            new.writestr(zipfile.ZipInfo(entry.filename, _LONG_AGO), data, zipfile.ZIP_DEFLATED)
    return again.getvalue()
