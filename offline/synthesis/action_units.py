"""FACS action units as displacement fields that hang on the mesh.

An action unit is a handful of *bumps*: a place on the face, a direction, and how far the motion
reaches inwards, outwards, upwards and downwards. The face's own axes come from the eyes: *lateral*
runs outwards from the face's midline, *up* runs from mouth to forehead, lengths are inter-ocular
distances (IOD), so a field follows the head's roll, scale and place in the picture by itself.

Which units go together in an emotion follows Friesen & Ekman (1983), *EMFACS-7*.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.synthesis.action_unit_table import ACTION_UNITS, ActionUnit, Bump
from realtime_mer.errors import ConfigError
from realtime_mer.face.topology import canonical_mesh, eye_centres

__all__ = [
    "ACTION_UNITS",
    "EMOTION_MIXTURES",
    "ActionUnit",
    "Activation",
    "Bump",
    "action_unit",
    "displacement",
    "draw_activation",
    "own_bumps",
    "peak_iod",
    "scaled_to_peak",
]

Activation = Mapping[int, tuple[float, float]]
"""Action unit → intensity on the subject's (right, left) side."""

_MIDLINE = (10, 168, 2, 0, 17, 152)
_SIDE_BLEND_IOD = 0.06
_GRID_STEP_IOD = 0.02


@dataclass(frozen=True)
class FaceFrame:
    """The face's own axes: ``to_face`` takes picture coordinates to (x, up) in IOD."""

    origin: NDArray[np.float64]
    axes: NDArray[np.float64]  # rows: subject's left, up; unit vectors of the picture
    iod: float

    def to_face(self, points_xy: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        shifted = np.asarray(points_xy, np.float64) - self.origin
        return np.asarray(shifted @ self.axes.T / self.iod)

    def to_picture(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(vectors @ self.axes * self.iod)


def face_frame(mesh_xy: NDArray[np.floating[Any]]) -> FaceFrame:
    right, left = eye_centres(mesh_xy)
    across = left - right
    iod = float(np.hypot(*across))
    if not iod > 0:
        raise ConfigError(
            f"the mesh's eye centres lie {iod} apart: give a (478, 2) mesh of a face whose two "
            "eyes are distinct points"
        )
    unit = across / iod
    return FaceFrame((right + left) / 2, np.array([unit, [unit[1], -unit[0]]]), iod)


def action_unit(number: int) -> ActionUnit:
    """Return the unit with a FACS number, or raise ``ConfigError`` naming the known ones."""
    try:
        return ACTION_UNITS[number]
    except KeyError:
        known = ", ".join(map(str, ACTION_UNITS))
        raise ConfigError(f"action unit {number} is not known; choose among {known}") from None


def own_bumps(number: int, anatomy: int | None = None) -> tuple[Bump, ...]:
    """Return a unit's bumps as one person has them.

    Muscles differ between people in length, attachment and strength (Waller, Cray & Burrows
    2008, *Emotion* 8:435); how much each bump reaches, which way it pulls and how strong it is
    beside the others vary with ``anatomy``: by 25 %, 10 degrees and 20 % (standard deviations).
    The same number gives the same person; None gives the table's.
    """
    bumps = action_unit(number).bumps
    return bumps if anatomy is None else _varied(bumps, number, anatomy)


@lru_cache(maxsize=256)
def _varied(bumps: tuple[Bump, ...], number: int, anatomy: int) -> tuple[Bump, ...]:
    rng = np.random.default_rng([anatomy, number])
    own = []
    for bump in bumps:
        turn = np.radians(rng.normal(0, 10))
        outward, up = bump.direction
        direction = (
            float(outward * np.cos(turn) - up * np.sin(turn)),
            float(outward * np.sin(turn) + up * np.cos(turn)),
        )
        inner, outer, upper, lower = (np.array(bump.spread) * np.exp(rng.normal(0, 0.25))).tolist()
        weight = float(bump.weight * np.exp(rng.normal(0, 0.2)))
        own.append(Bump(bump.anchor, direction, (inner, outer, upper, lower), weight))
    return tuple(own)


def left_share(mesh: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each point belongs to the subject's left side, 0 … 1, smooth at the midline."""
    middle = mesh[list(_MIDLINE)]
    order = np.argsort(middle[:, 1])
    midline_x = np.interp(points[:, 1], middle[order, 1], middle[order, 0])
    lateral = (points[:, 0] - midline_x) / _SIDE_BLEND_IOD
    return np.asarray(0.5 * (1 + np.tanh(lateral / 2)))


def _reach(bump: Bump, sign: float, offset: NDArray[np.float64]) -> NDArray[np.float64]:
    inner, outer, upper, lower = bump.spread
    outward = sign * offset[:, 0]
    sigma_x = np.where(outward > 0, outer, inner)
    sigma_y = np.where(offset[:, 1] > 0, upper, lower)
    exponent: NDArray[np.float64] = (outward / sigma_x) ** 2 + (offset[:, 1] / sigma_y) ** 2
    return np.asarray(np.exp(-0.5 * exponent))


def _raw_field(
    bumps: Iterable[Bump],
    sides: tuple[float, float],
    mesh: NDArray[np.float64],
    points: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Sum of bumps in face coordinates, (P, 2) as (x, up), before normalisation."""
    left = left_share(mesh, points)
    field = np.zeros((len(points), 2))
    for bump in bumps:
        outward, up = np.array(bump.direction) / np.hypot(*bump.direction)
        for side, (sign, share) in enumerate(((-1.0, 1 - left), (1.0, left))):
            if sides[side] == 0:
                continue
            strength = _reach(bump, sign, points - mesh[bump.anchor[side]]) * share
            strength *= bump.weight * sides[side]
            field += strength[:, None] * np.array([sign * outward, up])
    return field


@cache
def canonical_face() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return canonical mesh (478, 2) and a dense grid (P, 2) over the face, as (x, up) in IOD."""
    mesh = canonical_mesh()[:, :2].astype(np.float64) * [1.0, -1.0]
    low, high = mesh.min(0) - 0.3, mesh.max(0) + 0.3
    axes = [np.arange(a, b, _GRID_STEP_IOD) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
    return mesh, grid


@cache
def _unit_on_grid(number: int) -> NDArray[np.float32]:
    """Return the unit's (right, left) raw fields on the canonical grid, (2, P, 2)."""
    bumps = action_unit(number).bumps
    mesh, grid = canonical_face()
    sides = [_raw_field(bumps, side, mesh, grid) for side in ((1.0, 0.0), (0.0, 1.0))]
    return np.array(sides, np.float32)


@cache
def _unit_gain(number: int) -> float:
    """Factor that brings the unit's peak on the canonical face to 1 IOD."""
    raw = _unit_on_grid(number).sum(0)
    return float(1 / np.hypot(raw[:, 0], raw[:, 1]).max())


def displacement(
    activation: Activation,
    mesh_xy: NDArray[np.floating[Any]],
    points_xy: NDArray[np.floating[Any]],
    anatomy: int | None = None,
) -> NDArray[np.float64]:
    """Return how far action units move points of the face.

    Parameters
    ----------
    activation
        Action unit → (right, left) intensity. An intensity of 0.03 on both sides moves the
        unit's fastest point by 3 % of the inter-ocular distance on the canonical face; other
        faces come within a few percent of it. Units add up.
    mesh_xy
        (478, 2) mesh at rest, x right and y down, any unit.
    points_xy
        (P, 2) points in the same coordinates, need not be mesh points.
    anatomy
        Whose muscles, see ``own_bumps``.

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
    return frame.to_picture(_face_field(activation, mesh, points, anatomy))


def _face_field(
    activation: Activation,
    mesh: NDArray[np.float64],
    points: NDArray[np.float64],
    anatomy: int | None,
) -> NDArray[np.float64]:
    field = np.zeros((len(points), 2))
    for number, sides in activation.items():
        if any(sides):
            gain = _unit_gain(number) if number in ACTION_UNITS else 1.0
            field += gain * _raw_field(own_bumps(number, anatomy), sides, mesh, points)
    return field


def peak_iod(activation: Activation) -> float:
    """Return the largest displacement that an activation causes on the canonical face, in IOD."""
    field = np.zeros((len(canonical_face()[1]), 2))
    for number, sides in activation.items():
        field += _unit_gain(number) * np.tensordot(sides, _unit_on_grid(number), 1)
    return float(np.hypot(field[:, 0], field[:, 1]).max())


def scaled_to_peak(activation: Activation, peak: float) -> dict[int, tuple[float, float]]:
    """Scale an activation so that its largest displacement on the canonical face is ``peak`` IOD.

    Raises
    ------
    ConfigError
        If the activation moves nothing.
    """
    found = peak_iod(activation)
    if not found > 0:
        raise ConfigError("an activation that moves nothing cannot be scaled: give it intensity")
    return {au: (r * peak / found, ll * peak / found) for au, (r, ll) in activation.items()}


Mixtures = Mapping[str, tuple[tuple[float, Mapping[int, float]], ...]]
"""Emotion → (how often, action unit → relative strength)."""

EMOTION_MIXTURES: Mixtures = MappingProxyType(
    {
        "negative": (
            (5.0, {4: 1.0}),
            (3.0, {4: 1.0, 7: 0.5}),
            (1.0, {4: 1.0, 5: 0.4, 7: 0.5}),
            (1.5, {4: 1.0, 24: 0.7}),
            (1.0, {4: 1.0, 23: 0.6}),
            (1.5, {4: 0.8, 9: 0.8}),
            (1.5, {1: 0.8, 4: 1.0}),
            (1.0, {1: 0.8, 4: 1.0, 15: 0.8}),
            (1.0, {1: 0.8, 2: 0.6, 4: 0.8, 20: 0.7}),
            (1.5, {9: 1.0}),
            (1.0, {7: 1.0}),
            (2.0, {10: 1.0}),
            (1.0, {4: 0.8, 10: 1.0}),
            (2.0, {14: 1.0}),
            (2.0, {15: 1.0}),
            (1.5, {15: 1.0, 17: 0.8}),
            (1.5, {17: 1.0}),
            (0.7, {20: 1.0}),
            (0.7, {24: 1.0}),
        ),
        "positive": (
            (5.0, {12: 1.0}),
            (5.0, {6: 0.7, 12: 1.0}),
            (1.0, {6: 1.0}),
            (1.0, {12: 1.0, 25: 0.5}),
            (0.7, {6: 0.6, 12: 1.0, 25: 0.5}),
            (0.6, {12: 1.0, 14: 0.4}),
            (0.6, {12: 1.0, 24: 0.4}),
        ),
        "surprise": (
            (5.0, {1: 1.0, 2: 1.0}),
            (2.0, {1: 1.0, 2: 1.0, 5: 0.5}),
            (2.0, {2: 1.0}),
            (1.0, {1: 1.0}),
            (1.0, {1: 1.0, 2: 1.0, 25: 0.5}),
            (0.7, {1: 0.8, 2: 0.8, 5: 0.5, 26: 0.8}),
            (0.5, {5: 1.0}),
            (0.4, {25: 0.5, 26: 1.0}),
        ),
    }
)
"""Emotion → (how often, action unit → relative strength): which units go together, after
EMFACS-7; how often is our own guess at what spontaneous, half-suppressed expressions show."""

_ONE_SIDED_SHARE: Mapping[int, float] = MappingProxyType({14: 0.6, 10: 0.35, 12: 0.3, 15: 0.25})
_ONE_SIDED_DEFAULT = 0.12


def _sides(one_sided: bool, rng: np.random.Generator) -> tuple[float, float]:
    """Draw (right, left) factors whose larger one is 1."""
    weaker = rng.uniform(0.0, 0.35) if one_sided else 1.0 - abs(rng.normal(0.0, 0.15))
    weaker = float(np.clip(weaker, 0.0, 1.0))
    return (1.0, weaker) if rng.random() < 0.5 else (weaker, 1.0)


def draw_activation(
    emotion: str, rng: np.random.Generator, table: Mixtures = EMOTION_MIXTURES
) -> dict[int, tuple[float, float]]:
    """Draw the action units of one expression, unit peak (1 IOD: scale it down before use).

    Mixture by ``table``, each unit's strength jittered log-normally (σ 0.25), the
    stronger side drawn at random, now and then one-sided as a whole.

    Raises
    ------
    ConfigError
        For an emotion outside ``realtime_mer.events.EMOTIONS``.
    """
    if emotion not in table:
        known = ", ".join(table)
        raise ConfigError(f"emotion {emotion!r} is not known; choose among {known}")
    mixtures = table[emotion]
    odds = np.array([share for share, _ in mixtures])
    units = mixtures[int(rng.choice(len(mixtures), p=odds / odds.sum()))][1]
    chance = max(_ONE_SIDED_SHARE.get(number, _ONE_SIDED_DEFAULT) for number in units)
    right, left = _sides(bool(rng.random() < chance), rng)
    drawn: dict[int, tuple[float, float]] = {}
    for number, strength in units.items():
        own = np.clip(np.exp(rng.normal(0.0, 0.08, 2)), 0.8, 1.25)
        level = strength * float(np.exp(rng.normal(0.0, 0.25)))
        drawn[number] = (level * right * float(own[0]), level * left * float(own[1]))
    return scaled_to_peak(drawn, 1.0)
