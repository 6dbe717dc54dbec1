"""How common each class is, from the training side, and how much of that an answer believes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST = 0.5
"""Count that stands for none, so that no class is ruled out."""


def believing(
    logits: NDArray[np.float64], taught: NDArray[np.float32], share: float
) -> NDArray[np.float64]:
    """Move log-posteriors towards the class balance of the training side.

    Networks and regressions here are taught as if all classes were equally common, or rare ones
    would not be learnt. Their answers then call too much rare: the mean recall gains what the
    mean F1, which minds false alarms, loses. Half of the balance lies between the two.

    Parameters
    ----------
    logits
        (n, C), up to a constant a row, for classes that are equally common.
    taught
        (m, C) one-hot targets of the training side.
    share
        0 leaves the answers as they are, 1 believes the balance as it is (Bayes).
    """
    counts = np.maximum(taught.sum(0, dtype=np.float64), LEAST)
    return np.asarray(logits + share * np.log(counts / counts.sum()))
