"""SMIC: a folder for each emotion, absolute numbers with gaps, no sheet and no apex."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from offline.synthesis.layouts.film import Film
from offline.synthesis.layouts.layout import Layout, TreeSettings
from offline.synthesis.layouts.recording import Recording, marked
from offline.synthesis.layouts.takes import Take, draw_takes
from offline.synthesis.tree_truth import TrueClip

SHORT = {"negative": "ne", "positive": "po", "surprise": "sur"}
_NOBODY = (7, 10, 16, 17)
"""Numbers that no subject of the real set has."""


def subject_number(number: int) -> int:
    """Return the number in a subject's name; like the real ones, some are left out."""
    names = (n for n in range(1, 10_000) if n not in _NOBODY)
    return next(n for k, n in enumerate(names) if k == number)


def _films(fps: float, grey: bool) -> dict[str, Film]:
    return {
        "raw": Film(fps, (640, 480), 65, grey, ".bmp"),
        "cropped": Film(fps, (140, 170), 65, grey, ".bmp", cropped=True),
    }


def plan(
    name: str, camera: str, films: dict[str, Film], settings: TreeSettings
) -> tuple[Recording, ...]:
    """Return the clips of one camera."""
    film = films[settings.variant]
    takes = draw_takes(name, settings, film)
    return tuple(_recording(take, name, camera, film) for take in takes)


def _recording(take: Take, name: str, camera: str, film: Film) -> Recording:
    number, label = subject_number(take.person.number), take.expression.emotion
    clip = f"s{number}_{SHORT[label]}_{take.number + 1:02d}"
    tree, form = "SMIC_all_raw", "image{:06d}.bmp"
    if film.cropped:
        tree, form = "SMIC_all_cropped", "reg_image{:06d}.bmp"
    first = int(take.rng.integers(20, 4000))
    missing: tuple[int, ...] = ()
    if take.rng.random() < 0.25 and take.frames > 8:
        missing = (first + int(take.rng.integers(2, take.frames - 2)),)
    mark = marked(take, f"s{number:02d}_{clip}", first, label, "")
    folder = f"{tree}/{camera}/s{number}/micro/{label}/{clip}"
    return Recording(
        name, f"s{number:02d}", clip, folder, form, first, take.spec, take.person.portrait,
        (mark,), film.grey, missing,
    )  # fmt: skip


def write_sheets(root: Path, clips: Sequence[TrueClip], settings: TreeSettings) -> None:
    """Write nothing: SMIC comes without a sheet."""


def _layout(name: str, about: str, camera: str, fps: float, grey: bool = False) -> Layout:
    films = _films(fps, grey)
    make: Callable[[TreeSettings], tuple[Recording, ...]] = partial(plan, name, camera, films)
    return Layout(name, about, make, write_sheets, films)


SMIC = _layout("smic", "SMIC, high-speed camera: 100 pictures a second", "HS", 100)
SMIC_VIS = _layout("smic-vis", "SMIC, visible light: 25 pictures a second", "VIS", 25)
SMIC_NIR = _layout("smic-nir", "SMIC, near infrared: 25 grey pictures a second", "NIR", 25, True)
