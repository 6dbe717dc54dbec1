"""Networks and samples that the tests of the engines share."""

from __future__ import annotations

import numpy as np

from offline.bench.learning import Material
from offline.nets import fused, stacked
from offline.nets.layers import Branches, Conv, Dense, Drop, Flatten, MaxPool, Net, Norm, Relu, Take
from offline.nets.plan import Plan
from offline.nets.training import Fit, Run

WAY = (Conv(6, 5, 2), Relu(), MaxPool(), Conv(16, 5, 2), Relu(), MaxPool())

EVERYTHING = {
    "flip": True,
    "shift": 2,
    "gain": 0.1,
    "noise": 0.15,
    "mixup": 0.4,
    "smoothing": 0.1,
    "schedule": "cosine",
    "decay": 0.01,
    "mirror_test": True,
}
"""Every augmentation of a plan."""


def small_cnn(channels: int = 2, side: int = 28) -> Net:
    """The product's own kind of network."""
    layers = (
        *(Conv(16, 3, 1, bias=False), Norm(), Relu(), MaxPool()),
        *(Conv(24, 3, 1, bias=False), Norm(), Relu(), MaxPool()),
        *(Conv(32, 3, 1, bias=False), Norm(), Relu()),
        *(Flatten(), Drop(0.3), Dense(48), Relu(), Dense(3)),
    )
    return Net((channels, side, side), layers)


def two_ways(width: int = 64, side: int = 28) -> Net:
    """Like OFF-ApexNet: u and v apart, then fully connected."""
    ways = tuple((Take((channel,)), *WAY) for channel in (0, 1))
    dense = (Dense(width), Relu(), Dense(width), Relu(), Dense(3))
    return Net((2, side, side), (Branches(ways), Flatten(), *dense))


def material(inputs: tuple[int, ...], count: int = 24, seed: int = 0, exclusive: bool = True):
    """Samples whose class shows in the brightness of a corner."""
    generator = np.random.default_rng(seed)
    maps = generator.standard_normal((count, *inputs)).astype(np.float32)
    if exclusive:
        labels = np.arange(count) % 3
        targets = np.eye(3, dtype=np.float32)[labels]
        maps[:, 0, :4, :4] += labels[:, None, None]
    else:
        targets = (generator.random((count, 3)) < 0.4).astype(np.float32)
    people = tuple(("a", str(place % 6)) for place in range(count))
    return Material(maps, targets, people, exclusive)


def runs_of(samples: Material, count: int = 2) -> list[Run]:
    """Leave one person out, ``count`` times."""
    who = np.array([int(person) for _, person in samples.groups])
    return [
        Run(np.flatnonzero(who != left), np.flatnonzero(who == left), 77 + left)
        for left in range(count)
    ]


def fits(
    engine, net: Net, plan: Plan, samples: Material, runs, marks=(1,), **settings
) -> list[Fit]:
    """What an engine makes of all runs, in their order."""
    found: dict[int, Fit] = {}
    engine(net, plan, samples, runs, list(marks), found.__setitem__, **settings)
    assert sorted(found) == list(range(len(runs)))
    return [found[place] for place in range(len(runs))]


def same(ours: list[Fit], theirs: list[Fit], within: float) -> None:
    """Assert equal curves and weights."""
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.curve, other.curve, rtol=0, atol=within)
        assert list(one.weights) == list(other.weights)
        for name, values in one.weights.items():
            np.testing.assert_allclose(values, other.weights[name], 0, within, err_msg=name)


def both(net: Net, plan: Plan, samples: Material, marks=(1,)) -> tuple[list[Fit], list[Fit]]:
    """What the two engines make of it."""
    runs = runs_of(samples)
    ours = fits(fused.train, net, plan, samples, runs, marks, threads=2)
    return ours, fits(stacked.train, net, plan, samples, runs, marks)
