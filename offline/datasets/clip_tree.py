"""Trees with one folder of pictures a clip, found by content rather than by depth."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from offline.datasets.base import ImageClip, Problem
from realtime_mer.sources.folder import EXTENSIONS, last_number

LEAD_S = 0.1
"""Pictures before the onset that a clip keeps, if there are any: the tracker settles on them."""
SNAP_FRAMES = 3
"""So far away a neighbour may be that replaces a missing picture, however dense the others are."""

Parts = tuple[str, ...]
"""A folder's path below the data set's root."""
KeyT = TypeVar("KeyT")

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
    numbers, names
        The number in each picture's name, rising, and the name.
    unnumbered
        How many pictures were left out, for they have no number or one that another has.
    """

    path: Path
    parts: Parts
    numbers: tuple[int, ...]
    names: tuple[str, ...]
    unnumbered: int

    @property
    def cropped(self) -> bool:
        """Whether the pictures show only the face, by the names of folders or files."""
        below = self.path.absolute().parts[-len(self.parts) - 2 :]  # the root's name and parent too
        if any(_CROPPED.search(part.lower()) for part in below):
            return True
        return self.names[0].lower().startswith("reg_")


def picture_folders(root: Path, wanted: Callable[[Parts], object]) -> Iterator[ClipFolder]:
    """Yield every folder below ``root`` that holds numbered pictures, in the order of names.

    Links are followed, hidden files and folders are not.

    Parameters
    ----------
    wanted
        Says by its path whether a folder counts; pictures of others are not even numbered.
    """
    visited = set()
    for folder, inner, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            inner.clear()
            continue
        visited.add(real)
        inner[:] = sorted(name for name in inner if not name.startswith((".", "__MACOSX")))
        parts = Path(folder).relative_to(root).parts
        found = _clip_folder(Path(folder), parts, files) if wanted(parts) else None
        if found:
            yield found


def _clip_folder(folder: Path, parts: Parts, files: list[str]) -> ClipFolder | None:
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
    names = tuple(by_number[number] for number in numbers)
    return ClipFolder(folder, parts, numbers, names, len(pictures) - len(numbers))


def by_clip(root: Path, key: Callable[[Parts], KeyT | None]) -> dict[KeyT, list[ClipFolder]]:
    """Return the folders of each clip: whole pictures before cropped, long before short.

    ``key`` tells the clip from a path below ``root``, None if it is not a clip's.
    """
    clips: dict[KeyT, list[ClipFolder]] = {}
    for folder in picture_folders(root, lambda parts: key(parts) is not None):
        name = key(folder.parts)
        if name is not None:
            clips.setdefault(name, []).append(folder)
    for folders in clips.values():
        folders.sort(key=lambda folder: (folder.cropped, -len(folder.numbers)))
    return clips


def cut_clip(
    folder: ClipFolder, moments: tuple[int, int, int], fps: float, *, to_the_ends: bool = False
) -> tuple[ImageClip | None, str]:
    """Cut a clip out of a folder by frame numbers.

    A picture that is missing is replaced by its neighbour. Further away than ``SNAP_FRAMES`` it
    may be where the pictures are as far apart as that, as where only some of them were kept. The
    onset's lies before the apex, the apex's after the onset, and a clip that ends too early ends
    with its last picture.

    Parameters
    ----------
    moments
        Onset, apex and offset as numbered in the file names.
    fps
        Frames a second; a number over it is the picture's time.
    to_the_ends
        The folder was cut from onset to offset: where one of them has no picture near it, its
        first or last picture counts.

    Returns
    -------
    The clip, None where its pictures are missing or out of order; and what had to be repaired or
    why there is none, empty where all is well.
    """
    numbers, wanted, told = folder.numbers, list(moments), []
    ends = {0: 0, 2: len(numbers) - 1} if to_the_ends else {}
    for moment, end in ends.items():
        if _away(numbers, wanted[moment]) > SNAP_FRAMES:
            name = f"the {'last' if end else 'first'} of its folder, {numbers[end]},"
            told.append(f"no picture {wanted[moment]}: {name} instead")
            wanted[moment] = numbers[end]
    if not wanted[0] < wanted[1] <= wanted[2]:
        listed = ", ".join(map(str, moments))
        return None, "; ".join([f"onset, apex and offset are {listed}: not in that order", *told])
    places = _places(numbers, *wanted)
    if places is None:
        absent = ", ".join(str(number) for number in wanted if number not in numbers)
        where = "/".join(folder.parts)
        return None, f"no picture {absent} among {numbers[0]}–{numbers[-1]} in {where}"
    onset, apex, offset = places
    for place, number in zip(places, wanted, strict=True):
        if numbers[place] != number:
            near = abs(numbers[place] - number) <= SNAP_FRAMES
            name = f"its neighbour {numbers[place]}" if near else f"the nearest, {numbers[place]},"
            told.append(f"no picture {number}: {name} instead")
    first = next(k for k, n in enumerate(numbers) if n >= numbers[onset] - LEAD_S * fps)
    clip = ImageClip(
        frames=tuple(folder.path / name for name in folder.names[first : offset + 1]),
        time_s=tuple(number / fps for number in numbers[first : offset + 1]),
        onset=onset - first,
        apex=apex - first,
        offset=offset - first,
        cropped=folder.cropped,
    )
    return clip, "; ".join(told)


def _places(
    numbers: tuple[int, ...], onset: int, apex: int, offset: int
) -> tuple[int, int, int] | None:
    """Return the places of the pictures nearest to three rising numbers, None without them."""
    before = [place for place, number in enumerate(numbers) if number < apex]
    first = _nearest(numbers, onset, before)
    if first is None or abs(numbers[first] - onset) > _reach(numbers, onset):
        return None
    last = _nearest(numbers, offset, range(len(numbers)))
    if last is None or abs(numbers[last] - offset) > _reach(numbers, offset):
        last = max(place for place, number in enumerate(numbers) if number <= offset)
    clip = numbers[first : last + 1]
    middle = _nearest(numbers, apex, range(first + 1, last + 1))
    if middle is None or abs(numbers[middle] - apex) > _apart(clip):
        return None
    return first, middle, last


def _reach(numbers: tuple[int, ...], wanted: int) -> float:
    """Return how far an end's picture may be: beyond the others no further than a neighbour."""
    return _apart(numbers) if numbers[0] <= wanted <= numbers[-1] else SNAP_FRAMES


def _apart(numbers: tuple[int, ...]) -> float:
    """Return how far from each other pictures usually are, no less than a neighbour may be."""
    return max(SNAP_FRAMES, (numbers[-1] - numbers[0]) / max(1, len(numbers) - 1))


def _nearest(numbers: tuple[int, ...], wanted: int, places: Iterable[int]) -> int | None:
    return min(places, key=lambda place: abs(numbers[place] - wanted), default=None)


def _away(numbers: tuple[int, ...], wanted: int) -> int:
    return min(abs(number - wanted) for number in numbers)


def leftovers(folder: ClipFolder) -> list[Problem]:
    """Return a problem if pictures of the folder were left out."""
    if not folder.unnumbered:
        return []
    reason = f"{folder.unnumbered} pictures left out: no number, or one that another has"
    return [Problem("/".join(folder.parts), "dropped", reason)]
