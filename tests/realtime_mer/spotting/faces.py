"""Face views without pictures: what the spotter sees, made from curves."""

from collections.abc import Callable, Sequence

import numpy as np

from realtime_mer.face.points import layout
from realtime_mer.face.topology import REGIONS
from realtime_mer.face.tracker import FaceView
from realtime_mer.spotting import Decision, Spotter

NAMES = layout().names
Curve = Callable[[float], tuple[float, float]]
NO_CROP = np.zeros((0, 0, 3), np.uint8)
NO_GRAY = np.zeros((0, 0), np.float32)


def bump(onset: float, apex: float, offset: float, height: float) -> Callable[[float], float]:
    """Return a raised cosine up and down."""

    def value(t: float) -> float:
        if t <= onset or t >= offset:
            return 0.0
        part = (t - onset) / (apex - onset) if t < apex else (offset - t) / (offset - apex)
        return height * (1 - np.cos(np.pi * part)) / 2

    return value


def step_up(begin: float, end: float, height: float) -> Callable[[float], float]:
    """Return a movement that stays."""

    def value(t: float) -> float:
        part = float(np.clip((t - begin) / (end - begin), 0, 1))
        return height * (1 - np.cos(np.pi * part)) / 2

    return value


def along(value: Callable[[float], float], x: float, y: float) -> Curve:
    """Give a curve a direction."""
    size = float(np.hypot(x, y))
    return lambda t: (value(t) * x / size, value(t) * y / size)


def brow_raise(value: Callable[[float], float]) -> dict[str, Curve]:
    """Both brows up."""
    return {n: along(value, 0, -1) for n in NAMES if n.startswith("brow")}


def smile(value: Callable[[float], float]) -> dict[str, Curve]:
    """Both lip corners up and out (the subject's left is x > 0)."""
    return {
        "lip_corner_left": along(value, 1, -1),
        "lip_corner_right": along(value, -1, -1),
    }


def watch(
    curves: Sequence[dict[str, Curve]],
    times: Sequence[float],
    *,
    noise: float = 0.0006,
    seed: int = 0,
    eyes_shut: Callable[[float], float] = lambda t: 0.0,
    head: Callable[[float], float] = lambda t: 0.0,
    spotter: Spotter | None = None,
) -> tuple[Spotter, list[tuple[float, Decision]]]:
    """Show the curves to a spotter; return it and what it decided when.

    ``head`` is the head's shift in x in inter-ocular distances.
    """
    rng = np.random.default_rng(seed)
    spotter = spotter or Spotter()
    opened, shut = np.eye(126, dtype=np.float32)[:2]
    decisions = []
    for index, t in enumerate(times):
        channels = rng.normal(0, noise, (len(NAMES), 2))
        for group in curves:
            for name, curve in group.items():
                channels[NAMES.index(name)] += curve(t)
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
            head=np.array([head(t), 0, 0, 0, 0, 0]),
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
