"""Spotting data sets by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from offline.datasets.casme_sq import read_casme_sq
from offline.datasets.long_videos import SpottingDataset
from offline.datasets.samm_lv import read_samm_lv
from offline.datasets.smic_e import read_smic_e, read_smic_e_nir, read_smic_e_vis
from realtime_mer.errors import ConfigError, SourceError

SPOTTING_DATASETS: dict[str, Callable[[Path], SpottingDataset]] = {
    "casme-sq": read_casme_sq,
    "samm-lv": read_samm_lv,
    "smic-e": read_smic_e,
    "smic-e-vis": read_smic_e_vis,
    "smic-e-nir": read_smic_e_nir,
}
"""Name → reader; the first line of the reader's docstring says what it expects."""


def open_spotting_dataset(name: str, root: str | os.PathLike[str]) -> SpottingDataset:
    """Read the spotting data set called ``name`` from the folder ``root``.

    Raises
    ------
    ConfigError
        There is no reader of that name.
    SourceError
        The folder is missing or does not hold that data set; the message tells what was
        expected and what was found.
    """
    if name not in SPOTTING_DATASETS:
        known = ", ".join(SPOTTING_DATASETS)
        raise ConfigError(f"spotting data set {name!r} is not known; give one of {known}")
    folder = Path(root)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise SourceError(f"--root {folder} {what}; give the folder that holds {name}")
    try:
        return SPOTTING_DATASETS[name](folder)
    except PermissionError as error:
        where = error.filename or folder
        raise SourceError(f"no permission to read {where}; change its permissions") from error
