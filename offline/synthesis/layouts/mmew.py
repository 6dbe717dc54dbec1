"""MMEW: 90 pictures a second, a folder for each emotion, numbers from 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from offline.synthesis.layouts.film import Film
from offline.synthesis.layouts.layout import Layout, TreeSettings
from offline.synthesis.layouts.recording import Recording, marked
from offline.synthesis.layouts.takes import Take, draw_takes
from offline.synthesis.layouts.wording import rules, unit_cell, unit_text, word_for
from offline.synthesis.layouts.workbook import write_workbook
from offline.synthesis.tree_truth import TrueClip

SHEET = "MMEW_Micro_Exp.xlsx"
HEADER = (
    "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units",
    "Estimated Emotion", "remarks",
)  # fmt: skip
NEGATIVE = rules("others", fear=(20,), sadness=(1, 15), disgust=(9, 10), anger=(4, 7, 23))
EMOTIONS = ("happiness", "surprise", "anger", "disgust", "fear", "sadness", "others")
FILMS = {"raw": Film(90, (1920, 1080), 160, scale=0.4)}


def plan(settings: TreeSettings) -> tuple[Recording, ...]:
    """Return the clips."""
    return tuple(_recording(take) for take in draw_takes("mmew", settings, FILMS[settings.variant]))


def _recording(take: Take) -> Recording:
    subject = f"S{take.person.number + 1:02d}"
    word = word_for(take.expression, NEGATIVE)
    clip = f"{subject}-{EMOTIONS.index(word) + 1:02d}-{take.number + 1:03d}"
    mark = marked(take, f"{subject}_{clip}", 1, word, unit_text(take.expression))
    return Recording(
        "mmew", subject, clip, f"MMEW_Final/Micro_Expression/{word}/{clip}", "{}.jpg", 1,
        take.spec, take.person.portrait, (mark,),
    )  # fmt: skip


def write_sheets(root: Path, clips: Sequence[TrueClip], settings: TreeSettings) -> None:
    """Write the coding sheet."""
    rows = [
        (
            clip.subject, clip.clip, *(mark.frames or ()), unit_cell(mark.units), mark.emotion,
            None,
        )
        for clip in clips
        for mark in clip.marks
    ]  # fmt: skip
    write_workbook(root / SHEET, [("Sheet1", [HEADER, *rows])])


MMEW = Layout("mmew", "MMEW: 90 pictures a second", plan, write_sheets, FILMS)
