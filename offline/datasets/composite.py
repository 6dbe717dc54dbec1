"""Several data sets as one, each in a folder of its own; by default the three of MEGC2019."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from offline.datasets.base import Dataset
from offline.datasets.casme import read_casme
from offline.datasets.casme2 import read_casme2
from offline.datasets.casme3 import read_casme3
from offline.datasets.fourdme import read_fourdme
from offline.datasets.mmew import read_mmew
from offline.datasets.samm import read_samm
from offline.datasets.smic import read_smic, read_smic_nir, read_smic_vis
from realtime_mer.errors import ConfigError, SourceError

MEGC2019 = ("casme2", "smic", "samm")

PARTS: dict[str, tuple[tuple[str, ...], Callable[[Path], Dataset]]] = {
    "casme": (("casme", "casme1", "casmei", "casme2013"), read_casme),
    "casme2": (("casme2", "casmeii"), read_casme2),
    "casme3": (("casme3", "casmeiii"), read_casme3),
    "fourdme": (("4dme", "4dmicro", "fourdme"), read_fourdme),
    "mmew": (("mmew",), read_mmew),
    "samm": (("samm",), read_samm),
    "smic": (("smic", "smichs"), read_smic),
    "smic-nir": (("smicnir",), read_smic_nir),
    "smic-vis": (("smicvis",), read_smic_vis),
}
"""Name → how its folder's name may begin, without case and signs; its reader."""

LONG = ("casmesq", "casme2long", "sammlong", "sammlv", "smice", "smichse", "smicvise", "smicnire")
"""How folders of long recordings begin: they belong to none of the above."""

SAME_PEOPLE = ("smic", "smic-nir", "smic-vis")
"""Parts that show the same people, so that only one can be in a composite."""

_SQUARE = re.compile(r"\(me\)\W*2", re.IGNORECASE)


def read_composite(root: Path, wanted: Sequence[str] = MEGC2019) -> Dataset:
    """CASME II, SMIC and SAMM (or other data sets) together: one folder of each, named after it.

    Parameters
    ----------
    root
        The folder with a folder for each.
    wanted
        Which; their samples come in this order.

    Raises
    ------
    ConfigError
        A wanted one cannot be part of a composite, or two of them show the same people.
    SourceError
        One of them is missing, stands there twice, or cannot be read.
    """
    names = tuple(dict.fromkeys(wanted))
    _check(names)
    folders = {name: _folder(root, name, names) for name in names}
    parts = [PARTS[name][1](folders[name]) for name in names]
    problems = [
        replace(problem, where=f"{part.name} {problem.where}")
        for part in parts
        for problem in part.problems
    ]
    samples = [sample for part in parts for sample in part.samples]
    return Dataset("composite", root, tuple(samples), tuple(problems))


def _check(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in PARTS]
    if unknown or not names:
        raise ConfigError(
            f"a composite cannot have {', '.join(unknown) or 'no part'}; give some of "
            f"{', '.join(PARTS)}"
        )
    same = [name for name in names if name in SAME_PEOPLE]
    if len(same) > 1:
        raise ConfigError(
            f"{' and '.join(same)} show the same people, who would be trained and tested on at "
            "once; give one of them"
        )


def _folder(root: Path, name: str, names: Sequence[str]) -> Path:
    folders = {path: _plain(path.name) for path in sorted(root.iterdir()) if path.is_dir()}
    owned = {path: plain for path, plain in folders.items() if _owner(plain) == name}
    if not owned and name in SAME_PEOPLE:  # SMIC_all_raw holds all three
        owned = {path: plain for path, plain in folders.items() if _owner(plain) == "smic"}
    exact = [path for path, plain in owned.items() if plain in PARTS[name][0]]
    found = exact or list(owned)
    if len(found) == 1:
        return found[0]
    there = ", ".join(path.name for path in found or folders) or "no folder"
    stems = " or ".join(PARTS[name][0])
    raise SourceError(
        f"{root} needs one folder for {name}, named {stems}; found {there}; "
        f"put one folder of each of {', '.join(names)} there"
    )


def _owner(plain: str) -> str:
    """Return whose folder it is by the longest beginning that fits, empty if nobody's."""
    stems = {stem: name for name, (stems, _) in PARTS.items() for stem in stems}
    stems |= dict.fromkeys(LONG, "")
    fitting = [stem for stem in stems if plain.startswith(stem)]
    return stems[max(fitting, key=len)] if fitting else ""


def _plain(name: str) -> str:
    """Return a name without case and signs; CAS(ME)^2 is another data set than CASME2."""
    return re.sub(r"[^a-z0-9]", "", _SQUARE.sub("mesq", name).lower())
