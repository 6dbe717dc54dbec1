"""What an epoch or a setting is chosen by: how well people who were set aside are told apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.bench.learning import SELECTIONS
from offline.scores.metrics import confusion_matrix, mean_defined, score
from realtime_mer.errors import ConfigError


def check_selection(selection: str) -> None:
    """Refuse what is none of ``SELECTIONS``.

    Raises
    ------
    ConfigError
        It is none.
    """
    if selection not in SELECTIONS:
        raise ConfigError(f"selection is {selection!r}; give one of {', '.join(SELECTIONS)}")


def mean_f1(
    targets: NDArray[np.float32], scores: NDArray[np.floating[Any]], exclusive: bool
) -> float:
    """Return UF1 over classes, or the mean F1 of units where ``exclusive`` is False.

    Parameters
    ----------
    targets
        (n, C) one-hot classes, or 0 and 1 for each action unit.
    scores
        (n, C), of which the highest names the class, and those above 0 name the units.

    Returns
    -------
    A share of 1; 0 where F1 is defined for none.
    """
    if exclusive:
        hits = confusion_matrix(targets.argmax(1), scores.argmax(1), targets.shape[1])
        return float(np.nan_to_num(score(hits).uf1))
    pairs = zip((targets > 0.5).T.astype(int), (scores > 0).T.astype(int), strict=True)
    units = [score(confusion_matrix(truth, told, 2)).f1[1] for truth, told in pairs]
    return float(np.nan_to_num(mean_defined(np.array(units))))
