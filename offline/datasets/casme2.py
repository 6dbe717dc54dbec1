"""CASME II (Yan et al. 2014): 200 frames a second, a coding sheet, raw and cropped pictures."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from offline.datasets.base import Dataset, Sample
from offline.datasets.coded_clips import read_coded_clips
from offline.datasets.coding_sheet import ApexRepair, Key, SheetStyle
from offline.datasets.sheets import integer, read_table

FPS = 200.0

REPAIRS = {
    ("sub04", "EP12_01f"): ApexRepair((None,), 279),
    ("sub05", "EP09_05f"): ApexRepair((69,), 81),
    ("sub05", "EP16_04f"): ApexRepair((181,), 166),
    ("sub12", "EP09_06"): ApexRepair((111,), 89),
    ("sub20", "EP16_01"): ApexRepair((106, 111), 91),
    ("sub25", "EP18_04f"): ApexRepair((116,), 98),
}
"""Apexes that are missing or lie on the onset or offset; where the flow is largest instead."""

STYLE = SheetStyle("CASME II", re.compile(r"EP\d+f?(_\d+)*f?", re.IGNORECASE), "sub", 2, REPAIRS)
LAYOUT = "CASME2_RAW_selected/sub01/EP02_01f/img46.jpg or Cropped/sub01/EP02_01f/reg_img46.jpg"

_SUBJECT = re.compile(r"(?:sub)?0*(\d{1,2})", re.IGNORECASE)


def read_casme2(root: Path) -> Dataset:
    """CASME II: coding sheet and folders such as CASME2_RAW_selected/sub01/EP02_01f.

    Raises
    ------
    SourceError
        The sheet or most of the pictures are missing, or the sheet is another one.
    """
    dataset = read_coded_clips("casme2", root, STYLE, _key, FPS, LAYOUT)
    classes = _objective_classes(root)
    samples = tuple(_with_class(sample, classes) for sample in dataset.samples)
    return replace(dataset, samples=samples)


def _key(parts: tuple[str, ...]) -> Key | None:
    if len(parts) < 2 or not STYLE.clip_name.fullmatch(parts[-1]):
        return None
    subject = _SUBJECT.fullmatch(parts[-2])
    return (f"sub{int(subject[1]):02d}", parts[-1]) if subject else None


def _with_class(sample: Sample, classes: dict[str, int]) -> Sample:
    found = classes.get(sample.sample_id, sample.objective_class)
    return replace(sample, objective_class=found)


def _objective_classes(root: Path) -> dict[str, int]:
    """Return sample id → objective class from the authors' second sheet, if it is there."""
    classes = {}
    for path in sorted(root.glob("*ObjectiveClasses*.xlsx")):
        table = read_table(path, ("subject", "filename", "objectiveclass"))
        for row in table.rows if table else ():
            number = integer(row["objectiveclass"])
            if number is not None:
                classes[f"{STYLE.subject(row['subject'])}_{row['filename']}"] = number
    return classes
