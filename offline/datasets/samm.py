"""SAMM (Davison et al. 2018): 200 frames a second, grey pictures, a coding sheet."""

from __future__ import annotations

import re
from pathlib import Path

from offline.datasets.base import Dataset
from offline.datasets.clip_tree import Parts
from offline.datasets.coded_clips import TreeStyle, read_coded_clips
from offline.datasets.coding_sheet import FrameRepair, Key, SheetStyle

REPAIRS = {
    ("028", "028_4_1"): (FrameRepair("apex", (1143,), 1105),),
    ("032", "032_3_1"): (FrameRepair("apex", (1930,), 4930),),
}
"""Apexes outside their movement: where the flow is largest; the number without its slip."""


def clip_key(parts: Parts) -> Key | None:
    """Return subject and clip of a folder such as ``006/006_1_2``."""
    clip = parts[-1] if parts else ""
    return (clip.split("_")[0].zfill(3), clip) if SHEET.clip_name.fullmatch(clip) else None


SHEET = SheetStyle("SAMM", re.compile(r"\d{1,3}_\d+_\d+"), "", 3, repairs=REPAIRS)
TREE = TreeStyle(clip_key, 200.0, "006/006_1_2/006_05562.jpg")


def read_samm(root: Path) -> Dataset:
    """SAMM: coding sheet and folders such as 006/006_1_2.

    Raises
    ------
    SourceError
        The sheet or most of the pictures are missing, or the sheet is another one.
    """
    return read_coded_clips("samm", root, SHEET, TREE)
