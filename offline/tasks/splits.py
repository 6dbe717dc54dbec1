"""Splits: who is left out, as index arrays and nothing else.

A person is a data set and a subject: ``01`` of two data sets are two people. Whatever is split
here, nobody is on both sides. The inner splits are for choosing an epoch or a parameter on people
of the training side, so that nothing is chosen on those who are tested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_mer.errors import ConfigError

Int = NDArray[np.int64]
Person = tuple[str, str]

SHARE = 0.2
"""Of the people of a training side, how many validate: more judge better and teach less."""
FOLDS = 5
"""Inner folds; more of them learn from more people and take longer."""


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


def leave_one_subject_out(groups: Sequence[Person]) -> tuple[Split, ...]:
    """Return one split for each person, in the order of (data set, subject).

    Parameters
    ----------
    groups
        (data set, subject) of each sample: ``01`` of two data sets are two people.
    """
    people = sorted(set(groups))
    return tuple(
        _split("/".join(person), groups, [group == person for group in groups]) for person in people
    )


def leave_one_dataset_out(groups: Sequence[Person]) -> tuple[Split, ...]:
    """Return one split for each data set, in the order of names."""
    names = sorted({dataset for dataset, _ in groups})
    return tuple(_split(name, groups, [group[0] == name for group in groups]) for name in names)


def inner_split(
    groups: Sequence[Person], train: ArrayLike, seed: int, share: float = SHARE
) -> tuple[Int, Int]:
    """Part a training side into people to fit and people to validate on.

    Data sets are represented in proportion to their people, as far as whole people go. Only
    groups are looked at, never labels.

    Parameters
    ----------
    groups
        The person of each sample, of both sides.
    train
        Positions of the training side.
    seed
        Draws the people; equal seeds give equal parts.
    share
        Of the people, how many validate; at least one does, and at least one does not.

    Returns
    -------
    Positions among all samples to fit and to validate on, rising.

    Raises
    ------
    ConfigError
        The training side has fewer than two people, or ``share`` is none.
    """
    if not 0 < share < 1:
        raise ConfigError(f"share is {share}; give the part of the people that validates, 0.2")
    people = _people(groups, train, "a part to validate on")
    wanted = min(max(1, round(share * len(people))), len(people) - 1)
    generator = np.random.default_rng(seed)
    shuffled = [people[index] for index in generator.permutation(len(people))]
    quota = _quotas(Counter(dataset for dataset, _ in people), wanted, generator)
    chosen: set[Person] = set()
    for dataset, number in quota.items():
        own = [person for person in shuffled if person[0] == dataset]
        chosen.update(own[:number])
    return _parted(groups, train, chosen)


def inner_folds(
    groups: Sequence[Person], train: ArrayLike, seed: int, folds: int = FOLDS
) -> tuple[tuple[Int, Int], ...]:
    """Part a training side in turns, so that every person validates exactly once.

    Whole people are dealt, the ones with most samples first, each to the fold that has fewest
    samples of their data set and then of all. Only groups are looked at, never labels.

    Parameters
    ----------
    groups, train
        See ``inner_split``.
    seed
        Decides among people with equally many samples.
    folds
        How many; no more than people are made.

    Returns
    -------
    For each fold the positions to fit and to validate on, rising.

    Raises
    ------
    ConfigError
        The training side has fewer than two people, or ``folds`` is below 2.
    """
    if folds < 2:
        raise ConfigError(f"folds is {folds}; give 2 or more, {FOLDS} is usual")
    people = _people(groups, train, "inner folds")
    count = Counter(groups[place] for place in _places(train))
    order = np.random.default_rng(seed).permutation(len(people))
    dealt: list[set[Person]] = [set() for _ in range(min(folds, len(people)))]
    held: list[Counter[str]] = [Counter() for _ in dealt]
    for person in sorted((people[index] for index in order), key=lambda each: -count[each]):
        fold = min(
            range(len(dealt)),
            key=lambda n: (held[n][person[0]], held[n].total(), len(dealt[n]), n),
        )
        dealt[fold].add(person)
        held[fold][person[0]] += count[person]
    return tuple(_parted(groups, train, chosen) for chosen in dealt)


def _split(name: str, groups: Sequence[Person], out: Sequence[bool]) -> Split:
    mask = np.array(out, bool)
    train, test = np.flatnonzero(~mask), np.flatnonzero(mask)
    _keep_apart(groups, train, test)
    return Split(name, train, test)


def _parted(groups: Sequence[Person], train: ArrayLike, chosen: set[Person]) -> tuple[Int, Int]:
    """Return the positions of ``train`` that are of other people, and of the chosen ones."""
    places = np.sort(_places(train))
    mask = np.array([groups[place] in chosen for place in places], bool)
    fit, validation = places[~mask], places[mask]
    _keep_apart(groups, fit, validation)
    return fit, validation


def _keep_apart(groups: Sequence[Person], first: Int, second: Int) -> None:
    both = {groups[place] for place in first} & {groups[place] for place in second}
    assert not both, f"on both sides of a split: {sorted(both)}"


def _people(groups: Sequence[Person], train: ArrayLike, what: str) -> list[Person]:
    """Return the people of a training side in the order of names; refuses fewer than two."""
    people = sorted({groups[place] for place in _places(train)})
    if len(people) < 2:
        raise ConfigError(
            f"{what} needs two people or more on the training side, got {len(people)}: add people, "
            "or choose beforehand (selection fixed)"
        )
    return people


def _places(train: ArrayLike) -> Int:
    return np.asarray(train, np.int64)


def _quotas(
    people: Mapping[str, int], wanted: int, generator: np.random.Generator
) -> dict[str, int]:
    """Share ``wanted`` among the data sets by largest remainder; the generator settles ties."""
    names = sorted(people)
    exact = np.array([people[name] for name in names]) * wanted / sum(people.values())
    quota = np.floor(exact).astype(np.int64)
    remainder = np.round(exact - quota, 9)
    order = np.lexsort((generator.random(len(names)), -remainder))
    quota[order[: wanted - quota.sum()]] += 1
    return dict(zip(names, quota.tolist(), strict=True))
