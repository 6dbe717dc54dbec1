"""A second anatomy of the action units: muscles that pull skin towards the bone.

The bumps of ``action_units`` push patches of skin one way. Here skin between a muscle's
insertion and its attachment converges on the attachment, and sphincters draw rings of skin to
their centre: Waters (1987), *A muscle model for animating three-dimensional facial expression*,
SIGGRAPH 21(4):17, in the picture plane. Places follow the manual (Ekman, Friesen & Hager 2002);
reaches and strengths are our own choice. A recogniser that reads both anatomies cannot lean on
the quirks of either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.synthesis.action_units import (
    Activation,
    action_unit,
    canonical_face,
    face_frame,
    left_share,
)

Points = NDArray[np.float64]

_SOFT = 0.12
"""Share of the reach over which a pull fades in at the bone: skin there is held."""


@dataclass(frozen=True, slots=True)
class Pull:
    """A linear muscle on one side; both ends are (lateral outward, up) in IOD from mesh points.

    Attributes
    ----------
    bone, skin
        Mesh point of the attachment and of the insertion on the subject's (right, left) side.
    bone_off
        Where the attachment lies from its point, for bones that carry no mesh point.
    width
        Half the fan's angle, radians. Wider takes more skin along.
    beyond
        How far past the insertion skin follows, in lengths of the muscle.
    weight
        Strength beside the other muscles of the unit.
    """

    bone: tuple[int, int]
    skin: tuple[int, int]
    bone_off: tuple[float, float] = (0.0, 0.0)
    width: float = 0.6
    beyond: float = 0.6
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Ring:
    """A sphincter: skin around ``centre`` is drawn to it, most at ``radius``, in IOD.

    ``squash`` scales the (lateral, vertical) part; ``above`` weakens (< 1) what happens above
    the centre against what happens below it.
    """

    centre: tuple[tuple[int, ...], tuple[int, ...]]
    radius: tuple[float, float]
    squash: tuple[float, float] = (1.0, 1.0)
    above: float = 1.0
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Hinge:
    """The jaw: what lies under the mouth's line goes down, more the lower it lies."""

    line: int = 13
    weight: float = 1.0


Muscle = Pull | Ring | Hinge
_EYE = ((33, 133, 159, 145), (263, 362, 386, 374))
_MOUTH = ((61, 291, 0, 17), (61, 291, 0, 17))
_CORNER = ((61, 214), (291, 434))

MUSCLES: Mapping[int, tuple[Muscle, ...]] = MappingProxyType(
    {
        1: (Pull((108, 337), (107, 336), (0.05, 0.45), 0.45, 0.45),),
        2: (Pull((104, 333), (105, 334), (0.15, 0.45), 0.45, 0.45),
            Pull((104, 333), (63, 293), (0.05, 0.40), 0.40, 0.40, 0.8)),
        4: (Pull((6, 6), (107, 336), (0.05, 0.0), 0.55, 0.7),
            Pull((168, 168), (105, 334), (0.0, -0.02), 0.40, 0.4, 0.6),
            Pull((6, 6), (9, 9), (0.0, 0.0), 0.50, 0.9, 0.5)),
        5: (Pull((223, 443), (159, 386), (0.0, 0.05), 1.0, 0.3),),
        6: (Ring(_EYE, (0.42, 0.36), (0.5, 1.0), 0.3),),
        7: (Ring(_EYE, (0.30, 0.16), (0.3, 1.0), 0.5),),
        9: (Pull((193, 417), (129, 358), (0.0, 0.0), 0.50, 0.6),
            Pull((193, 417), (37, 267), (0.0, 0.0), 0.25, 0.2, 0.5),
            Pull((6, 6), (107, 336), (0.0, 0.0), 0.5, 0.5, 0.45)),
        10: (Pull((119, 348), (39, 269), (-0.05, 0.0), 0.45, 0.25),
             Pull((119, 348), (203, 423), (-0.05, 0.0), 0.6, 0.5, 0.5)),
        12: (Pull((116, 345), (61, 291), (0.0, 0.0), 0.45, 0.45),
             Pull((118, 347), (40, 270), (0.0, 0.0), 0.40, 0.2, 0.3)),
        14: (Pull((58, 288), (61, 291), (0.0, 0.0), 0.45, 0.5),
             Ring(_CORNER, (0.22, 0.26), (1.0, 0.3), 1.0, 0.5)),
        15: (Pull((170, 395), (61, 291), (0.0, -0.1), 0.55, 0.4),
             Pull((170, 395), (216, 436), (0.0, -0.1), 0.40, 0.2, 0.4)),
        17: (Pull((18, 18), (199, 199), (0.0, 0.15), 0.9, 0.8),
             Pull((0, 0), (17, 17), (0.0, 0.0), 0.9, 0.35, 0.6)),
        20: (Pull((132, 361), (61, 291), (0.0, -0.15), 0.5, 0.5),),
        23: (Ring(_MOUTH, (0.50, 0.30), (0.8, 1.0)),),
        24: (Ring(_MOUTH, (0.55, 0.32), (0.2, 1.0)),),
        25: (Pull((170, 395), (17, 17), (0.0, -0.2), 0.6, 0.3),
             Pull((164, 164), (0, 0), (0.0, 0.1), 0.9, 0.2, 0.25)),
        26: (Hinge(),),
    }
)  # fmt: skip
"""Action unit → its muscles, drawn once for each side. Lids that shut (43, 45) have none."""


def pulled(
    activation: Activation,
    mesh_xy: NDArray[np.floating[Any]],
    points_xy: NDArray[np.floating[Any]],
    person: int | None = None,
) -> Points:
    """Return how far muscles move points of the face; arguments as ``displacement``.

    Parameters
    ----------
    activation
        Action unit → (right, left) intensity; 0.03 on both sides moves the unit's fastest point
        by 3 % of the inter-ocular distance on the canonical face.
    mesh_xy, points_xy
        (478, 2) mesh and (P, 2) points, x right and y down, any unit.
    person
        Whose muscles: ends lie elsewhere by 0.03 IOD, fans and reaches differ by 20 %, strengths
        by 25 % (standard deviations). None takes the table as it is.

    Returns
    -------
    (P, 2) float64 displacement in the unit of ``points_xy``.

    Raises
    ------
    ConfigError
        For an unknown action unit, or a mesh without two distinct eyes.
    """
    frame = face_frame(mesh_xy)
    mesh, points = frame.to_face(np.asarray(mesh_xy)[:, :2]), frame.to_face(points_xy)
    field = np.zeros((len(points), 2))
    for number, sides in activation.items():
        if any(sides):
            action_unit(number)
            field += _gain(number) * _unit_field(number, sides, mesh, points, person)
    return frame.to_picture(field)


def _unit_field(
    number: int, sides: tuple[float, float], mesh: Points, points: Points, person: int | None
) -> Points:
    """Both sides of one unit in face coordinates, (P, 2) as (x, up), before normalisation."""
    left = left_share(mesh, points)
    rng = None if person is None else np.random.default_rng([person, number, 1])
    muscles = [_own(muscle, rng) for muscle in MUSCLES.get(number, ())]
    field = np.zeros((len(points), 2))
    for side, (sign, share) in enumerate(((-1.0, 1 - left), (1.0, left))):
        if sides[side]:
            field += (sides[side] * share)[:, None] * _half(muscles, side, sign, mesh, points)
    return field


def _half(
    muscles: Iterable[tuple[Muscle, Points]], side: int, sign: float, mesh: Points, points: Points
) -> Points:
    """Add up the muscles of one side, (P, 2)."""
    total = np.zeros((len(points), 2))
    for muscle, moved in muscles:
        if isinstance(muscle, Pull):
            ends = moved * [sign, 1.0]
            bone = mesh[muscle.bone[side]] + np.array(muscle.bone_off) * [sign, 1.0] + ends[0]
            skin = mesh[muscle.skin[side]] + ends[1]
            total += muscle.weight * _linear(bone, skin, muscle, points)
        elif isinstance(muscle, Ring):
            centre = mesh[list(muscle.centre[side])].mean(0) + moved[0] * [sign, 1.0]
            total += muscle.weight * _sphincter(centre, muscle, points)
        else:
            away = points - mesh[muscle.line]
            depth = np.clip(-0.02 - away[:, 1], 0.0, None)
            beside = np.exp(-0.5 * (away[:, 0] / 1.1) ** 4)
            total[:, 1] -= muscle.weight * np.tanh(depth / 0.35) * beside
    return total


def _linear(bone: Points, skin: Points, muscle: Pull, points: Points) -> Points:
    """Waters's linear muscle: towards the bone, strongest at the insertion, fading past it."""
    length = float(np.hypot(*(skin - bone)))
    away = points - bone
    distance = np.hypot(*away.T) + 1e-9
    cosine = np.clip(away @ (skin - bone) / (length * distance), -1, 1)
    fan = np.exp(-0.5 * (np.arccos(cosine) / muscle.width) ** 2)
    inside = np.sin(0.5 * np.pi * np.clip(distance / length, 0, 1)) ** 2
    past = np.exp(-0.5 * (np.clip(distance / length - 1, 0, None) / (muscle.beyond / 2)) ** 2)
    held = np.clip(distance / (_SOFT * length), 0, 1)
    return np.asarray(-(fan * inside * past * held / distance)[:, None] * away)


def _sphincter(centre: Points, ring: Ring, points: Points) -> Points:
    """Draw a ring of skin to its centre: nothing at the centre, most at the radius."""
    away = points - centre
    across = away / np.array(ring.radius)
    distance = np.hypot(*across.T)
    strength = (distance * np.exp(0.5 * (1 - distance**2))) ** 2
    strength = strength * np.where(away[:, 1] > 0, ring.above, 1.0)
    unit = away / (np.hypot(*away.T) + 1e-9)[:, None]
    return np.asarray(-strength[:, None] * unit * np.array(ring.squash))


def _own(muscle: Muscle, rng: np.random.Generator | None) -> tuple[Muscle, Points]:
    """One person's variant of a muscle and where its ends lie off the table's, (2, 2) IOD."""
    if rng is None:
        return muscle, np.zeros((2, 2))
    ends = rng.normal(0, 0.03, (2, 2))
    wide, far, strong = np.exp(rng.normal(0, (0.2, 0.2, 0.25)))
    if isinstance(muscle, Pull):
        pull = Pull(muscle.bone, muscle.skin, muscle.bone_off, muscle.width * wide,
                    muscle.beyond * far, muscle.weight * strong)  # fmt: skip
        return pull, ends
    if isinstance(muscle, Ring):
        radius = muscle.radius[0] * wide, muscle.radius[1] * far
        weight = muscle.weight * strong
        return Ring(muscle.centre, radius, muscle.squash, muscle.above, weight), ends
    return Hinge(muscle.line, muscle.weight * strong), ends


@cache
def _gain(number: int) -> float:
    """Factor that brings the unit's peak on the canonical face to 1 IOD; 0 without muscles."""
    mesh, grid = canonical_face()
    raw = _unit_field(number, (1.0, 1.0), mesh, grid, None)
    largest = float(np.hypot(raw[:, 0], raw[:, 1]).max())
    return 1 / largest if largest > 0 else 0.0
