import numpy as np

from realtime_mer.face import topology
from realtime_mer.face.points import layout


def test_left_is_the_subjects_left() -> None:
    right, left = topology.eye_centres(topology.canonical_mesh())
    assert left[0] > 0.4 > -0.4 > right[0]  # the subject's left lies at the picture's right


def test_canonical_mesh_has_unit_inter_ocular_distance() -> None:
    assert abs(topology.inter_ocular_distance(topology.canonical_mesh()) - 1) < 1e-3


def test_mirror_is_an_involution_that_mirrors() -> None:
    mirror = topology.mirror_index()
    mesh = topology.canonical_mesh()
    assert (mirror[mirror] == np.arange(topology.POINTS)).all()
    assert np.abs(mesh[mirror] * [-1, 1, 1] - mesh).max() < 1e-6


def test_face_lies_inside_the_crop() -> None:
    crop = topology.canonical_crop_xy()
    assert crop.min() > 5
    assert crop.max() < topology.CROP - 4


def test_channels_sit_on_the_side_they_name() -> None:
    mesh = topology.canonical_mesh()
    plan = layout()
    for channel in plan.channels:
        x = np.mean([mesh[plan.mesh_points[p], 0] for p in channel.patches])
        if channel.name.endswith("left"):
            assert x > 0.1, channel.name
        elif channel.name.endswith("right"):
            assert x < -0.1, channel.name
        else:
            assert abs(x) < 1e-6, channel.name
    assert {c.region for c in plan.channels} == {*topology.REGIONS, ""}
