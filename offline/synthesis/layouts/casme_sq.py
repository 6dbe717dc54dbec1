"""CAS(ME)^2: long recordings, 30 pictures a second, a sheet without a header."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from offline.synthesis.layouts.film import Film
from offline.synthesis.layouts.layout import Layout, TreeSettings
from offline.synthesis.layouts.recording import Recording
from offline.synthesis.layouts.scenes import Cast, Scene, draw_scenes
from offline.synthesis.layouts.wording import rules, unit_cell, unit_text, word_for
from offline.synthesis.layouts.workbook import Cell, write_workbook
from offline.synthesis.tree_truth import Mark, TrueClip
from realtime_mer.errors import ConfigError

SHEET = "CAS(ME)^2code_final.xlsx"
VIDEOS = {
    "0101": ("disgust1", "disgustingteeth"),
    "0102": ("disgust2", "eatingworms"),
    "0401": ("anger1", "girlcrashing"),
    "0402": ("anger2", "beatingpregnantwoman"),
    "0502": ("happy1", "funnyerrors"),
    "0503": ("happy2", "unnyfarting"),
    "0505": ("happy3", "funnyinnovations"),
    "0507": ("happy4", "climbingthewall"),
    "0508": ("happy5", "funnydunkey"),
}
"""What was watched: code → how the sheet calls it, how the folders do."""
NEGATIVE = rules("negative", others=(14, 24))
OTHERS = {"positive": "positive", "surprise": "surprise"}
FILMS = {"raw": Film(30, (640, 480), 100)}
CAST = Cast(micro=(1, 3), macro=(1, 3), empty_every=4)
_FIRST_SUBJECT = 15
_NOBODY = (17, 18, 28, 39)
"""Numbers that no subject of the real set has."""


def _subject_number(number: int) -> int:
    names = (n for n in range(_FIRST_SUBJECT, 10_000) if n not in _NOBODY)
    return next(n for k, n in enumerate(names) if k == number)


def plan(settings: TreeSettings) -> tuple[Recording, ...]:
    """Return the recordings.

    Raises
    ------
    ConfigError
        More of a subject are wanted than there are films to watch.
    """
    if (settings.clips or 0) > len(VIDEOS):
        raise ConfigError(f"casme-sq has {len(VIDEOS)} recordings of a subject at most")
    scenes = draw_scenes("casme-sq", settings, FILMS[settings.variant], CAST)
    return tuple(_recording(scene) for scene in scenes)


def _recording(scene: Scene) -> Recording:
    number = _subject_number(scene.person.number)
    code = list(VIDEOS)[(2 * scene.number) % len(VIDEOS)]
    video = f"{number:02d}_{code}"
    marks = tuple(
        scene.mark(
            place, f"{video}_{place + 1}", 1, word_for(expression, NEGATIVE, OTHERS),
            unit_text(expression),
        )
        for place, expression in enumerate(scene.expressions)
    )  # fmt: skip
    folder = f"rawpic/s{number:02d}/{video}{VIDEOS[code][1]}"
    return Recording(
        "casme-sq", f"s{number:02d}", video, folder, "img{:03d}.jpg", 1, scene.spec,
        scene.person.portrait, marks,
    )  # fmt: skip


def write_sheets(root: Path, clips: Sequence[TrueClip], settings: TreeSettings) -> None:
    """Write the coding, which numbers people anew, and the two naming rules that lead back."""
    people = {subject: k for k, subject in enumerate(sorted({c.subject for c in clips}), 1)}
    rows = [_row(people[clip.subject], clip, mark) for clip in clips for mark in clip.marks]
    subjects = [(None, subject, number) for subject, number in people.items()]
    films = [(code, name) for code, (name, _) in VIDEOS.items()]
    write_workbook(
        root / SHEET,
        [("CASFEcode_final", rows), ("naming rule1", subjects), ("naming rule2", films)],
    )


def _row(person: int, clip: TrueClip, mark: Mark) -> Sequence[Cell]:
    film = VIDEOS[clip.clip.split("_")[1]][0]
    return (
        person,
        f"{film}_{mark.sample_id.rsplit('_', 1)[1]}",
        *(mark.frames or ()),
        unit_cell(mark.units),
        mark.emotion,
        f"{mark.kind}-expression",
        mark.emotion,
    )


CASME_SQ = Layout(
    "casme-sq",
    "CAS(ME)^2: long recordings, 30 pictures a second",
    plan,
    write_sheets,
    FILMS,
    clips=3,
    seconds=20.0,
)
