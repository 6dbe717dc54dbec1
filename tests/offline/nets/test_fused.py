"""The numba engine says what the PyTorch one says, kernel by kernel and as a whole."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from offline.nets import dice, fused, kernels_conv, kernels_plain, kernels_step, stacked, zoo
from offline.nets.fused_block import recognised
from offline.nets.layers import (
    AvgPool,
    Branches,
    Capsules,
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
    shape_after,
)
from offline.nets.plan import Plan
from tests.offline.nets.nets_of_tests import (
    EVERYTHING,
    both,
    fits,
    material,
    runs_of,
    same,
    small_cnn,
    two_ways,
)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


# Kernels against their twins ------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 15, 64, 333])
def test_correlate_and_weigh_equal_their_twins(count):
    x, weight, rows = normal(700), normal(6, 18), normal(6, count)
    taps = np.random.default_rng(1).integers(0, 300, 18)
    out = normal(6, count + 5)
    wanted = out.copy()
    wanted[:, 5:] += kernels_conv.correlate_numpy(x, 7, count, taps, weight)
    kernels_conv.correlate(x, 7, count, taps, weight, out, 5)
    np.testing.assert_allclose(out, wanted, rtol=0, atol=2e-5)
    slopes = np.zeros_like(weight)
    kernels_conv.weigh(x, 7, count, taps, rows, 0, slopes)
    wanted = kernels_conv.weigh_numpy(x, 7, taps, rows)
    np.testing.assert_allclose(slopes, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), (2, 3)])
def test_average_equals_torch(size, stride):
    x = torch.from_numpy(normal(2, 3, 7, 8)).requires_grad_()
    wanted = functional.avg_pool2d(x, size, stride)
    slopes = torch.from_numpy(normal(*wanted.shape))
    wanted.backward(slopes)
    out, back = np.empty(wanted.shape, np.float32), np.empty(x.shape, np.float32)
    kernels_plain.average(x.detach().numpy(), 2, size, stride, out)
    kernels_plain.blame_average(slopes.numpy(), size, stride, back)
    np.testing.assert_allclose(out, wanted.detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(back, x.grad.numpy(), atol=1e-6)


@pytest.mark.parametrize("share", [0.3, 0.5])
@pytest.mark.parametrize("count", [4, 37])
def test_silence_equals_the_dice_in_numpy(share, count):
    start, threshold = np.uint64(dice.start(9, 2, 1)), round(share * 65536)
    values, out = normal(count), np.empty(count, np.float32)
    kernels_step.silence(values, out, start, threshold)
    kept = dice.lanes(np.array([start]), count)[0] >= threshold
    np.testing.assert_allclose(out, values * kept * 65536 / (65536 - threshold), rtol=1e-6)


def test_noise_equals_the_dice_in_numpy():
    start, levels = np.uint64(dice.start(9, 2, dice.NOISE)), dice.normal_levels()
    values = normal(31)
    wanted = values + 0.2 * levels[dice.lanes(np.array([start]), 31)[0] >> 4]
    kernels_step.add_noise(values, start, levels, np.float32(0.2))
    np.testing.assert_allclose(values, wanted, atol=1e-6)


def test_descend_equals_adamw():
    values, slopes = normal(40), normal(5, 40)
    theirs = torch.from_numpy(values.copy()).requires_grad_()
    optimiser = torch.optim.AdamW([theirs], 0.01, weight_decay=0.1)
    first, second = np.zeros_like(values), np.zeros_like(values)
    for turn in range(5):
        theirs.grad = torch.from_numpy(slopes[turn].copy())
        optimiser.step()
        kernels_step.descend(values, slopes[turn], first, second, turn + 1, 0.01, 0.1)
    np.testing.assert_allclose(values, theirs.detach().numpy(), atol=1e-6)


# Whole networks -------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [{}, EVERYTHING])
@pytest.mark.parametrize("net", [zoo.ststnet(3), small_cnn(), two_ways()])
def test_known_networks_equal_the_stack(net, extra):
    samples = material(net.inputs)
    same(*both(net, Plan(epochs=2, batch=8, **extra), samples, (1, 2)), 3e-4)


NETS = {
    "vectors": (
        Flatten(), Branches(((Dense(5), Relu(), Drop(0.4)), (Drop(0.2), Dense(4)), ())), Dense(3),
    ),
    "averages": (AvgPool(3, 2), Conv(4, 1, 0), Relu(), AvgPool(2, 1), Flatten(), Dense(3)),
    "plain layers": (Norm(), Relu(), MaxPool(3, 2, 1), Norm(), MaxPool(2, 1), Flatten(), Dense(3)),
    "odd convolutions": (
        Conv(2, 1, 1), Relu(), Conv(5, 2, 0), Relu(), Conv(4, 5, 3), Flatten(), Dense(3),
    ),
    "wide pools": (
        Conv(3, 3, 1), MaxPool(5, 2, 2), Conv(3, 3, 2), Relu(), MaxPool(4, 1), Flatten(), Dense(3),
    ),
    "deep branches": (
        Conv(4, 3, 1), Relu(),
        Branches(((Take((3, 0, 3)), Relu()), (Relu(), Drop(0.5), Norm()),
                  (Branches(((Conv(2),), (Drop(0.3),))),))),
        Relu(), Conv(3, bias=False), Norm(), Relu(), Flatten(), Dense(3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_other_networks_equal_the_stack(name):
    net = Net((2, 9, 8), NETS[name])
    samples = material(net.inputs)
    same(*both(net, Plan(epochs=1, batch=8, noise=0.1), samples), 1e-4)


def test_action_units_equal_the_stack():
    net = small_cnn(2, 8)
    samples = material(net.inputs, exclusive=False)
    plan = Plan(epochs=1, batch=8, mixup=0.4, mirror_test=True)
    same(*both(net, plan, samples), 1e-4)


def test_falling_and_flat_normalisation_equals_the_stack():
    """A negative weight turns the largest into the smallest; with 0 the first place wins."""
    net = Net(
        (2, 9, 9), (Conv(6, bias=False), Norm(), Relu(), MaxPool(3, 2, 1), Flatten(), Dense(3))
    )
    samples = material(net.inputs)
    begun = initial(net, 1)
    begun["1.weight"][:] = [1, -1, 0, -0.5, 2, -2]
    begun["1.bias"][:] = 0.3
    runs = [replace(run, weights=begun) for run in runs_of(samples)]
    plan = Plan(epochs=1, batch=8)
    ours = fits(fused.train, net, plan, samples, runs)
    same(ours, fits(stacked.train, net, plan, samples, runs), 1e-4)
    assert begun["1.weight"][0] == 1  # what was given is not written to


# Any network ----------------------------------------------------------------------------------

POOLS = st.sampled_from(
    [MaxPool(2, 2), MaxPool(3, 2, 1), MaxPool(2, 1), AvgPool(2, 2), AvgPool(2, 1)]
)
CONVS = st.builds(
    Conv, st.integers(1, 7), st.sampled_from([1, 2, 3, 5]), st.integers(0, 2), st.just(True)
)


@st.composite
def pictures(draw):
    """Some layers from picture to picture.

    ReLU stands between bias and normalisation, where the bias would have no gradient but
    rounding, which Adam blows up.
    """
    layers = []
    for _ in range(draw(st.integers(1, 2))):
        kind = draw(st.sampled_from(["conv", "pool", "drop", "take", "branches"]))
        if kind == "conv":
            conv = draw(CONVS)
            layers += [conv, *draw(st.sampled_from([(), (Relu(),), (Relu(), Norm())]))]
            layers += draw(st.sampled_from([(), (MaxPool(2, 2),), (MaxPool(3, 1, 1),)]))
        elif kind == "pool":
            layers.append(draw(POOLS))
        elif kind == "drop":
            layers.append(Drop(0.3))
        elif kind == "take":
            layers.append(Take((0,)))
        else:
            ways = tuple(
                (draw(st.builds(Conv, st.integers(1, 4))), *draw(st.sampled_from([(), (Relu(),)])))
                for _ in range(draw(st.integers(1, 3)))
            )
            layers.append(Branches(ways))
    return tuple(layers)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.data(), st.integers(1, 3), st.integers(6, 10), st.integers(6, 10))
def test_any_network_equals_the_stack(data, channels, height, width):
    layers = (*data.draw(pictures()), Flatten(), Dense(3))
    net = Net((channels, height, width), layers)
    sides = [shape_after(layers[:n], net.inputs)[1:] for n in range(len(layers) - 1)]
    assume(min(min(pair) for pair in sides) >= 3)
    samples = material(net.inputs, 12)
    same(*both(net, Plan(epochs=1, batch=4), samples), 2e-4)


# As an engine ---------------------------------------------------------------------------------


def test_the_number_of_threads_does_not_matter():
    net = zoo.ststnet(3, 2, 14)
    samples = material(net.inputs)
    runs = runs_of(samples, 4)
    plan = Plan(epochs=1, batch=8, **EVERYTHING)
    one = fits(fused.train, net, plan, samples, runs, threads=1)
    same(one, fits(fused.train, net, plan, samples, runs[:2], threads=3)
         + fits(fused.train, net, plan, samples, runs[2:], threads=2), 0)  # fmt: skip


def test_more_are_watched_than_a_batch_holds():
    net = small_cnn(2, 8)
    samples = material(net.inputs)
    run = replace(runs_of(samples, 1)[0], watch=np.arange(23))
    plan = Plan(epochs=1, batch=8, mirror_test=True)
    same(
        fits(fused.train, net, plan, samples, [run]),
        fits(stacked.train, net, plan, samples, [run]),
        1e-4,
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interruption_stops_all_runs(error):
    net = zoo.ststnet(3, 2, 14)
    samples = material(net.inputs)
    short, *others = runs_of(samples, 6)
    plan = Plan(epochs=3, batch=8)
    seen = []

    def ready(place, fit):
        seen.append(place)
        raise error

    with pytest.raises(error):
        fused.train(net, plan, samples, [short, *others], [3], ready, threads=2)
    assert len(seen) == 1


def test_what_is_supported():
    assert fused.supported(zoo.ststnet(3))
    assert not fused.supported(Net((8, 4, 4), (Branches(((Capsules(3),), (Capsules(2),))),)))


def test_blocks_are_recognised():
    conv, norm, relu, pool = Conv(4), Norm(), Relu(), MaxPool()
    for layers, length, floors in (
        ((conv, relu, norm, pool, relu), 4, (0, -np.inf)),
        ((conv, norm, relu, pool), 4, (-np.inf, 0)),
        ((conv, relu, norm, relu, pool, pool), 5, (0, 0)),
        ((conv, relu, pool, norm), 3, (0, -np.inf)),
        ((conv, conv, pool), 1, (-np.inf, -np.inf)),
        ((conv, Drop(), pool), 1, (-np.inf, -np.inf)),
    ):
        block = recognised(layers, 0)
        assert (block.length, block.floors) == (length, floors)
