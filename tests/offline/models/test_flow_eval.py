import numpy as np
import pytest

from offline.models import flow_eval


def test_every_estimator_measures_a_planted_shift():
    """Half a pixel to the right and a quarter down, in pixels of the half-size picture."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(30, 220, (43, 43)).astype(np.float32)
    big = flow_eval.cv2.resize(coarse, (172, 172), interpolation=flow_eval.cv2.INTER_CUBIC)
    at = np.mgrid[6:166, 6:166].astype(np.float32)
    rest, peak = (
        flow_eval.cv2.remap(big, at[1] - dx, at[0] - dy, flow_eval.cv2.INTER_CUBIC)
        for dx, dy in ((0, 0), (0.5, 0.25))
    )
    for name, estimate in flow_eval.estimators().items():
        motion = estimate(rest, peak)
        assert motion.shape == (160, 160, 2), name
        middle = np.median(motion[40:120, 40:120].reshape(-1, 2), axis=0)
        assert middle == pytest.approx([0.5, 0.25], abs=0.2), name


def test_the_comparison_is_repeatable_and_above_chance():
    first, second = flow_eval.compare(6, 3), flow_eval.compare(6, 3)
    assert set(first) == {"windowed", "Farneback", "DIS fast", "DIS medium"}
    assert first["windowed"]["cosine"] == second["windowed"]["cosine"]
    assert 0.4 < first["windowed"]["cosine"] <= 1
