"""Finished folds, kept so that a stopped run goes on where it was.

``folds/<digest>.jsonl`` holds one line a fold and seed. The digest is that of configuration, data
and code: whatever changes makes another file, and nothing stale is ever taken up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.bench.code_version import code_version
from offline.bench.learning import Material
from offline.bench.row_store import RowStore

FOLDS = "folds"


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


def open_folds(out_dir: Path, digest: str) -> RowStore[Fold]:
    """Open the folds of one digest below a run's folder, by name and seed.

    Raises
    ------
    OutputError
        They cannot be written, or another process is writing them.
    """
    return RowStore(out_dir / FOLDS / f"{digest}.jsonl", _fold)


def _fold(values: dict[str, Any]) -> Fold:
    tables = {name: tuple(map(tuple, values[name])) for name in ("probabilities", "train")}
    return Fold(**{**values, **tables, "samples": tuple(values["samples"])})


def digest_of(config: Mapping[str, Any], ids: Sequence[str], material: Material) -> str:
    """Return the key of a configuration on these inputs and targets with this code."""
    found = hashlib.sha256(json.dumps(dict(config), sort_keys=True, default=str).encode())
    told = [list(ids), material.groups, material.exclusive, material.action_units]
    found.update(json.dumps(told).encode())
    for values in (material.inputs, material.targets):
        found.update(str((values.shape, values.dtype)).encode())
        found.update(_bytes(values))
    found.update(code_version().encode())
    return found.hexdigest()[:16]


def _bytes(values: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(values).tobytes()
