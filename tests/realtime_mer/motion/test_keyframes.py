"""Key-frame choice against a second derivation of the paper's rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import ConfigError
from realtime_mer.motion.keyframes import key_frames, key_frames_by_time, key_moments_s

frames = st.integers(0, 400)


@st.composite
def clips(draw: st.DrawFn) -> tuple[int, int, int]:
    onset = draw(st.integers(0, 5000))
    return onset, onset + draw(frames), onset + draw(frames)


def by_walking(onset: int, apex: int, offset: int, n_key: int) -> tuple[int, ...]:
    """Walk from the start in the smallest whole stride that gets there in n_key + 1 strides."""
    end = offset if apex > offset else apex
    if apex < onset + 10:
        end = onset + 10
        while end > offset:
            end -= 1
    stride = 0
    while onset + stride * (n_key + 1) < end:
        stride += 1
    position, walked = onset, []
    for _ in range(n_key - 1):
        for _ in range(stride):
            position += position < end
        walked.append(position)
    return (*walked, end)


@given(clips(), st.integers(1, 9))
def test_agrees_with_a_second_derivation(clip: tuple[int, int, int], n_key: int) -> None:
    assert key_frames(*clip, n_key) == by_walking(*clip, n_key)


@given(clips(), st.integers(1, 9))
def test_shape_of_the_answer(clip: tuple[int, int, int], n_key: int) -> None:
    onset, _, offset = clip
    chosen = key_frames(*clip, n_key)
    assert len(chosen) == n_key
    assert all(isinstance(frame, int) for frame in chosen)
    assert list(chosen) == sorted(chosen)
    assert onset <= chosen[0] <= chosen[-1] <= offset


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        ((0, 4, 40), (2, 4, 6, 8, 10)),  # short rise: prolonged to ten frames
        ((0, 9, 40), (2, 4, 6, 8, 10)),
        ((0, 10, 40), (2, 4, 6, 8, 10)),
        ((100, 130, 160), (105, 110, 115, 120, 130)),
        ((100, 131, 160), (106, 112, 118, 124, 131)),
        ((7, 9, 10), (8, 9, 10, 10, 10)),  # fewer frames than key frames
        ((7, 40, 30), (11, 15, 19, 23, 30)),  # apex beyond the offset
        ((3, 3, 3), (3, 3, 3, 3, 3)),
    ],
)
def test_worked_examples(clip: tuple[int, int, int], expected: tuple[int, ...]) -> None:
    assert key_frames(*clip) == expected


@given(st.integers(0, 10**15), st.integers(10, 10**6))
def test_large_numbers_stay_exact(onset: int, rise: int) -> None:
    chosen = key_frames(onset, onset + rise, onset + 2 * rise)
    assert chosen[0] - onset == -(-rise // 6)
    assert chosen[-1] == onset + rise


@given(clips(), st.integers(1, 9), st.floats(-1000, 1000))
def test_time_rule_is_the_frame_rule_at_200_fps(
    clip: tuple[int, int, int], n_key: int, origin_s: float
) -> None:
    times_s = origin_s + np.arange(max(clip) + 1) / 200
    onset_s, apex_s, offset_s = (float(times_s[frame]) for frame in clip)
    assert key_frames_by_time(times_s, onset_s, apex_s, offset_s, n_key) == key_frames(*clip, n_key)


@pytest.mark.parametrize("fps", [24, 30, 60, 100, 240, 1000])
def test_any_rate_asks_for_the_same_moments(fps: int) -> None:
    times_s = 2 + np.arange(fps) / fps
    moments = key_moments_s(2.2, 2.35, 2.6)
    np.testing.assert_allclose(moments, [2.225, 2.25, 2.275, 2.3, 2.35])
    chosen = times_s[list(key_frames_by_time(times_s, 2.2, 2.35, 2.6))]
    assert np.abs(chosen - moments).max() <= 0.5 / fps + 1e-9


def test_uneven_timestamps_pick_the_nearest_frame() -> None:
    times_s = np.array([0.0, 0.011, 0.02, 0.034, 0.035, 0.09])
    assert key_frames_by_time(times_s, 0.0, 0.03, 0.5) == (1, 2, 3, 4, 4)
    assert key_frames_by_time([5.0], 0.0, 0.03, 0.5) == (0, 0, 0, 0, 0)


@given(
    st.lists(st.floats(0, 3), min_size=1, max_size=40, unique=True).map(sorted),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_nearest_against_brute_force(
    times_s: list[float], onset_s: float, rise_s: float, fall_s: float
) -> None:
    clip = (onset_s, onset_s + rise_s, onset_s + rise_s + fall_s)
    chosen = key_frames_by_time(times_s, *clip)
    for position, moment in zip(chosen, key_moments_s(*clip), strict=True):
        distance = [abs(time_s - moment) for time_s in times_s]
        assert math.isclose(distance[position], min(distance), abs_tol=1e-12)


def test_no_moment_lies_after_the_offset() -> None:
    moments = key_moments_s(0.0, 0.013, 0.0132)
    assert moments[-1] == 0.0132


@pytest.mark.parametrize("clip", [(5, 4, 9), (5, 7, 4)])
def test_disorder_is_refused(clip: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigError, match="onset <= apex"):
        key_frames(*clip)


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="n_key is 0"):
        key_frames(0, 1, 2, n_key=0)
    with pytest.raises(ConfigError, match="finite"):
        key_moments_s(0.0, float("nan"), 1.0)
    with pytest.raises(ConfigError, match="tick"):
        key_moments_s(0.0, 0.1, 1.0, tick_s=0.0)
    with pytest.raises(ConfigError, match="increasing"):
        key_frames_by_time([0.0, 0.0], 0.0, 0.1, 0.2)
    with pytest.raises(ConfigError, match="non-empty"):
        key_frames_by_time([], 0.0, 0.1, 0.2)
