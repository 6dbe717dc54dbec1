"""Pictures of events on disk instead of in memory."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, MutableMapping
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from realtime_mer.events import Evidence

_NAMES = tuple(field.name for field in fields(Evidence))


class EvidenceStore(MutableMapping[int, Evidence]):
    """Event number → its pictures, in one file that has no name.

    The file is gone when the store is closed, and also when the process or the machine dies.
    In memory stay about 200 bytes an event. May be read from other threads than it is written.
    What was replaced or deleted takes room on disk until the store is closed. Pictures that the
    disk has no room for are left out, an event without them being better than no event.

    Parameters
    ----------
    folder
        On the disk that shall hold the pictures, about 60 kB an event; made when the first is
        kept. The system's folder for temporary files if left out, which may itself lie in memory.

    Attributes
    ----------
    left_out
        How many events have no pictures because the disk was full.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._places: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._end = 0
        self.left_out = 0
        self._lock = threading.Lock()

    def __setitem__(self, event_id: int, evidence: Evidence) -> None:
        parts = [_bytes(getattr(evidence, name)) for name in _NAMES]
        data = b"".join(parts)
        with self._lock:
            at = self._end
            if not self._write(data, at):
                self.left_out += 1
                parts = [b""] * len(_NAMES)
            self._places[event_id] = (at, tuple(map(len, parts)))
            self._end = at + sum(map(len, parts))

    def __getitem__(self, event_id: int) -> Evidence:
        at, lengths = self._places[event_id]
        data = b""
        if sum(lengths) and self._file is not None:
            data = os.pread(self._file.fileno(), sum(lengths), at)
        parts = []
        for length in lengths:
            parts.append(data[:length])
            data = data[length:]
        pictures = dict(zip(_NAMES[:-1], parts[:-1], strict=True))
        return Evidence(**pictures, explained=parts[-1].decode("utf-8"))

    def _write(self, data: bytes, at: int) -> bool:
        try:
            if self._file is None:
                if self._folder is not None:
                    self._folder.mkdir(parents=True, exist_ok=True)
                self._file = tempfile.TemporaryFile(prefix=".mer-", dir=self._folder)  # noqa: SIM115
            return os.pwrite(self._file.fileno(), data, at) == len(data)
        except OSError:
            return False

    def __delitem__(self, event_id: int) -> None:
        del self._places[event_id]

    def __iter__(self) -> Iterator[int]:
        return iter(tuple(self._places))

    def __len__(self) -> int:
        return len(self._places)

    def close(self) -> None:
        """Free the disk; nothing can be kept or read any more."""
        self._places.clear()
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Forgetful(dict[int, Evidence]):
    """Keeps nothing: for a session whose pictures nobody will look at."""

    def __setitem__(self, event_id: int, evidence: Evidence) -> None:
        """Let it go."""


def _bytes(part: bytes | str) -> bytes:
    return part.encode("utf-8") if isinstance(part, str) else part
