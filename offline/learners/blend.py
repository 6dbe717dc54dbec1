"""Several learners as one: the weighted mean of what they say, on logarithms.

Models that err on different samples do better together; a mean of log-posteriors lets one that
is sure outvote one that is not (Kittler et al. 1998, the product rule, with weights).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, logit, softmax

from offline.bench.learning import Done, Job, Learner, Material, Network, Outcome
from offline.learners.class_balance import believing
from realtime_mer.errors import ConfigError

Float = NDArray[np.float64]

LEAST_P = 1e-6
"""Probabilities are kept this far from 0 and 1, so that nobody has a veto."""


@dataclass(frozen=True, slots=True)
class Blend:
    """Learners with weights.

    Each learns every job on its own, in their order; a job is reported as soon as the last of
    them has done it, so the slow one belongs at the end.

    Attributes
    ----------
    parts
        (learner, weight); weights above 0, of which only the proportions matter.
    believed
        How much of the training side's class balance the answer believes, where the parts take
        all classes for equally common; see ``class_balance.believing``.
    """

    parts: tuple[tuple[Learner, float], ...]
    believed: float = 0.0

    def __post_init__(self) -> None:
        if not self.parts or min(weight for _, weight in self.parts) <= 0:
            raise ConfigError("a blend needs one part or more, each with a weight above 0")

    def learn(self, material: Material, jobs: Sequence[Job], selection: str, done: Done) -> None:
        """Learn every job with every part; see ``offline.bench.learning.Learner``."""
        told: dict[Job, list[Outcome]] = {job: [] for job in jobs}
        weights = np.array([weight for _, weight in self.parts])

        def gather(job: Job, outcome: Outcome) -> None:
            told[job].append(outcome)
            if len(told[job]) == len(self.parts):
                one = blended(told.pop(job), weights, material.exclusive)
                done(job, self._believing(one, material, job))

        for learner, _ in self.parts:
            learner.learn(material, jobs, selection, gather)

    def _believing(self, outcome: Outcome, material: Material, job: Job) -> Outcome:
        if not material.exclusive:
            return outcome
        taught = material.targets[job.split.train]
        test, train = (
            np.asarray(softmax(believing(np.log(table), taught, self.believed), axis=1))
            for table in (outcome.test, outcome.train)
        )
        return Outcome(test, train, outcome.chosen)

    def changed(self, epochs: int | None = None, device: str | None = None) -> Blend:
        """Return the blend with its networks changed, see ``NetLearner.changed``."""
        changed = tuple(
            (part.changed(epochs, device) if isinstance(part, Network) else part, weight)
            for part, weight in self.parts
        )
        return replace(self, parts=changed)

    def features(self, material: Material, job: Job) -> NDArray[np.float32] | None:
        """Return what its first network makes of every sample; None without one."""
        for part, _ in self.parts:
            if isinstance(part, Network):
                return part.features(material, job)
        return None


def blended(outcomes: Sequence[Outcome], weights: Float, exclusive: bool) -> Outcome:
    """Return the outcome of several parts of one job.

    Parameters
    ----------
    outcomes
        One for each part, in the order of the weights.
    weights
        (parts,), brought to a sum of 1 here.
    exclusive
        Whether columns are classes, of which each sample has one, or action units.
    """
    test, train = (
        mixed(np.stack(tables), weights, exclusive)
        for tables in (
            [outcome.test for outcome in outcomes],
            [outcome.train for outcome in outcomes],
        )
    )
    return Outcome(test, train, _together([outcome.chosen for outcome in outcomes]))


def mixed(tables: Float, weights: Float, exclusive: bool) -> Float:
    """Return (n, C) of (parts, n, C): the weighted mean of logarithms, or of log-odds."""
    shares = weights / weights.sum()
    kept = np.clip(tables, LEAST_P, 1 - LEAST_P)
    if exclusive:
        return np.asarray(np.exp(log_softmax(np.tensordot(shares, np.log(kept), 1), axis=1)))
    return np.asarray(expit(np.tensordot(shares, logit(kept), 1)))


def _together(chosen: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return all choices; a name that two parts have gets the part's number."""
    names = [name for each in chosen for name in each]
    return {
        name if names.count(name) == 1 else f"{name} {number}": value
        for number, each in enumerate(chosen, 1)
        for name, value in each.items()
    }
