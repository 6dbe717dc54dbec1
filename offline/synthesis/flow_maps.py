"""Synthetic onset→apex flow maps: action units move pixels, our own estimator reads them back.

A map goes the way of a real one: a face, a displacement field, a camera with noise and
compression, an imperfect alignment, then the stream's ``motion.flow`` and ``recipes.flow_map``.
What the estimator gets wrong on skin without texture it gets wrong here too. A smaller share of
the maps skips the pixels: the field itself with smooth noise, for estimators other than ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.action_units import ACTION_UNITS, Activation, displacement, draw_activation
from offline.synthesis.painted_faces import painted_face
from offline.synthesis.portrait import Portrait
from realtime_mer.events import EMOTIONS
from realtime_mer.face.mesh import Mesh
from realtime_mer.face.similarity import apply
from realtime_mer.face.topology import CROP, CROP_IOD
from realtime_mer.face.tracker import align
from realtime_mer.motion.flow import HALF, face_mask, face_motion, half_size, head_displacement
from realtime_mer.recipes import flow_map

Float = NDArray[np.float32]
_GRID = 64
_STEP = CROP / _GRID
_IOD = CROP_IOD / 2  # in half-size pixels
_IRISES = (468, 473)
_UNRELATED = tuple(number for number in ACTION_UNITS if number not in (43, 45))


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """An aligned face.

    ``gray`` is (160, 160) float32, half size; ``mesh_xy`` (478, 2) lies in pixels of the full
    320×320 crop.
    """

    gray: Float
    mesh_xy: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Conditions:
    """How hard the samples are; every number may be raised to make them harder.

    Attributes
    ----------
    peak_iod
        Range of the largest displacement at the apex (log-uniform).
    late
        Range of the share of it that is left when onset and apex are off in time.
    unrelated, blink, gaze
        Chances of an action unit that does not belong, of moving lids, of moving irises.
    scatter
        RMS of smooth noise motion as a share of the peak, at most.
    head
        Standard deviations of leftover shift (IOD), zoom, roll and turn (radians).
    noise
        Range of sensor noise in grey levels (log-uniform).
    pixels
        Share of the samples that go through pictures and the flow estimator.
    """

    peak_iod: tuple[float, float] = (0.012, 0.06)
    late: tuple[float, float] = (0.6, 1.0)
    unrelated: float = 0.35
    blink: float = 0.15
    gaze: float = 0.12
    scatter: float = 0.10
    head: tuple[float, float, float, float] = (0.008, 0.004, 0.004, 0.012)
    noise: tuple[float, float] = (0.3, 4.0)
    pixels: float = 0.8


def align_face(portrait: Portrait) -> Face:
    """Return the portrait as the stream would see it: aligned on rigid points."""
    to_crop = align(Mesh(portrait.mesh[:, :2]))
    crop = cv2.warpAffine(
        cv2.cvtColor(portrait.image_rgb, cv2.COLOR_RGB2GRAY).astype(np.float32),
        to_crop,
        (CROP, CROP),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return Face(half_size(crop), apply(to_crop, portrait.mesh[:, :2]))


def draw_faces(
    count: int, rng: np.random.Generator, photographs: Sequence[Portrait] = ()
) -> list[Face]:
    """Draw faces of many shapes and tones: half of them bent photographs, half painted."""
    faces = []
    for number in range(count):
        if photographs and number % 2:
            base = photographs[number // 2 % len(photographs)]
        else:
            base = painted_face(rng)
        face = align_face(base.varied(rng))
        faces.append(_smooth_skinned(face, rng) if rng.random() < 0.4 else face)
    return faces


def _smooth_skinned(face: Face, rng: np.random.Generator) -> Face:
    """Return the face with its skin evened out and its edges kept, as make-up and phones do."""
    reach, levels = float(rng.uniform(2, 5)), float(rng.uniform(8, 30))
    return Face(cv2.bilateralFilter(face.gray, 0, levels, reach), face.mesh_xy)


def draw_maps(
    count: int,
    faces: Sequence[Face],
    rng: np.random.Generator,
    conditions: Conditions | None = None,
) -> tuple[Float, NDArray[np.int64]]:
    """Draw balanced labelled flow maps.

    Returns
    -------
    maps
        (count, 2, 28, 28) float32, as the recipe ``onset_apex_flow`` makes them.
    labels
        (count,) int64 positions in ``EMOTIONS``, in turn.
    """
    conditions = conditions or Conditions()
    labels = np.arange(count, dtype=np.int64) % len(EMOTIONS)
    maps = np.stack(
        [
            draw_map(EMOTIONS[label], faces[int(rng.integers(len(faces)))], rng, conditions)
            for label in labels
        ]
    )
    return maps, labels


def draw_map(emotion: str, face: Face, rng: np.random.Generator, conditions: Conditions) -> Float:
    """Draw one map (2, 28, 28) float32 of an expression on a face."""
    skin = skin_motion(emotion, face, rng, conditions)
    if rng.random() >= conditions.pixels:
        full = cv2.resize(skin, (CROP, CROP), interpolation=cv2.INTER_LINEAR)
        blurred = cv2.GaussianBlur(full, (0, 0), rng.uniform(2, 14))
        return flow_map(np.asarray(blurred * face_mask()[..., None], np.float32))
    rest, peak = photograph_pair(face.gray, skin, rng, conditions)
    return flow_map(face_motion(rest, peak))


def skin_motion(
    emotion: str, face: Face, rng: np.random.Generator, conditions: Conditions
) -> Float:
    """Draw how the skin moves, (160, 160, 2) float32 in IOD, head motion left out."""
    low, high = np.log(conditions.peak_iod)
    peak = float(np.exp(rng.uniform(low, high)) * rng.uniform(*conditions.late))
    activation = draw_activation(emotion, rng)
    expression = _turned(_field(_times(activation, peak), face, rng), rng)
    if rng.random() < 0.5:
        expression = cv2.GaussianBlur(expression, (0, 0), rng.uniform(0.1, 0.12 * _IOD))
    others = np.zeros_like(expression)
    if rng.random() < conditions.unrelated:
        stray = {int(rng.choice(_UNRELATED)): _sides(rng)}
        others += _field(_times(stray, peak * rng.uniform(0.05, 0.4)), face, rng)
    if rng.random() < conditions.blink:
        others += _field(_times({45: (1.0, 1.0)}, rng.uniform(0.01, 0.08)), face, rng)
    if rng.random() < conditions.gaze:
        others += _gaze(face, rng)
    scatter = _smooth_noise(rng) * rng.uniform(0, conditions.scatter) * peak
    return np.asarray(expression + others + scatter, np.float32)


def photograph_pair(
    gray: Float, skin: Float, rng: np.random.Generator, conditions: Conditions
) -> tuple[Float, Float]:
    """Photograph a face at rest and moved by ``skin``; (160, 160) float32 grey each."""
    shift, zoom, roll, turn = conditions.head
    sizes = np.array([shift, shift, zoom, roll, turn, turn])
    inside = _soft_mask()
    head = head_displacement(rng.normal(0, 1, 6) * sizes)
    wall = np.asarray(rng.normal(0, 0.02, 2), np.float32)
    motion = (skin + head) * inside + wall * (1 - inside)
    moved = _moved(gray, motion * np.float32(_IOD))
    side = int(HALF * rng.uniform(0.5, 1.0))
    noise = float(np.exp(rng.uniform(*np.log(conditions.noise))))
    quality = int(rng.integers(45, 98)) if rng.random() < 0.6 else None
    contrast = rng.uniform(0.5, 1.1)
    softness = rng.uniform(0.05, 1.2)
    light = 1 + rng.normal(0, 0.02) + rng.normal(0, 0.03) * np.linspace(-1, 1, HALF)
    pair = []
    for picture, lamp in ((gray, 1.0), (moved, light)):
        soft = cv2.GaussianBlur(picture, (0, 0), softness)
        lit = (128 + (soft - 128) * contrast) * lamp
        pair.append(_camera(np.asarray(lit, np.float32), side, noise, quality, rng))
    return pair[0], pair[1]


def _camera(
    picture: Float, side: int, noise: float, quality: int | None, rng: np.random.Generator
) -> Float:
    """Sample at the camera's resolution, add noise, compress, sample back to the crop."""
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    small = small + rng.normal(0, noise, small.shape)
    image = np.clip(np.rint(small), 0, 255).astype(np.uint8)
    if quality is not None:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    back = cv2.resize(image.astype(np.float32), (HALF, HALF), interpolation=cv2.INTER_LINEAR)
    return np.asarray(back, np.float32)


def _moved(gray: Float, motion_px: Float) -> Float:
    """Carry every pixel along ``motion_px`` (fixed-point inversion of the small motion)."""
    y, x = np.mgrid[:HALF, :HALF].astype(np.float32)
    back = motion_px
    for _ in range(2):
        back = cv2.remap(
            motion_px, x - back[..., 0], y - back[..., 1], cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
    moved = cv2.remap(
        gray, x - back[..., 0], y - back[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)


def _field(activation: Activation, face: Face, rng: np.random.Generator) -> Float:
    """Lay action units on a face, their places a little off, (160, 160, 2) float32 in IOD."""
    axis = (np.arange(_GRID) + 0.5) * _STEP - 0.5
    nodes = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    bend = _smooth_noise(rng, side=_GRID).reshape(-1, 2) * rng.uniform(0, 0.05) * CROP_IOD
    field = displacement(activation, face.mesh_xy, nodes + bend) / CROP_IOD
    coarse = field.reshape(_GRID, _GRID, 2).astype(np.float32)
    full = cv2.resize(coarse, (HALF, HALF), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float32)


def _turned(field: Float, rng: np.random.Generator) -> Float:
    """Turn the motion's direction by a smooth random angle."""
    angle = _smooth_noise(rng)[..., 0] * rng.uniform(0, 0.25) + rng.normal(0, 0.05)
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


def _smooth_noise(rng: np.random.Generator, side: int = HALF) -> Float:
    """Vector noise at three scales, (side, side, 2) float32, RMS about 1."""
    total = np.zeros((side, side, 2), np.float32)
    for nodes in (4, 7, 12):
        coarse = rng.standard_normal((nodes, nodes, 2)).astype(np.float32)
        total += cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(total / np.float32(1.5), np.float32)


def _soft_mask() -> Float:
    """Return the canonical face at half size with a soft rim, (160, 160, 1)."""
    grown = cv2.dilate(face_mask(), np.ones((21, 21), np.uint8))
    soft = cv2.GaussianBlur(grown, (0, 0), 6.0)
    return half_size(np.asarray(soft, np.float32))[..., None]
