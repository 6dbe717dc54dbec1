import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.errors import ConfigError
from realtime_mer.motion.flow import face_mask
from realtime_mer.recipes import FLOW_SIDE, RECIPES, CandidateFrames, flow_map, recipe, scaled
from tests.realtime_mer.motion.test_flow import bump, carried, textured


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
    brows, mouth = v[4:7], v[17:22]
    assert brows.min() < -2
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


@settings(max_examples=30, deadline=None)
@given(gain=st.floats(1e-9, 1.0), shift=st.floats(-0.5, 0.5), seed=st.integers(0, 2**16))
def test_scaling_is_bounded_and_centred(gain, shift, seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros((12, 12), np.float32)
    mask[2:10, 3:9] = 1
    uv = (gain * rng.normal(size=(2, 12, 12)) + shift).astype(np.float32)
    result = scaled(uv, mask)
    face = result[:, mask > 0]
    assert np.sqrt((face**2).mean()) <= 1.0001
    assert np.abs(np.median(face, axis=1)).max() < 1e-3
    assert (result[:, mask == 0] == 0).all()


def test_a_map_is_the_motion_seen_at_ten_pixels_a_cell():
    motion = np.zeros((320, 320, 2), np.float32)
    motion[100:120, 150:160, 1] = 0.05
    motion *= face_mask()[..., None]
    u, v = flow_map(motion)
    assert (u == 0).all()
    peaks = np.argwhere(v > v.max() / 2)
    assert peaks.tolist() == [[8, 13], [9, 13]]


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
