"""The table of FACS action units: which patches of skin each one moves, and which way.

Directions and places follow the muscles' pull as described in the manual: Ekman, Friesen & Hager
(2002), *Facial Action Coding System*, the chapter of each unit. Reaches and relative strengths of
the bumps are our own choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Bump:
    """A patch of skin that moves one way.

    Attributes
    ----------
    anchor
        Mesh point under the bump's centre on the subject's (right, left) side; the same point
        twice for a bump on the midline.
    direction
        (lateral outward, up), any length but zero; normalised on use.
    spread
        Gaussian sigmas (inwards, outwards, upwards, downwards) in IOD. Larger reaches farther.
    weight
        Strength relative to the other bumps of the unit.
    """

    anchor: tuple[int, int]
    direction: tuple[float, float]
    spread: tuple[float, float, float, float]
    weight: float = 1.0


@dataclass(frozen=True)
class ActionUnit:
    """One facial action: its FACS number and name, its bumps, where they come from."""

    number: int
    name: str
    bumps: tuple[Bump, ...]
    source: str


def _unit(number: int, name: str, muscle: str, *bumps: Bump) -> ActionUnit:
    return ActionUnit(number, name, bumps, f"FACS manual (2002), AU {number}: {muscle}")


_LID_CLOSING = (
    Bump((159, 386), (0.0, -1.0), (0.22, 0.22, 0.09, 0.05)),
    Bump((145, 374), (0.1, 1.0), (0.20, 0.20, 0.04, 0.06), 0.15),
)

ACTION_UNITS: Mapping[int, ActionUnit] = MappingProxyType(
    {
        unit.number: unit
        for unit in (
            _unit(
                1,
                "inner brow raiser",
                "frontalis, pars medialis",
                Bump((107, 336), (-0.05, 1.0), (0.18, 0.24, 0.28, 0.11)),
                Bump((108, 337), (0.0, 1.0), (0.25, 0.30, 0.25, 0.20), 0.35),
            ),
            _unit(
                2,
                "outer brow raiser",
                "frontalis, pars lateralis",
                Bump((63, 293), (0.10, 1.0), (0.24, 0.22, 0.26, 0.12)),
                Bump((104, 333), (0.05, 1.0), (0.25, 0.25, 0.25, 0.20), 0.30),
            ),
            _unit(
                4,
                "brow lowerer",
                "corrugator supercilii, depressor supercilii, procerus",
                Bump((55, 285), (-0.60, -0.80), (0.20, 0.26, 0.22, 0.13)),
                Bump((105, 334), (-0.30, -0.70), (0.22, 0.24, 0.18, 0.11), 0.45),
                Bump((9, 9), (0.0, -1.0), (0.12, 0.12, 0.20, 0.15), 0.35),
            ),
            _unit(
                5,
                "upper lid raiser",
                "levator palpebrae superioris",
                Bump((159, 386), (0.0, 1.0), (0.22, 0.22, 0.07, 0.05)),
            ),
            _unit(
                6,
                "cheek raiser",
                "orbicularis oculi, pars orbitalis",
                Bump((117, 346), (-0.25, 0.95), (0.26, 0.20, 0.14, 0.26)),
                Bump((145, 374), (0.0, 1.0), (0.22, 0.22, 0.05, 0.10), 0.40),
                Bump((130, 359), (-0.90, 0.10), (0.12, 0.20, 0.16, 0.16), 0.40),
                Bump((63, 293), (-0.10, -1.0), (0.20, 0.16, 0.10, 0.15), 0.20),
            ),
            _unit(
                7,
                "lid tightener",
                "orbicularis oculi, pars palpebralis",
                Bump((145, 374), (-0.20, 1.0), (0.22, 0.22, 0.05, 0.13)),
                Bump((159, 386), (0.0, -1.0), (0.22, 0.22, 0.09, 0.05), 0.45),
            ),
            _unit(
                9,
                "nose wrinkler",
                "levator labii superioris alaeque nasi",
                Bump((129, 358), (-0.10, 1.0), (0.16, 0.20, 0.26, 0.16)),
                Bump((55, 285), (-0.40, -0.90), (0.18, 0.22, 0.16, 0.12), 0.50),
                Bump((100, 329), (-0.20, 1.0), (0.18, 0.22, 0.14, 0.20), 0.40),
                Bump((37, 267), (0.0, 1.0), (0.16, 0.22, 0.14, 0.08), 0.45),
            ),
            _unit(
                10,
                "upper lip raiser",
                "levator labii superioris",
                Bump((39, 269), (0.10, 1.0), (0.18, 0.20, 0.18, 0.07)),
                Bump((203, 423), (0.15, 0.95), (0.14, 0.20, 0.20, 0.18), 0.70),
                Bump((98, 327), (0.10, 1.0), (0.14, 0.14, 0.14, 0.12), 0.35),
            ),
            _unit(
                12,
                "lip corner puller",
                "zygomaticus major",
                Bump((61, 291), (0.75, 0.66), (0.24, 0.24, 0.24, 0.26)),
                Bump((205, 425), (0.40, 0.90), (0.22, 0.26, 0.24, 0.26), 0.50),
                Bump((206, 426), (0.75, 0.60), (0.16, 0.20, 0.18, 0.18), 0.35),
                Bump((117, 346), (0.0, 1.0), (0.24, 0.22, 0.12, 0.22), 0.20),
            ),
            _unit(
                14,
                "dimpler",
                "buccinator",
                Bump((61, 291), (0.95, 0.15), (0.16, 0.16, 0.15, 0.16)),
                Bump((214, 434), (-0.90, 0.10), (0.10, 0.20, 0.22, 0.22), 0.45),
                Bump((206, 426), (0.60, 0.35), (0.12, 0.14, 0.14, 0.14), 0.20),
            ),
            _unit(
                15,
                "lip corner depressor",
                "depressor anguli oris",
                Bump((61, 291), (0.20, -1.0), (0.20, 0.20, 0.18, 0.22)),
                Bump((204, 424), (0.05, -1.0), (0.18, 0.20, 0.18, 0.20), 0.45),
                Bump((216, 436), (0.0, -1.0), (0.14, 0.16, 0.16, 0.16), 0.25),
            ),
            _unit(
                17,
                "chin raiser",
                "mentalis",
                Bump((199, 199), (0.0, 1.0), (0.28, 0.28, 0.24, 0.18)),
                Bump((17, 17), (0.0, 1.0), (0.32, 0.32, 0.09, 0.16), 0.70),
            ),
            _unit(
                20,
                "lip stretcher",
                "risorius",
                Bump((61, 291), (1.0, -0.10), (0.22, 0.20, 0.16, 0.18)),
                Bump((212, 432), (1.0, -0.15), (0.18, 0.22, 0.20, 0.24), 0.45),
            ),
            _unit(
                23,
                "lip tightener",
                "orbicularis oris",
                Bump((0, 0), (0.0, -1.0), (0.28, 0.28, 0.14, 0.08), 0.70),
                Bump((17, 17), (0.0, 1.0), (0.28, 0.28, 0.08, 0.16), 0.70),
                Bump((61, 291), (-1.0, 0.0), (0.16, 0.18, 0.14, 0.14), 0.60),
            ),
            _unit(
                24,
                "lip pressor",
                "orbicularis oris",
                Bump((0, 0), (0.0, -1.0), (0.34, 0.34, 0.14, 0.08)),
                Bump((17, 17), (0.0, 1.0), (0.34, 0.34, 0.08, 0.18)),
                Bump((199, 199), (0.0, 1.0), (0.26, 0.26, 0.20, 0.16), 0.30),
            ),
            _unit(
                25,
                "lips part",
                "depressor labii inferioris, relaxed mentalis or orbicularis oris",
                Bump((17, 17), (0.0, -1.0), (0.30, 0.30, 0.10, 0.20)),
                Bump((0, 0), (0.0, 1.0), (0.24, 0.24, 0.12, 0.06), 0.30),
            ),
            _unit(
                26,
                "jaw drop",
                "relaxed masseter, temporalis and internal pterygoid",
                Bump((152, 152), (0.0, -1.0), (0.70, 0.70, 0.28, 0.60)),
                Bump((17, 17), (0.0, -1.0), (0.34, 0.34, 0.09, 0.30), 0.80),
            ),
            _unit(43, "eye closure", "relaxed levator palpebrae superioris", *_LID_CLOSING),
            _unit(
                45,
                "blink",
                "relaxed levator palpebrae and contracted orbicularis oculi",
                *_LID_CLOSING,
            ),
        )
    }
)
"""Every action unit the project can move, by FACS number."""
