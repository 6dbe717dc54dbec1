import numpy as np
import pytest
from skimage import data

from realtime_mer.face.cuts import CutDetector

FACE = data.astronaut()[..., 1].copy()
OTHER = data.camera().copy()


def test_a_cut_is_noticed_once() -> None:
    cuts = CutDetector()
    assert [cuts.step(p) for p in (FACE, FACE, OTHER, OTHER, FACE)] == [
        False, False, True, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize("gain", [0.6, 1.2])
def test_flicker_is_no_cut(gain: float) -> None:
    cuts = CutDetector()
    cuts.step(FACE)
    assert not cuts.step(np.clip(FACE * gain, 0, 255).astype(np.uint8))


def test_a_fast_pan_is_no_cut() -> None:
    cuts = CutDetector()
    cuts.step(FACE[:, :400])
    assert not cuts.step(FACE[:, 30:430])


def test_black_frames_are_no_cut_among_themselves() -> None:
    cuts = CutDetector()
    rng = np.random.default_rng(0)
    dark = rng.integers(0, 3, (20, 240, 320), np.uint8)
    assert not any(cuts.step(p) for p in dark)
