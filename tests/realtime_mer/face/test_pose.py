import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.face.mesh import MediaPipeMesh, Mesh
from realtime_mer.face.pose import pose_of
from realtime_mer.face.topology import canonical_mesh


def turned(yaw=0.0, pitch=0.0, roll=0.0, iod_px=80.0):
    """Return the canonical mesh as a far camera sees it after turning, angles in degrees."""
    y, p, r = np.radians([yaw, pitch, roll])
    to_left = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    up = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    lean = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    solid = canonical_mesh().astype(np.float64) @ (to_left @ up @ lean).T
    return Mesh(solid[:, :2] * iod_px + 200)


angle = st.floats(-40, 40)


@given(angle, st.floats(-30, 30), angle, st.floats(20, 200))
def test_angles_are_read_back(yaw, pitch, roll, iod_px):
    pose = pose_of(turned(yaw, pitch, roll, iod_px))
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=0.01)


def test_the_subjects_left_is_positive():
    nose, mid = turned(yaw=20).points_xy[4], turned(yaw=20).points_xy[6]
    assert nose[0] > mid[0]  # the tip goes to the picture's right, which is the subject's left


def test_a_mirrored_picture_turns_the_other_way(face_frames):
    [picture] = face_frames(60, 61)
    with MediaPipeMesh() as mesh:
        [face] = mesh.detect(picture)
    with MediaPipeMesh() as mesh:
        [mirrored] = mesh.detect(np.ascontiguousarray(picture[:, ::-1]))
    one, other = pose_of(face), pose_of(mirrored)
    assert abs(one.yaw) < 5
    assert abs(one.pitch) < 5
    assert one.yaw == pytest.approx(-other.yaw, abs=3)
    assert one.roll == pytest.approx(-other.roll, abs=3)
