"""How annotators write down what moves: action units as text, emotions as words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from offline.synthesis.clip_spec import MicroExpression

ONE_SIDED = 0.35
"""A unit is written with its side where the weaker side moves less than this share."""
_BOTH_SIDES = (17, 23, 24, 25, 26)
"""Units of the midline, which have no side."""

Rules = Sequence[tuple[str, frozenset[int]]]
"""Words for negative expressions: the first of which a unit is there counts; the last one's
units are empty, and it takes the rest."""


def rules(rest: str, **words: tuple[int, ...]) -> Rules:
    """Return rules: word → the units that make it so, then the word for the rest."""
    named = [(word, frozenset(units)) for word, units in words.items()]
    return (*named, (rest, frozenset()))


def word_for(
    expression: MicroExpression, negative: Rules, others: Mapping[str, str] | None = None
) -> str:
    """Return what a data set calls an expression.

    Parameters
    ----------
    negative
        Its words for negative ones.
    others
        Its words for the rest, by label; happiness and surprise by default.
    """
    if expression.emotion != "negative":
        words = others or {"positive": "happiness", "surprise": "surprise"}
        return words[expression.emotion]
    units = set(expression.activation)
    return next(word for word, needed in negative if units & needed or not needed)


def sides_told(expression: MicroExpression) -> list[tuple[str, int]]:
    """Return the action units in rising order with their side: ``L``, ``R`` or nothing."""
    told = []
    for number, (right, left) in sorted(expression.activation.items()):
        side = ""
        if number not in _BOTH_SIDES and min(right, left) < ONE_SIDED * max(right, left):
            side = "R" if right > left else "L"
        told.append((side, number))
    return told


def unit_text(expression: MicroExpression) -> str:
    """Return the units as CASME II writes them: ``4+7+L10``."""
    return "+".join(f"{side}{number}" for side, number in sides_told(expression))


def scored_text(expression: MicroExpression, rng: np.random.Generator) -> str:
    """Return the units as SAMM writes them, here and there with an intensity: ``4B+7``."""
    parts = []
    for side, number in sides_told(expression):
        mark = "ABCD"[min(3, int(expression.peak_iod / 0.013))] if rng.random() < 0.3 else ""
        parts.append(f"{side}{number}{mark}")
    return "+".join(parts)


def unit_cell(text: str) -> int | str:
    """Return the cell that Excel makes of it: a single unit is a number."""
    return int(text) if text.isdigit() else text
