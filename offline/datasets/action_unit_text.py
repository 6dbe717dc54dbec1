"""Action units as coders write them: ``4+R14``, ``ref(7B)+43``, ``10A/B``, ``AU4(k)``."""

from __future__ import annotations

import re
from dataclasses import dataclass

CHOICES = {
    "samm": {
        "(R6 or R12)+R15": "R12+R15",
        "L12 or L14": "L14",
        "R12 or R14": "R14",
        "R14A or 17A or 24A": "R14A",
    },
}
"""Data set → what coders left open in its sheet → how it is read; every such reading is told."""

_SEPARATORS = "+,，"
_TOKEN = re.compile(
    r"(?:AU)?\s*"
    r"(?P<side>[LRABT](?:/[LRABT])?)?\s*"
    r"(?P<number>[1-9][0-9]?)\s*"
    r"(?:(?P<intensity>[A-E](?:/[A-E])?)|\((?P<enclosed>[A-E](?:/[A-E])?)\))?\s*"
    r"(?P<kept>\(k\))?",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"ref\s*\((?P<inner>.*)\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ActionUnit:
    """One coded action unit.

    Attributes
    ----------
    number
        Its number in the Facial Action Coding System.
    side
        ``L`` or ``R`` (the subject's), ``T`` or ``B`` (top, bottom), ``A`` (asymmetric), two of
        them as ``A/L``; empty where both sides moved.
    intensity
        ``A`` (trace) to ``E`` (maximum) or two of them as ``A/B``; empty where it was not coded.
    reference
        Written ``ref(…)``: it is there in the neutral picture already.
    kept
        Written ``(k)``: it is kept up all the time, and does not move.
    """

    number: int
    side: str = ""
    intensity: str = ""
    reference: bool = False
    kept: bool = False

    @property
    def activated(self) -> bool:
        """Whether it moved in this expression."""
        return not (self.reference or self.kept)


def parse_action_units(text: str, dataset: str) -> tuple[tuple[ActionUnit, ...], tuple[str, ...]]:
    """Read a cell of action units.

    Parameters
    ----------
    text
        As the sheet writes it.
    dataset
        Whose sheet it is: what its coders left open (``L12 or L14``) is read as ``CHOICES`` says.

    Returns
    -------
    The units in the order written, and what was no unit or had to be decided, in plain words.
    Nothing is guessed: ``13?`` is told and left out.
    """
    written = " ".join(text.split())
    chosen = CHOICES.get(dataset, {}).get(written)
    told = [f"{written!r} is read as {chosen}"] if chosen else []
    units = []
    for part in _parts(chosen or written):
        token = part.strip()
        unit = _unit(token)
        if unit:
            units.append(unit)
        elif token:
            told.append(f"{token!r} is no action unit")
    return tuple(units), tuple(told)


def activated(text: str, dataset: str) -> frozenset[int]:
    """Return the numbers of the units that moved: neither ``ref(…)`` nor ``(k)`` counts."""
    units, _ = parse_action_units(text, dataset)
    return frozenset(unit.number for unit in units if unit.activated)


def _parts(text: str) -> list[str]:
    """Split at the separators that stand outside parentheses."""
    parts, depth = [""], 0
    for sign in text:
        depth = max(depth + (sign == "(") - (sign == ")"), 0)
        if sign in _SEPARATORS and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _unit(token: str) -> ActionUnit | None:
    reference = _REFERENCE.fullmatch(token)
    found = _TOKEN.fullmatch(reference["inner"].strip() if reference else token)
    if found is None:
        return None
    return ActionUnit(
        number=int(found["number"]),
        side=(found["side"] or "").upper(),
        intensity=(found["intensity"] or found["enclosed"] or "").upper(),
        reference=reference is not None,
        kept=found["kept"] is not None,
    )
