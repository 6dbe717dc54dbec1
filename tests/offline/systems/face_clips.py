"""Small clips of a spot that comes and goes where its class says, on drawn skin."""

import numpy as np

from offline.bench.learning import Material

SIDE, WIDE = 96, 160
"""Sides of a picture of which the small encoder makes a map of one place, and of 2×2."""
PLACES = ((0.3, 0.3), (0.7, 0.3), (0.5, 0.75))
LABELS = ("left", "right", "below")


def clips(count=8, steps=4, side=SIDE, seed=0):
    """Return (count, steps, 3, side, side) float32, some clips shorter, and their classes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    values = np.zeros((count, steps, 3, side, side), np.float32)
    labels = np.arange(count) % len(PLACES)
    for place in range(count):
        length = steps - place % 3 if steps > 3 else steps
        tile = -(-side // 6)
        skin = rng.random((3, 6, 6)).repeat(tile, 1).repeat(tile, 2)[:, :side, :side]
        at_x, at_y = PLACES[labels[place]]
        spot = np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 0.02)
        for step in range(length):
            height = 0.6 * np.sin(np.pi * (step + 0.5) / length)
            values[place, step] = np.clip(0.2 + 0.3 * skin + height * spot, 0.01, 1)
    return values, labels


def material(count=8, steps=4, side=SIDE):
    """Return the clips as the bench has them."""
    values, labels = clips(count, steps, side)
    people = tuple(("drawn", str(place)) for place in range(count))
    return Material(values, np.eye(len(PLACES), dtype=np.float32)[labels], people)
