"""Compile every kernel of the stream before the first frame counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from realtime_mer.events import Frame
from realtime_mer.face.mesh import Mesh
from realtime_mer.face.topology import CROP, canonical_crop_xy
from realtime_mer.face.tracker import FaceTracker
from realtime_mer.motion import residual, sliding
from realtime_mer.spotting import Spotter

PATIENCE_S = 1.0


def warm_up(on_wait: Callable[[], None] | None = None) -> None:
    """Compile the kernels, or load them from numba's cache; at once if that was done before.

    Takes up to half a minute the first time on a machine, well under a second afterwards.

    Parameters
    ----------
    on_wait
        Called, from another thread, when it takes longer than ``PATIENCE_S``.
    """
    timer = threading.Timer(PATIENCE_S, on_wait or _nothing)
    timer.daemon = True
    timer.start()
    try:
        _compile()
    finally:
        timer.cancel()


@cache
def _compile() -> None:
    residual.warm_up()
    sliding.warm_up()
    _follow_a_painting()


def _follow_a_painting() -> None:
    """Run tracker and spotter over noise with a mesh laid on it: the very calls of a stream."""
    tracker, spotter = FaceTracker(_Painting()), Spotter()
    picture = np.random.default_rng(0).integers(0, 256, (CROP, CROP, 3), np.uint8)
    crop = np.empty_like(picture)
    for index in range(4):
        view = tracker.step(Frame(picture, index / 30, index), crop)
        if view is not None:
            spotter.step(view)


class _Painting:
    """A detector that always finds the canonical face."""

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Mesh]:
        return [Mesh(canonical_crop_xy().astype(np.float64))]

    def reset(self) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Nothing to free."""


def _nothing() -> None:
    """Wait in silence."""
