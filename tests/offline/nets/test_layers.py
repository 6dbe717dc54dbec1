"""What a list of layers says about itself."""

import numpy as np
import pytest

from offline.nets import zoo
from offline.nets.layers import (
    AvgPool,
    Branches,
    Conv,
    Dense,
    Drop,
    Flatten,
    MaxPool,
    Net,
    Norm,
    Relu,
    Take,
    initial,
    parameter_shapes,
    shape_after,
    walk,
)
from realtime_mer.errors import ConfigError


def test_ststnet_has_as_many_parameters_as_by_hand():
    net = zoo.ststnet(3)
    convolutions, norms, dense = 16 * (3 * 9 + 1), 2 * 16, 3 * (400 + 1)
    assert net.parameters == convolutions + norms + dense == 1683
    assert net.outputs == 3


@pytest.mark.parametrize("share", [-0.1, 1.0, 1.5, float("nan")])
def test_dropout_of_all_is_refused(share):
    with pytest.raises(ConfigError, match="from 0 to below 1"):
        Drop(share)


def test_dropout_leaves_some_chance():
    assert Drop(0.0).threshold == 0
    assert Drop(0.5).threshold == 32768
    assert Drop(1 - 1e-9).threshold == 65535


@pytest.mark.parametrize(
    ("layer", "before", "after"),
    [
        (Conv(4, 3, 1), (2, 7, 9), (4, 7, 9)),
        (Conv(4, 5, 0), (2, 7, 9), (4, 3, 5)),
        (Conv(4, 1, 1), (2, 7, 9), (4, 9, 11)),
        (MaxPool(3, 3, 1), (2, 30, 30), (2, 10, 10)),
        (MaxPool(2, 2), (2, 7, 7), (2, 3, 3)),
        (AvgPool(3, 1), (2, 7, 7), (2, 5, 5)),
        (Take((1, 0, 1)), (2, 7, 7), (3, 7, 7)),
        (Flatten(), (2, 7, 7), (98,)),
        (Dense(5), (98,), (5,)),
        (Branches(((Conv(3),), (Relu(),))), (2, 7, 7), (5, 7, 7)),
        (Branches(((Dense(3),), (Dense(4),))), (9,), (7,)),
    ],
)
def test_shapes(layer, before, after):
    assert shape_after((layer,), before) == after


@pytest.mark.parametrize(
    ("layer", "before"),
    [
        (Dense(3), (2, 7, 7)),
        (Conv(3), (98,)),
        (Take((2,)), (2, 7, 7)),
        (Branches(((Conv(3),), (MaxPool(),))), (2, 7, 7)),
    ],
)
def test_what_cannot_be_read_is_refused(layer, before):
    with pytest.raises(ConfigError, match="cannot read"):
        shape_after((layer,), before)


def test_walk_goes_through_branches_in_order_with_paths_and_shapes():
    ways = ((Conv(3), Norm()), (Take((0,)), Branches(((Relu(),), (Relu(), Relu())))))
    layers = (Branches(ways), Flatten(), Dense(2))
    found = [(name, type(layer).__name__, shape) for name, layer, shape in walk(layers, (2, 4, 4))]
    assert found == [
        ("0.0.0", "Conv", (2, 4, 4)),
        ("0.0.1", "Norm", (3, 4, 4)),
        ("0.1.0", "Take", (2, 4, 4)),
        ("0.1.1.0.0", "Relu", (1, 4, 4)),
        ("0.1.1.1.0", "Relu", (1, 4, 4)),
        ("0.1.1.1.1", "Relu", (1, 4, 4)),
        ("1", "Flatten", (5, 4, 4)),
        ("2", "Dense", (80,)),
    ]


def test_initial_weights_are_uniform_within_the_bound_of_their_inputs():
    net = Net((4, 8, 8), (Conv(64, 3), Norm(), Flatten(), Dense(50)))
    weights = initial(net, 3)
    shapes = parameter_shapes(net)
    assert {name: each.shape for name, each in weights.items()} == shapes
    for name, inputs in (("0.weight", 36), ("0.bias", 36), ("3.weight", 4096)):
        bound = inputs**-0.5
        values = weights[name]
        assert values.dtype == np.float32
        assert 0.9 * bound < np.abs(values).max() <= bound
        assert abs(values.std() / (bound / 3**0.5) - 1) < 0.2
    ones, zeros = np.ones(64), np.zeros(64)
    for part, wanted in (("weight", ones), ("bias", zeros), ("mean", zeros), ("variance", ones)):
        np.testing.assert_array_equal(weights[f"1.{part}"], wanted)


def test_initial_weights_depend_on_the_seed_alone():
    net = zoo.ststnet(3)
    one, same, other = initial(net, 1), initial(net, 1), initial(net, 2)
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["3.weight"], other["3.weight"])
