"""A coding sheet and a tree of pictures, joined: what most data sets have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from offline.datasets.action_unit_text import parse_action_units
from offline.datasets.base import Dataset, ImageClip, Problem, Sample
from offline.datasets.clip_tree import (
    SNAP_FRAMES,
    ClipFolder,
    Parts,
    by_clip,
    cut_clip,
    leftovers,
)
from offline.datasets.coding_sheet import Coding, Key, SheetStyle, read_codings
from realtime_mer.errors import SourceError
from realtime_mer.sources.folder import last_number

LEAST_SHARE = 0.5
"""A tree with pictures of fewer of the sheet's clips than this was not unpacked to the end."""
CODING_SHEET = "coding sheet"

KeyOf = Callable[[Parts], Key | None]
"""Tells subject and clip from a folder's path below the root, None if it is none of these."""


@dataclass(frozen=True, slots=True)
class TreeStyle:
    """Where a data set has its pictures.

    Attributes
    ----------
    clip
        Tells the folder of a clip.
    fps
        Frames a second of all clips.
    layout
        An example of a picture's path, for messages.
    recording
        Tells the folder of a whole recording, of which clips are cut; None if there is none.
    to_the_ends
        Clips are cut from onset to offset, see ``cut_clip``.
    """

    clip: KeyOf
    fps: float
    layout: str
    recording: KeyOf | None = None
    to_the_ends: bool = False


def read_coded_clips(name: str, root: Path, sheet: SheetStyle, tree: TreeStyle) -> Dataset:
    """Read a data set that consists of a sheet and folders of pictures.

    Parameters
    ----------
    name
        The data set's, for the samples.
    sheet, tree
        What they look like.

    Raises
    ------
    SourceError
        The sheet is missing or another one, fewer than half of its clips have pictures, or none
        can be used.
    """
    codings, problems = read_codings(root, sheet)
    clips = by_clip(root, _folded(tree.clip, tree.recording))
    folders = {coding.key: _folders_of(coding, clips) for coding in codings}
    present = sum(map(bool, folders.values()))
    if present < LEAST_SHARE * len(codings):
        raise SourceError(
            f"{root} holds pictures of {present} of the {len(codings)} clips in the sheet of "
            f"{sheet.title} ({_size(codings)}); expected folders such as {tree.layout}; "
            "unpack the pictures there"
        )
    samples = []
    for coding in sorted(codings, key=lambda coding: coding.key):
        clip, told = _clip_of(coding, folders[coding.key], tree)
        problems += told
        if clip:
            samples.append(_sample(name, coding, clip))
            problems += _unread_units(coding, name)
    if not samples:
        first = next(problem for problem in problems if problem.action == "dropped")
        raise SourceError(
            f"no clip in {root} can be used, of {_size(codings)} in the sheet of {sheet.title}; "
            f"the first problem is {first.where}: {first.reason}; expected pictures such as "
            f"{tree.layout}"
        )
    used = {folder.path for found in folders.values() for folder in found}
    problems += _unused([found[0] for found in clips.values() if found[0].path not in used], tree)
    problems += [*_counted_anew(samples, tree.fps), *_mixed(samples)]
    return Dataset(name, root, tuple(samples), tuple(problems))


def _size(codings: Sequence[Coding]) -> str:
    """Say how much a sheet holds."""
    return f"{len(codings)} rows of {len({coding.subject for coding in codings})} subjects"


def _folded(clip: KeyOf, recording: KeyOf | None) -> KeyOf:
    """Join two ways of telling a folder into one that does not mind capitals."""

    def key(parts: Parts) -> Key | None:
        found = clip(parts) or (recording(parts) if recording else None)
        return (found[0].casefold(), found[1].casefold()) if found else None

    return key


def _folders_of(coding: Coding, clips: dict[Key, list[ClipFolder]]) -> list[ClipFolder]:
    """Return the folders of a clip, those of its own before those of its recording."""
    names = [coding.clip]
    if coding.recording != coding.clip:  # a repaired onset may be in the name, or the sheet's
        names += [f"{coding.recording}_{coding.onset}", coding.recording]
    keys = {(coding.subject.casefold(), name.casefold()): None for name in names}  # a set in order
    return [folder for key in keys for folder in clips.get(key, ())]


def _clip_of(
    coding: Coding, folders: list[ClipFolder], tree: TreeStyle
) -> tuple[ImageClip | None, list[Problem]]:
    """Return the clip from the first of the folders that hold it best, and what was wrong."""
    where = " ".join(coding.key)
    if coding.onset is None or coding.apex is None or coding.offset is None:
        blank = [part for part in ("onset", "apex", "offset") if getattr(coding, part) is None]
        reason = f"no number for {' and '.join(blank)} in the sheet"
        return None, [Problem(where, "dropped", reason)]
    moments = coding.onset, coding.apex, coding.offset
    reason = "no folder with its pictures"
    found: list[tuple[bool, ImageClip, list[Problem]]] = []
    for each in folders:
        folder = _from_onset(each, moments) if tree.clip(each.parts) else each
        clip, reason = cut_clip(folder, moments, tree.fps, to_the_ends=tree.to_the_ends)
        if clip:
            told = [Problem(where, "repaired", reason)] if reason else []
            found.append((_is_far(clip, moments, tree.fps), clip, told + leftovers(folder)))
    if not found:
        return None, [Problem(where, "dropped", reason)]
    _, clip, told = min(found, key=lambda each: each[0])
    return clip, told


def _is_far(clip: ImageClip, moments: tuple[int, int, int], fps: float) -> bool:
    """Whether a picture is further from its moment than a neighbour is."""
    places = clip.onset, clip.apex, clip.offset
    numbers = [round(clip.time_s[place] * fps) for place in places]
    return any(abs(n - m) > SNAP_FRAMES for n, m in zip(numbers, moments, strict=True))


def _from_onset(folder: ClipFolder, moments: tuple[int, int, int]) -> ClipFolder:
    """Return a folder that counts from 0 or 1 with the sheet's numbers, if it is onset to offset.

    Any other folder is returned as it is, for a few frames may be a slip of the sheet.
    """
    first, count = folder.numbers[0], len(folder.numbers)
    onset, _, offset = moments
    whole = count == offset - onset + 1 == folder.numbers[-1] - first + 1
    if first > 1 or onset - first <= SNAP_FRAMES or not whole:
        return folder
    return replace(folder, numbers=tuple(range(onset, offset + 1)))


def _sample(name: str, coding: Coding, clip: ImageClip) -> Sample:
    return Sample(
        sample_id="_".join(coding.key),
        dataset=name,
        subject=coding.subject,
        emotion=coding.emotion,
        source=clip,
        action_units=coding.action_units,
        objective_class=coding.objective_class,
        objective_source="" if coding.objective_class is None else CODING_SHEET,
    )


def _unread_units(coding: Coding, dataset: str) -> list[Problem]:
    """Return a note for every action unit that cannot be read, or had to be decided."""
    _, told = parse_action_units(coding.action_units, dataset)
    where = " ".join(coding.key)
    return [Problem(where, "noted", f"action units: {reason}") for reason in told]


def _unused(folders: list[ClipFolder], tree: TreeStyle) -> list[Problem]:
    """Return a problem for each clip without a row, and one for all such recordings."""
    clips = [key for folder in folders if (key := tree.clip(folder.parts))]
    reason = "pictures without a row in the sheet"
    problems = [Problem(" ".join(key), "dropped", reason) for key in sorted(clips)]
    rest = len(folders) - len(clips)
    if rest:
        problems.append(Problem("recordings", "noted", f"{rest} without a row in the sheet"))
    return problems


def _counted_anew(samples: list[Sample], fps: float) -> list[Problem]:
    """Return a note if pictures of some clips count from the onset."""
    sources = [sample.source for sample in samples if isinstance(sample.source, ImageClip)]
    count = sum(last_number(s.frames[0].name) != round(s.time_s[0] * fps) for s in sources)
    reason = f"those of {count} clips count from the onset, not as in the sheet"
    return [Problem("pictures", "noted", reason)] if count else []


def _mixed(samples: list[Sample]) -> list[Problem]:
    """Return a note if some samples are whole pictures and some are cropped."""
    sources = [sample.source for sample in samples]
    cropped = sum(isinstance(source, ImageClip) and source.cropped for source in sources)
    if cropped in (0, len(samples)):
        return []
    reason = f"{cropped} of {len(samples)} samples are cropped pictures, the others whole ones"
    return [Problem("pictures", "noted", reason)]
