import cv2
import numpy as np
import pytest

from offline.synthesis import flow_maps
from offline.synthesis.flow_maps import Conditions, Face
from offline.synthesis.painted_faces import painted_face
from realtime_mer.events import EMOTIONS
from realtime_mer.face.topology import CROP_IOD, RIGID, canonical_crop_xy, inter_ocular_distance
from realtime_mer.motion.flow import face_mask

CALM = Conditions(
    peak_iod=(0.03, 0.03), late=(1.0, 1.0), unrelated=0, blink=0, gaze=0, scatter=0,
    head=(0, 0, 0, 0), noise=(0.3, 0.3), pixels=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    return flow_maps.draw_faces(3, np.random.default_rng(0))


def test_painted_faces_lie_under_their_mesh():
    portrait = painted_face(np.random.default_rng(1))
    assert portrait.image_rgb.shape == (320, 320, 3)
    np.testing.assert_allclose(portrait.mesh[:, :2], canonical_crop_xy(), atol=1e-4)
    gray = portrait.image_rgb[..., 0].astype(float)
    pupil = portrait.mesh[468, :2].round().astype(int)
    cheek = portrait.mesh[50, :2].round().astype(int)
    around = [gray[y - 4 : y + 5, x - 4 : x + 5] for x, y in (pupil, cheek)]
    assert around[0].min() < 0.6 * around[1].mean()


def test_faces_are_aligned_on_rigid_points_and_differ(faces):
    for face in faces:
        assert face.gray.shape == (160, 160)
        rigid = face.mesh_xy[list(RIGID)] - canonical_crop_xy()[list(RIGID)]
        assert np.abs(rigid.mean(0)).max() < 1e-6
        assert inter_ocular_distance(face.mesh_xy) == pytest.approx(CROP_IOD, rel=0.15)
    assert np.abs(faces[0].mesh_xy - faces[1].mesh_xy).max() > 1


def test_maps_are_balanced_finite_and_repeatable(faces):
    first, labels = flow_maps.draw_maps(9, faces, np.random.default_rng(5))
    second, _ = flow_maps.draw_maps(9, faces, np.random.default_rng(5))
    assert first.shape == (9, 2, 28, 28)
    assert first.dtype == np.float32
    assert np.bincount(labels).tolist() == [3, 3, 3]
    assert np.isfinite(first).all()
    assert 0.3 < np.sqrt((first**2).mean()) < 1.2
    np.testing.assert_array_equal(first, second)
    third, _ = flow_maps.draw_maps(9, faces, np.random.default_rng(6))
    assert np.abs(first - third).max() > 0.5


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_pixels_tell_nearly_what_the_field_says(faces, emotion):
    """With little noise the estimator reads the planted field back."""
    similarities = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        skin = flow_maps.skin_motion(emotion, faces[seed % 3], rng, CALM)
        pair = flow_maps.photograph_pair(faces[seed % 3].gray, skin, rng, CALM)
        found = flow_maps.flow_map(flow_maps.face_motion(*pair))
        full = cv2.resize(skin, (320, 320), interpolation=cv2.INTER_LINEAR)
        truth = flow_maps.flow_map(full * face_mask()[..., None])
        product = (found * truth).sum()
        similarities.append(product / np.sqrt((found**2).sum() * (truth**2).sum()))
    assert 0.6 < np.median(similarities) <= 1


def test_the_peak_is_the_one_asked_for(faces):
    peaks = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        skin = flow_maps.skin_motion("surprise", faces[0], rng, CALM)
        peaks.append(np.hypot(skin[..., 0], skin[..., 1]).max())
    assert 0.02 < np.median(peaks) < 0.035
    assert max(peaks) < 0.045


def test_a_surprised_brow_goes_up_and_a_frown_down(faces):
    means = {}
    for emotion in ("surprise", "negative"):
        rng = np.random.default_rng(0)
        fields = [flow_maps.skin_motion(emotion, faces[0], rng, CALM) for _ in range(30)]
        means[emotion] = np.mean(fields, 0)[30:42, 30:130, 1].mean()
    assert means["surprise"] < 0 < means["negative"]


def test_carrying_pixels_moves_them_along():
    gray = np.zeros((160, 160), np.float32)
    gray[80, 60] = 100
    blurred = cv2.GaussianBlur(gray, (0, 0), 2)
    motion = np.zeros((160, 160, 2), np.float32)
    motion[..., 0], motion[..., 1] = 3, -2
    moved = flow_maps._moved(blurred, motion)
    assert np.unravel_index(moved.argmax(), moved.shape) == (78, 63)
