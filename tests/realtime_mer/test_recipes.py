import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.errors import ConfigError
from realtime_mer.face.topology import CROP_EYES_XY, CROP_IOD, canonical_crop_xy
from realtime_mer.motion.flow import face_mask
from realtime_mer.recipes import (
    ABOVE_EYES_IOD,
    ARCHIVE_RECIPES,
    FLOW_SIDE,
    FRAME_IOD,
    RECIPES,
    archive_flow,
    archive_flow_strain,
    flow_map,
    flow_strain_map,
    map_mask,
    recipe,
)
from tests.realtime_mer.motion.test_flow import bump, carried, textured

MOUTH_CORNERS = {"right": 61, "left": 291}


def cell(crop_x: float, crop_y: float) -> tuple[int, int]:
    """(row, column) of the map that shows a place of the crop."""
    place = (np.array([crop_x, crop_y]) - CROP_EYES_XY) / CROP_IOD
    x, y = (place + np.array([FRAME_IOD[0] / 2, ABOVE_EYES_IOD])) / FRAME_IOD * FLOW_SIDE
    return int(y), int(x)


def smooth_motion(seed: int = 0) -> np.ndarray:
    """Smooth random motion over the face, (320, 320, 2) IOD."""
    rng = np.random.default_rng(seed)
    coarse = 0.02 * rng.standard_normal((9, 9, 2)).astype(np.float32)
    full = cv2.resize(coarse, (320, 320), interpolation=cv2.INTER_CUBIC)
    return full * face_mask()[..., None]


def unit_motion(corners) -> np.ndarray:
    """Lip corners (crop point, x, y in IOD) that move, (320, 320, 2) IOD."""
    motion = np.zeros((320, 320, 2), np.float32)
    for point, x, y in corners:
        weight = bump(*canonical_crop_xy()[point], 22.0)
        motion += weight[..., None] * np.array([x, y], np.float32)
    return motion * face_mask()[..., None]


def candidate(peak_px: float = 3.0, noise: float = 0.0, seed: int = 0) -> CandidateFrames:
    """Brows that rise and fall again over 0.3 s at 50 frames a second."""
    rng = np.random.default_rng(seed)
    image = textured(seed)
    weight = bump(102, 75) + bump(217, 75)
    time_s = np.arange(20) / 50
    strength = np.sin(np.clip((time_s - 0.04) / 0.3, 0, 1) * np.pi) * peak_px
    crops = []
    for amount in strength:
        gray = carried(image, 0 * weight, -amount * weight)
        gray = np.clip(np.rint(gray + rng.normal(0, noise, gray.shape)), 0, 255)
        crops.append(np.stack([gray] * 3, -1).astype(np.uint8))
    return CandidateFrames(np.stack(crops), time_s, 2, 9, 17)


def mirrored(frames: CandidateFrames) -> CandidateFrames:
    crops = np.ascontiguousarray(frames.crops_rgb[:, :, ::-1])
    return CandidateFrames(crops, frames.time_s, frames.onset, frames.apex, frames.offset)


def test_a_brow_raise_reads_upwards_at_the_brows():
    u, v = recipe("onset_apex_flow")(candidate())
    assert u.shape == v.shape == (FLOW_SIDE, FLOW_SIDE)
    brows, mouth = v[1:5], v[15:24]
    assert -6 < brows.min() < -2
    assert abs(mouth).max() < 1
    assert abs(u).max() < 1.5


def test_every_recipe_is_deterministic_and_float32():
    frames = candidate(noise=3.0)
    for name in RECIPES:
        first, second = recipe(name)(frames), recipe(name)(frames)
        assert first.dtype == np.float32
        assert first.flags.c_contiguous
        assert np.isfinite(first).all()
        np.testing.assert_array_equal(first, second)


def test_the_size_of_the_motion_is_scaled_away():
    faint, strong = (recipe("onset_apex_flow")(candidate(peak)) for peak in (1.5, 4.0))
    cosine = (faint * strong).sum() / np.sqrt((faint**2).sum() * (strong**2).sum())
    assert 0.97 < cosine <= 1
    assert 0.7 < np.sqrt((faint**2).sum() / (strong**2).sum()) <= 1.05


def test_sensor_noise_alone_is_not_blown_up():
    still = recipe("onset_apex_flow")(candidate(peak_px=0.0, noise=1.0))
    assert 0 < np.sqrt((still**2).mean()) < 0.5


def test_a_mirror_image_gives_the_mirrored_map():
    frames = candidate(noise=1.0)
    straight, mirror = (recipe("onset_apex_flow")(f) for f in (frames, mirrored(frames)))
    expected = straight[:, :, ::-1] * np.array([-1, 1], np.float32)[:, None, None]
    cosine = (mirror * expected).sum() / np.sqrt((mirror**2).sum() * (expected**2).sum())
    assert 0.98 < cosine <= 1


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(ConfigError, match=r"'onset_apex_flwo'.*onset_apex_flow"):
        recipe("onset_apex_flwo")
    with pytest.raises(ConfigError, match="nearest: "):
        recipe("")


def test_a_lip_corner_pull_reads_outwards_and_up_on_both_sides():
    u, v = flow_map(unit_motion([(61, -0.02, -0.02), (291, 0.02, -0.02)]))
    right, left = (cell(*canonical_crop_xy()[MOUTH_CORNERS[side]]) for side in ("right", "left"))
    assert right[1] < 14 < left[1]
    assert -4 < u[right] < -1 < 1 < u[left] < 4
    for corner in (right, left):
        assert -4 < v[corner] < -1


def test_the_subjects_left_lies_on_the_right_of_the_map():
    motion = unit_motion([(MOUTH_CORNERS["left"], 0.02, 0.0)])
    u, _ = flow_map(motion)
    assert u[:, 14:].max() > 2
    assert abs(u[:, :12]).max() < 0.2
    other = flow_map(unit_motion([(MOUTH_CORNERS["right"], -0.02, 0.0)]))[0]
    assert other[:, :14].min() < -2
    assert abs(other[:, 16:]).max() < 0.2


def test_generated_units_read_as_they_should():
    from offline.synthesis.action_units import displacement
    from offline.synthesis.muscles import pulled

    rows, columns = np.mgrid[:320, :320].astype(np.float64)
    places = np.stack([columns.ravel(), rows.ravel()], -1)
    for field in (displacement, pulled):

        def read(activation, field=field):
            moved = field(activation, canonical_crop_xy(), places) / CROP_IOD
            motion = moved.reshape(320, 320, 2).astype(np.float32)
            return flow_map(motion * face_mask()[..., None])

        right, left = (cell(*canonical_crop_xy()[p]) for p in MOUTH_CORNERS.values())
        u, v = read({12: (0.03, 0.03)})
        assert u[right] < -0.5 < 0.5 < u[left]
        assert max(v[right], v[left]) < -0.5
        _, v = read({1: (0.03, 0.03), 2: (0.03, 0.03)})
        assert v[1:5, 4:24].mean() < -0.5
        assert abs(v[16:24]).max() < 0.3
        u, _ = read({14: (0.0, 0.03)})
        assert abs(u[:, 15:]).max() > 1
        assert abs(u[:, :13]).max() < 0.3 * abs(u[:, 15:]).max()


def test_eyes_lie_where_the_frame_says():
    """The frame is 1.8 × 2.2 IOD, 0.6 of it above the eyes."""
    for x, y in ((-0.5, 0.0), (0.5, 0.0), (0.0, -0.3), (0.2, 1.0)):
        crop_x, crop_y = np.array(CROP_EYES_XY) + np.array([x, y]) * CROP_IOD
        motion = np.zeros((320, 320, 2), np.float32)
        motion[..., 1] = 0.05 * bump(crop_x, crop_y, 6.0) * face_mask()
        _, v = flow_map(motion)
        rows, columns = np.mgrid[:FLOW_SIDE, :FLOW_SIDE] + 0.5
        found = np.array([(v * columns).sum(), (v * rows).sum()]) / v.sum()
        expected = np.array([x + 0.9, y + 0.6]) / [1.8, 2.2] * FLOW_SIDE
        np.testing.assert_allclose(found, expected, atol=0.25)


def test_the_mask_is_the_face_and_symmetric():
    mask = map_mask()
    assert mask.shape == (FLOW_SIDE, FLOW_SIDE)
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, mask[:, ::-1])
    assert 0.5 < mask.mean() < 0.95
    assert mask[8:24, 8:20].all()
    with pytest.raises(ValueError, match="read-only"):
        mask[0, 0] = True


@settings(max_examples=30, deadline=None)
@given(gain=st.floats(1e-6, 10.0), seed=st.integers(0, 2**16))
def test_maps_are_bounded_and_centred(gain, seed):
    found = flow_map(np.float32(gain) * smooth_motion(seed))
    face = found[:, map_mask()]
    assert 0 < np.sqrt((face**2).sum(0).mean()) <= 1.0001
    assert np.abs(np.median(face, axis=1)).max() < 1e-3
    assert not found[:, ~map_mask()].any()
    assert found.dtype == np.float32
    assert found.flags.c_contiguous


def test_what_is_clearly_motion_fills_the_map_and_noise_does_not():
    loud, quiet = (
        np.sqrt((flow_map(smooth_motion() * size)[:, map_mask()] ** 2).sum(0).mean())
        for size in (np.float32(1), np.float32(0.005))
    )
    assert 0.99 < loud <= 1.0001
    assert 0 < quiet < 0.3


@settings(max_examples=20, deadline=None)
@given(x=st.floats(-0.1, 0.1), y=st.floats(-0.1, 0.1), seed=st.integers(0, 2**16))
def test_a_constant_shift_changes_nothing(x, y, seed):
    """But for the outermost ring, where cells lie half off the face."""
    rng = np.random.default_rng(seed)
    motion = cv2.GaussianBlur(rng.normal(0, 0.3, (320, 320, 2)), (0, 0), 20).astype(np.float32)
    shifted = motion + np.array([x, y], np.float32)
    np.testing.assert_allclose(flow_map(shifted), flow_map(motion), atol=2e-3)


def test_an_archive_recipe_for_what_archives_can_serve():
    assert set(ARCHIVE_RECIPES) <= set(RECIPES)
    planes = np.random.default_rng(0).normal(size=(3, 40, 30)).astype(np.float32)
    flow = ARCHIVE_RECIPES["onset_apex_flow"](*planes)
    np.testing.assert_array_equal(flow, archive_flow(*planes[:2]))
    both = ARCHIVE_RECIPES["onset_apex_strain"](*planes)
    np.testing.assert_array_equal(both, archive_flow_strain(*planes))
    np.testing.assert_array_equal(both[:2], flow)


def scaled_planes(flow: np.ndarray) -> list[np.ndarray]:
    """Each plane min–max scaled to 8 bits, as archives hold it."""
    return [np.rint(255 * (p - p.min()) / (p.max() - p.min())).astype(np.float32) for p in flow]


@pytest.mark.parametrize("seed", range(4))
def test_an_archive_of_a_map_reads_as_the_map_but_for_each_planes_scale(seed):
    plain = flow_map(smooth_motion(seed))
    read = archive_flow(*scaled_planes(plain))
    for one, other in zip(read, plain, strict=True):
        factor = (one * other).sum() / (other**2).sum()
        assert 0.3 < factor < 3
        step = factor * np.ptp(other) / 255
        assert np.abs(one - factor * other).max() < 1.5 * step


@pytest.mark.parametrize("seed", range(4))
def test_an_archives_strain_reads_as_the_streams(seed):
    plain = flow_strain_map(smooth_motion(seed))
    _, _, strain = archive_flow_strain(*scaled_planes(plain))
    step = np.ptp(plain[2]) / 255
    assert np.abs(strain - plain[2]).max() < 2 * step


def test_the_recipe_with_strain_is_the_one_without_and_a_plane_more():
    frames = candidate(noise=1.0)
    both = recipe("onset_apex_strain")(frames)
    assert both.shape == (3, FLOW_SIDE, FLOW_SIDE)
    np.testing.assert_array_equal(both[:2], recipe("onset_apex_flow")(frames))
    assert both[2, 1:6, 4:24].max() > 2  # the skin around the brows
    mirror = recipe("onset_apex_strain")(mirrored(frames))
    assert np.corrcoef(both[2].ravel(), mirror[2, :, ::-1].ravel())[0, 1] > 0.98


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.5, 10.0), x=st.floats(-0.05, 0.05), seed=st.integers(0, 2**16))
def test_strain_is_centred_of_one_size_and_blind_to_a_shift(gain, x, seed):
    motion = np.float32(gain) * smooth_motion(seed)
    plane = flow_strain_map(motion)[2]
    face = map_mask()
    assert np.abs(np.median(plane[face])) < 1e-3
    assert (plane[face] ** 2).mean() == pytest.approx(0.5, abs=0.05)
    assert (plane[face] ** 2).mean() <= 0.5001
    assert not plane[~face].any()
    shifted = flow_strain_map(motion + np.float32(x))[2]
    np.testing.assert_allclose(shifted, plane, atol=0.05)


def test_strain_is_muted_with_the_motion():
    loud, quiet = (flow_strain_map(smooth_motion() * size)[2] for size in (1, np.float32(0.005)))
    assert 0 < np.abs(quiet).max() < 0.5 * np.abs(loud).max()
    assert not flow_strain_map(np.zeros((320, 320, 2), np.float32)).any()


@settings(max_examples=40, deadline=None)
@given(
    gains=st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
    offsets=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
    seed=st.integers(0, 2**16),
)
def test_an_archives_gain_and_offset_do_not_matter(gains, offsets, seed):
    planes = np.random.default_rng(seed).normal(size=(2, 60, 48)).astype(np.float32)
    changed = [
        np.asarray(gain * (plane + offset), np.float32)
        for gain, offset, plane in zip(gains, offsets, planes, strict=True)
    ]
    np.testing.assert_allclose(archive_flow(*changed), archive_flow(*planes), atol=2e-3)


@settings(max_examples=30, deadline=None)
@given(height=st.integers(5, 400), width=st.integers(5, 400))
def test_archives_of_any_size_are_read(height, width):
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    found = archive_flow(x + 0 * y, y + 0 * x)
    assert found.shape == (2, FLOW_SIDE, FLOW_SIDE)
    assert found.dtype == np.float32
    assert found[0, 14, 8] < -0.2 < 0.2 < found[0, 14, 20]
    assert found[1, 8, 14] < -0.2 < 0.2 < found[1, 20, 14]
    for plane in found:
        assert (plane[map_mask()] ** 2).mean() == pytest.approx(0.5, rel=1e-3)
    assert not found[:, ~map_mask()].any()


@pytest.mark.parametrize("level", [0.0, 1.0, 128.0])
@pytest.mark.parametrize("shape", [(28, 28), (97, 83), (227, 227)])
def test_a_flat_plane_of_an_archive_reads_as_no_motion(shape, level):
    """Grey 128 all over says that nothing moved; resampling's rounding is not motion."""
    u = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = archive_flow(u, np.full(shape, level, np.float32))
    assert np.isfinite(found).all()
    assert np.abs(found[0]).max() > 0.5
    assert np.abs(found[1]).max() < 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crops_rgb": np.zeros((4, 300, 320, 3), np.uint8)}, "crops_rgb"),
        ({"crops_rgb": np.zeros((4, 320, 320, 3), np.float32)}, "crops_rgb"),
        ({"time_s": np.array([0.0, 0.1, 0.1, 0.2])}, "strictly rising"),
        ({"time_s": np.arange(3.0)}, "time_s"),
        ({"apex": 0}, "onset < apex"),
        ({"offset": 4}, "offset < 4"),
        ({"onset": -1}, "0 <= onset"),
    ],
)
def test_frames_that_make_no_sense_are_refused(change, message):
    entries = {
        "crops_rgb": np.zeros((4, 320, 320, 3), np.uint8),
        "time_s": np.arange(4.0),
        "onset": 0,
        "apex": 2,
        "offset": 3,
    }
    with pytest.raises(ConfigError, match=message):
        CandidateFrames(**(entries | change))
