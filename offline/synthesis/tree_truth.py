"""What is true of a rendered data set: one JSON file for the whole tree."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "truth.json"
RENDERED = "differs from the published samples: the faces are rendered"
"""Said of figures on a rendered data set, however many samples it has."""

Units = tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """One planted expression and how the data set's annotation tells it.

    Attributes
    ----------
    sample_id
        As the project's readers call it.
    kind
        ``micro`` or ``macro``.
    frames
        Onset, apex and offset as numbered in the names of the pictures; None for a flow map.
    label
        The emotion that was drawn, one of ``realtime_mer.events.EMOTIONS``.
    emotion
        The data set's word for it, empty where it has none.
    units
        Action units as its sheet writes them, ``4+R10``; empty where it has none.
    objective_class
        By the table, 1 to 7.
    intensities
        (action unit, right, left), see ``clip_spec.MicroExpression``.
    peak_iod
        Largest displacement, in inter-ocular distances.
    """

    sample_id: str
    kind: str
    frames: tuple[int, int, int] | None
    label: str
    emotion: str
    units: str
    objective_class: int
    intensities: Units
    peak_iod: float


@dataclass(frozen=True, slots=True)
class TrueClip:
    """One clip, recording or flow map.

    Attributes
    ----------
    dataset
        The layout whose sheet lists it; one part's in a composite.
    subject, clip
        As the folders call them.
    folder
        With its pictures, below the root.
    fps
        Pictures a second; 0 for a flow map.
    numbers
        First and last number in the names of the pictures; (0, 0) for a flow map.
    missing
        Numbers between them that no picture has.
    marks
        What is planted, in the order of time.
    spec
        The whole ``ClipSpec`` as plain values; of a flow map, whose face and muscles it shows.
    """

    dataset: str
    subject: str
    clip: str
    folder: str
    fps: float
    numbers: tuple[int, int]
    missing: tuple[int, ...]
    marks: tuple[Mark, ...]
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TreeTruth:
    """Ground truth of a rendered data set.

    Attributes
    ----------
    layout
        Whose layout.
    settings
        ``TreeSettings`` as plain values, nothing left open.
    portraits
        Names of the faces; subjects take turns.
    clips
        Everything in the tree.
    """

    layout: str
    settings: dict[str, Any]
    portraits: tuple[str, ...]
    clips: tuple[TrueClip, ...]

    @property
    def marks(self) -> tuple[tuple[TrueClip, Mark], ...]:
        """Every planted expression with its clip."""
        return tuple((clip, mark) for clip in self.clips for mark in clip.marks)

    def save(self, path: Path) -> None:
        """Write as JSON in one go: an interrupted write leaves no file."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> TreeTruth:
        """Read what ``save`` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        clips = tuple(_clip(item) for item in values["clips"])
        return cls(values["layout"], values["settings"], tuple(values["portraits"]), clips)


def is_rendered(root: str | os.PathLike[str]) -> bool:
    """Return whether `mer synth dataset` wrote a data set, a composite, or a part of one."""
    folder = Path(root).absolute()
    beside = any((place / FILE).is_file() for place in (folder, folder.parent))
    return beside or any(folder.glob(f"*/{FILE}"))


def _clip(item: dict[str, Any]) -> TrueClip:
    first, last = item["numbers"]
    marks = tuple(_mark(mark) for mark in item["marks"])
    shaped = {"numbers": (first, last), "missing": tuple(item["missing"]), "marks": marks}
    return TrueClip(**{**item, **shaped})


def _mark(item: dict[str, Any]) -> Mark:
    frames = tuple(item["frames"]) if item["frames"] else None
    intensities = tuple(tuple(unit) for unit in item["intensities"])
    return Mark(**{**item, "frames": frames, "intensities": intensities})
