"""SMIC (Li et al. 2013), the high-speed part: 100 frames a second, no sheet and no apex."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from offline.datasets.base import Dataset, ImageClip, Problem, Sample
from offline.datasets.clip_tree import ClipFolder, by_clip, cut_clip, leftovers
from realtime_mer.errors import SourceError

FPS = 100.0
LAYOUT = "HS/s1/micro/negative/s1_ne_01/image000103.bmp"
EMOTIONS = {"ne": "negative", "po": "positive", "sur": "surprise"}
OTHER_CAMERAS = ("vis", "nir")

_CLIP = re.compile(r"s0*(\d+)_(ne|po|sur)_0*(\d+)", re.IGNORECASE)


def read_smic(root: Path) -> Dataset:
    """SMIC-HS: folders such as HS/s1/micro/negative/s1_ne_01; the middle picture is the apex.

    Raises
    ------
    SourceError
        There is no clip of the high-speed camera.
    """
    if _camera((root.absolute().name,)):
        raise SourceError(f"{root} is another camera's part of SMIC; give the folder with HS in it")
    clips = by_clip(root, _key)
    samples, problems = [], _left_out(root)
    for _, folders in sorted(clips.items()):
        sample, told = _sample(folders[0])
        problems += told
        if sample:
            samples.append(sample)
    if not samples:
        raise SourceError(
            f"no clip of the high-speed camera in {root}: expected pictures such as {LAYOUT}; "
            f"found {_what_is_there(root, problems)}; unpack SMIC_all_raw or SMIC_all_cropped there"
        )
    return Dataset("smic", root, tuple(samples), tuple(problems))


def _key(parts: tuple[str, ...]) -> tuple[str, str] | None:
    """Return subject and clip with padded numbers, so that both ways of writing meet."""
    match = _CLIP.fullmatch(parts[-1]) if parts else None
    if match is None or _camera(parts):
        return None
    subject = f"s{int(match[1]):02d}"
    return subject, f"{subject}_{match[2].lower()}_{int(match[3]):02d}"


def _camera(parts: tuple[str, ...]) -> str:
    """Return which of the other cameras a path belongs to, empty for the high-speed one."""
    words = {word for part in parts for word in re.split(r"[^a-z]+", part.lower())}
    return next((camera for camera in OTHER_CAMERAS if camera in words), "")


def _sample(folder: ClipFolder) -> tuple[Sample | None, list[Problem]]:
    name = folder.parts[-1]
    match = _CLIP.fullmatch(name)
    assert match is not None
    subject, emotion = f"s{int(match[1]):02d}", EMOTIONS[match[2].lower()]
    told = {part.lower() for part in folder.parts} & set(EMOTIONS.values())
    if told and emotion not in told:
        reason = f"its name says {emotion}, its folder {', '.join(sorted(told))}"
        return None, [Problem(name, "dropped", reason)]
    clip = _middle_apex(folder)
    if clip is None:
        reason = f"{len(folder.numbers)} pictures: too few for onset, apex and offset"
        return None, [Problem(name, "dropped", reason)]
    return Sample(f"{subject}_{name}", "smic", subject, emotion, clip), leftovers(folder)


def _middle_apex(folder: ClipFolder) -> ImageClip | None:
    """Return the whole folder as a clip; its middle picture stands for the apex."""
    numbers = folder.numbers
    middle = numbers[(len(numbers) - 1) // 2]
    return cut_clip(folder, (numbers[0], middle, numbers[-1]), FPS)[0]


def _left_out(root: Path) -> list[Problem]:
    """Return one problem for each of the other cameras in the tree."""
    found = by_clip(root, lambda parts: (_camera(parts), parts[-1]) if _camera(parts) else None)
    counts = Counter(camera for camera, _ in found)
    reason = "clips of this camera, not read: the data set is the high-speed part"
    return [
        Problem(camera.upper(), "dropped", f"{count} {reason}")
        for camera, count in sorted(counts.items())
    ]


def _what_is_there(root: Path, problems: list[Problem]) -> str:
    if problems:
        return "; ".join(f"{problem.where}: {problem.reason}" for problem in problems[:2])
    names = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    return ", ".join(names[:4]) or "nothing"
