"""CAS(ME)^3 (Li et al. 2022), micro-expressions of part A: 30 frames a second, a label sheet."""

from __future__ import annotations

import re
from pathlib import Path

from offline.datasets.base import Dataset
from offline.datasets.clip_tree import Parts
from offline.datasets.coded_clips import TreeStyle, read_coded_clips
from offline.datasets.coding_sheet import Columns, FrameRepair, Key, SheetStyle

REPAIRS = {
    ("spNO.149", "d_112"): (FrameRepair("apex", (83,), 167),),
    ("spNO.214", "c_5"): (FrameRepair("offset", (3460,), 34),),
    ("spNO.216", "d_3647"): (FrameRepair("onset", (3647,), 2647),),
    ("spNO.216", "e_0"): (FrameRepair("onset", (0,), 1), FrameRepair("apex", (0,), 1)),
    ("spNO.40", "e_1812"): (FrameRepair("offset", (0,), 1845),),
    ("spNO.40", "e_2327"): (FrameRepair("offset", (0,), 2403),),
}
"""Frames out of order: the first by the authors' own list, the others by the pictures."""

_SUBJECT = re.compile(r"spno\.\d+", re.IGNORECASE)
_CLIP = re.compile(r"(spno\.\d+)_([a-z]_\d+)", re.IGNORECASE)
_RECORDING = re.compile(r"([a-z])\d*", re.IGNORECASE)
_DEPTH = ("depth", "video")


def clip_key(parts: Parts) -> Key | None:
    """Return subject and clip of a folder such as ``Part_A_ME_clip/frame/spNO.1_a_355``."""
    found = _CLIP.fullmatch(parts[-1]) if parts else None
    if found is None or any(part.lower() in _DEPTH for part in parts):
        return None
    return SHEET.subject(found[1]), found[2]


def recording_key(parts: Parts) -> Key | None:
    """Return subject and recording of a folder such as ``part_A/spNO.1/a/color``.

    Where clips were cut out into ``a``, ``a2`` …, all of them are of the recording ``a``.
    """
    if len(parts) < 3 or parts[-1].lower() != "color" or not _SUBJECT.fullmatch(parts[-3]):
        return None
    found = _RECORDING.fullmatch(parts[-2])
    return (SHEET.subject(parts[-3]), found[1]) if found else None


SHEET = SheetStyle(
    "CAS(ME)^3, part A",
    re.compile(r"[a-z]", re.IGNORECASE),
    "spNO.",
    1,
    Columns(onset="Onset", apex="Apex", offset="Offset", action_units="AU", emotion="emotion"),
    REPAIRS,
    with_onset=True,
)
TREE = TreeStyle(
    clip_key,
    30.0,
    "Part_A_ME_clip/frame/spNO.1_a_355/355.jpg or part_A/spNO.1/a/color/175.jpg",
    recording_key,
)


def read_casme3(root: Path) -> Dataset:
    """CAS(ME)^3, part A: label sheet and folders such as Part_A_ME_clip/frame/spNO.1_a_355.

    Raises
    ------
    SourceError
        The sheet or most of the pictures are missing, or the sheet is another one.
    """
    return read_coded_clips("casme3", root, SHEET, TREE)
