"""A folder of numbered pictures, rendered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.clip_spec import ClipSpec, MicroExpression
from offline.synthesis.layouts.takes import Take
from offline.synthesis.portrait import Portrait
from offline.synthesis.render import render_clip
from offline.synthesis.tree_truth import Mark, TrueClip
from offline.tasks.objective_classes import objective_class
from realtime_mer.errors import OutputError


@dataclass(frozen=True, slots=True)
class Recording:
    """One folder of pictures.

    Attributes
    ----------
    dataset, subject, clip, folder
        As in ``TrueClip``.
    form
        Name of a picture by its number: ``img{}.jpg``.
    first
        Number of the first picture.
    spec, portrait
        What is rendered, of which portrait, counted round.
    marks
        What is planted.
    grey
        Pictures have one channel.
    missing
        Numbers that are left out.
    """

    dataset: str
    subject: str
    clip: str
    folder: str
    form: str
    first: int
    spec: ClipSpec
    portrait: int
    marks: tuple[Mark, ...]
    grey: bool = False
    missing: tuple[int, ...] = ()

    @property
    def truths(self) -> tuple[TrueClip, ...]:
        """What is true of it."""
        count = round(self.spec.duration_s * self.spec.fps)
        return (
            TrueClip(
                self.dataset,
                self.subject,
                self.clip,
                self.folder,
                self.spec.fps,
                (self.first, self.first + count - 1),
                self.missing,
                self.marks,
                self.spec.to_dict(),
            ),
        )

    def write(self, into: Path, portraits: Sequence[Portrait]) -> None:
        """Render the pictures into a folder.

        Raises
        ------
        OutputError
            A picture cannot be written.
        """
        portrait = portraits[self.portrait % len(portraits)]
        for number, picture in enumerate(render_clip(self.spec, portrait), start=self.first):
            if number not in self.missing:
                save_picture(into / self.form.format(number), picture, self.grey)


def save_picture(path: Path, picture_rgb: NDArray[np.uint8], grey: bool = False) -> None:
    """Write a picture in the format that its name ends in.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    code = cv2.COLOR_RGB2GRAY if grey else cv2.COLOR_RGB2BGR
    done, data = cv2.imencode(path.suffix, cv2.cvtColor(picture_rgb, code))
    try:
        if not done:
            raise OSError("the format is not known")
        path.write_bytes(data.tobytes())
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"cannot write {path}: {why}; give another --out") from error


def marked(
    take: Take, sample_id: str, first: int, emotion: str, units: str, kind: str = "micro"
) -> Mark:
    """Return the mark of a take's expression, whose clip begins with the number ``first``."""
    frames = (first + take.onset, first + take.apex, first + take.offset)
    return mark_of(take.expression, sample_id, frames, emotion, units, kind)


def mark_of(
    expression: MicroExpression,
    sample_id: str,
    frames: tuple[int, int, int] | None,
    emotion: str,
    units: str,
    kind: str = "micro",
) -> Mark:
    """Return how an expression is told; see ``Mark``."""
    return Mark(
        sample_id,
        kind,
        frames,
        expression.emotion,
        emotion,
        units,
        objective_class(frozenset(expression.activation)),
        expression.action_units,
        expression.peak_iod,
    )
