"""What a recogniser that never saw the data says, as a learner of the bench."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines import Card, load_package, open_backend
from offline.bench.learning import Done, Job, Material, Outcome
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS
from realtime_mer.recognizer import default_package

LEAST_P = 1e-4
"""Probabilities are kept above this, so that no class is ever ruled out."""


@dataclass(frozen=True, slots=True)
class Prior:
    """The bundled recogniser, which learnt from synthetic motion alone, as it is.

    Nothing is learnt and nothing selected: all outcomes are its probabilities of negative,
    positive and surprise, given that it is one of them. Its lean towards the class counts
    published for MEGC2019, which its card states, is taken out again: those counts are the labels
    of people who may be tested here. For tasks with these three classes in this order, and maps
    of the recipe ``onset_apex_flow``; who makes a learner knows the classes' names and leaves it
    out of other tasks.
    """

    def learn(self, material: Material, jobs: Sequence[Job], selection: str, done: Done) -> None:
        """Report every job; see ``offline.bench.learning.Learner``."""
        if not material.exclusive or material.targets.shape[1] != len(EMOTIONS):
            raise ConfigError(
                f"the bundled recogniser tells apart {', '.join(EMOTIONS)}; this task has "
                f"{material.targets.shape[1]} others: take another model"
            )
        answers = _answers(material.inputs)
        for job in jobs:
            done(job, Outcome(answers[job.split.test], answers[job.split.train]))


def _answers(maps: NDArray[np.float32]) -> NDArray[np.float64]:
    package = load_package(default_package())
    columns = [package.card.labels.index(emotion) for emotion in EMOTIONS]
    with open_backend(package, "onnx") as backend:
        told = np.asarray(backend.infer(np.ascontiguousarray(maps)), np.float64)[:, columns]
    told = np.maximum(told / _lean(package.card), LEAST_P)
    return np.asarray(told / told.sum(axis=1, keepdims=True))


def _lean(card: Card) -> NDArray[np.float64]:
    """Return the factor on each emotion by which the package leans, (3,)."""
    from offline.models.flow_cnn import PUBLISHED

    shares = np.array(PUBLISHED, np.float64) / sum(PUBLISHED)
    settings = card.training.get("settings")
    share = float(settings["prior"]) if isinstance(settings, dict) else 0.0
    return np.asarray(shares**share)
