"""What is random about a training is drawn fairly, and from its own samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.nets.plan import Plan, class_weights, draw, key_of
from realtime_mer.errors import ConfigError


@given(st.integers(1, 40), st.integers(1, 12), st.integers(2, 9), st.integers(0, 2**62))
def test_every_sample_is_seen_equally_often_within_one(count, steps, batch, key):
    train = np.arange(100, 100 + count)
    drawn = draw(Plan(batch=batch, mixup=0.4), train, steps, key)
    for stream in (drawn.first, drawn.second):
        assert stream.shape == (steps, batch)
        seen = np.bincount(stream.ravel() - 100, minlength=count)
        assert len(seen) == count  # nothing outside the training side
        assert seen.max() - seen.min() <= 1


def test_equal_keys_give_equal_draws():
    plan = Plan(flip=True, shift=2, gain=0.1, mixup=0.4)
    one, same, other = (draw(plan, np.arange(20), 5, key) for key in (1, 1, 2))
    for name in ("first", "second", "share", "flips", "shifts", "gains"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name))


def test_without_augmentation_nothing_is_changed():
    drawn = draw(Plan(), np.arange(20), 5, 3)
    assert (drawn.share == 1).all()
    assert (drawn.gains == 1).all()
    assert not drawn.flips.any()
    assert not drawn.shifts.any()


def test_shifts_reach_both_ends():
    shifts = draw(Plan(shift=1), np.arange(20), 20, 3).shifts
    assert set(shifts.ravel()) == {-1, 0, 1}


def test_keys_differ_by_split_and_seed_and_fit_63_bits():
    keys = {key_of(name, seed) for name in ("a/1", "a/2") for seed in (0, 1)}
    assert len(keys) == 4
    assert all(0 <= key < 2**63 for key in keys)


def test_class_weights_balance_the_training_side_alone():
    targets = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 2, 2]]
    train = np.arange(4)
    np.testing.assert_allclose(class_weights(Plan(), targets, train), [4 / 6, 2, 0])
    np.testing.assert_allclose(class_weights(Plan(balanced=False), targets, train), 1)


def test_rates_fall_along_a_half_cosine():
    rates = Plan(rate=0.1, schedule="cosine").rates(10)
    assert rates[0] == 0.1
    assert rates[5] == pytest.approx(0.05)
    assert (np.diff(rates) < 0).all()
    assert (Plan(rate=0.1).rates(3) == 0.1).all()


@pytest.mark.parametrize("wrong", [{"schedule": "step"}, {"batch": 1}, {"epochs": 0}, {"rate": 0}])
def test_plans_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError):
        Plan(**wrong)
