"""Archives of pre-computed motion, as the networks of the MEGC2019 composite are fed.

Two layouts: a tree ``<subject>/u_test/<0|1|2>/<name>``, whose ``u_train`` folders are complements
of it and not read; or one flat folder of pictures beside a list of labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from offline.datasets.base import Dataset, FlowFile, Problem, Sample
from offline.datasets.flow_list import read_flow_list
from offline.datasets.flow_picture import USUAL_PLANES, find_planes, read_flow_picture
from realtime_mer.errors import SourceError
from realtime_mer.events import EMOTIONS
from realtime_mer.sources.folder import EXTENSIONS

TEST = "u_test"
DEEPEST = 5
"""Folders below the root that are looked into for the tree."""
LAYOUT = f"<subject>/{TEST}/<0|1|2>/<picture>"
JUDGED = 200
"""Pictures that the order of channels is told from, spread over the archive."""

_SUBJECTS = {"casme2": r"sub\d+", "smic": r"s\d+", "samm": r"\d+"}
_OF_MOTION = re.compile(r"flow|motion|u_v")
_NO_PICTURES = ("thumbs.db", "desktop.ini")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file with its label, before it was looked at; ``name`` becomes the sample's id."""

    path: Path
    name: str
    subject: str
    label: int


def read_flow_archive(root: Path) -> Dataset:
    """Pictures of u, v and strain: <subject>/u_test/<0|1|2>/<picture>, or flat with a list.

    Raises
    ------
    SourceError
        Neither layout is there, or no picture in it can be read.
    """
    tree = _find_tree(root)
    entries, problems = _tree_entries(tree) if tree else _flat_entries(root)
    entries, doubled = _once(entries)
    usable, planes, told = _look(entries)
    if not usable:
        raise SourceError(
            f"none of the {len(entries)} files of the flow archive {root} is a picture with "
            f"three channels of 8 bits; expected {LAYOUT}; unpack the archive again"
        )
    samples = [_sample(entry, planes) for entry in usable]
    samples.sort(key=lambda sample: (*sample.group, sample.sample_id))
    return Dataset("flow-archive", root, tuple(samples), (*problems, *doubled, *told))


def stem(name: str) -> str:
    """Return a picture's name without its extension, if any, and without spaces around it."""
    name = name.strip()
    found = next((end for end in EXTENSIONS if name.lower().endswith(end)), "")
    return name[: len(name) - len(found)].strip()


def origin(subject: str) -> str:
    """Return the data set that a subject is named like, ``flow-archive`` if none."""
    found = (name for name, form in _SUBJECTS.items() if re.fullmatch(form, subject.lower()))
    return next(found, "flow-archive")


def _find_tree(root: Path) -> Path | None:
    """Return the folder nearest to ``root`` that has folders of subjects in it."""
    places = [root]
    for _ in range(DEEPEST):
        found = next((place for place in places if any(place.glob(f"*/{TEST}"))), None)
        if found:
            return found
        places = [path for place in places for path in _visible(place) if path.is_dir()]
    return None


def _tree_entries(tree: Path) -> tuple[list[Entry], list[Problem]]:
    entries, problems = [], []
    for subject in _visible(tree):
        if not subject.is_dir():
            problems.append(Problem(subject.name, "dropped", "no folder of a subject"))
        elif not (subject / TEST).is_dir():
            problems.append(Problem(subject.name, "dropped", f"no folder {TEST} in it"))
        else:
            for label in _visible(subject / TEST):
                if label.name in ("0", "1", "2") and label.is_dir():
                    files = _visible(label)
                    entries += [
                        Entry(file, stem(file.name), subject.name, int(label.name))
                        for file in files
                    ]
                else:
                    where = f"{subject.name}/{TEST}/{label.name}"
                    problems.append(Problem(where, "dropped", "no class: expected 0, 1 or 2"))
    return entries, problems


def _flat_entries(root: Path) -> tuple[list[Entry], list[Problem]]:
    """Return the pictures of a flat archive and what belongs to nothing.

    Raises
    ------
    SourceError
        There is no list of labels, or no picture of it.
    """
    found = read_flow_list(root)
    if found is None:
        names = ", ".join(path.name for path in _visible(root)[:4]) or "nothing"
        raise SourceError(
            f"no flow archive in {root}: expected {LAYOUT}, or pictures beside a .csv with "
            f"dataset, subject, clip and label; found {names}"
        )
    folder = _flat_folder(root)
    files = {stem(path.name): path for path in reversed(_visible(folder)) if _may_be_picture(path)}
    loose: dict[str, list[str]] = {}
    for name in files:
        loose.setdefault(_unpadded(name), []).append(name)
    entries, problems = [], list(found.problems)
    for row in found.rows:
        near = loose.get(_unpadded(row.name), [])
        name = row.name if row.name in files else near[0] if len(near) == 1 else ""
        if name:
            entries.append(Entry(files[name], name, row.subject, row.label))
        else:
            where = f"{row.subject} {row.name}"
            problems.append(Problem(where, "dropped", f"no picture of that name in {folder}"))
    listed = {entry.path for entry in entries}
    for name in sorted(name for name, path in files.items() if path not in listed):
        problems.append(Problem(name, "dropped", f"no label in {found.path.name}"))
    return entries, problems


def _flat_folder(root: Path) -> Path:
    """Return the folder at most two below ``root`` that holds most files that may be pictures.

    Of equal ones, for faces may lie beside, that whose name speaks of motion.
    """
    folders = [root, *(path for depth in ("*", "*/*") for path in sorted(root.glob(depth)))]
    inside = [path for path in folders if path.is_dir() and not path.name.startswith(".")]
    return max(
        inside,
        key=lambda path: (
            sum(map(_may_be_picture, _visible(path))),
            _OF_MOTION.search(path.name.lower()) is not None,
        ),
    )


def _may_be_picture(path: Path) -> bool:
    suffix = path.suffix.strip().lower()
    return (suffix in EXTENSIONS or not suffix) and path.is_file()


def _unpadded(name: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", name.lower())


def _visible(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith((".", "__MACOSX")) and path.name.lower() not in _NO_PICTURES
    )


def _once(entries: Iterable[Entry]) -> tuple[list[Entry], list[Problem]]:
    """Keep each name once; one with two labels or in two subjects' tests is not kept at all.

    Where names are mere numbers that every subject has, the subject becomes part of the name.
    """
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    kept, problems = [], []
    for name, copies in by_name.items():
        subjects = {copy.subject for copy in copies}
        if len(subjects) > 1 and not name.startswith(tuple(subjects)):
            again = (replace(copy, name=f"{copy.subject}_{name}") for copy in copies)
            inner_kept, inner_problems = _once(again)
            kept += inner_kept
            problems += inner_problems
        elif len(subjects) > 1 or len({copy.label for copy in copies}) > 1:
            reason = f"{len(copies)} copies with different subjects or classes: none is used"
            problems.append(Problem(name, "dropped", reason))
        else:
            kept.append(copies[0])
            if len(copies) > 1:
                problems.append(Problem(name, "dropped", f"{len(copies) - 1} copies of it"))
    return kept, problems


def _look(entries: Sequence[Entry]) -> tuple[list[Entry], tuple[int, int], list[Problem]]:
    """Read every file once: the usable ones, the channels of u and v, what was wrong."""
    step = max(1, -(-len(entries) // JUDGED))
    usable: list[Entry] = []
    judged, problems = [], []
    for entry in entries:
        picture = read_flow_picture(entry.path)
        if picture is None:
            reason = f"{entry.path.name!r} is no picture of three 8-bit channels"
            problems.append(Problem(f"{entry.subject} {entry.name}", "dropped", reason))
            continue
        if len(usable) % step == 0:
            judged.append(picture)
        usable.append(entry)
    planes, clear = find_planes(judged) if judged else (USUAL_PLANES, True)
    if not clear:
        reason = "cannot tell strain from motion by the values: took RGB for u, v, strain"
        problems.append(Problem("channel order", "noted", reason))
    elif planes != USUAL_PLANES:
        reason = "RGB holds strain, v, u, told by the values; u, v, strain is usual"
        problems.append(Problem("channel order", "noted", reason))
    return usable, planes, problems


def _sample(entry: Entry, planes: tuple[int, int]) -> Sample:
    return Sample(
        sample_id=entry.name,
        dataset=origin(entry.subject),
        subject=entry.subject,
        emotion=EMOTIONS[entry.label],
        source=FlowFile(entry.path, planes),
    )
