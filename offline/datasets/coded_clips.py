"""A coding sheet and a tree of pictures, joined: what CASME II and SAMM have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from offline.datasets.base import Dataset, ImageClip, Problem, Sample
from offline.datasets.clip_tree import ClipFolder, by_clip, cut_clip, leftovers
from offline.datasets.coding_sheet import Coding, Key, SheetStyle, read_codings
from realtime_mer.errors import SourceError

LEAST_SHARE = 0.5
"""A tree with pictures of fewer of the sheet's clips than this was not unpacked to the end."""


def read_coded_clips(
    name: str,
    root: Path,
    style: SheetStyle,
    key: Callable[[tuple[str, ...]], Key | None],
    fps: float,
    layout: str,
) -> Dataset:
    """Read a data set that consists of a sheet and one folder of pictures a clip.

    Parameters
    ----------
    name
        The data set's, for the samples.
    style
        What its sheet looks like.
    key
        Subject and clip from a folder's path below ``root``, None if it is no clip's.
    fps
        Frames a second of all its clips.
    layout
        An example of a picture's path, for messages.

    Raises
    ------
    SourceError
        The sheet is missing or another one, or fewer than half of its clips have pictures.
    """
    codings, problems = read_codings(root, style)
    clips = by_clip(root, key)
    present = sum(coding.key in clips for coding in codings)
    if present < LEAST_SHARE * len(codings):
        raise SourceError(
            f"{root} holds pictures of {present} of the {len(codings)} clips in the sheet of "
            f"{style.title}; expected folders such as {layout}; unpack the pictures there"
        )
    samples = []
    for coding in sorted(codings, key=lambda coding: coding.key):
        clip, told = _clip_of(coding, clips.pop(coding.key, []), fps)
        problems += told
        if clip:
            samples.append(_sample(name, coding, clip))
    for subject, clip_name in sorted(clips):
        reason = "pictures without a row in the sheet"
        problems.append(Problem(f"{subject} {clip_name}", "dropped", reason))
    problems += _mixed(samples)
    return Dataset(name, root, tuple(samples), tuple(problems))


def _clip_of(
    coding: Coding, folders: list[ClipFolder], fps: float
) -> tuple[ImageClip | None, list[Problem]]:
    """Return the clip from the first of its folders that holds it, and what was wrong."""
    where = " ".join(coding.key)
    if coding.onset is None or coding.apex is None or coding.offset is None:
        blank = [part for part in ("onset", "apex", "offset") if getattr(coding, part) is None]
        reason = f"no number for {' and '.join(blank)} in the sheet"
        return None, [Problem(where, "dropped", reason)]
    reason = "no folder with its pictures"
    for folder in folders:
        clip, reason = cut_clip(folder, (coding.onset, coding.apex, coding.offset), fps)
        if clip:
            repaired = [Problem(where, "repaired", reason)] if reason else []
            return clip, repaired + leftovers(folder)
    return None, [Problem(where, "dropped", reason)]


def _sample(name: str, coding: Coding, clip: ImageClip) -> Sample:
    return Sample(
        sample_id="_".join(coding.key),
        dataset=name,
        subject=coding.subject,
        emotion=coding.emotion,
        source=clip,
        action_units=coding.action_units,
        objective_class=coding.objective_class,
    )


def _mixed(samples: list[Sample]) -> list[Problem]:
    """Return a note if some samples are whole pictures and some are cropped."""
    sources = [sample.source for sample in samples]
    cropped = sum(isinstance(source, ImageClip) and source.cropped for source in sources)
    if cropped in (0, len(samples)):
        return []
    reason = f"{cropped} of {len(samples)} samples are cropped pictures, the others whole ones"
    return [Problem("pictures", "noted", reason)]
