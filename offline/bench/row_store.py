"""Rows appended to a file as they come, so that a stopped run goes on where it was.

A line is one row as JSON with its checksum, on the disk before the next row counts as done. A run
that is killed loses what was under way and nothing else.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from realtime_mer.errors import OutputError


class Row(Protocol):
    """A frozen dataclass of what JSON can hold, and a key that no other row of the file has."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> Hashable:
        """What the row is found by."""


Kept = TypeVar("Kept", bound=Row)


class RowStore(AbstractContextManager["RowStore[Kept]"], Generic[Kept]):
    """A file of rows, open for appending in one process at a time.

    What a stop in the middle of writing left at the end is cut off when the file is opened;
    other lines that are damaged, or none of ours, are passed over.

    Parameters
    ----------
    path
        Of the file; it and its folder are made if they are missing.
    row_of
        Makes a row of the values that JSON kept of its fields.

    Attributes
    ----------
    rows
        All rows by key.

    Raises
    ------
    OutputError
        The file cannot be written, or another process is writing it.
    """

    def __init__(self, path: Path, row_of: Callable[[dict[str, Any]], Kept]) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
        except OSError as error:
            raise OutputError(
                f"cannot write {path}: {error.strerror or error}; choose another --out"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise OutputError(
                f"another run is writing {path}; wait for it, stop it, or choose another --out"
            ) from error
        self.rows = {row.key: row for row in self._read(row_of)}

    def _read(self, row_of: Callable[[dict[str, Any]], Kept]) -> list[Kept]:
        self._file.seek(0)
        *lines, torn = self._file.read().split(b"\n")
        if torn:
            self._file.truncate(sum(len(line) + 1 for line in lines))
        found = []
        for line in lines:
            try:
                whole = json.loads(line)
                if whole["crc32"] == _checksum(whole["row"]):
                    found.append(row_of(whole["row"]))
            except (ValueError, TypeError, KeyError):
                continue
        return found

    def append(self, row: Kept) -> None:
        """Write a row; it is on the disk when this returns.

        Raises
        ------
        OutputError
            It cannot be written: the disk is full, for instance.
        """
        values = asdict(row)
        line = json.dumps({"crc32": _checksum(values), "row": values}) + "\n"
        try:
            self._file.write(line.encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror or error}; make room and run again: "
                "what is done is kept"
            ) from error
        self.rows[row.key] = row

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _checksum(values: Any) -> str:
    return f"{zlib.crc32(json.dumps(values).encode()):08x}"
