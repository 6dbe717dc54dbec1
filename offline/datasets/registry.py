"""Data sets by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from offline.datasets.base import Dataset
from offline.datasets.casme2 import read_casme2
from offline.datasets.composite import read_composite
from offline.datasets.flow_archive import read_flow_archive
from offline.datasets.reviewed import read_reviewed
from offline.datasets.samm import read_samm
from offline.datasets.smic import read_smic
from offline.datasets.synthetic import read_synthetic
from realtime_mer.errors import ConfigError, SourceError

DATASETS: dict[str, Callable[[Path], Dataset]] = {
    "casme2": read_casme2,
    "smic": read_smic,
    "samm": read_samm,
    "composite": read_composite,
    "flow-archive": read_flow_archive,
    "reviewed": read_reviewed,
    "synthetic": read_synthetic,
}
"""Name → reader; the first line of the reader's docstring says what it expects."""


def open_dataset(name: str, root: str | os.PathLike[str]) -> Dataset:
    """Read the data set called ``name`` from the folder ``root``.

    Raises
    ------
    ConfigError
        There is no reader of that name.
    SourceError
        The folder is missing or does not hold that data set; the message tells what was
        expected and what was found.
    """
    if name not in DATASETS:
        raise ConfigError(f"data set {name!r} is not known; give one of {', '.join(DATASETS)}")
    folder = Path(root)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise SourceError(f"--root {folder} {what}; give the folder that holds {name}")
    try:
        return DATASETS[name](folder)
    except PermissionError as error:
        where = error.filename or folder
        raise SourceError(f"no permission to read {where}; change its permissions") from error
