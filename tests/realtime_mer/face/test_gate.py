"""The gate: what it lets in, what it turns away, and that it does not flicker."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from realtime_mer.errors import ConfigError
from realtime_mer.events import Frame
from realtime_mer.face import similarity
from realtime_mer.face.gate import (
    ADVICE,
    BLURRED,
    HOLD_STILL,
    TOO_BRIGHT,
    TOO_DARK,
    TOO_FAR,
    TURN,
    UNCOVER,
    Gate,
    GateSettings,
    iod_px,
    light_of,
)
from realtime_mer.face.mesh import MediaPipeMesh
from realtime_mer.face.topology import CROP_IOD
from realtime_mer.face.tracker import FaceTracker
from realtime_mer.face.view import FaceView
from tests.realtime_mer.face.test_pose import turned


@pytest.fixture(scope="module")
def picture(face_frames):
    return next(iter(face_frames(60, 61)))


def seen(picture) -> tuple[FaceView, FaceTracker]:
    with MediaPipeMesh() as mesh:
        tracker = FaceTracker(mesh)
        for k in range(6):
            view = tracker.step(Frame(picture, k / 30, k))
            if view is not None:
                return view, tracker
    raise AssertionError("the face was not found")


def advice(picture) -> tuple[str, ...]:
    view, tracker = seen(picture)
    return Gate(GateSettings()).step(view, tracker.mesh)


@pytest.fixture(scope="module")
def view(picture):
    return seen(picture)[0]


def blurred(picture, share):
    """Blur by a standard deviation in inter-ocular distances."""
    return cv2.GaussianBlur(picture, (0, 0), share * iod_px(seen(picture)[0]))


def farther(picture, iod):
    """Shrink the picture until the eyes are ``iod`` pixels apart."""
    share = iod / iod_px(seen(picture)[0])
    return cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)


def scaled(picture, gain, offset=0.0):
    return np.clip(picture * gain + offset, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda p: p, ()),
        (lambda p: scaled(p, 0.4), ()),
        (lambda p: scaled(p, 0.15), (TOO_DARK,)),
        (lambda p: scaled(p, 1.1), ()),
        (lambda p: scaled(p, 2.0), (TOO_BRIGHT,)),
        (lambda p: scaled(p, 0.1, 200), (TOO_BRIGHT,)),
        (lambda p: blurred(p, 0.025), ()),
        (lambda p: blurred(p, 0.06), (BLURRED,)),
        (lambda p: farther(p, 36), ()),
        (lambda p: farther(p, 26), (TOO_FAR,)),
    ],
    ids=[
        "as is", "dim", "dark", "bright", "burnt out", "haze",
        "soft", "out of focus", "away", "too far",
    ],
)  # fmt: skip
def test_real_pictures_are_judged_from_both_sides_of_each_threshold(picture, change, expected):
    assert advice(change(picture)) == expected


@pytest.mark.parametrize("noise", [0, 3, 8])
def test_noise_is_not_sharpness(picture, noise):
    rng = np.random.default_rng(0)
    grain = rng.normal(0, noise, picture.shape)
    soft = np.clip(blurred(picture, 0.06) + grain, 0, 255).astype(np.uint8)
    assert advice(soft) == (BLURRED,)
    assert advice(np.clip(picture + grain, 0, 255).astype(np.uint8)) == ()


@pytest.mark.parametrize(
    ("angles", "expected"),
    [
        ((0, 0), ()), ((30, 0), ()), ((-30, 0), ()), ((0, 22), ()), ((0, -22), ()),
        ((40, 0), (TURN,)), ((-40, 0), (TURN,)), ((0, 33), (TURN,)), ((0, -33), (TURN,)),
    ],
)  # fmt: skip
def test_a_turned_head_is_asked_to_face_the_camera(view, angles, expected):
    assert Gate(GateSettings()).step(view, turned(*angles)) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"covered": 0.3}, ()),
        ({"covered": 0.5}, (UNCOVER,)),
        ({"correlation": 0.7}, ()),
        ({"correlation": 0.58}, (HOLD_STILL,)),
    ],
)
def test_what_the_tracker_doubts_is_not_claimed(view, change, expected):
    assert Gate(GateSettings()).step(replace(view, **change)) == expected


@pytest.mark.parametrize(("speed", "expected"), [(1.0, ()), (4.0, (HOLD_STILL,))])
def test_a_head_in_motion_is_asked_to_hold_still(view, speed, expected):
    gate = Gate(GateSettings())
    for k in range(30):
        head = view.head + np.array([speed * k / 60, 0, 0, 0, 0, 0])
        said = gate.step(replace(view, head=head, time_s=k / 60, restarted=False))
    assert said == expected


def test_all_that_is_wrong_is_said_in_the_order_of_importance(view):
    far = replace(view, to_crop=view.to_crop * 8, covered=0.9, correlation=0.3)
    said = Gate(GateSettings()).step(far, turned(50))
    assert said == (TOO_FAR, TURN, UNCOVER, HOLD_STILL)
    assert [what for what in ADVICE if what in said] == list(said)


def covered(view, time_s, share):
    return replace(view, time_s=time_s, covered=share, restarted=False)


def test_advice_does_not_flicker_about_a_threshold(view):
    gate = Gate(GateSettings(most_covered=0.4, ease=0.1, calm_s=0.3))
    shares = [0.3] * 10 + [0.41, 0.385] * 40 + [0.35] * 40
    said = [gate.step(covered(view, k / 60, share)) for k, share in enumerate(shares)]
    changes = [k for k in range(1, len(said)) if said[k] != said[k - 1]]
    assert len(changes) == 2
    assert changes[0] == 10
    assert changes[1] / 60 == pytest.approx(90 / 60 + 0.3, abs=0.04)


def test_what_a_shut_gate_touched_is_remembered_and_what_was_before_and_after_is_free(view):
    gate = Gate(GateSettings(calm_s=0.2))
    for k in range(120):
        gate.step(covered(view, k / 60, 0.9 if 30 <= k < 42 else 0.0))
    shut_s, open_s = 0.5, 0.7 + 0.2
    assert not gate.touched(0.1, shut_s - 0.01)
    assert gate.touched(0.1, shut_s)
    assert gate.touched(0.6, 0.65)
    assert gate.touched(0.8, 1.5)
    assert not gate.touched(open_s + 0.02, 1.9)
    gate.restart()
    assert not gate.touched(0.1, 1.9)


def test_memory_of_a_gate_that_flaps_for_hours_stays_small(view):
    gate = Gate(GateSettings(calm_s=0.0))
    for k in range(3000):
        gate.step(covered(view, k / 10, 0.9 * (k % 2)))
    assert len(gate._shut) < 40


def test_light_is_a_pure_function_of_the_crop(view):
    before = view.crop_gray.copy()
    assert light_of(view.crop_gray) == light_of(view.crop_gray)
    np.testing.assert_array_equal(before, view.crop_gray)
    flat = light_of(np.full((320, 320), 120, np.uint8))
    assert (flat.level, flat.black, flat.white) == (120, 0, 0)
    assert flat.contrast < 0.01


def test_size_is_measured_in_pixels_of_the_picture(view):
    assert iod_px(view) == pytest.approx(CROP_IOD / similarity.scale_of(view.to_crop))


@pytest.mark.parametrize("wrong", [{"ease": 1.0}, {"ease": -0.1}, {"calm_s": -1}, {"every_s": -1}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError, match=r"gate's"):
        GateSettings(**wrong)
