"""CASME: 60 pictures a second, two sections with a sheet each, numbers padded in the second."""

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

HEADER = (
    "Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None, "AU", "Emotion",
)  # fmt: skip
NEGATIVE = rules(
    "tense", fear=(20,), sadness=(1,), repression=(15, 17), disgust=(9, 10), contempt=(14,)
)
SPELT = {"contempt": "comtempt"}
"""A slip of spelling that copies of the real sheet have."""
FILMS = {
    "raw": Film(60, (640, 480), 105),
    "cropped": Film(60, (256, 310), 105, cropped=True),
}
_FIRST_CLIP = 31


def plan(settings: TreeSettings) -> tuple[Recording, ...]:
    """Return the clips."""
    takes = draw_takes("casme", settings, FILMS[settings.variant])
    return tuple(_recording(take, settings.variant) for take in takes)


def _in_second_section(subject: str) -> bool:
    return int(subject[3:]) % 2 == 0


def _recording(take: Take, variant: str) -> Recording:
    subject = f"sub{take.person.number + 1:02d}"
    clip = f"EP{int(take.rng.integers(1, 20)):02d}_{_FIRST_CLIP + take.number}"
    number = "{:03d}" if _in_second_section(subject) else "{}"
    tree, prefix = ("Cropped", "reg_") if variant == "cropped" else ("CASME_raw_selected", "")
    first = int(take.rng.integers(8, 120))
    word, units = word_for(take.expression, NEGATIVE), unit_text(take.expression)
    mark = marked(take, f"{subject}_{clip}", first, word, units)
    return Recording(
        "casme", subject, clip, f"{tree}/{subject}/{clip}", f"{prefix}{clip}-{number}.jpg", first,
        take.spec, take.person.portrait, (mark,),
    )  # fmt: skip


def write_sheets(root: Path, clips: Sequence[TrueClip], settings: TreeSettings) -> None:
    """Write the sheets of the two sections, the second only if anybody is in it."""
    for section in ("A", "B"):
        rows = [
            (
                int(clip.subject[3:]), clip.clip, None, onset, apex, None, offset, None,
                unit_cell(mark.units), SPELT.get(mark.emotion, mark.emotion),
            )
            for clip in clips
            if _in_second_section(clip.subject) == (section == "B")
            for mark in clip.marks
            for onset, apex, offset in [mark.frames or (0, 0, 0)]
        ]  # fmt: skip
        if rows:
            path = root / f"CASME_Section{section}.xlsx"
            write_workbook(path, [("Sheet1", [HEADER, *rows]), ("Sheet2", []), ("Sheet3", [])])


CASME = Layout("casme", "CASME: 60 pictures a second", plan, write_sheets, FILMS)
