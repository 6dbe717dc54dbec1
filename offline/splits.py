"""Splits: who is left out, as index arrays and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One fold.

    Attributes
    ----------
    name
        Who is left out: ``casme2/sub01``, or a data set.
    train, test
        (n,) int64 positions among the samples, rising; no person is in both.
    """

    name: str
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def leave_one_subject_out(groups: Sequence[tuple[str, str]]) -> tuple[Split, ...]:
    """Return one split for each person, in the order of (data set, subject).

    Parameters
    ----------
    groups
        (data set, subject) of each sample: ``01`` of two data sets are two people.
    """
    return _leave_out(["/".join(group) for group in groups])


def leave_one_dataset_out(groups: Sequence[tuple[str, str]]) -> tuple[Split, ...]:
    """Return one split for each data set, in the order of names."""
    return _leave_out([dataset for dataset, _ in groups])


def _leave_out(names: Sequence[str]) -> tuple[Split, ...]:
    own = np.array(names, dtype=object)
    return tuple(
        Split(name, np.flatnonzero(own != name), np.flatnonzero(own == name))
        for name in sorted(set(names))
    )
