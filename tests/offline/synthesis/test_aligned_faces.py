import numpy as np
import pytest

from offline.synthesis.aligned_faces import Face, _posed, _smooth_skinned, align_face, draw_faces
from offline.synthesis.painted_faces import painted_face
from realtime_mer.face.topology import (
    CROP_EYES_XY,
    CROP_IOD,
    RIGID,
    canonical_crop_xy,
    eye_centres,
    inter_ocular_distance,
)


def test_painted_faces_lie_under_their_mesh():
    portrait = painted_face(np.random.default_rng(1))
    assert portrait.image_rgb.shape == (320, 320, 3)
    np.testing.assert_allclose(portrait.mesh[:, :2], canonical_crop_xy(), atol=1e-4)
    gray = portrait.image_rgb[..., 0].astype(float)
    pupil = portrait.mesh[468, :2].round().astype(int)
    cheek = portrait.mesh[50, :2].round().astype(int)
    around = [gray[y - 4 : y + 5, x - 4 : x + 5] for x, y in (pupil, cheek)]
    assert around[0].min() < 0.6 * around[1].mean()


def test_alignment_puts_rigid_points_where_the_stream_has_them(portrait):
    rng = np.random.default_rng(0)
    for shown in (portrait, portrait.mirrored(), painted_face(rng).varied(rng)):
        face = align_face(shown)
        assert face.gray.shape == (160, 160)
        assert face.gray.dtype == np.float32
        rigid = face.mesh_xy[list(RIGID)] - canonical_crop_xy()[list(RIGID)]
        assert np.abs(rigid.mean(0)).max() < 1e-6
        assert inter_ocular_distance(face.mesh_xy) == pytest.approx(CROP_IOD, rel=0.15)
        right, left = eye_centres(face.mesh_xy)
        assert right[0] < left[0]


def test_a_canonical_face_is_only_halved():
    portrait = painted_face(np.random.default_rng(2))
    face = align_face(portrait)
    np.testing.assert_allclose(face.mesh_xy, canonical_crop_xy(), atol=1e-3)
    blocks = portrait.image_rgb[..., 0].astype(float).reshape(160, 2, 160, 2).mean((1, 3))
    assert np.abs(face.gray - blocks).mean() < 1


def test_drawn_faces_differ_and_repeat(portrait):
    faces, again, others = (
        draw_faces(4, np.random.default_rng(seed), [portrait]) for seed in (0, 0, 1)
    )
    for one, two, other in zip(faces, again, others, strict=True):
        np.testing.assert_array_equal(one.gray, two.gray)
        np.testing.assert_array_equal(one.mesh_xy, two.mesh_xy)
        assert np.abs(one.mesh_xy - other.mesh_xy).max() > 1
        assert np.isfinite(one.gray).all()
        middle = np.mean(eye_centres(one.mesh_xy), axis=0)
        assert np.hypot(*(middle - CROP_EYES_XY)) < 0.25 * CROP_IOD
        assert inter_ocular_distance(one.mesh_xy) == pytest.approx(CROP_IOD, rel=0.2)
    meshes = np.array([face.mesh_xy for face in faces])
    assert np.ptp(meshes, axis=0).max() > 2


def test_every_second_face_is_a_photograph(monkeypatch, portrait):
    painted = []
    monkeypatch.setattr(
        "offline.synthesis.aligned_faces.painted_face",
        lambda rng: painted.append(1) or painted_face(rng),
    )
    assert len(draw_faces(5, np.random.default_rng(0), [portrait])) == 5
    assert len(painted) == 3
    painted.clear()
    draw_faces(3, np.random.default_rng(0))
    assert len(painted) == 3


def test_a_turned_heads_mesh_stays_on_its_pixels():
    """A dark dot painted at a mesh point is carried along with the point."""
    point = 50
    x, y = (canonical_crop_xy()[point] - 0.5) / 2
    rows, columns = np.mgrid[:160, :160]
    gray = (200 - 150 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)).astype(np.float32)
    shifts = []
    for seed in range(8):
        turned = _posed(Face(gray, canonical_crop_xy()), np.random.default_rng(seed))
        dark = np.clip(150 - turned.gray, 0, None)
        found = np.array([(dark * columns).sum(), (dark * rows).sum()]) / dark.sum()
        np.testing.assert_allclose(found * 2 + 0.5, turned.mesh_xy[point], atol=0.8)
        shifts.append(np.hypot(*(turned.mesh_xy[point] - canonical_crop_xy()[point])))
    assert 1 < max(shifts) < 25


def test_even_skin_has_less_grain_and_keeps_its_edges():
    gray = np.full((160, 160), 100, np.float32)
    gray[:, 80:] = 200
    gray += np.random.default_rng(0).normal(0, 3, gray.shape).astype(np.float32)
    smooth = _smooth_skinned(Face(gray, canonical_crop_xy()), np.random.default_rng(1))
    assert smooth.gray[20:140, 20:60].std() < 0.7 * gray[20:140, 20:60].std()
    assert smooth.gray[:, 82].mean() - smooth.gray[:, 77].mean() > 90
    np.testing.assert_array_equal(smooth.mesh_xy, canonical_crop_xy())
