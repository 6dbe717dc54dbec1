"""The mesh beside the stream: the same answers later, none after letting go, no thread left."""

import threading

import numpy as np
import pytest

from realtime_mer.events import Frame
from realtime_mer.face.checks import Checked, ChecksAtOnce, ChecksBeside, OneAtATime
from realtime_mer.face.mesh import Mesh
from realtime_mer.face.topology import CROP, canonical_crop_xy
from realtime_mer.face.tracker import FaceTracker, TrackerSettings

PICTURE = np.random.default_rng(3).integers(0, 256, (CROP, CROP, 3), np.uint8)
HERE = np.eye(2, 3)
PATIENCE_S = 10.0


class Painted:
    """Finds the canonical face, shifted, once the gate is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.shift = np.zeros(2)
        self.blind = False
        self.calls = 0
        self.inside = 0
        self.error: Exception | None = None

    def detect(self, image_rgb):
        self.inside += 1
        assert self.inside == 1, "two threads at once"
        assert self.gate.wait(PATIENCE_S)
        self.calls += 1
        self.inside -= 1
        if self.error is not None:
            raise self.error
        return [] if self.blind else [Mesh(canonical_crop_xy() + self.shift)]

    def reset(self):
        """Nothing to forget."""

    def close(self):
        """Nothing to free."""


@pytest.fixture
def painted():
    return Painted()


@pytest.fixture
def beside(painted):
    checks = ChecksBeside(OneAtATime(painted))
    yield checks
    painted.gate.set()
    checks.close()
    assert not any(thread.name == "mer-mesh" for thread in threading.enumerate())


def awaited(checks) -> Checked:
    for _ in range(int(PATIENCE_S * 1000)):
        if (told := checks.answer()) is not None:
            return told
        threading.Event().wait(0.001)
    raise AssertionError("no answer")


def test_at_once_is_at_once(painted):
    checks = ChecksAtOnce(painted)
    assert checks.answer() is None
    assert checks.ask(PICTURE, HERE)
    told = checks.answer()
    assert told.to_crop is HERE
    np.testing.assert_array_equal(told.mesh.points_xy, canonical_crop_xy())
    assert checks.answer() is None


def test_beside_answers_later_and_takes_one_question_at_a_time(painted, beside):
    painted.gate.clear()
    assert beside.ask(PICTURE, HERE)
    assert not beside.ask(PICTURE, np.ones((2, 3)))
    assert beside.answer() is None
    painted.gate.set()
    told = awaited(beside)
    assert told.to_crop is HERE
    assert beside.answer() is None
    assert painted.calls == 1
    assert beside.ask(PICTURE, HERE)
    awaited(beside)


def test_what_was_forgotten_is_not_answered(painted, beside):
    painted.gate.clear()
    beside.ask(PICTURE, HERE)
    beside.forget()
    painted.gate.set()
    while not beside.ask(PICTURE, np.ones((2, 3))):
        threading.Event().wait(0.001)
    assert awaited(beside).to_crop[0, 0] == 1
    assert awaited_none(beside)


def awaited_none(checks) -> bool:
    return checks.answer() is None


def test_an_error_of_the_mesh_reaches_whoever_asks(painted, beside):
    painted.error = OSError("the mesh is gone")
    beside.ask(PICTURE, HERE)
    with pytest.raises(OSError, match="the mesh is gone"):
        awaited(beside)


def followed(tracker, times_s):
    return [tracker.step(Frame(PICTURE, time_s, number)) for number, time_s in enumerate(times_s)]


def test_a_face_is_followed_while_the_mesh_is_busy(painted, beside):
    settings = TrackerSettings(mesh_every_s=0.2)
    tracker = FaceTracker(OneAtATime(painted), settings, checks=beside)
    followed(tracker, [0.0])
    painted.gate.clear()
    views = followed(tracker, [0.25 + 0.005 * n for n in range(40)])
    assert all(view is not None for view in views)
    assert tracker.mesh_runs == 2


def test_a_face_that_is_elsewhere_is_taken_up_anew_there(painted, beside):
    tracker = FaceTracker(painted, TrackerSettings(mesh_every_s=0.2), checks=beside)
    (first,) = followed(tracker, [0.0])
    painted.shift = np.array([40.0, 0.0])
    painted.gate.clear()
    followed(tracker, [0.3])
    painted.gate.set()
    view = None
    for number in range(2000):
        view = tracker.step(Frame(PICTURE, 0.31 + 1e-5 * number, number))
        if view.restarted:
            break
        threading.Event().wait(0.001)
    assert view.restarted
    assert view.segment == first.segment + 1
    assert 30 < np.abs(view.to_crop[0, 2] - first.to_crop[0, 2]) < 50


@pytest.mark.parametrize("at_once", [True, False])
def test_three_misses_in_a_row_let_the_face_go(painted, beside, at_once):
    tracker = FaceTracker(
        painted, TrackerSettings(mesh_every_s=0.1), checks=None if at_once else beside
    )
    followed(tracker, [0.0])
    painted.blind = True
    time_s = 0.0
    for number in range(2000):
        time_s += 0.01
        if tracker.step(Frame(PICTURE, time_s, number)) is None:
            break
        threading.Event().wait(0 if at_once else 0.002)
    assert tracker.to_crop is None
    assert tracker.mesh_runs >= 4
    assert time_s >= 0.3
