"""CAS(ME)^3, part A: 30 pictures a second, clips called after their onset, Roman classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from offline.synthesis.layouts.film import Film
from offline.synthesis.layouts.layout import Layout, TreeSettings
from offline.synthesis.layouts.recording import Recording, marked
from offline.synthesis.layouts.takes import Take, draw_takes
from offline.synthesis.layouts.wording import rules, unit_cell, unit_text, word_for
from offline.synthesis.layouts.workbook import Cell, write_workbook
from offline.synthesis.tree_truth import TrueClip
from offline.tasks.objective_classes import NUMERALS

SHEET = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
HEADER = (
    "Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion",
)  # fmt: skip
NEGATIVE = rules("others", fear=(20,), sad=(1, 15), disgust=(9, 10), anger=(4, 7, 23))
OTHERS = {"positive": "happy", "surprise": "surprise"}
FILMS = {"raw": Film(30, (1280, 720), 110)}
RECORDINGS = "abcdefghijklm"
_APART = 200
"""Clips of one person begin in separate stretches of this length, so that no two are namesakes."""


def plan(settings: TreeSettings) -> tuple[Recording, ...]:
    """Return the clips."""
    return tuple(
        _recording(take) for take in draw_takes("casme3", settings, FILMS[settings.variant])
    )


def _recording(take: Take) -> Recording:
    subject = f"spNO.{take.person.number + 1}"
    recording = RECORDINGS[int(take.rng.integers(len(RECORDINGS)))]
    first = 20 + _APART * take.number + int(take.rng.integers(_APART - 40))
    clip = f"{recording}_{first}"
    name = f"{subject}_{clip}"
    word = word_for(take.expression, NEGATIVE, OTHERS)
    mark = marked(take, name, first, word, unit_text(take.expression))
    return Recording(
        "casme3", subject, clip, f"Part_A_ME_clip/frame/{name}", "{}.jpg", first, take.spec,
        take.person.portrait, (mark,),
    )  # fmt: skip


def write_sheets(root: Path, clips: Sequence[TrueClip], settings: TreeSettings) -> None:
    """Write the label sheet; ``others`` has a capital here and there."""
    rows: list[Sequence[Cell]] = []
    for clip in clips:
        for mark in clip.marks:
            capital = mark.emotion == "others" and len(rows) % 2 == 1
            rows.append(
                (
                    clip.subject,
                    clip.clip.split("_")[0],
                    *(mark.frames or ()),
                    unit_cell(mark.units),
                    NUMERALS[mark.objective_class - 1],
                    "Others" if capital else mark.emotion,
                )
            )
    write_workbook(root / SHEET, [("label", [HEADER, *rows]), ("Sheet1", []), ("Sheet3", [])])


CASME3 = Layout("casme3", "CAS(ME)^3, part A: 30 pictures a second", plan, write_sheets, FILMS)
