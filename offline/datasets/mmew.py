"""MMEW (Ben et al. 2021), its micro-expressions: 90 frames a second, a coding sheet."""

from __future__ import annotations

import re
from pathlib import Path

from offline.datasets.base import Dataset
from offline.datasets.clip_tree import Parts
from offline.datasets.coded_clips import TreeStyle, read_coded_clips
from offline.datasets.coding_sheet import Key, SheetStyle


def clip_key(parts: Parts) -> Key | None:
    """Return subject and clip of a folder such as ``happiness/S03-01-002``, by its name alone.

    The folders above it may be the subject's or the emotion's, ``others`` or ``repression``.
    """
    clip = parts[-1] if parts else ""
    macro = any("macro" in part.lower() for part in parts)
    if macro or not SHEET.clip_name.fullmatch(clip):
        return None
    return SHEET.subject(clip.split("-")[0]), clip


SHEET = SheetStyle("MMEW", re.compile(r"S\d+-\d+-\d+", re.IGNORECASE), "S", 2)
TREE = TreeStyle(
    clip_key,
    90.0,
    "Micro_Expression/happiness/S03-01-002/1.jpg or S03/happiness/S03-01-002/1.jpg",
    to_the_ends=True,
)


def read_mmew(root: Path) -> Dataset:
    """MMEW: coding sheet and folders such as Micro_Expression/happiness/S03-01-002.

    Raises
    ------
    SourceError
        The sheet or most of the pictures are missing, or the sheet is another one.
    """
    return read_coded_clips("mmew", root, SHEET, TREE)
