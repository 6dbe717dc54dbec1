import cv2
import numpy as np
import pytest

from offline.synthesis import flow_readings
from offline.synthesis.action_units import displacement
from offline.synthesis.flow_readings import (
    ESTIMATORS,
    archived,
    cut,
    draw_frame,
    estimated,
    field_as_archive,
    field_as_stream,
    read_as_archive,
    read_as_stream,
)
from realtime_mer.face.topology import CROP_EYES_XY, CROP_IOD, canonical_crop_xy
from realtime_mer.motion.flow import face_motion
from realtime_mer.recipes import ABOVE_EYES_IOD, FRAME_IOD, archive_flow, flow_map, map_mask

IOD = CROP_IOD / 2
DENSE = [name for name in ESTIMATORS if name != "windowed"]


def shifted(x: float, y: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A textured picture and the same picture moved by (x, y) pixels, (160, 160) each."""
    coarse = np.random.default_rng(seed).uniform(40, 210, (36, 36)).astype(np.float32)
    big = cv2.resize(coarse, (180, 180), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[10:170, 10:170].astype(np.float32)
    return tuple(
        cv2.remap(big, columns - dx, rows - dy, cv2.INTER_CUBIC) for dx, dy in ((0, 0), (x, y))
    )


def unit_field(activation, peak: float = 0.04) -> np.ndarray:
    """The field of action units on the canonical face, (160, 160, 2) IOD at half size."""
    rows, columns = np.mgrid[:160, :160] * 2.0 + 0.5
    points = np.stack([columns.ravel(), rows.ravel()], -1)
    asked = {unit: (right * peak, left * peak) for unit, (right, left) in activation.items()}
    field = displacement(asked, canonical_crop_xy(), points) / CROP_IOD
    return field.reshape(160, 160, 2).astype(np.float32)


def cosine(one, other) -> float:
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def test_estimators_are_drawn_with_shares_that_make_a_whole():
    assert sum(ESTIMATORS.values()) == pytest.approx(1)
    assert max(ESTIMATORS, key=ESTIMATORS.get) == "tv-l1"
    assert set(ESTIMATORS) == {"tv-l1", "dis", "farneback", "windowed"}


@pytest.mark.parametrize("name", DENSE)
@pytest.mark.parametrize("seed", range(3))
def test_every_estimator_measures_a_planted_shift(name, seed):
    rest, peak = shifted(1.0, -0.5, seed)
    flow = estimated(name, rest, peak, np.random.default_rng(seed))
    assert flow.shape == (160, 160, 2)
    assert flow.dtype == np.float32
    middle = np.median(flow[30:130, 30:130].reshape(-1, 2), axis=0)
    assert middle == pytest.approx([1.0, -0.5], abs=0.2)


def test_frames_show_the_eyes_where_the_recipe_expects_them_on_average(monkeypatch):
    monkeypatch.setattr(flow_readings, "LOOSE", 0.0)
    eyes = (np.array(CROP_EYES_XY) + 0.5) / 2 - 0.5
    places, sizes, widths, turns = [], [], [], []
    for seed in range(300):
        frame = draw_frame(np.random.default_rng(seed))
        axes, origin = frame.to_half[:, :2], frame.to_half[:, 2]
        places.append(np.linalg.solve(axes, eyes - origin) / frame.size)
        sizes.append(np.hypot(*axes) * frame.size / IOD)
        widths.append(frame.size[0])
        turns.append(np.arctan2(axes[1, 0], axes[0, 0]))
    wanted = np.array([0.5, ABOVE_EYES_IOD / FRAME_IOD[1]])
    np.testing.assert_allclose(np.mean(places, 0), wanted, atol=0.01)
    assert (np.std(places, 0) > 0.01).all()
    assert (np.std(places, 0) < 0.05).all()
    np.testing.assert_allclose(np.exp(np.mean(np.log(sizes), 0)), FRAME_IOD, rtol=0.02)
    assert np.std(np.log(sizes), 0) == pytest.approx([0.07, 0.07], rel=0.25)
    assert 70 <= min(widths) < 80 < 120 < max(widths) <= 130
    assert 1.4 < np.degrees(np.std(turns)) < 2.6
    assert abs(np.degrees(np.mean(turns))) < 0.5


def test_one_frame_in_seven_is_loose():
    widths = [
        np.hypot(*frame.to_half[:, 0]) * frame.size[0] / IOD
        for frame in (draw_frame(np.random.default_rng(seed)) for seed in range(600))
    ]
    assert 0.03 < np.mean(np.array(widths) > FRAME_IOD[0] * np.exp(3 * 0.07)) < 0.2
    assert max(widths) < 2.52


def test_a_cut_shows_what_lies_in_the_frame():
    """A dot between the eyes is found where the frame says, in every frame."""
    eyes = (np.array(CROP_EYES_XY) + 0.5) / 2 - 0.5
    rows, columns = np.mgrid[:160, :160]
    dot = 100 * np.exp(-((columns - eyes[0]) ** 2 + (rows - eyes[1]) ** 2) / 18)
    for seed in range(10):
        frame = draw_frame(np.random.default_rng(seed))
        seen = cut(dot.astype(np.float32), frame)
        assert seen.shape == frame.size[::-1]
        y, x = np.mgrid[: frame.size[1], : frame.size[0]]
        found = np.array([(seen * x).sum(), (seen * y).sum()]) / seen.sum()
        expected = np.linalg.solve(frame.to_half[:, :2], eyes - frame.to_half[:, 2])
        np.testing.assert_allclose(found, expected, atol=0.5)


def test_what_the_archive_keeps_is_the_map_but_for_its_scale():
    rng = np.random.default_rng(0)
    flow = cv2.GaussianBlur(rng.normal(size=(100, 82, 2)), (0, 0), 6).astype(np.float32)
    plain = archive_flow(*flow.transpose(2, 0, 1))
    for seed in range(6):
        found = archived(flow, np.random.default_rng(seed))
        assert found.shape == (2, 28, 28)
        assert found.dtype == np.float32
        for one, other in zip(found, plain, strict=True):
            assert cosine(one, other) > 0.97


@pytest.mark.parametrize("level", [0.0, 3.5])
def test_flat_planes_survive_archiving(level):
    flat = np.full((90, 70, 2), level, np.float32)
    assert np.abs(archived(flat, np.random.default_rng(0))).max() < 0.1
    slope = flat.copy()
    slope[..., 0] += 3 * np.linspace(-1, 1, 70, dtype=np.float32)
    u, v = archived(slope, np.random.default_rng(0))
    assert u[14, 20] > 0.2
    assert np.abs(v).max() < 0.1


def test_the_stream_reads_pictures_by_its_own_recipe():
    rest, peak = shifted(0.4, 0.3)
    np.testing.assert_array_equal(read_as_stream(rest, peak), flow_map(face_motion(rest, peak)))


@pytest.mark.parametrize("seed", range(5))
def test_a_field_is_read_back_nearly_as_it_is(seed):
    field = unit_field({1: (1.0, 1.0), 2: (1.0, 1.0)})
    stream = field_as_stream(field, np.random.default_rng(seed))
    archive = field_as_archive(field, np.random.default_rng(seed))
    for found in (stream, archive):
        assert found.shape == (2, 28, 28)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert not found[:, ~map_mask()].any()
    assert -4 < stream[1, 1:5].min() < -1
    assert stream[1, 1:5, 4:24].mean() < -0.4
    assert archive[1, 1:6, 4:24].mean() < stream[1, 16:24, 8:20].mean() - 0.1
    assert 0.3 < cosine(stream[1], archive[1]) <= 1


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_archive_reads_a_moved_picture_by_every_estimator(name, monkeypatch):
    monkeypatch.setattr(flow_readings, "ESTIMATORS", {name: 1.0})
    rows, columns = np.mgrid[:160, :160].astype(np.float32)
    rest, _ = shifted(0, 0)
    push = 2.0 * np.exp(-((columns - 110) ** 2 + (rows - 45) ** 2) / (2 * 12**2))
    peak = cv2.remap(rest, columns, rows + push, cv2.INTER_CUBIC)
    for seed in range(3):
        _, v = read_as_archive(rest, peak, np.random.default_rng(seed))
        lowest = np.unravel_index(v.argmin(), v.shape)
        assert lowest[1] >= 17
        assert lowest[0] <= 9
        assert -10 < v.min() < -1.5
    one, two = (read_as_archive(rest, peak, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
