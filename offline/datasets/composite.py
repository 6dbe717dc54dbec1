"""The composite of MEGC2019: CASME II, SMIC and SAMM, each in a folder of its own."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from offline.datasets.base import Dataset
from offline.datasets.casme2 import read_casme2
from offline.datasets.samm import read_samm
from offline.datasets.smic import read_smic
from realtime_mer.errors import SourceError

PARTS = {
    "casme2": (("casme2", "casmeii"), read_casme2),
    "smic": (("smic",), read_smic),
    "samm": (("samm",), read_samm),
}
"""Name → how its folder's name may begin, without case and signs; its reader."""


def read_composite(root: Path) -> Dataset:
    """CASME II, SMIC and SAMM together: one folder of each, named after it.

    Raises
    ------
    SourceError
        One of the three is missing, stands there twice, or cannot be read.
    """
    folders = {name: _folder(root, name, stems) for name, (stems, _) in PARTS.items()}
    parts = [read(folders[name]) for name, (_, read) in PARTS.items()]
    problems = [
        replace(problem, where=f"{part.name} {problem.where}")
        for part in parts
        for problem in part.problems
    ]
    samples = [sample for part in parts for sample in part.samples]
    return Dataset("composite", root, tuple(samples), tuple(problems))


def _folder(root: Path, name: str, stems: tuple[str, ...]) -> Path:
    folders = {path: _plain(path.name) for path in sorted(root.iterdir()) if path.is_dir()}
    exact = [path for path, plain in folders.items() if plain in stems]
    found = exact or [path for path, plain in folders.items() if plain.startswith(stems)]
    if len(found) == 1:
        return found[0]
    there = ", ".join(path.name for path in found or folders) or "no folder"
    raise SourceError(
        f"{root} needs one folder for {name}, named {' or '.join(stems)}; found {there}; "
        "put one folder of each of CASME II, SMIC and SAMM there"
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
