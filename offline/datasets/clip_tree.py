"""Trees with one folder of pictures a clip, found by content rather than by depth."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from offline.datasets.base import ImageClip, Problem
from realtime_mer.sources.folder import EXTENSIONS, last_number

LEAD_S = 0.1
"""Pictures before the onset that a clip keeps, if there are any: the tracker settles on them."""
SNAP_FRAMES = 3
"""An annotated picture that is missing is replaced by a neighbour at most this far away."""

_CROPPED = re.compile(r"(?<![a-z])crop(ped|s)?(?![a-z])")


@dataclass(frozen=True, slots=True)
class ClipFolder:
    """One folder of numbered pictures.

    Attributes
    ----------
    path
        The folder.
    parts
        Its path below the data set's root.
    numbers, frames
        The number in each picture's name, rising, and the picture.
    unnumbered
        How many pictures were left out, for they have no number or one that another has.
    """

    path: Path
    parts: tuple[str, ...]
    numbers: tuple[int, ...]
    frames: tuple[Path, ...]
    unnumbered: int

    @property
    def cropped(self) -> bool:
        """Whether the pictures show only the face, by the names of folders or files."""
        below = self.path.absolute().parts[-len(self.parts) - 2 :]  # the root's name and parent too
        return any(_CROPPED.search(part.lower()) for part in below) or self.frames[
            0
        ].name.lower().startswith("reg_")


def picture_folders(root: Path) -> Iterator[ClipFolder]:
    """Yield every folder below ``root`` that holds numbered pictures, in the order of names.

    Links are followed, hidden files and folders are not.
    """
    visited = set()
    for folder, inner, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            inner.clear()
            continue
        visited.add(real)
        inner[:] = sorted(name for name in inner if not name.startswith((".", "__MACOSX")))
        found = _clip_folder(root, Path(folder), files)
        if found:
            yield found


def _clip_folder(root: Path, folder: Path, files: list[str]) -> ClipFolder | None:
    pictures = [
        name for name in files if not name.startswith(".") and name.lower().endswith(EXTENSIONS)
    ]
    by_number: dict[int, str] = {}
    for name in sorted(pictures):
        number = last_number(name)
        if number is not None:
            by_number.setdefault(number, name)
    if not by_number:
        return None
    numbers = tuple(sorted(by_number))
    frames = tuple(folder / by_number[number] for number in numbers)
    parts = folder.relative_to(root).parts
    return ClipFolder(folder, parts, numbers, frames, len(pictures) - len(numbers))


def by_clip(
    root: Path, key: Callable[[tuple[str, ...]], tuple[str, str] | None]
) -> dict[tuple[str, str], list[ClipFolder]]:
    """Return the folders of each clip: whole pictures before cropped, long before short.

    ``key`` tells subject and clip from a path below ``root``, None if it is not a clip's.
    """
    clips: dict[tuple[str, str], list[ClipFolder]] = {}
    for folder in picture_folders(root):
        name = key(folder.parts)
        if name:
            clips.setdefault(name, []).append(folder)
    for folders in clips.values():
        folders.sort(key=lambda folder: (folder.cropped, -len(folder.numbers)))
    return clips


def cut_clip(
    folder: ClipFolder, moments: tuple[int, int, int], fps: float
) -> tuple[ImageClip | None, str]:
    """Cut a clip out of a folder by frame numbers.

    Parameters
    ----------
    moments
        Onset, apex and offset as numbered in the file names.
    fps
        Frames a second; a number over it is the picture's time.

    Returns
    -------
    The clip, None where its pictures are missing or out of order; and what had to be repaired or
    why there is none, empty where all is well.
    """
    numbers = folder.numbers
    onset, apex, offset = (_nearest(numbers, moment) for moment in moments)
    found = numbers[onset], numbers[apex], numbers[offset]
    away = [(wanted, abs(wanted - got)) for wanted, got in zip(moments, found, strict=True)]
    missing = ", ".join(str(wanted) for wanted, distance in away if distance)
    if max(distance for _, distance in away) > SNAP_FRAMES:
        where = "/".join(folder.parts)
        return None, f"no picture {missing} among {numbers[0]}–{numbers[-1]} in {where}"
    if not onset < apex <= offset:
        listed = ", ".join(map(str, moments))
        return None, f"onset, apex and offset are {listed}: not in that order"
    first = next(k for k, n in enumerate(numbers) if n >= numbers[onset] - LEAD_S * fps)
    clip = ImageClip(
        frames=folder.frames[first : offset + 1],
        time_s=tuple(number / fps for number in numbers[first : offset + 1]),
        onset=onset - first,
        apex=apex - first,
        offset=offset - first,
        cropped=folder.cropped,
    )
    return clip, f"no picture {missing}: its neighbour instead" if missing else ""


def _nearest(numbers: tuple[int, ...], wanted: int) -> int:
    return min(range(len(numbers)), key=lambda k: abs(numbers[k] - wanted))


def leftovers(folder: ClipFolder) -> list[Problem]:
    """Return a problem if pictures of the folder were left out."""
    if not folder.unnumbered:
        return []
    reason = f"{folder.unnumbered} pictures left out: no number, or one that another has"
    return [Problem("/".join(folder.parts), "dropped", reason)]
