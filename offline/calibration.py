"""How sure a recogniser may be of itself: the temperature of its logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Float = NDArray[np.float64]


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
