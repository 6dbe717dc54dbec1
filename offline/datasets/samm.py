"""SAMM (Davison et al. 2018): 200 frames a second, grey pictures, a coding sheet."""

from __future__ import annotations

import re
from pathlib import Path

from offline.datasets.base import Dataset
from offline.datasets.coded_clips import read_coded_clips
from offline.datasets.coding_sheet import ApexRepair, Key, SheetStyle

FPS = 200.0

REPAIRS = {
    ("028", "028_4_1"): ApexRepair((1143,), 1105),
    ("032", "032_3_1"): ApexRepair((1930,), 4930),
}
"""Apexes outside their movement: where the flow is largest; the number without its slip."""

STYLE = SheetStyle("SAMM", re.compile(r"\d{1,3}_\d+_\d+"), "", 3, REPAIRS)
LAYOUT = "006/006_1_2/006_05562.jpg"


def read_samm(root: Path) -> Dataset:
    """SAMM: coding sheet and folders such as 006/006_1_2.

    Raises
    ------
    SourceError
        The sheet or most of the pictures are missing, or the sheet is another one.
    """
    return read_coded_clips("samm", root, STYLE, _key, FPS, LAYOUT)


def _key(parts: tuple[str, ...]) -> Key | None:
    clip = parts[-1] if parts else ""
    return (clip.split("_")[0].zfill(3), clip) if STYLE.clip_name.fullmatch(clip) else None
