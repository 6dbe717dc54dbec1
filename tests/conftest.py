"""Faces for every test: stretches of the bundled clip, re-encoded however a test wants them."""

import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

# Tests run side by side: libraries that each take every core for themselves only wait for each
# other. Set before they are loaded, and inherited by the processes that tests begin.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Nor does a test touch the engines that the user has compiled.
os.environ["MER_ENGINE_CACHE"] = tempfile.mkdtemp(prefix="mer-test-")
os.environ["MER_ENGINE_KEY_DIR"] = tempfile.mkdtemp(prefix="mer-test-")

import numpy as np
import pytest
from hypothesis import settings

from realtime_mer.sources import open_source

SAMPLE = Path(__file__).parents[1] / "realtime_mer" / "data" / "sample.mp4"
SAMPLE_RATE = 60

# A busy machine is no bug: what takes long is judged by pytest-timeout, not example by example.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def sample() -> Path:
    """The bundled clip: 600 frames at 60/s, brow raise at frames 102–127, smile at 228–252."""
    return SAMPLE


@pytest.fixture(scope="session")
def face_frames() -> Callable[[int, int], Iterator[np.ndarray]]:
    """``face_frames(first, last)`` yields pictures of the bundled clip, ``last`` excluded."""

    def read(first: int, last: int) -> Iterator[np.ndarray]:
        with open_source(SAMPLE) as source:
            for frame in islice(source, first, last):
                yield frame.image_rgb

    return read
