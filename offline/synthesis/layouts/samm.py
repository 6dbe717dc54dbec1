"""SAMM: 200 grey pictures a second, absolute numbers, a sheet below a preamble."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from offline.synthesis.layouts.film import Film
from offline.synthesis.layouts.layout import Layout, TreeSettings
from offline.synthesis.layouts.recording import Recording, marked
from offline.synthesis.layouts.takes import Take, draw_takes
from offline.synthesis.layouts.wording import rules, scored_text, unit_cell, word_for
from offline.synthesis.layouts.workbook import Cell, write_workbook
from offline.synthesis.tree_truth import Mark, TrueClip

SHEET = "SAMM_Micro_FACS_Codes_v2.xlsx"
HEADER = (
    "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame",
    "Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
)  # fmt: skip
PREAMBLE = 13
NEGATIVE = rules("Other", Fear=(20,), Sadness=(1, 15), Disgust=(9, 10), Contempt=(14,),
                 Anger=(4, 7))  # fmt: skip
OTHERS = {"positive": "Happiness", "surprise": "Surprise"}
FILMS = {
    "raw": Film(200, (960, 650), 165, grey=True),
    "cropped": Film(200, (400, 490), 165, grey=True, cropped=True),
}
_FIRST_CLIP = 31
"""Clips are numbered from here on: no real one is called so, and no known repair applies."""
_NOBODY = (8, 27, 29)
"""Numbers that no subject of the real set has."""


def subject_name(number: int) -> str:
    """Return a subject's name, ``006`` for 0; like the real ones, some numbers are left out."""
    names = (n for n in range(6, 10_000) if n not in _NOBODY)
    return f"{next(n for k, n in enumerate(names) if k == number):03d}"


def plan(settings: TreeSettings) -> tuple[Recording, ...]:
    """Return the clips."""
    takes = draw_takes("samm", settings, FILMS[settings.variant])
    return tuple(_recording(take, settings.variant) for take in takes)


def _recording(take: Take, variant: str) -> Recording:
    subject = subject_name(take.person.number)
    clip = f"{subject}_{int(take.rng.integers(1, 8))}_{_FIRST_CLIP + take.number}"
    short = take.rng.random() < 0.2  # names such as 009_3577.jpg
    first = int(take.rng.integers(300, 9000 if short else 20_000))
    form = f"{subject}_{{:{'04' if short else '05'}d}}.jpg"
    word = word_for(take.expression, NEGATIVE, OTHERS)
    mark = marked(take, f"{subject}_{clip}", first, word, scored_text(take.expression, take.rng))
    tree = "SAMM_CROP/" if variant == "cropped" else ""
    return Recording(
        "samm", subject, clip, f"{tree}{subject}/{clip}", form, first, take.spec,
        take.person.portrait, (mark,), grey=True,
    )  # fmt: skip


def write_sheets(root: Path, clips: Sequence[TrueClip], settings: TreeSettings) -> None:
    """Write the FACS codes: the header stands in row 14, durations are formulas."""
    rows: list[Sequence[Cell]] = [("Rendered in the layout of SAMM; every row is invented.",)]
    rows += [() for _ in range(PREAMBLE - 1)]
    rows.append(HEADER)
    for clip in clips:
        for mark in clip.marks:
            rows.append(_row(clip, mark, len(rows) + 1))
    write_workbook(root / SHEET, [("MICRO_ONLY", rows)])


def _row(clip: TrueClip, mark: Mark, line: int) -> Sequence[Cell]:
    blinks = any(item["kind"] == "blink" for item in clip.spec["distractors"])
    units = unit_cell(mark.units)
    return (
        clip.subject,
        clip.clip,
        int(clip.clip.split("_")[1]),
        *(mark.frames or ()),
        f"=SUM(F{line}-D{line})+1",
        "Micro - 1/2",
        f"{units} " if line % 7 == 0 else units,
        mark.emotion,
        mark.objective_class,
        "While blinking" if blinks else None,
    )


SAMM = Layout("samm", "SAMM: 200 grey pictures a second", plan, write_sheets, FILMS)
