"""One map of a flow archive: two pictures of a face, TV-L1 between them, 8 bits for each plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.action_units import displacement
from offline.synthesis.aligned_faces import Face, align_face
from offline.synthesis.conditions import Conditions
from offline.synthesis.flow_readings import cut, draw_frame, estimated
from offline.synthesis.layouts.film import stream
from offline.synthesis.muscles import MUSCLES, pulled
from offline.synthesis.painted_faces import painted_face
from offline.synthesis.portrait import Portrait
from offline.synthesis.skin_motion import smooth_noise
from offline.synthesis.snapshots import draw_head, photograph_pair
from realtime_mer.face.topology import CROP, CROP_IOD
from realtime_mer.motion.flow import HALF
from realtime_mer.recipes import FLOW_SIDE

Float = NDArray[np.float32]
CONDITIONS = Conditions(noise=(0.3, 2.5), scatter=0.1, unrelated=0.2, blink=0.2)
"""How hard the maps are; sizes and labels are drawn elsewhere."""
STRAY_UNITS = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 24, 25)
_GRID = 64
_ESTIMATOR = "tv-l1"


@dataclass(frozen=True, slots=True, eq=False)
class Sitter:
    """One subject: the same face and muscles in every map.

    Attributes
    ----------
    anatomy_seed
        Whose muscles, see ``action_units.own_bumps``.
    muscle_share
        How much of the motion ``muscles`` makes, the rest ``action_units``; 0…1.
    face
        None where nothing is drawn of it.
    """

    anatomy_seed: int
    muscle_share: float
    face: Face | None


def draw_sitter(
    seed: int, layout: str, number: int, portraits: Sequence[Portrait] | None
) -> Sitter:
    """Draw a subject: every other one bent from a portrait, the rest painted; None draws no face.

    The face is another for each subject; muscles do not depend on whether it is drawn.
    """
    rng = stream(seed, layout, number)
    anatomy = int(rng.integers(1 << 31))
    share = float(np.clip(rng.uniform(-0.5, 1.5), 0, 1))
    if portraits is None:
        return Sitter(anatomy, share, None)
    base = painted_face(rng) if number % 2 else portraits[number // 2 % len(portraits)]
    return Sitter(anatomy, share, align_face(base.varied(rng)))


def draw_flow_picture(
    activation: Mapping[int, tuple[float, float]],
    peak: float,
    sitter: Sitter,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Draw one map.

    Parameters
    ----------
    activation, peak
        What moves, and how far at most (IOD).
    sitter
        On whom, with a face.

    Returns
    -------
    (28, 28, 3) uint8 RGB: u, v and strain, each scaled from its least to its greatest value.
    """
    assert sitter.face is not None
    field = _moved(activation, sitter) * np.float32(rng.uniform(0.6, 1.0))
    if rng.random() < CONDITIONS.unrelated:
        push = peak * float(rng.uniform(0.05, 0.3))
        field += _moved({int(rng.choice(STRAY_UNITS)): (push, push)}, sitter)
    if rng.random() < CONDITIONS.blink:
        lids = float(rng.uniform(-0.03, 0.06))
        field += _moved({45: (lids, lids)}, sitter)
    field += smooth_noise(rng) * np.float32(rng.uniform(0, CONDITIONS.scatter) * peak)
    head = draw_head(rng, CONDITIONS, loose=True)
    rest, moved = photograph_pair(sitter.face.gray, field, head, rng, CONDITIONS)
    frame = draw_frame(rng)
    settings = np.random.default_rng(0)  # one hand made the whole archive
    flow = estimated(_ESTIMATOR, cut(rest, frame), cut(moved, frame), settings)
    return _levels(flow)


def _moved(activation: Mapping[int, tuple[float, float]], sitter: Sitter) -> Float:
    """Lay action units on the face, (160, 160, 2) float32 in IOD."""
    assert sitter.face is not None
    step = CROP / _GRID
    axis = (np.arange(_GRID) + 0.5) * step - 0.5
    nodes = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    mesh, person = sitter.face.mesh_xy, sitter.anatomy_seed
    share = sitter.muscle_share if all(unit in MUSCLES for unit in activation) else 0.0
    field = np.zeros_like(nodes)
    if share < 1:
        field += (1 - share) * displacement(activation, mesh, nodes, person)
    if share > 0:
        field += share * pulled(activation, mesh, nodes, person)
    coarse = (field / CROP_IOD).reshape(_GRID, _GRID, 2).astype(np.float32)
    full = cv2.resize(coarse, (HALF, HALF), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float32)


def _levels(flow: Float) -> NDArray[np.uint8]:
    """Return u, v and strain at 28×28 in 8 bits."""
    u_y, u_x = np.gradient(flow[..., 0])
    v_y, v_x = np.gradient(flow[..., 1])
    strain = np.sqrt(u_x**2 + v_y**2 + (u_y + v_x) ** 2 / 2)
    planes = np.dstack([flow, strain]).astype(np.float32)
    small = cv2.resize(planes, (FLOW_SIDE, FLOW_SIDE), interpolation=cv2.INTER_AREA)
    low, high = small.min((0, 1)), small.max((0, 1))
    return np.asarray(np.rint(255 * (small - low) / np.maximum(high - low, 1e-9)), np.uint8)
