"""4DME (Li et al. 2022), its grey micro-expressions: 60 frames a second, a labelling sheet."""

from __future__ import annotations

import re
from pathlib import Path

from offline.datasets.base import Dataset
from offline.datasets.clip_tree import Parts
from offline.datasets.coded_clips import TreeStyle, read_coded_clips
from offline.datasets.coding_sheet import Columns, Key, SheetStyle

OTHER_MODALITIES = {"rgb", "color", "colour", "depth", "mesh", "texture", "macro"}

_SUBJECT = re.compile(r"[a-z]{0,3}\d+", re.IGNORECASE)
_OF_SUBJECT = re.compile(r"([a-z]{0,3}\d+)_.+", re.IGNORECASE)


def clip_key(parts: Parts) -> Key | None:
    """Return subject and clip of a folder such as ``gray_micro/<subject>/<clip>``.

    Where all clips lie in one folder, their names begin with the subject's.
    """
    words = {word for part in parts for word in re.split(r"[^a-z]+", part.lower())}
    if not parts or words & OTHER_MODALITIES:
        return None
    if len(parts) > 1 and _SUBJECT.fullmatch(parts[-2]):
        return SHEET.subject(parts[-2]), parts[-1]
    found = _OF_SUBJECT.fullmatch(parts[-1])
    return (SHEET.subject(found[1]), parts[-1]) if found else None


SHEET = SheetStyle(
    "4DME",
    re.compile(r"\S.*"),
    "S",
    2,
    Columns("sub_ID", "fold_name", "Onset", "Apex", "Offset", "AUs", "Emotion"),
)
TREE = TreeStyle(clip_key, 60.0, "gray_micro/<sub_ID>/<fold_name>/1.jpg")


def read_fourdme(root: Path) -> Dataset:
    """4DME: labelling sheet and folders such as gray_micro/<sub_ID>/<fold_name>.

    Raises
    ------
    SourceError
        The sheet or most of the pictures are missing, or the sheet is another one.
    """
    return read_coded_clips("fourdme", root, SHEET, TREE)
