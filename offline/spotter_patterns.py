"""Displacement patterns that the spotter looks for, made from the action units.

``python -m offline.spotter_patterns --out FILE`` repeats the bundled ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.synthesis.action_units import displacement, draw_activation
from realtime_mer.events import EMOTIONS
from realtime_mer.face.points import layout
from realtime_mer.face.rigid import SOFT_SAY, design, fit_head
from realtime_mer.face.topology import canonical_mesh, eye_centres, inter_ocular_distance

COUNT = 48
_DRAWS = 3000
_ROUNDS = 40
_PEAK_IOD = 0.025
_PATCH_NOISE_IOD = 0.0015


def make_patterns(seed: int = 0, count: int = COUNT) -> NDArray[np.float32]:
    """Return (count, C, 2) patterns: the farthest channel of each moves by 1.

    Activations are drawn as for rendered clips, on faces of varied proportions and muscles, and
    seen as the tracker would see them: what a head fit takes for head motion is gone. Every
    draw counts once more mirrored. Spherical k-means then finds ``count`` centres; more of them
    fit each face better and give noise more to choose from.
    """
    rng = np.random.default_rng(seed)
    one_way = np.array([_seen(rng) for _ in range(_DRAWS)])
    seen = np.concatenate([one_way, _mirrored(one_way)]).reshape(2 * _DRAWS, -1)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    centres = seen[rng.choice(len(seen), count, replace=False)]
    for _ in range(_ROUNDS):
        nearest = (seen @ centres.T).argmax(axis=1)
        for number in range(count):
            own = seen[nearest == number]
            if len(own):
                centres[number] = own.mean(axis=0)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    pairs = centres.reshape(count, -1, 2)
    farthest = np.hypot(pairs[..., 0], pairs[..., 1]).max(axis=1)
    return np.asarray(pairs / farthest[:, None, None], np.float32)


def _seen(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw one activation and return what the channels show of it, (C, 2)."""
    points = layout()
    mesh = canonical_mesh().astype(np.float64)
    mesh[:, :2] *= rng.normal(1, 0.06, 2)
    iod = inter_ocular_distance(mesh)
    own_xy = mesh[list(points.mesh_points), :2] + rng.normal(0, 0.02, (len(points.depth), 2))
    activation = draw_activation(str(rng.choice(EMOTIONS)), rng)
    moved = displacement(activation, mesh, own_xy, int(rng.integers(1 << 31))) / iod
    moved *= _PEAK_IOD / max(np.hypot(*moved.T).max(), 1e-9)
    places = (own_xy - np.mean(eye_centres(mesh), axis=0)) / iod
    matrix = design(places, points.depth)
    say = np.full(len(places), SOFT_SAY)
    say[list(points.rigid)] = 1.0
    certain = np.tile(np.eye(2) / _PATCH_NOISE_IOD**2, (len(places), 1, 1))
    own = moved - matrix @ fit_head(matrix, moved, certain, say).parameters
    members = points.membership()
    return np.asarray(members @ own / members.sum(axis=1, keepdims=True))


def _mirrored(patterns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Swap the face's sides, (N, C, 2)."""
    names = layout().names
    swap = {"left": "right", "right": "left"}
    twins = []
    for name in names:
        stem, _, side = name.rpartition("_")
        twins.append(names.index(f"{stem}_{swap[side]}") if side in swap else names.index(name))
    return patterns[:, twins] * [-1.0, 1.0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the patterns; see ``--help``."""
    parser = argparse.ArgumentParser(prog="python -m offline.spotter_patterns", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="file to write, .npy")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    np.save(given.out, make_patterns(given.seed))


if __name__ == "__main__":
    main()
