"""How a sample gets its label: by its emotion, by its objective class, or by its action units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from offline.datasets.action_unit_text import activated, parse_action_units
from offline.datasets.base import Sample
from offline.tasks.objective_classes import NUMERALS, objective_class

ANY = ""
"""Stands for every data set that is not named."""

CODING_SHEET = "coding sheet"
"""``Sample.objective_source`` where no sheet of its own brought the objective class."""

OBJECTIVE_LABELS = tuple(f"objective_{numeral}" for numeral in NUMERALS[:5])
"""Classes that take part: VI is too rare, and VII is what nothing else fits."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a rule says of a sample.

    Attributes
    ----------
    labels
        Names of its labels; several, or none at all, only by action units.
    left_out
        Why it takes no part; empty if it does.
    note
        How its label came about, where that is not how the protocol means it.
    """

    labels: tuple[str, ...] = ()
    left_out: str = ""
    note: str = ""


class LabelRule(Protocol):
    """Says which labels a sample has."""

    def label(self, sample: Sample, protocol: str) -> Given:
        """Return the labels of a sample, or why it has none; ``protocol`` is for messages."""


@dataclass(frozen=True, slots=True)
class ByEmotion:
    """One class by the emotion of the sheet.

    Attributes
    ----------
    classes
        Data set (``ANY`` for the rest) → emotion as the sheet spells it → class name.
    excluded
        Subject and clip of samples that the protocol does not have, by data set.
    """

    classes: Mapping[str, Mapping[str, str]]
    excluded: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)

    def label(self, sample: Sample, protocol: str) -> Given:
        """Return the class of the emotion; of several (``a+b``), the one that all of them mean.

        Of several emotions those without a class do not count.
        """
        excluded = self.excluded.get(sample.dataset, frozenset())
        if sample.sample_id in {"_".join(key) for key in excluded}:
            return Given(left_out=f"{protocol} does not have this clip")
        classes = self.classes.get(sample.dataset, self.classes.get(ANY, {}))
        parts = [part.strip() for part in sample.emotion.split("+")]
        found = sorted({classes[part] for part in parts if part in classes})
        told = f"emotion {sample.emotion or 'unknown'}"
        if len(found) > 1:
            return Given(left_out=f"{told} means both {' and '.join(found)} in {protocol}")
        if not found:
            return Given(left_out=f"{told} has no class in {protocol}")
        return Given((found[0],))


@dataclass(frozen=True, slots=True)
class ByObjectiveClass:
    """One of the objective classes I to V; VI and VII take no part.

    Attributes
    ----------
    official
        True: the class that the data set brings goes first, CASME II's own sheet of objective
        classes before all. False: that sheet does not count, only a column of the coding sheet.
    """

    official: bool

    def label(self, sample: Sample, protocol: str) -> Given:
        """Return the class the data set has for a sample, or else the one of its action units."""
        unofficial = sample.dataset == "casme2" and sample.objective_source == CODING_SHEET
        counts = self.official or unofficial or sample.dataset != "casme2"
        number, note = sample.objective_class if counts else None, ""
        if number is None:
            if not _readable(sample):
                return Given(left_out="no objective class, and no action unit that can be read")
            number = objective_class(activated(sample.action_units, sample.dataset))
            note = f"{sample.dataset}: objective class by the table, from the action units"
        elif self.official and unofficial:
            note = "casme2: objective class from the coding sheet, which officially has none"
        if number > len(OBJECTIVE_LABELS):
            return Given(left_out=f"objective class {NUMERALS[number - 1]} takes no part")
        return Given((OBJECTIVE_LABELS[number - 1],), note=note)


@dataclass(frozen=True, slots=True)
class ByActionUnits:
    """Every action unit that moved, of those that the protocol asks for.

    Attributes
    ----------
    units
        Their numbers.
    """

    units: tuple[int, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """``AU1`` for unit 1, and so on."""
        return tuple(f"AU{unit}" for unit in self.units)

    def label(self, sample: Sample, protocol: str) -> Given:
        """Return the names of the units; none of them is an answer too."""
        if not _readable(sample):
            return Given(left_out=f"no action unit that can be read: {sample.action_units!r}")
        moved = activated(sample.action_units, sample.dataset)
        named = zip(self.units, self.labels, strict=True)
        return Given(tuple(name for unit, name in named if unit in moved))


def _readable(sample: Sample) -> bool:
    """Whether the coders wrote at least one action unit down."""
    return bool(parse_action_units(sample.action_units, sample.dataset)[0])
