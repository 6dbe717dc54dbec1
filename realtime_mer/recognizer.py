"""From a spotted candidate to class probabilities: pictures → recipe → engine."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import numpy as np

from engines import Backend, EngineError, Package, PackageError, load_package, open_backend
from realtime_mer.errors import ModelError
from realtime_mer.events import EMOTIONS
from realtime_mer.face.topology import CROP
from realtime_mer.recipes import CandidateFrames, recipe


class Recognizer:
    """Tell what an expression looks like.

    Parameters
    ----------
    package
        A verified model package whose labels are ``EMOTIONS``, in any order.
    backend
        An open backend that runs it; the recogniser closes it in ``close``.

    Attributes
    ----------
    model, engine
        ``name@sha256-prefix`` of the package and the backend's name.
    trained_on
        The card's sentence on its training data, empty if it has none.

    Raises
    ------
    ModelError
        If the package has other labels or an unknown recipe.
    """

    def __init__(self, package: Package, backend: Backend) -> None:
        card = package.card
        if set(card.labels) != set(EMOTIONS):
            raise ModelError(
                f"model {card.name} tells apart {', '.join(card.labels)}; the stream needs "
                f"{', '.join(EMOTIONS)}"
            )
        try:
            self._recipe = recipe(card.recipe)
        except ValueError as error:
            raise ModelError(f"model {card.name}: {error}") from error
        self._order = [card.labels.index(emotion) for emotion in EMOTIONS]
        self._shape = card.input_shape
        self._backend = backend
        self.model = package.model_id
        self.engine = backend.name
        self.trained_on = str(card.training.get("data", ""))

    def recognize(self, frames: CandidateFrames) -> tuple[float, ...]:
        """Return one probability for each of ``EMOTIONS``, in that order, summing to 1.

        Raises
        ------
        ModelError
            If the recipe's output does not fit the model.
        """
        sample = self._recipe(frames)
        if sample.shape != self._shape:
            raise ModelError(
                f"model {self.model} reads {self._shape}, its recipe makes {sample.shape}"
            )
        try:
            answer = self._backend.infer(sample[None])[0].astype(np.float64)
        except EngineError as error:
            raise ModelError(str(error)) from error
        ordered = answer[self._order]
        return tuple(float(p) for p in ordered / ordered.sum())

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


def open_recognizer(
    folder: str | os.PathLike[str] | None = None, engine: str = "auto"
) -> Recognizer:
    """Open a model package, the bundled one by default, on an engine, and warm it up.

    Raises
    ------
    ModelError
        If the package or the engine cannot be used.
    """
    try:
        package = load_package(default_package() if folder is None else folder)
        recognizer = Recognizer(package, open_backend(package, engine))
    except (PackageError, EngineError) as error:
        raise ModelError(str(error)) from error
    recognizer.warm_up()
    return recognizer


def default_package() -> Path:
    """Return the folder of the bundled model package."""
    return Path(str(resources.files("realtime_mer") / "models" / "default"))
