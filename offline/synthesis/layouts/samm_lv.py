"""SAMM Long Videos: long recordings, 200 grey pictures a second, a sheet below a preamble."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from offline.synthesis.layouts.film import Film
from offline.synthesis.layouts.layout import Layout, TreeSettings
from offline.synthesis.layouts.recording import Recording
from offline.synthesis.layouts.samm import subject_name
from offline.synthesis.layouts.scenes import Cast, Scene, draw_scenes
from offline.synthesis.layouts.wording import scored_text, unit_cell
from offline.synthesis.layouts.workbook import Cell, write_workbook
from offline.synthesis.tree_truth import TrueClip
from realtime_mer.errors import ConfigError

SHEET = "SAMM_LongVideos_V2_Release.xlsx"
HEADER = (
    "Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type",
    "Action Units", "Notes",
)  # fmt: skip
PREAMBLE = 9
INDUCEMENTS = 7
TYPES = {"micro": "Micro - 1/2", "macro": "Macro"}
FILMS = {"raw": Film(200, (2040, 1088), 240, grey=True, scale=0.25)}
CAST = Cast(micro=(1, 2), macro=(1, 2), empty_every=4)


def plan(settings: TreeSettings) -> tuple[Recording, ...]:
    """Return the recordings.

    Raises
    ------
    ConfigError
        More of a subject are wanted than there are inducements.
    """
    if (settings.clips or 0) > INDUCEMENTS:
        raise ConfigError(f"samm-lv has {INDUCEMENTS} recordings of a subject at most")
    scenes = draw_scenes("samm-lv", settings, FILMS[settings.variant], CAST)
    return tuple(_recording(scene) for scene in scenes)


def _recording(scene: Scene) -> Recording:
    subject = subject_name(scene.person.number)
    video = f"{subject}_{scene.number + 1}"
    marks = tuple(
        scene.mark(place, f"{video}_{place + 1}", 1, "", scored_text(expression, scene.rng))
        for place, expression in enumerate(scene.expressions)
    )
    return Recording(
        "samm-lv", subject, video, f"SAMM_longvideos/{video}", f"{video}_{{:04d}}.jpg", 1,
        scene.spec, scene.person.portrait, marks, grey=True,
    )  # fmt: skip


def write_sheets(root: Path, clips: Sequence[TrueClip], settings: TreeSettings) -> None:
    """Write the release's sheet."""
    rows: list[Sequence[Cell]] = [
        ("Rendered in the layout of SAMM Long Videos; every row is invented.",)
    ]
    rows += [() for _ in range(PREAMBLE - 1)]
    rows.append(HEADER)
    for clip in clips:
        for mark in clip.marks:
            onset, apex, offset = mark.frames or (0, 0, 0)
            rows.append(
                (
                    clip.subject, mark.sample_id, int(clip.clip.split("_")[1]), onset, apex,
                    offset, offset - onset + 1, TYPES[mark.kind], unit_cell(mark.units), None,
                )
            )  # fmt: skip
    write_workbook(root / SHEET, [("FACS_Movement_Only", rows)])


SAMM_LV = Layout(
    "samm-lv",
    "SAMM Long Videos: 200 grey pictures a second",
    plan,
    write_sheets,
    FILMS,
    subjects=3,
    clips=2,
    seconds=8.0,
)
