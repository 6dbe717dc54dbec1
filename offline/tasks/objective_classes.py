"""Objective classes: what action units alone say about an expression, whoever felt what.

Seven classes by the table of Davison, Merghani and Yap, *Objective classes for micro-facial
expression recognition*, Journal of Imaging 2018. Sides and intensities do not count, and a set of
units must be in the table exactly as it is. Where a data set brings its own objective classes
they go before the table: SAMM's differ from it in 15 of 159 samples.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

OTHERS = 7
"""The class of every set of units that the table does not have."""
NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII")
"""How the literature writes the classes: 1 is near happiness, 2 surprise, 3 anger, 4 disgust,
5 sadness, 6 fear, 7 everything else."""

TABLE: dict[int, tuple[frozenset[int], ...]] = {
    number: tuple(frozenset(units) for units in sets)
    for number, sets in {
        1: ((6,), (12,), (6, 12), (6, 7, 12), (7, 12)),
        2: ((1, 2), (5,), (25,), (1, 2, 25), (25, 26), (5, 24)),
        3: ((23,), (4,), (4, 7), (4, 5), (4, 5, 7), (17, 24), (4, 6, 7), (4, 38)),
        4: (
            (10,), (9,), (4, 9), (4, 40), (4, 5, 40), (4, 7, 9), (4, 9, 17), (4, 7, 10),
            (4, 5, 7, 9), (7, 10),
        ),
        5: ((1,), (15,), (1, 4), (6, 15), (15, 17)),
        6: ((1, 2, 4), (20,)),
    }.items()
}  # fmt: skip
"""Class → its sets of action units."""

_CLASS_OF = {units: number for number, sets in TABLE.items() for units in sets}


def objective_class(units: AbstractSet[int]) -> int:
    """Return the objective class, 1 to 7, of the action units that an expression activates.

    Parameters
    ----------
    units
        Numbers of the units; no units at all are class 7, like every set outside the table.
    """
    return _CLASS_OF.get(frozenset(units), OTHERS)
