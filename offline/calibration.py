"""How sure a recogniser may be of itself: the temperature of its logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Float = NDArray[np.float64]

TEMPERATURES = 2.0 ** (np.arange(-24, 73) / 12)
"""What ``temperature`` tries: a quarter to 64."""


def softmax(logits: NDArray[Any], temperature: float = 1.0) -> Float:
    """Return probabilities, (N, C) float64."""
    return np.asarray(special.softmax(np.asarray(logits, np.float64) / temperature, axis=1))


def best_temperature(logits: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Return the temperature with the least log loss (Guo et al. 2017, temperature scaling).

    Parameters
    ----------
    logits
        (N, C) of samples that training never saw.
    labels
        (N,) their classes.
    """
    choices = np.geomspace(0.2, 5.0, 161)
    rows = np.arange(len(labels))
    losses = [-np.log(softmax(logits, t)[rows, labels] + 1e-12).mean() for t in choices]
    return float(choices[int(np.argmin(losses))])


def temperature(
    logits: Float, labels: NDArray[np.int64], guess: float, least: float = 0.0
) -> float:
    """Return what ``logits`` (N, C), of few rows, are to be divided by for the least log loss.

    Every class counts the same. A weak belief in ``guess`` (a factor of e either way is one
    standard deviation) settles what few rows leave open; nothing below ``least`` is tried.
    Columns of −∞ are classes that were not known; rows of which the true class was not, or no
    other, are skipped.
    """
    true = np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    usable = np.isfinite(true) & (np.isfinite(logits).sum(axis=1) > 1)
    logits, labels = logits[usable], labels[usable]
    count = np.bincount(labels, minlength=logits.shape[1])
    weight = (len(labels) / max((count > 0).sum(), 1) / np.maximum(count, 1))[labels]

    def loss(divisor: float) -> float:
        chosen = np.take_along_axis(
            special.log_softmax(logits / divisor, axis=1), labels[:, None], axis=1
        )
        return float(np.log(divisor / guess) ** 2 / 2 - weight @ chosen[:, 0])

    return float(min(TEMPERATURES[least <= TEMPERATURES], key=loss))
