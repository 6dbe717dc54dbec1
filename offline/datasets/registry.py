"""Data sets by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from offline.datasets.base import Dataset
from offline.datasets.casme import read_casme
from offline.datasets.casme2 import read_casme2
from offline.datasets.casme3 import read_casme3
from offline.datasets.composite import read_composite
from offline.datasets.flow_archive import read_flow_archive
from offline.datasets.fourdme import read_fourdme
from offline.datasets.mmew import read_mmew
from offline.datasets.reviewed import read_reviewed
from offline.datasets.samm import read_samm
from offline.datasets.smic import read_smic, read_smic_nir, read_smic_vis
from offline.datasets.synthetic import read_synthetic
from realtime_mer.errors import ConfigError, SourceError

DATASETS: dict[str, Callable[[Path], Dataset]] = {
    "casme": read_casme,
    "casme2": read_casme2,
    "smic": read_smic,
    "smic-vis": read_smic_vis,
    "smic-nir": read_smic_nir,
    "samm": read_samm,
    "casme3": read_casme3,
    "mmew": read_mmew,
    "fourdme": read_fourdme,
    "composite": read_composite,
    "flow-archive": read_flow_archive,
    "reviewed": read_reviewed,
    "synthetic": read_synthetic,
}
"""Name → reader; the first line of the reader's docstring says what it expects."""


def open_dataset(
    name: str, root: str | os.PathLike[str], wanted: Sequence[str] | None = None
) -> Dataset:
    """Read the data set called ``name`` from the folder ``root``.

    Parameters
    ----------
    wanted
        Which data sets a composite is made of, see ``read_composite``; others do not mind.

    Raises
    ------
    ConfigError
        There is no reader of that name, or no composite of what is wanted.
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
        if name == "composite" and wanted is not None:
            return read_composite(folder, wanted)
        return DATASETS[name](folder)
    except PermissionError as error:
        where = error.filename or folder
        raise SourceError(f"no permission to read {where}; change its permissions") from error
