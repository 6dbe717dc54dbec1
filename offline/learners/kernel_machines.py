"""Linear machines that learn from similarities: support vectors and logistic regression.

Both answer with a score for each column, f(x) = Σ aᵢ k(xᵢ, x) + b. Classes, or the presence and
absence of an action unit, weigh the same however many samples each has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

Float = NDArray[np.float64]

RIDGE = 1e-8
"""Added to the diagonal of similarities of unit size, so that equal samples divide by no zero."""
STEPS = 1000
"""Most steps of the logistic search; it stops of its own accord after tens."""


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """A fitted machine.

    Attributes
    ----------
    coefficients
        (n, C) float64, of the n training samples.
    offsets
        (C,) float64; −∞ for a class that the training side lacks.
    learnt
        (C,) bool: False where there was only one side to see, so that nothing could be told apart.
    """

    coefficients: Float
    offsets: Float
    learnt: NDArray[np.bool_]

    def scores(self, similarities: Float) -> Float:
        """Return (M, C) scores of M samples by their similarities (M, n) to the training ones."""
        return np.asarray(similarities @ self.coefficients + self.offsets)


Fit = Callable[[Float, NDArray[np.bool_], bool, float], Scorer]


def fit_svm(gram: Float, present: NDArray[np.bool_], exclusive: bool, c: float) -> Scorer:
    """Fit one support vector machine for each column against the rest.

    Hinge loss, Cortes & Vapnik 1995, solved by LIBSVM (Chang & Lin 2011). With three classes this
    was no worse than one for each pair, and gives comparable scores.

    Parameters
    ----------
    gram
        (n, n) similarities of the training samples.
    present
        (n, C) which classes or action units they have.
    exclusive
        True for classes, of which each sample has one.
    c
        How much a violated margin costs; higher fits the training samples more closely.
    """
    from sklearn.svm import SVC

    blank = _blank(present, exclusive)
    weights = _column_weights(present, exclusive)
    for column in np.flatnonzero(blank.learnt):
        machine = SVC(C=c, kernel="precomputed", cache_size=64)
        weight = np.ascontiguousarray(weights[:, column])
        machine.fit(gram, present[:, column], sample_weight=weight)
        blank.coefficients[machine.support_, column] = machine.dual_coef_[0]
        blank.offsets[column] = machine.intercept_[0]
    return blank


def fit_logistic(gram: Float, present: NDArray[np.bool_], exclusive: bool, c: float) -> Scorer:
    """Fit logistic regression: multinomial for classes, one for each action unit otherwise.

    Minimises Σ wᵢ lossᵢ + |W|² / 2C, the offsets free (Hastie et al. 2009, section 4.4), in
    coordinates in which the samples are the rows of the Cholesky factor of ``gram``.

    Parameters
    ----------
    gram, present, exclusive
        As for ``fit_svm``.
    c
        Inverse strength of the penalty; higher fits the training samples more closely.
    """
    blank = _blank(present, exclusive)
    columns = np.flatnonzero(blank.learnt)
    if not len(columns):
        return blank
    truth = present[:, columns].astype(np.float64)
    loss = _multinomial if exclusive else _each_alone
    weights = _class_weights(present) if exclusive else _column_weights(present, False)[:, columns]
    factor = cholesky(gram + RIDGE * np.eye(len(gram)), lower=True)
    shape = (len(gram) + 1, len(columns))

    def objective(flat: Float) -> tuple[float, Float]:
        inner, offsets = flat.reshape(shape)[:-1], flat.reshape(shape)[-1]
        value, slope = loss(factor @ inner + offsets, truth, weights)
        down = np.vstack([factor.T @ slope + inner / c, slope.sum(axis=0)])
        return value + (inner**2).sum() / (2 * c), down.reshape(-1)

    options = {"maxiter": STEPS, "maxcor": 30, "gtol": 1e-3, "ftol": 1e-9}
    start = np.zeros(shape).reshape(-1)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    inner, offsets = found.x.reshape(shape)[:-1], found.x.reshape(shape)[-1]
    blank.coefficients[:, columns] = solve_triangular(factor, inner, lower=True, trans="T")
    blank.offsets[columns] = offsets
    return blank


def _multinomial(scores: Float, truth: Float, weights: Float) -> tuple[float, Float]:
    """Return the weighted log loss and its slope (n, C)."""
    total = logsumexp(scores, axis=1, keepdims=True)
    value = float(weights @ (total[:, 0] - (scores * truth).sum(axis=1)))
    return value, weights[:, None] * (np.exp(scores - total) - truth)


def _each_alone(scores: Float, truth: Float, weights: Float) -> tuple[float, Float]:
    value = float((weights * (np.logaddexp(0, scores) - scores * truth)).sum())
    return value, weights * (expit(scores) - truth)


def _blank(present: NDArray[np.bool_], exclusive: bool) -> Scorer:
    """Return a machine that has learnt nothing yet."""
    some = present.any(axis=0)
    offsets = np.where(some, 0.0, -np.inf) if exclusive else np.zeros(present.shape[1])
    return Scorer(np.zeros(present.shape), offsets, some & ~present.all(axis=0))


def _class_weights(present: NDArray[np.bool_]) -> Float:
    """Return (n,) weights of mean 1 that make classes equal."""
    counts = present.sum(axis=0)
    return np.asarray(len(present) / ((counts > 0).sum() * counts[present.argmax(axis=1)]))


def _column_weights(present: NDArray[np.bool_], exclusive: bool) -> Float:
    """Return (n, C) weights of mean 1 that make each column's two sides equal.

    Where classes are exclusive, those on the other side are equal among each other too.
    """
    count = np.maximum(present.sum(axis=0), 1)
    yes = len(present) / (2 * count)
    if exclusive:
        others = max((present.any(axis=0)).sum() - 1, 1)
        no = (len(present) / (2 * others * count[present.argmax(axis=1)]))[:, None]
    else:
        no = len(present) / (2 * np.maximum((~present).sum(axis=0), 1))
    return np.asarray(np.where(present, yes, no))
