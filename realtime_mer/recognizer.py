"""From a spotted candidate to class probabilities: pictures → recipe → engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines import Backend, Card, EngineError, Package, PackageError, load_package, open_engine
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.errors import ModelError
from realtime_mer.events import ACTION_UNIT_GROUPS, EMOTIONS, NONE
from realtime_mer.face.topology import CROP
from realtime_mer.recipes import recipe


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a model says of one candidate; the attributes are those of ``events.Event``.

    Attributes
    ----------
    probabilities
        One number for each of ``EMOTIONS``, in that order, summing to 1, given that it is one
        of them.
    p_none
        Probability that it is none of them; 0 of a model that does not know of that.
    action_units
        Group of ``ACTION_UNIT_GROUPS`` → (right, left) scores between 0 and 1, the subject's
        sides. Empty if the model gives none.
    sample
        What the recipe made of the candidate and the model has read.
    """

    probabilities: tuple[float, ...]
    p_none: float
    action_units: Mapping[str, tuple[float, float]]
    sample: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)


class Recognizer:
    """Tell what an expression looks like.

    Parameters
    ----------
    package
        A verified model package whose labels are ``EMOTIONS``, perhaps with ``NONE``, in any
        order. Its scores, if it has any, are named ``<group>_right`` and ``<group>_left`` after
        ``ACTION_UNIT_GROUPS``.
    backend
        An open backend that runs it; the recogniser closes it in ``close``.
    engine_reason
        Why it is this backend, in one sentence.

    Attributes
    ----------
    model
        ``name@sha256-prefix`` of the package.
    trained_on
        The card's sentence on its training data, empty if it has none.

    Raises
    ------
    ModelError
        If the package has other labels or scores, or an unknown recipe.
    """

    def __init__(self, package: Package, backend: Backend, engine_reason: str = "") -> None:
        card = package.card
        if set(card.labels) - {NONE} != set(EMOTIONS):
            raise ModelError(
                f"model {card.name} tells apart {', '.join(card.labels)}; the stream needs "
                f"{', '.join(EMOTIONS)}, and takes {NONE} besides"
            )
        try:
            self._recipe = recipe(card.recipe)
        except ValueError as error:
            raise ModelError(f"model {card.name}: {error}") from error
        self._order = [card.labels.index(emotion) for emotion in EMOTIONS]
        self._none = card.labels.index(NONE) if NONE in card.labels else None
        self._sides = _action_unit_columns(card)
        self._shape = card.input_shape
        self._backend = backend
        self.model = package.model_id
        self.engine_reason = engine_reason
        self.trained_on = str(card.training.get("data", ""))

    @property
    def engine(self) -> str:
        """Name of the engine that answers at present."""
        return self._backend.name

    @property
    def engine_notes(self) -> tuple[str, ...]:
        """What happened to the engine since it was opened, one sentence each."""
        return tuple(getattr(self._backend, "notes", ()))

    def recognize(self, frames: CandidateFrames) -> Recognition:
        """Return what the model says of a candidate.

        Raises
        ------
        ModelError
            If the recipe's output does not fit the model.
        """
        return self.recognize_all([frames])[0]

    def recognize_all(self, waiting: Sequence[CandidateFrames]) -> list[Recognition]:
        """Return what the model says of each candidate, all asked about at once.

        An engine answers several samples in little more than the time of one.

        Raises
        ------
        ModelError
            If the recipe's output does not fit the model.
        """
        if not waiting:
            return []
        samples = [self._recipe(frames) for frames in waiting]
        for sample in samples:
            if sample.shape != self._shape:
                raise ModelError(
                    f"model {self.model} reads {self._shape}, its recipe makes {sample.shape}"
                )
        try:
            answers = self._backend.infer(np.stack(samples)).astype(np.float64)
        except EngineError as error:
            raise ModelError(str(error)) from error
        return [self._said(*both) for both in zip(answers, samples, strict=True)]

    def _said(self, answer: NDArray[np.float64], sample: NDArray[np.float32]) -> Recognition:
        """Read one row of answers."""
        known = answer[self._order]
        none = 0.0 if self._none is None else float(answer[self._none])
        # A model as sure as can be of "none of these" leaves nothing to share out.
        shares = known / known.sum() if known.any() else np.full(len(EMOTIONS), 1 / len(EMOTIONS))
        return Recognition(
            tuple(float(p) for p in shares),
            none / (none + float(known.sum())) if none else 0.0,
            {
                group: (float(answer[right]), float(answer[left]))
                for group, (right, left) in self._sides.items()
            },
            sample,
        )

    def warm_up(self) -> None:
        """Run once on blank pictures, so that the first event need not wait for tables."""
        blank = np.zeros((2, CROP, CROP, 3), np.uint8)
        self.recognize(CandidateFrames(blank, np.array([0.0, 0.1]), 0, 1, 1))

    def close(self) -> None:
        """Free the engine."""
        self._backend.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _action_unit_columns(card: Card) -> dict[str, tuple[int, int]]:
    """Return group → columns of its right and left score.

    Raises
    ------
    ModelError
        If the card has a score of another name, or that of one side only.
    """
    names = {group: (f"{group}_right", f"{group}_left") for group in ACTION_UNIT_GROUPS}
    given = {group: pair for group, pair in names.items() if set(pair) <= set(card.scores)}
    rest = [name for name in card.scores if all(name not in pair for pair in given.values())]
    if rest:
        raise ModelError(
            f"model {card.name} gives the scores {', '.join(rest)}; the stream reads <group>_right "
            f"and <group>_left, always both, of {', '.join(ACTION_UNIT_GROUPS)}"
        )
    at = card.columns.index
    return {group: (at(right), at(left)) for group, (right, left) in given.items()}


def open_recognizer(
    folder: str | os.PathLike[str] | None = None,
    engine: str = "auto",
    precision: str = "auto",
    progress: Callable[[str, int, int], None] | None = None,
) -> Recognizer:
    """Open a model package, the bundled one by default, on an engine, and warm it up.

    Parameters
    ----------
    engine, precision, progress
        As in ``engines.open_engine``.

    Raises
    ------
    ModelError
        If the package or the engine cannot be used.
    """
    try:
        package = load_package(default_package() if folder is None else folder)
        opened = open_engine(package, engine, precision, progress=progress)
    except (PackageError, EngineError) as error:
        raise ModelError(str(error)) from error
    try:
        recognizer = Recognizer(package, opened.backend, opened.reason)
        recognizer.warm_up()
    except BaseException:
        opened.backend.close()
        raise
    return recognizer


def default_package() -> Path:
    """Return the folder of the bundled model package."""
    return Path(str(resources.files("realtime_mer") / "models" / "default"))
