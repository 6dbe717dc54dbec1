"""CASME II (Yan et al. 2014): 200 frames a second, a coding sheet, raw and cropped pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from offline.datasets.base import Dataset, Problem, Sample
from offline.datasets.clip_tree import Parts
from offline.datasets.coded_clips import TreeStyle, read_coded_clips
from offline.datasets.coding_sheet import (
    FrameRepair,
    Key,
    SheetStyle,
    objective_number,
    sheet_files,
)
from offline.datasets.sheets import SHEET_SUFFIXES, read_table

CLIP_NAME = re.compile(r"EP\d+f?(_\d+)*f?", re.IGNORECASE)
OBJECTIVE_SHEET = "objective sheet"

REPAIRS = {
    ("sub04", "EP12_01f"): (FrameRepair("apex", (None,), 279),),
    ("sub05", "EP09_05f"): (FrameRepair("apex", (69,), 81),),
    ("sub05", "EP16_04f"): (FrameRepair("apex", (181,), 166),),
    ("sub12", "EP09_06"): (FrameRepair("apex", (111,), 89),),
    ("sub20", "EP16_01"): (FrameRepair("apex", (106, 111), 91),),
    ("sub25", "EP18_04f"): (FrameRepair("apex", (116,), 98),),
}
"""Apexes that are missing or not between onset and offset, in the coding of 2014, that of 2019 or
both; where the flow is largest instead, which is inside the movement in either coding."""

RELABELLED = ("sub24_EP07_01", "sub24_EP07_04f", "sub24_EP10_03")
VERSIONS = {
    "sadness": "the coding of 2014-05-08, by its labels (24/EP07_01 is sadness)",
    "surprise": "the coding of 2019-07-01, by its labels (24/EP07_01 is surprise)",
}
"""What the relabelled clips are called → the version of the sheet."""

_SUBJECT = re.compile(r"(?:sub)?0*(\d{1,2})", re.IGNORECASE)


def clip_key(parts: Parts) -> Key | None:
    """Return subject and clip of a folder such as ``…/sub01/EP02_01f``."""
    if len(parts) < 2 or not CLIP_NAME.fullmatch(parts[-1]):
        return None
    subject = _SUBJECT.fullmatch(parts[-2])
    return (f"sub{int(subject[1]):02d}", parts[-1]) if subject else None


SHEET = SheetStyle("CASME II", CLIP_NAME, "sub", 2, repairs=REPAIRS)
TREE = TreeStyle(
    clip_key,
    200.0,
    "CASME2_RAW_selected/sub01/EP02_01f/img46.jpg or Cropped/sub01/EP02_01f/reg_img46.jpg",
)


def read_casme2(root: Path) -> Dataset:
    """CASME II: coding sheet and folders such as CASME2_RAW_selected/sub01/EP02_01f.

    Raises
    ------
    SourceError
        The sheet or most of the pictures are missing, or the sheet is another one.
    """
    dataset = read_coded_clips("casme2", root, SHEET, TREE)
    classes = _objective_classes(root)
    samples = tuple(_with_class(sample, classes) for sample in dataset.samples)
    return replace(dataset, samples=samples, problems=(*dataset.problems, *_version(samples)))


def _with_class(sample: Sample, classes: dict[str, int]) -> Sample:
    if sample.sample_id not in classes:
        return sample
    found = classes[sample.sample_id]
    return replace(sample, objective_class=found, objective_source=OBJECTIVE_SHEET)


def _objective_classes(root: Path) -> dict[str, int]:
    """Return sample id → objective class from the authors' second sheet, if it is there."""
    classes = {}
    for path in sheet_files(root, SHEET_SUFFIXES):
        if "objectiveclass" not in path.name.lower():
            continue
        table = read_table(path, ("subject", "filename", "objectiveclass"))
        for row in table.rows if table else ():
            number = objective_number(row["objectiveclass"])
            if number is not None:
                classes[f"{SHEET.subject(row['subject'])}_{row['filename']}"] = number
    return classes


def _version(samples: Sequence[Sample]) -> list[Problem]:
    """Return a note that says which version of the sheet was read, if that can be told."""
    told = {sample.emotion for sample in samples if sample.sample_id in RELABELLED}
    version = VERSIONS.get(told.pop()) if len(told) == 1 else None
    return [Problem("coding sheet", "noted", f"{version} was read")] if version else []
