"""Face views without pictures: patches of skin made from curves, seen through the real head fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from offline.synthesis.action_units import displacement
from realtime_mer.face.points import layout
from realtime_mer.face.rigid import SOFT_SAY, design, fit_head
from realtime_mer.face.topology import (
    REGIONS,
    canonical_mesh,
    eye_centres,
    inter_ocular_distance,
)
from realtime_mer.face.view import FaceView
from realtime_mer.spotting import Decision, Spotter

NAMES = layout().names
Curve = Callable[[float], float]
NO_CROP = np.zeros((0, 0, 3), np.uint8)
NO_GRAY = np.zeros((0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class Person:
    """A face: patches, the head fit's matrix, and a nose and brows that differ from the model's."""

    home_xy: np.ndarray
    fitted: np.ndarray
    true: np.ndarray
    say: np.ndarray

    def seen(self, moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return channels (C, 2) and head (6,) of patches that moved by (P, 2), as tracked."""
        certain = np.tile(np.eye(2) / 0.0015**2, (len(moved), 1, 1))
        head = fit_head(self.fitted, moved, certain, self.say).parameters
        own = moved - self.fitted @ head
        members = layout().membership()
        return members @ own / members.sum(axis=1, keepdims=True), head


@cache
def person() -> Person:
    """Return the one who is shown."""
    points, mesh = layout(), canonical_mesh().astype(np.float64)
    home = mesh[list(points.mesh_points), :2]
    places = (home - np.mean(eye_centres(mesh), axis=0)) / inter_ocular_distance(mesh)
    own_depth = points.depth + np.random.default_rng(1).normal(0, 0.03, len(places))
    say = np.full(len(places), SOFT_SAY)
    say[list(points.rigid)] = 1.0
    return Person(home, design(places, points.depth), design(places, own_depth), say)


@dataclass(frozen=True, eq=False)
class Move:
    """Patches that go along a curve; the farthest channel by the curve's own value."""

    patches: np.ndarray
    curve: Curve


def move(units: Mapping[int, tuple[float, float]], curve: Curve) -> Move:
    """Let action units (right, left) follow a curve."""
    mesh = canonical_mesh().astype(np.float64)
    field = displacement(units, mesh, person().home_xy) / inter_ocular_distance(mesh)
    field *= 0.02 / np.hypot(*field.T).max()
    return Move(field / np.hypot(*person().seen(field)[0].T).max(), curve)


def bump(onset: float, apex: float, offset: float, height: float) -> Curve:
    """Return a raised cosine up and down."""

    def value(t: float) -> float:
        if t <= onset or t >= offset:
            return 0.0
        part = (t - onset) / (apex - onset) if t < apex else (offset - t) / (offset - apex)
        return height * (1 - np.cos(np.pi * part)) / 2

    return value


def step_up(begin: float, end: float, height: float) -> Curve:
    """Return a movement that stays."""

    def value(t: float) -> float:
        part = float(np.clip((t - begin) / (end - begin), 0, 1))
        return height * (1 - np.cos(np.pi * part)) / 2

    return value


def brow_raise(curve: Curve) -> Move:
    """Both brows up."""
    return move({1: (1.0, 1.0), 2: (1.0, 1.0)}, curve)


def smile(curve: Curve) -> Move:
    """Both lip corners up and out, and the cheeks with them."""
    return move({6: (0.7, 0.7), 12: (1.0, 1.0)}, curve)


def at_rest(t: float) -> np.ndarray:
    """Return how a head sways that nobody moves: shift (2), log scale, roll, turn (2)."""
    slow = np.sin(2 * np.pi * np.array([0.31, 0.23, 0.17, 0.29, 0.21, 0.26]) * t + np.arange(6))
    return slow * [0.02, 0.02, 0.005, 0.01, 0.015, 0.015]


def watch(
    moves: Sequence[Move],
    times: Sequence[float],
    *,
    noise: float = 0.0006,
    seed: int = 0,
    eyes_shut: Curve = lambda t: 0.0,
    head: Callable[[float], np.ndarray] = at_rest,
    spotter: Spotter | None = None,
) -> tuple[Spotter, list[tuple[float, Decision]]]:
    """Show movements to a spotter; return it and what it decided when.

    ``noise`` is that of a channel, inter-ocular distances; ``head`` is where the head really is.
    """
    rng = np.random.default_rng(seed)
    spotter = spotter or Spotter()
    opened, shut = np.eye(126, dtype=np.float32)[:2]
    one = person()
    decisions = []
    for index, t in enumerate(times):
        moved = one.true @ head(t) + rng.normal(0, noise * 3**0.5, one.home_xy.shape)
        for move_ in moves:
            moved += move_.curve(t) * move_.patches
        channels, fitted = one.seen(moved)
        closed = np.float32(eyes_shut(t))
        eye = np.sqrt(1 - closed**2) * opened + closed * shut
        view = FaceView(
            time_s=t,
            index=index,
            segment=0,
            face_id=0,
            crop_rgb=NO_CROP,
            crop_gray=NO_GRAY,
            to_crop=np.eye(2, 3),
            channels_iod=channels,
            head=fitted,
            eyes=np.stack([eye, eye]),
            correlation=0.95,
            covered=0.0,
            residual=residual_of(channels),
            quality=1.0,
            restarted=index == 0,
        )
        decisions += [(t, d) for d in spotter.step(view)]
    return spotter, decisions


def residual_of(channels: np.ndarray) -> np.ndarray:
    """Return what the pixels of each region would show: about a grey level for one percent."""
    away = np.hypot(*channels.T)
    return np.array(
        [
            100 * max(away[i] for i, c in enumerate(layout().channels) if c.region == region)
            for region in REGIONS
        ]
    )


def clock(fps: float, seconds: float, jitter: float = 0.0, seed: int = 0) -> list[float]:
    """Return frame times; ``jitter`` is a share of the frame interval."""
    times = np.arange(round(fps * seconds)) / fps
    shake = np.random.default_rng(seed).uniform(-jitter / 2, jitter / 2, len(times)) / fps
    return [float(t) for t in np.sort(times + shake - shake[0])]


def claims(decisions: Sequence[tuple[float, Decision]]) -> list[tuple[float, Decision]]:
    """Keep confirmed candidates."""
    return [(t, d) for t, d in decisions if d.claimed]
