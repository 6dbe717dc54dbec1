"""4DME, its grey pictures: 60 a second, emotions that may be two, units with prefixes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from offline.synthesis.layouts.film import Film
from offline.synthesis.layouts.layout import Layout, TreeSettings
from offline.synthesis.layouts.recording import Recording, marked
from offline.synthesis.layouts.takes import Take, draw_takes
from offline.synthesis.layouts.wording import rules, word_for
from offline.synthesis.layouts.workbook import Cell, write_workbook
from offline.synthesis.tree_truth import Mark, TrueClip

SHEET = "4DME_Labelling_Micro_release v1.xlsx"
UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26)
WORDS = ("Positive", "Negative", "Surprise", "Repression", "Others")
HEADER = (
    "sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs",
    *(f"AU{unit}" for unit in UNITS), *WORDS, "Total", "eye blink", "fold",
)  # fmt: skip
NEGATIVE = rules("Negative", Repression=(15, 17), Others=(14, 24))
OTHERS = {"positive": "Positive", "surprise": "Surprise"}
FILMS = {"raw": Film(60, (640, 480), 105, grey=True)}


def plan(settings: TreeSettings) -> tuple[Recording, ...]:
    """Return the clips."""
    return tuple(
        _recording(take) for take in draw_takes("fourdme", settings, FILMS[settings.variant])
    )


def _recording(take: Take) -> Recording:
    subject = f"S{take.person.number + 1:02d}"
    film = int(take.rng.integers(1, 11))
    clip = f"{subject}_1st_{film:03d}_{take.number + 1:02d}_1"
    first = int(take.rng.integers(30, 2000))
    word = word_for(take.expression, NEGATIVE, OTHERS)
    if word == "Repression" and take.rng.random() < 0.5:
        word = "Negative+Repression"
    units = "+".join(f"AU{unit}" for unit in sorted(take.expression.activation))
    mark = marked(take, f"{subject}_{clip}", first, word, units)
    return Recording(
        "fourdme", subject, clip, f"4DMicro/gray_micro/{subject}/{clip}", "{}.jpg", first,
        take.spec, take.person.portrait, (mark,), grey=True,
    )  # fmt: skip


def write_sheets(root: Path, clips: Sequence[TrueClip], settings: TreeSettings) -> None:
    """Write the labelling sheet; frames are numbers with a fraction of nothing."""
    rows = [_row(clip, mark) for clip in clips for mark in clip.marks]
    write_workbook(root / SHEET, [("Sheet1", [HEADER, *rows])])


def _row(clip: TrueClip, mark: Mark) -> Sequence[Cell]:
    there = {unit for unit, *_ in mark.intensities}
    words = mark.emotion.split("+")
    blinks = any(item["kind"] == "blink" for item in clip.spec["distractors"])
    return (
        clip.subject,
        clip.clip,
        mark.emotion,
        *(float(number) for number in mark.frames or ()),
        mark.units,
        *(int(unit in there) for unit in UNITS),
        *(int(word in words) for word in WORDS),
        len(words),
        int(blinks),
        1,
    )


FOURDME = Layout("fourdme", "4DME: 60 grey pictures a second", plan, write_sheets, FILMS)
