"""What a data set is to the bench: labelled samples with their sources, and what was wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FlowFile:
    """A pre-computed onset→apex flow map: an 8-bit picture of u, v and strain.

    Attributes
    ----------
    path
        The picture. Each plane is min–max scaled to 0…255 by whoever made it; v points down.
    planes
        Which of the picture's channels, counted in RGB order from 0, hold u and v.
    """

    path: Path
    planes: tuple[int, int] = (0, 1)

    @property
    def strain_plane(self) -> int:
        """The remaining channel, which holds strain."""
        return 3 - sum(self.planes)


@dataclass(frozen=True, slots=True)
class ImageClip:
    """Pictures of one face from the onset (or earlier) to the offset (or later), in order.

    Attributes
    ----------
    frames
        Picture files in the order of time.
    time_s
        Seconds of each, strictly rising.
    onset, apex, offset
        Positions in ``frames``; onset < apex <= offset.
    cropped
        True where the pictures show only the face, so that a detector needs a margin.
    """

    frames: tuple[Path, ...]
    time_s: tuple[float, ...]
    onset: int
    apex: int
    offset: int
    cropped: bool = False


@dataclass(frozen=True, slots=True)
class VideoClip:
    """A stretch of a recording; times in media seconds, onset < apex <= offset.

    ``fps`` is only for a folder of images, which has no times of its own: images a second.
    """

    path: Path
    onset_s: float
    apex_s: float
    offset_s: float
    fps: float | None = None


Source = FlowFile | ImageClip | VideoClip


@dataclass(frozen=True, slots=True)
class Sample:
    """One annotated micro-expression.

    Attributes
    ----------
    sample_id
        Unique within its data set; contains the subject and the clip as the data set names them.
    dataset, subject
        Together they are the leave-one-subject-out group: ``01`` of two data sets are two people.
    emotion
        As the sheet spells it, in lower case, without known slips of spelling; several are joined
        by ``+``; empty where there is none.
    source
        Where its pictures are.
    action_units
        Action units as the sheet writes them, for instance ``4+R14``; empty where unknown.
    objective_class
        Objective class 1–7 (Davison et al. 2018), None where unknown.
    objective_source
        Which file gave it: ``objective sheet`` or ``coding sheet``; empty where it is unknown.
    """

    sample_id: str
    dataset: str
    subject: str
    emotion: str
    source: Source
    action_units: str = ""
    objective_class: int | None = None
    objective_source: str = ""

    @property
    def group(self) -> tuple[str, str]:
        """The leave-one-subject-out group."""
        return self.dataset, self.subject


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that was repaired or left out, or a file that nothing belongs to.

    ``action`` is ``dropped``, ``repaired`` or ``noted``; ``where`` names subject and clip.
    """

    where: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """All usable samples of a data set, in a fixed order, and every problem with its reason."""

    name: str
    root: Path
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...] = field(default=())
