"""Support vector machines and logistic regression as learners of the bench.

The classical half of the field: a linear machine on 28×28 flow maps, or on the descriptors of
``offline.handcrafted``, does as well as a small network, and takes seconds for all folds.

Scores become probabilities by one temperature: softmax(f / T) for classes, 1 / (1 + exp(−f / T))
for action units. T is fitted to scores of people of the training side who were set aside, every
class counting the same; it never changes which class is the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from offline.bench.learning import Done, Job, Material, Outcome
from offline.calibration import temperature
from offline.learners.kernel_machines import Fit, Scorer, fit_logistic, fit_svm
from offline.learners.selection import check_selection, mean_f1
from offline.learners.similarities import Similarities, gaussian
from offline.tasks.splits import inner_folds

Float = NDArray[np.float64]
Int = NDArray[np.int64]

GRID = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Values of C to choose from. On synthetic maps of three kinds and on the descriptors of rendered
clips the best lay between 0.3 and 10."""
SVM_GUESS, LOGISTIC_GUESS = 0.5, 1.0
"""Temperatures before any data: a margin is a score of 1; logistic scores are log-odds."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One setting: ``c`` and, for a Gaussian kernel, ``gamma``."""

    c: float
    gamma: float | None = None


@dataclass(frozen=True, slots=True)
class LinearSvm:
    """A linear support vector machine for each class or action unit.

    Attributes
    ----------
    c
        What a violated margin costs, of samples whose mean square distance from their mean is 1;
        taken where nothing is selected. Higher fits the training side more closely.
    grid
        Values to select from; ``c`` is always among them, and wins a draw.
    mirror
        For maps (N, planes, H, W) with u first: every sample and its mirror image are the same.
    standardise
        ``features`` divides each feature by its standard deviation on the training side.
    """

    c: float = 1.0
    grid: tuple[float, ...] = GRID
    mirror: bool = False
    standardise: str = "none"

    def learn(self, material: Material, jobs: Sequence[Job], selection: str, done: Done) -> None:
        """Learn every job; see ``offline.bench.learning.Learner``."""
        choices = _choices(Choice(self.c), [Choice(c) for c in self.grid])
        alike = Similarities(material.inputs, self.mirror, self.standardise)
        _learn(_Bench(material, _linear(alike), fit_svm, SVM_GUESS), choices, jobs, selection, done)


@dataclass(frozen=True, slots=True)
class KernelSvm:
    """A support vector machine with a Gaussian kernel for each class or action unit.

    Attributes
    ----------
    c, grid, mirror, standardise
        As for ``LinearSvm``.
    gamma, gammas
        exp(−gamma d²) of the square distance d², of which the mean over the training side is 1.
        Lower is nearer to a linear machine. ``gamma`` is taken where nothing is selected.
    """

    c: float = 3.0
    gamma: float = 0.5
    grid: tuple[float, ...] = (1.0, 3.0, 10.0)
    gammas: tuple[float, ...] = (0.25, 0.5, 1.0)
    mirror: bool = False
    standardise: str = "none"

    def learn(self, material: Material, jobs: Sequence[Job], selection: str, done: Done) -> None:
        """Learn every job; see ``offline.bench.learning.Learner``."""
        pairs = [Choice(c, gamma) for gamma in self.gammas for c in self.grid]
        choices = _choices(Choice(self.c, self.gamma), pairs)
        alike = Similarities(material.inputs, self.mirror, self.standardise)
        bench = _Bench(material, _gaussian(alike), fit_svm, SVM_GUESS)
        _learn(bench, choices, jobs, selection, done)


@dataclass(frozen=True, slots=True)
class Logistic:
    """Logistic regression: multinomial for classes, one for each action unit.

    Attributes
    ----------
    c, grid
        Inverse strength of the penalty, and values to select from, as for ``LinearSvm``.
    mirror, standardise
        As for ``LinearSvm``.
    """

    c: float = 1.0
    grid: tuple[float, ...] = GRID
    mirror: bool = False
    standardise: str = "none"

    def learn(self, material: Material, jobs: Sequence[Job], selection: str, done: Done) -> None:
        """Learn every job; see ``offline.bench.learning.Learner``."""
        choices = _choices(Choice(self.c), [Choice(c) for c in self.grid])
        alike = Similarities(material.inputs, self.mirror, self.standardise)
        bench = _Bench(material, _linear(alike), fit_logistic, LOGISTIC_GUESS)
        _learn(bench, choices, jobs, selection, done)


# How a choice is made ---------------------------------------------------------------------------

Grams = Callable[[Int], Callable[[Choice], Float]]
"""Training samples → choice → similarities (N, N) of all samples, scaled by those."""


@dataclass(frozen=True, slots=True, eq=False)
class _Bench:
    """What is learnt from, and by which machine."""

    material: Material
    grams: Grams
    fit: Fit
    guess: float

    def scorers(
        self, train: Int, asked: Int, choices: Sequence[Choice]
    ) -> list[tuple[Scorer, Float, Float]]:
        """Return for each choice the machine fitted to ``train``, and its scores of both."""
        present = self.material.targets[train] > 0.5
        gram_of, answers = self.grams(train), []
        for choice in choices:
            gram = gram_of(choice)
            known = np.ascontiguousarray(gram[np.ix_(train, train)])
            scorer = self.fit(known, present, self.material.exclusive, choice.c)
            told = scorer.scores(gram[np.ix_(asked, train)]), scorer.scores(known)
            answers.append((scorer, *told))
        return answers

    def set_aside(self, job: Job, choices: Sequence[Choice]) -> Float | None:
        """Return scores (choices, n, C) of the training side by machines that did not see them.

        None where there are not two people.
        """
        groups, train = self.material.groups, job.split.train
        if len({groups[place] for place in train}) < 2:
            return None
        scores = np.zeros((len(choices), *self.material.targets.shape))
        for known, aside in inner_folds(groups, train, job.seed):
            for number, (_, told, _) in enumerate(self.scorers(known, aside, choices)):
                scores[number, aside] = told
        return scores[:, train]


def _learn(
    bench: _Bench, choices: Sequence[Choice], jobs: Sequence[Job], selection: str, done: Done
) -> None:
    check_selection(selection)
    for job in jobs:
        done(job, _outcome(bench, choices, job, selection))


def _outcome(bench: _Bench, choices: Sequence[Choice], job: Job, selection: str) -> Outcome:
    material, split = bench.material, job.split
    if selection == "test-fold":
        answers = bench.scorers(split.train, split.test, choices)
        truth = material.targets[split.test]
        hits = [_accuracy(truth, told, material.exclusive) for _, told, _ in answers]
        choices = [choices[int(np.argmax(hits))]]
    elif selection == "fixed":
        choices = choices[:1]
    aside = bench.set_aside(job, choices)
    best, warmth = 0, bench.guess
    if aside is not None:
        truth = material.targets[split.train]
        if len(choices) > 1:
            best = int(np.argmax([mean_f1(truth, told, material.exclusive) for told in aside]))
        warmth = _temperature(truth, aside[best], material.exclusive, bench.guess)
    chosen = choices[best]
    [(scorer, asked, known)] = bench.scorers(split.train, split.test, [chosen])
    rates = _base_rates(material.targets[split.train])
    said = {"C": chosen.c} | ({} if chosen.gamma is None else {"gamma": chosen.gamma})
    test, train = (
        _probabilities(told, warmth, scorer, rates, material.exclusive) for told in (asked, known)
    )
    return Outcome(test, train, said)


def _choices(stated: Choice, grid: Sequence[Choice]) -> list[Choice]:
    """Return the stated choice, which wins a draw, and then the others."""
    return list(dict.fromkeys([stated, *grid]))


def _linear(alike: Similarities) -> Grams:
    def of(train: Int) -> Callable[[Choice], Float]:
        gram = alike.linear(train)
        return lambda choice: gram

    return of


def _gaussian(alike: Similarities) -> Grams:
    def of(train: Int) -> Callable[[Choice], Float]:
        distances = alike.distances(train)
        return lambda choice: gaussian(distances, choice.gamma or 0.0)

    return of


# From scores to probabilities and figures -------------------------------------------------------


def _probabilities(
    scores: Float, warmth: float, scorer: Scorer, rates: Float, exclusive: bool
) -> Float:
    """Return (M, C); an action unit that could not be learnt answers its base rate."""
    if exclusive:
        return np.asarray(softmax(scores / warmth, axis=1))
    return np.where(scorer.learnt, expit(scores / warmth), rates)


def _base_rates(targets: NDArray[np.float32]) -> Float:
    """Return the share (C,) of samples that show each unit, half a sample added to both sides."""
    return np.asarray((targets.sum(axis=0) + 0.5) / (len(targets) + 1), np.float64)


def _temperature(
    targets: NDArray[np.float32], scores: Float, exclusive: bool, guess: float
) -> float:
    """Return the temperature of scores (n, C) that did not see their targets."""
    if exclusive:
        return temperature(scores, targets.argmax(axis=1).astype(np.int64), guess)
    flat = scores.reshape(-1)
    told = flat != 0  # 0 is the score of a unit that could not be learnt
    two = np.stack([np.zeros_like(flat), flat], axis=1)[told]
    return temperature(two, (targets.reshape(-1) > 0.5).astype(np.int64)[told], guess)


def _accuracy(targets: NDArray[np.float32], scores: Float, exclusive: bool) -> float:
    if exclusive:
        return float((targets.argmax(axis=1) == scores.argmax(axis=1)).mean())
    return float(((targets > 0.5) == (scores > 0)).mean())
