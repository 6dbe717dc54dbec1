"""CASME II: 200 pictures a second, unpadded numbers, a sheet with blank columns."""

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

SHEET = "CASME2-coding-20190701.xlsx"
OBJECTIVE_SHEET = "CASME2-ObjectiveClasses.xlsx"
HEADER = (
    "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units",
    "Estimated Emotion",
)  # fmt: skip
NEGATIVE = rules("others", fear=(20,), sadness=(1,), repression=(15, 17), disgust=(4, 7, 9, 10))
FILMS = {
    "selected": Film(200, (640, 480), 115),
    "raw": Film(200, (640, 480), 115),
    "cropped": Film(200, (280, 340), 115, cropped=True),
}
AROUND_S = (0.15, 0.5)
_TREES = {
    "selected": ("CASME2_RAW_selected/CASME2_RAW_selected", "img{}.jpg"),
    "raw": ("CASME2_RAW/CASME2-RAW", "img{}.jpg"),
    "cropped": ("Cropped", "reg_img{}.jpg"),
}
_FIRST_CLIP = 31
"""Clips are numbered from here on: no real one is called so, and no known repair applies."""


def plan(settings: TreeSettings) -> tuple[Recording, ...]:
    """Return the clips."""
    film = FILMS[settings.variant]
    around = AROUND_S if settings.variant == "raw" else None
    takes = draw_takes("casme2", settings, film, around)
    return tuple(_recording(take, settings.variant) for take in takes)


def _recording(take: Take, variant: str) -> Recording:
    tree, form = _TREES[variant]
    subject = f"sub{take.person.number + 1:02d}"
    film = int(take.rng.integers(1, 20))
    clip = f"EP{film:02d}_{_FIRST_CLIP + take.number}{'f' if take.rng.random() < 0.4 else ''}"
    first = 1 if variant == "raw" else int(take.rng.integers(16, 400))
    word, units = word_for(take.expression, NEGATIVE), unit_text(take.expression)
    mark = marked(take, f"{subject}_{clip}", first, word, units)
    folder = f"{tree}/{subject}/{clip}"
    return Recording(
        "casme2", subject, clip, folder, form, first, take.spec, take.person.portrait, (mark,)
    )


def write_sheets(root: Path, clips: Sequence[TrueClip], settings: TreeSettings) -> None:
    """Write the coding sheet and the objective classes."""
    rows = [(clip, mark) for clip in clips for mark in clip.marks]
    coding = [
        (
            clip.subject[3:], clip.clip, None, *(mark.frames or ()), None, unit_cell(mark.units),
            mark.emotion,
        )
        for clip, mark in rows
    ]  # fmt: skip
    write_workbook(root / SHEET, [("Sheet1", [HEADER, *coding]), ("Sheet2", []), ("Sheet3", [])])
    classes = [(clip.subject[3:], clip.clip, mark.objective_class) for clip, mark in rows]
    header = ("Subject", "Filename", "Objective Class")
    write_workbook(root / OBJECTIVE_SHEET, [("Sheet1", [header, *classes])])


CASME2 = Layout("casme2", "CASME II: 200 pictures a second", plan, write_sheets, FILMS)
