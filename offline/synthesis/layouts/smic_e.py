"""SMIC-E, high speed: recordings around micro-expressions, 100 pictures a second, a footer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from offline.synthesis.layouts.film import Film
from offline.synthesis.layouts.layout import Layout, TreeSettings
from offline.synthesis.layouts.recording import Recording
from offline.synthesis.layouts.scenes import Cast, Scene, draw_scenes
from offline.synthesis.layouts.smic import SHORT, subject_number
from offline.synthesis.layouts.workbook import Cell, write_workbook
from offline.synthesis.tree_truth import TrueClip

SHEET = "SMIC-HS-E_annotation.xlsx"
HEADER = (
    "Subject", "Filename", "Emotion", "OnsetF", "OffsetF", None, None, None, None, None,
    "FirstF", "LastF",
)  # fmt: skip
"""The second expression of a recording, where there is one, has no header above it."""
FILMS = {"raw": Film(100, (640, 480), 65)}
CAST = Cast(micro=(1, 2), one_label=True)


def plan(settings: TreeSettings) -> tuple[Recording, ...]:
    """Return the recordings."""
    scenes = draw_scenes("smic-e", settings, FILMS[settings.variant], CAST)
    return tuple(_recording(scene) for scene in scenes)


def _recording(scene: Scene) -> Recording:
    number = subject_number(scene.person.number)
    subject = f"s{number:02d}"
    tail = f"{SHORT[scene.label]}_{scene.number + 1:02d}"
    video = f"{subject}_{tail}"
    first = int(scene.rng.integers(1, 3000))
    marks = tuple(
        scene.mark(place, f"{video}_{place + 1}", first, expression.emotion, "")
        for place, expression in enumerate(scene.expressions)
    )
    folder = f"SMIC-E_raw image/HS_long/SMIC-HS-E/{subject}/s{number}_{tail}"
    return Recording(
        "smic-e", subject, video, folder, "image{:06d}.jpg", first, scene.spec,
        scene.person.portrait, marks,
    )  # fmt: skip


def write_sheets(root: Path, clips: Sequence[TrueClip], settings: TreeSettings) -> None:
    """Write the annotation: a row a recording that holds anything, words below."""
    rows: list[Sequence[Cell]] = [HEADER]
    for clip in clips:
        frames = [mark.frames or (0, 0, 0) for mark in clip.marks]
        if not frames:
            continue
        pairs = [number for onset, _, offset in frames for number in (onset, offset)]
        rows.append(
            (
                clip.subject,
                Path(clip.folder).name,
                clip.marks[0].emotion,
                *pairs,
                *[None] * (7 - len(pairs)),
                *clip.numbers,
            )
        )
    count = sum(len(clip.marks) for clip in clips)
    rows += [(), (f"{count} micro-expressions in all; every row is invented.",)]
    write_workbook(root / SHEET, [("Sheet1", rows)])


SMIC_E = Layout(
    "smic-e",
    "SMIC-E, high-speed camera: recordings of a few seconds, 100 pictures a second",
    plan,
    write_sheets,
    FILMS,
    clips=3,
    seconds=5.0,
)
