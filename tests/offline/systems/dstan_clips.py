"""Small sequences for the tests of DSTAN: a lit place that comes and goes, and its motion."""

import numpy as np
import torch

from offline.systems.dstan import SYSTEMS

PLANES = {"tim9_faces": 1, "tim9_windowed_flow": 2, "tim9_faces_windowed_flow": 3}
CLASSES = 3


def planes_of(name: str) -> int:
    return PLANES[SYSTEMS[name].recipe]


def clips(name: str, count: int = 8, steps: int = 9, side: int = 224, seed: int = 0):
    """(count, steps, planes, side, side), and class numbers: how wide and how high up it is lit."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    y, x = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(0, 1, side), indexing="ij")
    place = 0.2 + 0.3 * labels + 0.05 * torch.randn(count, generator=rng)
    width = 0.005 * 4.0 ** labels[:, None, None]
    blob = torch.exp(-((x - 0.5) ** 2 + (y - place[:, None, None]) ** 2) / width)
    course = torch.sin(torch.linspace(0.2, 2.9, steps))
    face = 0.3 + 0.1 * torch.rand(count, 1, 1, 1, generator=rng)
    seen = (face + 0.4 * course[None, :, None, None] * blob[:, None])[:, :, None]
    moved = blob[:, None, None] * torch.diff(course, append=course[:1])[None, :, None, None, None]
    parts = {1: [seen], 2: [moved, -moved], 3: [seen, moved, -moved]}[planes_of(name)]
    whole = torch.cat(parts, 2) + 0.02 * torch.randn(
        count, steps, len(parts), side, side, generator=rng
    )
    return whole, labels.numpy().astype(np.int64)


def one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(CLASSES, dtype=np.float32)[labels]


def network(name: str, smoke: bool = True, side: int = 224, seed: int = 0):
    """A drawn network in evaluation; its normalisation has seen a few clips."""
    torch.manual_seed(seed)
    system = SYSTEMS[name].changed(smoke=smoke)
    module = system.build(CLASSES, (9, planes_of(name), side, side))
    with torch.no_grad():
        module(clips(name, 2, side=side, seed=1)[0])
    return module.eval()
