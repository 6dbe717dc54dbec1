"""CASME (Yan et al. 2013): 60 frames a second, two sections, raw and cropped pictures."""

from __future__ import annotations

from pathlib import Path

from offline.datasets.base import Dataset
from offline.datasets.casme2 import CLIP_NAME, clip_key
from offline.datasets.coded_clips import TreeStyle, read_coded_clips
from offline.datasets.coding_sheet import Columns, SheetStyle

SHEET = SheetStyle(
    "CASME",
    CLIP_NAME,
    "sub",
    2,
    Columns(
        onset="OnsetF",
        apex="ApexF1",
        offset="OffsetF",
        action_units="AU",
        emotion="Emotion",
        second_apex="ApexF2",
    ),
    spellings={"comtempt": "contempt"},
    in_parts=True,
)
TREE = TreeStyle(
    clip_key,
    60.0,
    "CASME_raw_selected/sub01/EP01_5/EP01_5-1.jpg or Cropped/sub01/EP01_5/reg_EP01_5-1.jpg",
    to_the_ends=True,
)


def read_casme(root: Path) -> Dataset:
    """CASME: coding sheets and folders such as CASME_raw_selected/sub01/EP01_5.

    Raises
    ------
    SourceError
        The sheets or most of the pictures are missing, or the sheets are others.
    """
    return read_coded_clips("casme", root, SHEET, TREE)
