"""The strip of weights below an explanation: every kind is drawn, whatever its values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.explain.attention_strip import GAP, HEAD, TALL, attention_strip
from offline.explain.overlays import Frame
from realtime_mer.face.topology import CROP, REGIONS

WHOLE = Frame(0, 0, CROP, CROP)
FACE = np.full((CROP, CROP, 3), 128, np.uint8)
SHAPES = {
    "stan_spatial": (5, 7, 7),
    "patches": (5, len(REGIONS), 9),
    "regions": (len(REGIONS),),
    "stan_temporal": (5,),
    "frames": (17,),
    "channel": (5, 512),
}
WIDTH = 480


def strip(weights, step=2):
    return attention_strip(weights, step, FACE, WHOLE, WIDTH)


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 1))
def test_every_kind_is_drawn(name, seed, most):
    values = most * np.random.default_rng(seed).random(SHAPES[name])
    found = strip({name: values.astype(np.float32)})
    assert found.shape == (HEAD + TALL + GAP, WIDTH, 3)
    assert found.dtype == np.uint8
    assert (found[:HEAD] < 120).any(), "a title"
    assert (found[HEAD:, : WIDTH // 3] < 250).any(), "and a picture"


def test_three_stand_side_by_side_and_the_fourth_below():
    weights = {name: np.random.default_rng(0).random(shape) for name, shape in SHAPES.items()}
    assert len(strip(weights)) == 2 * (HEAD + TALL + GAP)
    three = dict(list(weights.items())[:3])
    assert len(strip(three)) == HEAD + TALL + GAP


def test_the_step_that_is_shown_is_marked_in_time():
    values = np.linspace(0.2, 1, 5, dtype=np.float32)
    assert (strip({"temporal": values}, 1) != strip({"temporal": values}, 3)).any()


def test_a_larger_weight_is_a_longer_bar():
    values = np.full(len(REGIONS), 0.5, np.float32)
    values[3] = 1.0
    body = strip({"regions": values})[HEAD : HEAD + TALL, 62 : WIDTH // 3]
    height = TALL // len(REGIONS)
    dark = [
        (body[row * height : (row + 1) * height] < 100).any(2).sum() for row in range(len(REGIONS))
    ]
    assert np.argmax(dark) == 3
    assert 1.7 < dark[3] / dark[0] < 2.3
