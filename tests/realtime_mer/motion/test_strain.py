import cv2
import numpy as np
import pytest

from realtime_mer.motion.flow import face_mask
from realtime_mer.motion.strain import optical_strain

Y, X = np.mgrid[:320, :320].astype(np.float32)
INNER = cv2.erode(face_mask(), np.ones((5, 5), np.uint8)) > 0


@pytest.mark.parametrize(
    ("u", "v", "expected"),
    [
        (0 * X + 0.3, 0 * X - 0.1, 0.0),  # shift
        (0.001 * X, 0 * X, 0.001),  # stretch along x
        (0.001 * X, 0.001 * Y, 0.001 * np.sqrt(2)),  # zoom
        (0.001 * Y, 0 * X, 0.001 / np.sqrt(2)),  # shear
        (-0.001 * Y, 0.001 * X, 0.0),  # roll
    ],
)
def test_strain_is_what_the_formula_says(u, v, expected):
    motion = np.stack([u, v], -1) * face_mask()[..., None]
    found = optical_strain(motion)
    assert found.shape == (320, 320)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[INNER], expected, atol=2e-6)
    assert not found[face_mask() == 0].any()


def test_the_edge_of_the_face_is_no_strain():
    motion = np.full((320, 320, 2), 0.1, np.float32) * face_mask()[..., None]
    assert optical_strain(motion).max() == 0
