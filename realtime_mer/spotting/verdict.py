"""Weigh the evidence: how likely a movement is a micro-expression, and if not, why not."""

from __future__ import annotations

import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines import Backend, EngineError, PackageError, load_package, open_backend
from realtime_mer.errors import ModelError
from realtime_mer.spotting.witnesses import OBJECTIONS

RECIPE = "spotter_evidence"


class Judge(Protocol):
    """Whoever weighs the evidence."""

    def probability(self, evidence: NDArray[np.floating[Any]]) -> float:
        """Return how likely a micro-expression is, 0…1."""

    def objection(self, evidence: NDArray[np.floating[Any]]) -> str:
        """Name what speaks most against it."""


class Verdict:
    """A small model over the row of evidence, out of a model package.

    Parameters
    ----------
    backend
        Maps (N, witnesses) float32 to (N, 2): other, micro-expression.
    typical
        (witnesses,) what each witness says of an ordinary micro-expression.
    """

    def __init__(self, backend: Backend, typical: NDArray[np.float32]) -> None:
        self._backend = backend
        self._objections = tuple(dict.fromkeys(OBJECTIONS.values()))
        self._typical = typical
        raised = np.array([self._objections.index(o) for o in OBJECTIONS.values()])
        self._groups = raised[None, :] == np.arange(len(self._objections))[:, None]

    def probability(self, evidence: NDArray[np.floating[Any]]) -> float:
        """Return how likely evidence like this came with a planted micro-expression, 0…1."""
        return float(self._backend.infer(np.asarray(evidence, np.float32)[None])[0, 1])

    def objection(self, evidence: NDArray[np.floating[Any]]) -> str:
        """Name what speaks most against a movement.

        Each objection in turn is set aside: its witnesses say what they say of an ordinary
        micro-expression. The one whose absence would help most is the reason.
        """
        row = np.asarray(evidence, np.float32)
        acquitted = np.where(self._groups, self._typical, row)
        return self._objections[int(self._backend.infer(acquitted)[:, 1].argmax())]


@cache
def bundled_verdict() -> Verdict:
    """Return the bundled model's verdict, loaded once a process."""
    return load_verdict(Path(str(resources.files("realtime_mer") / "models" / "verdict")))


def load_verdict(folder: str | os.PathLike[str]) -> Verdict:
    """Load a verdict from a model package.

    Raises
    ------
    ModelError
        If the package cannot be used, or was made for other witnesses.
    """
    try:
        package = load_package(folder)
        known = package.card.training.get("witnesses")
        if package.card.recipe != RECIPE or known != list(OBJECTIONS):
            raise ModelError(
                f"model {package.card.name} weighs {known}, the spotter hears {list(OBJECTIONS)}: "
                "train it again with python -m offline.verdict"
            )
        typical = np.asarray(package.card.training["typical"], np.float32)
        return Verdict(open_backend(package, "onnxruntime"), typical)
    except (PackageError, EngineError) as error:
        raise ModelError(str(error)) from error
