"""Whether one figure is better than another, or whether nobody can tell.

Some sixty people are few: when others of the same kind are drawn, UF1 on the composite of MEGC2019
moves by some six points either way. A published figure that lies inside that interval is neither
beaten nor missed. Two runs on the same samples can be told apart more finely, for what makes a
person hard is the same for both: people are drawn once, and both runs are scored on that draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np

from offline.scores.metrics import (
    DRAWS,
    Interval,
    confusion_matrix,
    confusions_by,
    draw_people,
    ends,
    score,
    uf1_of,
)
from realtime_mer.errors import ConfigError

Verdict = Literal["inside the interval", "above", "below", "no interval"]


class Judged(Protocol):
    """A sample, judged: a ``results.Row``."""

    @property
    def sample_id(self) -> str:
        """Unique within the data set."""

    @property
    def dataset(self) -> str:
        """With ``subject``, the person."""

    @property
    def subject(self) -> str:
        """With ``dataset``, the person."""

    @property
    def label(self) -> int:
        """Class number."""

    @property
    def prediction(self) -> int:
        """Class number."""


class Paired(NamedTuple):
    """UF1 of the first run minus UF1 of the second, and its interval over people."""

    difference: float
    interval: tuple[float, float]


def verdict(own: Interval | Sequence[float | None], published: float) -> Verdict:
    """Say where a run stands beside a published figure.

    Parameters
    ----------
    own
        Low and high end of the run's own interval; of an ``Interval``, those of UF1. None or NaN
        where there is no interval, as over one person.
    published
        The figure of the literature.

    Returns
    -------
    ``above`` and ``below`` say where the run is; ``inside the interval``, its ends included, that
    there is no winner.
    """
    low, high = own.uf1 if isinstance(own, Interval) else own
    if low is None or high is None or np.isnan([low, high, published]).any():
        return "no interval"
    if published < low:
        return "above"
    return "below" if published > high else "inside the interval"


def paired_difference(
    first: Sequence[Judged],
    second: Sequence[Judged],
    classes: int,
    seed: int,
    draws: int = DRAWS,
) -> Paired:
    """Return how much higher the UF1 of ``first`` is, and the interval under drawing people anew.

    Parameters
    ----------
    first, second
        Rows of two runs on the same samples, in any order: they are joined by data set and id.
    classes
        Number of classes.
    seed
        Equal seeds give equal intervals.
    draws
        See ``metrics.DRAWS``.

    Raises
    ------
    ConfigError
        The runs judged different samples, or know one under another subject or label, or there
        is none.
    """
    pairs = _joined(first, second)
    groups = [(row.dataset, row.subject) for row, _ in pairs]
    labels = [row.label for row, _ in pairs]
    guesses = [[row.prediction for row in side] for side in zip(*pairs, strict=True)]
    whole = [score(confusion_matrix(labels, guess, classes)).uf1 for guess in guesses]
    stacks = [confusions_by(groups, labels, guess, classes)[1] for guess in guesses]
    people = len(stacks[0])
    difference = whole[0] - whole[1]
    times = draw_people(people, seed, draws)
    if people < 2:
        return Paired(difference, (float("nan"), float("nan")))
    drawn = [uf1_of(np.tensordot(times, stack, axes=1)) for stack in stacks]
    return Paired(difference, ends(drawn[0] - drawn[1]))


def _joined(first: Sequence[Judged], second: Sequence[Judged]) -> list[tuple[Judged, Judged]]:
    """Return the rows of both runs by pairs, in the order of the first."""
    one, other = _by_sample(first, "first"), _by_sample(second, "second")
    lonely = sorted(one.keys() ^ other.keys())
    if lonely:
        raise ConfigError(
            f"{len(lonely)} samples are in one of the two runs only, the first {lonely[0]}: give "
            "runs on the same samples"
        )
    for key, row in one.items():
        if (row.subject, row.label) != (other[key].subject, other[key].label):
            raise ConfigError(
                f"sample {key} has subject {row.subject} and label {row.label} in one run, "
                f"{other[key].subject} and {other[key].label} in the other: give runs under the "
                "same protocol"
            )
    if not one:
        raise ConfigError("no samples to compare: give runs that judged some")
    return [(row, other[key]) for key, row in one.items()]


def _by_sample(rows: Sequence[Judged], which: str) -> dict[str, Judged]:
    found = {f"{row.dataset}/{row.sample_id}": row for row in rows}
    if len(found) < len(rows):
        raise ConfigError(
            f"the {which} run judged some sample twice: give one row for each sample, of one seed"
        )
    return found
