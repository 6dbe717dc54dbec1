import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from offline.calibration import best_temperature, softmax

LOGITS = arrays(np.float64, (4, 3), elements=st.floats(-50, 50))


@given(LOGITS, st.floats(0.1, 10))
def test_softmax_gives_distributions_that_keep_the_order(logits, temperature):
    found = softmax(logits, temperature)
    np.testing.assert_allclose(found.sum(1), 1)
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.take_along_axis(found, logits.argmax(1)[:, None], 1)[:, 0] == found.max(1)).all()


@given(LOGITS, st.floats(-1e3, 1e3))
def test_a_constant_added_to_the_logits_changes_nothing(logits, shift):
    np.testing.assert_allclose(softmax(logits + shift), softmax(logits), atol=1e-9)


@given(LOGITS)
def test_higher_temperatures_are_less_sure(logits):
    sure, less = softmax(logits, 0.5).max(1), softmax(logits, 2.0).max(1)
    assert (sure >= less - 1e-12).all()
    np.testing.assert_allclose(softmax(logits, 1e6), 1 / 3, atol=1e-3)


def test_softmax_by_hand_and_far_out():
    assert softmax(np.log([[1.0, 2.0, 5.0]]))[0] == pytest.approx([0.125, 0.25, 0.625])
    np.testing.assert_array_equal(softmax(np.array([[1e9, 0.0]])), [[1.0, 0.0]])
    assert softmax(np.zeros((2, 4), np.float32)).dtype == np.float64


@pytest.mark.parametrize("planted", [0.4, 1.0, 2.5])
def test_a_planted_temperature_is_found(planted):
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(20000, 4))
    labels = (softmax(logits).cumsum(1) < rng.random((20000, 1))).sum(1)
    assert best_temperature(planted * logits, labels) == pytest.approx(planted, rel=0.06)


def test_the_temperature_stays_within_bounds():
    logits = np.eye(3)
    assert best_temperature(logits, np.arange(3)) == pytest.approx(0.2)
    assert best_temperature(logits, np.array([1, 2, 0])) == pytest.approx(5.0)
