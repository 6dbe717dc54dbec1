"""What moves on a face between onset and apex: an expression, or one of the things that are none.

Fields are in inter-ocular distances at the half size of the aligned crop, head motion left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.action_units import ACTION_UNITS, Activation, displacement, draw_activation
from offline.synthesis.aligned_faces import Face
from offline.synthesis.conditions import Conditions
from offline.synthesis.label_mixtures import LABEL_MIXTURES
from offline.synthesis.muscles import MUSCLES, pulled
from offline.synthesis.snapshots import draw_head
from realtime_mer.events import ACTION_UNIT_GROUPS
from realtime_mer.face.topology import CROP, CROP_IOD
from realtime_mer.motion.flow import HALF

Float = NDArray[np.float32]
_GRID = 64
_STEP = CROP / _GRID
_IOD = CROP_IOD / 2  # in half-size pixels
_IRISES = (468, 473)
_UNRELATED = tuple(number for number in ACTION_UNITS if number not in (43, 45))
_SEEN, _CLEAR = 0.15, 0.5
"""Share of the expression's peak below which a unit counts as absent, above which as present."""


@dataclass(frozen=True, slots=True, eq=False)
class SkinMotion:
    """A field and the action units in it.

    Attributes
    ----------
    field
        (160, 160, 2) float32 IOD, x right and y down.
    groups
        (10, 2) float32 in 0 … 1: how clearly each of ``ACTION_UNIT_GROUPS`` is there on the
        subject's (right, left) side.
    """

    field: Float
    groups: Float


def draw_expression(
    emotion: str, face: Face, rng: np.random.Generator, conditions: Conditions
) -> SkinMotion:
    """Draw an expression of one of ``EMOTIONS`` with what else may move on the face."""
    peak = _peak(rng, conditions) * rng.uniform(*conditions.late)
    activation = draw_activation(emotion, rng, LABEL_MIXTURES)
    field = _field(_times(activation, peak), face, rng, conditions)
    if rng.random() < 0.5:
        field = cv2.GaussianBlur(field, (0, 0), rng.uniform(0.1, 0.12 * _IOD))
    units = dict(activation)
    if rng.random() < conditions.unrelated:
        stray = _times({int(rng.choice(_UNRELATED)): _sides(rng)}, rng.uniform(0.05, 0.4))
        field = field + _field(_times(stray, peak), face, rng, conditions)
        units |= {unit: sides for unit, sides in stray.items() if unit not in units}
    field = field + _byplay(face, rng, conditions, peak)
    return SkinMotion(np.asarray(field, np.float32), group_scores(units))


def draw_nothing(face: Face, rng: np.random.Generator, conditions: Conditions) -> SkinMotion:
    """Draw what is no expression: stillness, a head twitch, lids, eyes, speech, swallowing, drift.

    The head's own motion is drawn elsewhere (``snapshots.draw_head``); a twitch is more of it.
    """
    peak = _peak(rng, conditions)
    units: dict[int, tuple[float, float]] = {}
    kind = rng.choice(("still", "twitch", "lids", "gaze", "speech", "swallow", "drift"))
    field: Float = np.zeros((HALF, HALF, 2), np.float32)
    if kind == "still":
        return SkinMotion(field, group_scores(units))
    if kind == "twitch":
        field = draw_head(rng, conditions, loose=True) * np.float32(rng.uniform(1, 4))
    elif kind == "lids":
        field = _field(_times({45: (1.0, 1.0)}, rng.uniform(0.02, 0.1)), face, rng, conditions)
    elif kind == "gaze":
        field = 2 * _gaze(face, rng)
    elif kind == "speech":
        units = _mouthing(rng)
        field = _field(_times(units, peak), face, rng, conditions)
    elif kind == "swallow":
        units = {26: (-0.6, -0.6), 24: (0.5, 0.5)}
        field = _field(_times(units, peak), face, rng, conditions)
    elif kind == "drift":
        field = smooth_noise(rng) * np.float32(peak * rng.uniform(0.2, 0.5))
    field = field + _byplay(face, rng, conditions, peak)
    return SkinMotion(np.asarray(field, np.float32), group_scores(units))


def group_scores(activation: Activation) -> Float:
    """Return how clearly each group of action units is there, (10, 2), the subject's right first.

    ``activation`` is relative to the expression's peak: a unit that moves skin by less than 15 %
    of it scores 0, by more than half of it 1.
    """
    scores = np.zeros((len(ACTION_UNIT_GROUPS), 2), np.float32)
    for row, units in enumerate(ACTION_UNIT_GROUPS.values()):
        for unit in units:
            share = np.array(activation.get(unit, (0.0, 0.0)))
            scores[row] = np.maximum(scores[row], (share - _SEEN) / (_CLEAR - _SEEN))
    return np.clip(scores, 0.0, 1.0)


def _peak(rng: np.random.Generator, conditions: Conditions) -> float:
    low, high = np.log(conditions.peak_iod)
    return float(np.exp(rng.uniform(low, high)))


def _mouthing(rng: np.random.Generator) -> dict[int, tuple[float, float]]:
    """Draw a moment of speech: jaw and lips, opening, closing or rounding."""
    jaw, lips, press = rng.uniform(0.2, 1.0), rng.uniform(0, 1.0), rng.uniform(0, 0.6)
    way = float(rng.choice((-1.0, 1.0)))
    units = {26: (way * jaw, way * jaw), 25: (way * lips, way * lips)}
    if rng.random() < 0.6:
        units[int(rng.choice((20, 23, 24, 17)))] = (press, press)
    return units


def _byplay(face: Face, rng: np.random.Generator, conditions: Conditions, peak: float) -> Float:
    """Lids, irises and smooth noise that go with anything, (160, 160, 2)."""
    field = smooth_noise(rng) * np.float32(rng.uniform(0, conditions.scatter) * peak)
    if rng.random() < conditions.blink:
        lids = _times({45: (1.0, 1.0)}, rng.uniform(-0.04, 0.08))
        field = field + _field(lids, face, rng, conditions)
    if rng.random() < conditions.gaze:
        field = field + _gaze(face, rng)
    return np.asarray(field, np.float32)


def _field(
    activation: Activation, face: Face, rng: np.random.Generator, conditions: Conditions
) -> Float:
    """Lay action units on a face, their places a little off, (160, 160, 2) float32 in IOD."""
    axis = (np.arange(_GRID) + 0.5) * _STEP - 0.5
    nodes = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    bend = smooth_noise(rng, side=_GRID).reshape(-1, 2) * rng.uniform(0, 0.05) * CROP_IOD
    share = _muscle_share(activation, rng, conditions)
    person = int(rng.integers(2**31))
    field = np.zeros_like(nodes)
    if share < 1:
        field += (1 - share) * displacement(activation, face.mesh_xy, nodes + bend, person)
    if share > 0:
        field += share * pulled(activation, face.mesh_xy, nodes + bend, person)
    coarse = (field / CROP_IOD).reshape(_GRID, _GRID, 2).astype(np.float32)
    full = cv2.resize(coarse, (HALF, HALF), interpolation=cv2.INTER_LINEAR)
    return _turned(np.asarray(full, np.float32), rng)


def _muscle_share(
    activation: Activation, rng: np.random.Generator, conditions: Conditions
) -> float:
    """How much of a field the muscles make: 0, 1, or a blend of the two anatomies."""
    if not all(unit in MUSCLES for unit in activation):
        return 0.0
    if 0 < conditions.muscles < 1 and rng.random() < 1 / 3:
        return float(rng.uniform(0.2, 0.8))
    return float(rng.random() < conditions.muscles)


def _turned(field: Float, rng: np.random.Generator) -> Float:
    """Turn the motion's direction by a smooth random angle."""
    angle = smooth_noise(rng)[..., 0] * rng.uniform(0, 0.25) + rng.normal(0, 0.05)
    cosine, sine = np.cos(angle), np.sin(angle)
    u, v = field[..., 0], field[..., 1]
    return np.asarray(np.stack([cosine * u - sine * v, sine * u + cosine * v], -1), np.float32)


def _gaze(face: Face, rng: np.random.Generator) -> Float:
    """Irises that move together, (160, 160, 2) float32 in IOD."""
    y, x = np.mgrid[:HALF, :HALF].astype(np.float32)
    push = rng.normal(0, 0.03, 2) * (1.0, 0.4)
    weight: Float = np.zeros((HALF, HALF), np.float32)
    for iris in _IRISES:
        cx, cy = face.mesh_xy[iris] / 2
        weight += np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * (0.07 * _IOD) ** 2))
    return np.asarray(weight[..., None] * push, np.float32)


def _times(activation: Activation, factor: float) -> dict[int, tuple[float, float]]:
    return {unit: (right * factor, left * factor) for unit, (right, left) in activation.items()}


def _sides(rng: np.random.Generator) -> tuple[float, float]:
    right, left = rng.uniform(0.1, 1.0, 2)
    return float(right), float(left)


def smooth_noise(rng: np.random.Generator, side: int = HALF) -> Float:
    """Vector noise at three scales, (side, side, 2) float32, RMS about 1."""
    total = np.zeros((side, side, 2), np.float32)
    for nodes in (4, 7, 12):
        coarse = rng.standard_normal((nodes, nodes, 2)).astype(np.float32)
        total += cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(total / np.float32(1.5), np.float32)
