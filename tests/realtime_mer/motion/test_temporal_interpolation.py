"""Interpolation in time for the stream: the published model, and the bench's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.handcrafted import interpolation
from realtime_mer.errors import ConfigError
from realtime_mer.motion.temporal_interpolation import at_moments, interpolation_weights


@settings(max_examples=40, deadline=None)
@given(count=st.integers(2, 60), asked=st.integers(1, 12), seed=st.integers(0, 1000))
def test_it_is_what_the_handcrafted_features_use(count, asked, seed):
    rng = np.random.default_rng(seed)
    time_s = np.cumsum(rng.uniform(0.003, 0.1, count))
    moments = np.sort(rng.uniform(time_s[0], time_s[-1], asked))
    np.testing.assert_array_equal(
        interpolation_weights(time_s, moments),
        interpolation.interpolation_weights(time_s, moments),
    )


@given(count=st.integers(1, 40), seed=st.integers(0, 1000))
def test_pictures_are_met_at_their_own_time(count, seed):
    rng = np.random.default_rng(seed)
    time_s = np.cumsum(rng.uniform(0.003, 0.1, count))
    pictures = rng.integers(0, 256, (count, 3, 4)).astype(np.uint8)
    np.testing.assert_allclose(at_moments(pictures, time_s, time_s), pictures, atol=0.01)


def test_shares_sum_to_one_and_pictures_stay_between_black_and_white():
    time_s = np.arange(6) / 25
    moments = np.linspace(0, 0.2, 23)
    np.testing.assert_allclose(interpolation_weights(time_s, moments).sum(1), 1)
    flashing = np.zeros((6, 2, 2), np.uint8)
    flashing[::2] = 255
    found = at_moments(flashing, time_s, moments)
    assert found.dtype == np.float32
    assert found.min() == 0
    assert found.max() == 255


@pytest.mark.parametrize(
    ("time_s", "moments", "message"),
    [
        ([0.0, 0.1, 0.1], [0.05], "rising"),
        ([], [], "one or more"),
        ([0.0, 0.1], [0.2], "between 0.0 and 0.1"),
        ([0.0, 0.1], [-0.01], "between"),
    ],
)
def test_times_that_make_no_sense_are_refused(time_s, moments, message):
    with pytest.raises(ConfigError, match=message):
        interpolation_weights(np.array(time_s), np.array(moments))
