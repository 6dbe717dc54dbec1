"""SMIC (Li et al. 2013): three cameras, no sheet and no apex."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from offline.datasets.base import Dataset, ImageClip, Problem, Sample
from offline.datasets.clip_tree import ClipFolder, Parts, by_clip, cut_clip, leftovers
from realtime_mer.errors import SourceError

EMOTIONS = {"ne": "negative", "po": "positive", "sur": "surprise"}
LONG = "smic-e"
"""The long recordings, which are not clips."""

_CLIP = re.compile(r"s0*(\d+)_(ne|po|sur)_0*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Camera:
    """One of the three: the word in the path, what it is, and its frames a second."""

    name: str
    word: str
    title: str
    fps: float


HIGH_SPEED = Camera("smic", "hs", "high-speed", 100.0)
VISUAL = Camera("smic-vis", "vis", "normal", 25.0)
INFRARED = Camera("smic-nir", "nir", "near-infrared", 25.0)
CAMERAS = {camera.word: camera for camera in (HIGH_SPEED, VISUAL, INFRARED)}


def read_smic(root: Path) -> Dataset:
    """SMIC-HS: folders such as HS/s1/micro/negative/s1_ne_01; the middle picture is the apex.

    Raises
    ------
    SourceError
        There is no clip of the high-speed camera.
    """
    return _read(root, HIGH_SPEED)


def read_smic_vis(root: Path) -> Dataset:
    """SMIC-VIS: folders such as VIS/s11/micro/negative/s11_ne_01; the middle picture is the apex.

    Raises
    ------
    SourceError
        There is no clip of the normal camera.
    """
    return _read(root, VISUAL)


def read_smic_nir(root: Path) -> Dataset:
    """SMIC-NIR: folders such as NIR/s11/micro/negative/s11_ne_01; the middle picture is the apex.

    Raises
    ------
    SourceError
        There is no clip of the near-infrared camera.
    """
    return _read(root, INFRARED)


def _read(root: Path, camera: Camera) -> Dataset:
    own = _part((root.absolute().name,))
    if own not in ("", camera.word):
        raise SourceError(
            f"{root} is another camera's part of SMIC, or its long recordings; "
            f"give the folder with {camera.word.upper()} in it"
        )
    clips = by_clip(root, lambda parts: _key(parts, own or HIGH_SPEED.word))
    samples, problems = [], _left_out(camera, Counter(part for part, _, _ in clips))
    for (part, _, _), folders in sorted(clips.items()):
        if part == camera.word:
            sample, told = _sample(folders[0], camera)
            problems += told
            samples += [sample] if sample else []
    if not samples:
        layout = f"{camera.word.upper()}/s11/micro/negative/s11_ne_01/image000103.bmp"
        raise SourceError(
            f"no clip of the {camera.title} camera in {root}: expected pictures such as {layout}; "
            f"found {_what_is_there(root, problems)}; unpack SMIC_all_raw or SMIC_all_cropped there"
        )
    return Dataset(camera.name, root, tuple(samples), tuple(problems))


def _key(parts: Parts, otherwise: str) -> tuple[str, str, str] | None:
    """Return part, subject and clip with padded numbers, so that both ways of writing meet.

    ``otherwise`` is the part of a path that names none.
    """
    match = _CLIP.fullmatch(parts[-1]) if parts else None
    if match is None:
        return None
    subject = f"s{int(match[1]):02d}"
    clip = f"{subject}_{match[2].lower()}_{int(match[3]):02d}"
    return _part(parts) or otherwise, subject, clip


def _part(parts: Parts) -> str:
    """Return which part of SMIC a path belongs to, empty if it does not say."""
    words = {word for part in parts for word in re.split(r"[^a-z]+", part.lower())}
    if words & {"long", "e"}:  # as in HS_long/SMIC-HS-E
        return LONG
    return next((camera for camera in CAMERAS if camera in words), "")


def _sample(folder: ClipFolder, camera: Camera) -> tuple[Sample | None, list[Problem]]:
    name = folder.parts[-1]
    match = _CLIP.fullmatch(name)
    assert match is not None
    subject, emotion = f"s{int(match[1]):02d}", EMOTIONS[match[2].lower()]
    told = {part.lower() for part in folder.parts} & set(EMOTIONS.values())
    if told and emotion not in told:
        reason = f"its name says {emotion}, its folder {', '.join(sorted(told))}"
        return None, [Problem(name, "dropped", reason)]
    clip = _middle_apex(folder, camera.fps)
    if clip is None:
        return None, [Problem(name, "dropped", "a single picture: no movement to be seen")]
    problems = leftovers(folder)
    if len(folder.numbers) == 2:
        problems.append(Problem(name, "noted", "two pictures: the second is apex and offset"))
    return Sample(f"{subject}_{name}", camera.name, subject, emotion, clip), problems


def _middle_apex(folder: ClipFolder, fps: float) -> ImageClip | None:
    """Return the whole folder as a clip; its middle picture stands for the apex."""
    numbers = folder.numbers
    if len(numbers) < 2:
        return None
    middle = numbers[max(1, (len(numbers) - 1) // 2)]
    return cut_clip(folder, (numbers[0], middle, numbers[-1]), fps)[0]


def _left_out(camera: Camera, counts: Counter[str]) -> list[Problem]:
    """Return one problem for each of the other parts in the tree."""
    reason = f"clips of this part, not read: {camera.name} is the {camera.title} camera's"
    return [
        Problem(part.upper(), "dropped", f"{count} {reason}")
        for part, count in sorted(counts.items())
        if part != camera.word
    ]


def _what_is_there(root: Path, problems: list[Problem]) -> str:
    if problems:
        return "; ".join(f"{problem.where}: {problem.reason}" for problem in problems[:2])
    names = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    return ", ".join(names[:4]) or "nothing"
