"""Rows of finished folds, appended as they come, so that a stopped run goes on where it was.

``folds/<digest>.jsonl`` holds one line a fold and seed. The digest is that of configuration, data
and code: whatever changes makes another file, and nothing stale is ever taken up.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from offline.bench.learning import Material
from realtime_mer.errors import OutputError

FOLDS = "folds"
PACKAGES = ("engines", "realtime_mer", "offline")


@dataclass(frozen=True, slots=True)
class Fold:
    """What is kept of one fold and seed.

    Attributes
    ----------
    name, seed
        The split's name and the seed.
    samples
        Names of the samples that were left out: data set and id.
    probabilities
        One tuple for each of them.
    train
        Counts on the training side: a confusion matrix for classes; for action units one row
        (true positives, false positives, false negatives) each.
    chosen
        What was selected.
    """

    name: str
    seed: int
    samples: tuple[str, ...]
    probabilities: tuple[tuple[float, ...], ...]
    train: tuple[tuple[int, ...], ...]
    chosen: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int]:
        """Name and seed."""
        return self.name, self.seed


class FoldStore(AbstractContextManager["FoldStore"]):
    """The file of one digest, open for appending by one process at a time.

    Parameters
    ----------
    out_dir
        The run's folder; ``folds`` in it is made if it is missing.
    digest
        Key of configuration, data and code.

    Raises
    ------
    OutputError
        The file cannot be written, or another process is writing it.
    """

    def __init__(self, out_dir: Path, digest: str) -> None:
        self.path = out_dir / FOLDS / f"{digest}.jsonl"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BufferedRandom = self.path.open("a+b")
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror}; choose another --out"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise OutputError(
                f"another run is writing {self.path}; wait for it, stop it, or choose another --out"
            ) from error
        self.folds = self._read()

    def _read(self) -> dict[tuple[str, int], Fold]:
        """Read whole lines; cut off what a stop in the middle of writing left behind."""
        self._file.seek(0)
        folds, whole = {}, 0
        for line in self._file:
            fold = _parsed(line)
            if fold is None:
                break
            folds[fold.key] = fold
            whole += len(line)
        self._file.truncate(whole)
        return folds

    def append(self, fold: Fold) -> None:
        """Write one fold; it is on the disk when this returns."""
        try:
            self._file.write(_line(fold))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror}; make room and run again: what is "
                "done is kept"
            ) from error
        self.folds[fold.key] = fold

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _line(fold: Fold) -> bytes:
    values = {name: getattr(fold, name) for name in Fold.__slots__}
    text = json.dumps(values, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _parsed(line: bytes) -> Fold | None:
    """Return the fold of a whole, undamaged line, None otherwise."""
    check, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or check != b"%08x" % zlib.crc32(text):
        return None
    values = json.loads(text)
    return Fold(
        values["name"],
        values["seed"],
        tuple(values["samples"]),
        tuple(map(tuple, values["probabilities"])),
        tuple(map(tuple, values["train"])),
        values["chosen"],
    )


def digest_of(config: Mapping[str, Any], ids: Sequence[str], material: Material) -> str:
    """Return the key of a configuration on these inputs and targets with this code."""
    found = hashlib.sha256(json.dumps(dict(config), sort_keys=True, default=str).encode())
    found.update(json.dumps([list(ids), material.groups, material.exclusive]).encode())
    for values in (material.inputs, material.targets):
        found.update(str((values.shape, values.dtype)).encode())
        found.update(_bytes(values))
    found.update(code_version().encode())
    return found.hexdigest()[:16]


def _bytes(values: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(values).tobytes()


@cache
def code_version() -> str:
    """Return a digest of the project's own source files as they are installed."""
    found = hashlib.sha256()
    for package in PACKAGES:
        root = Path(str(import_module(package).__file__)).parent
        for path in sorted(root.rglob("*.py")):
            found.update(path.relative_to(root).as_posix().encode())
            found.update(path.read_bytes())
    return found.hexdigest()[:16]
