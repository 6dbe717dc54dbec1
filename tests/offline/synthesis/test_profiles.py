import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from offline.synthesis import profiles

TIMES = np.arange(0.0, 4.0, 0.001)


@given(
    name=st.sampled_from(sorted(profiles.PROFILES)),
    onset=st.floats(0.1, 1.0),
    rise=st.floats(0.02, 0.5),
    fall=st.floats(0.02, 0.5),
)
def test_micro_expression_shapes_rest_peak_and_rest(name, onset, rise, fall):
    apex, offset = onset + rise, onset + rise + fall
    level = profiles.PROFILES[name](TIMES, onset, apex, offset)
    assert level.min() >= 0
    assert 0.99 < level.max() <= 1 + 1e-12
    assert level[(onset > TIMES) | (offset < TIMES)].max() < 1e-9
    assert level[np.argmin(np.abs(TIMES - apex))] > 0.97
    before = level[(onset <= TIMES) & (apex >= TIMES)]
    after = level[(apex <= TIMES) & (offset >= TIMES)]
    assert (np.diff(before) > -1e-9).all()
    assert (np.diff(after) < 1e-9).all()


def test_shapes_differ():
    shapes = [shape(TIMES, 1.0, 1.2, 1.5) for shape in profiles.PROFILES.values()]
    for i, one in enumerate(shapes):
        for other in shapes[i + 1 :]:
            assert np.abs(one - other).max() > 0.03


def test_slow_expressions_hold_between_rise_and_fall():
    level = profiles.slow(TIMES, 0.5, 0.6, 0.8, 1.0)
    assert level[TIMES <= 0.5].max() == 0
    assert level[(TIMES > 1.11) & (TIMES < 1.89)].min() > 0.999
    assert level[TIMES > 2.91].max() < 1e-9


def test_blinks_close_faster_than_they_open():
    level = profiles.blink(TIMES, 1.0, 0.08, 0.03, 0.2)
    shut = TIMES[np.argmax(level)]
    assert level.max() == pytest.approx(1.0, abs=1e-6)
    assert 1.07 < shut < 1.12
    assert 0.09 < TIMES[level > 0.5][-1] - shut < 0.16


def test_gaze_goes_and_comes_back():
    level = profiles.gaze(TIMES, 1.0, 0.5, 0.04)
    assert level[(TIMES > 1.05) & (TIMES < 1.53)].min() > 0.999
    assert level[(TIMES < 1.0) | (TIMES > 1.59)].max() < 1e-9


@given(rate=st.floats(3.0, 7.0), seed=st.integers(0, 50))
def test_speech_opens_the_mouth_a_few_times_a_second(rate, seed):
    level = profiles.speech(TIMES, 0.5, 3.5, rate, np.random.default_rng(seed))
    assert level.min() >= 0
    assert level.max() <= 1
    assert level[(TIMES < 0.5) | (TIMES > 3.5)].max() == 0
    spectrum = np.abs(np.fft.rfft(level - level.mean())) ** 2
    hz = np.fft.rfftfreq(len(TIMES), 0.001)
    assume(spectrum[hz > 1.0].sum() > 0)
    centre = (spectrum * hz)[hz > 1.0].sum() / spectrum[hz > 1.0].sum()
    assert 0.5 * rate < centre < 1.7 * rate


def test_drift_is_slow_centred_and_of_unit_size():
    t = np.arange(0, 200, 0.05)
    drift = profiles.wander(t, 0.4, np.random.default_rng(3))
    assert 0.8 < np.sqrt(np.mean(drift**2)) < 1.2
    assert np.abs(np.diff(drift)).max() / 0.05 < 2 * np.pi * 0.4 * 3
