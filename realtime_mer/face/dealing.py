"""Deal things out to claimants so that the claims met add up to the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Claimant = TypeVar("Claimant")


@dataclass(frozen=True, slots=True)
class Claim(Generic[Claimant]):
    """How well something fits a claimant: any number above 0, more is better."""

    claimant: Claimant
    score: float


def deal(claims: Sequence[Sequence[Claim[Claimant]]]) -> list[Claimant | None]:
    """Return who gets each thing, None for nobody; nobody gets two.

    Looks at every way to deal: meant for a handful of things with few claims each.
    """
    best: tuple[float, list[Claimant | None]] = (-1.0, [])

    def go(at: int, total: float, dealt: list[Claimant | None]) -> None:
        nonlocal best
        if at == len(claims):
            if total > best[0]:
                best = (total, dealt)
            return
        for claim in claims[at]:
            if not any(claim.claimant is other for other in dealt):
                go(at + 1, total + claim.score, [*dealt, claim.claimant])
        go(at + 1, total, [*dealt, None])

    go(0, 0.0, [])
    return best[1]
