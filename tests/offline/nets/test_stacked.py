"""Many folds at once are the same as one after another, and the same as a plain network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from offline.nets import stacked, zoo
from offline.nets.layers import Capsules, Conv, Drop, Net, Relu, initial
from offline.nets.plan import Plan, class_weights, draw
from offline.nets.training import Run
from tests.offline.nets.nets_of_tests import (
    EVERYTHING,
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


CAPSULES = Net((2, 8, 8), (Conv(8, 3, 0), Relu(), Drop(0.2), Capsules(3, 4, 4)))


@pytest.mark.parametrize(
    "net", [zoo.ststnet(3, 2, 14), small_cnn(2, 12), two_ways(16, 8), CAPSULES]
)
@pytest.mark.parametrize("extra", [{}, EVERYTHING])
def test_a_stack_of_folds_equals_the_folds_alone(net, extra):
    samples = material(net.inputs)
    runs = runs_of(samples, 3)
    plan = Plan(epochs=1, batch=8, **extra)
    together = fits(stacked.train, net, plan, samples, runs)
    same(together, fits(stacked.train, net, plan, samples, runs, at_once=1), 1e-5)
    same(together, fits(stacked.train, net, plan, samples, runs, at_once=2), 1e-5)


class PlainSTSTNet(nn.Module):
    """STSTNet as anybody would write it, without dropout."""

    def __init__(self):
        super().__init__()
        self.ways = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(3, kernels, 3, padding=2),
                nn.ReLU(),
                nn.BatchNorm2d(kernels),
                nn.MaxPool2d(3, 3, 1),
            )
            for kernels in (3, 5, 8)
        )
        self.end = nn.Sequential(nn.AvgPool2d(2, 2), nn.Flatten(), nn.Linear(400, 3))

    def forward(self, x):
        return self.end(torch.cat([way(x) for way in self.ways], 1))

    def named(self):
        """Its parameters under the names of ours."""
        places = {
            "weight": "weight",
            "bias": "bias",
            "running_mean": "mean",
            "running_var": "variance",
        }
        found = {"3.weight": self.end[2].weight, "3.bias": self.end[2].bias}
        for number, way in enumerate(self.ways):
            for place in (0, 2):
                for theirs, ours in places.items():
                    if hasattr(way[place], theirs):
                        found[f"0.{number}.{place}.{ours}"] = getattr(way[place], theirs)
        return found


def test_two_steps_equal_a_plain_network_with_adamw():
    net = zoo.ststnet(3)
    layers = (net.layers[0].paths[0][:4], net.layers[0].paths[1][:4], net.layers[0].paths[2][:4])
    net = replace(net, layers=(replace(net.layers[0], paths=layers), *net.layers[1:]))
    samples = material(net.inputs)
    run = runs_of(samples, 1)[0]
    plan = Plan(epochs=1, batch=12, rate=1e-2, decay=0.05, smoothing=0.1)
    (ours,) = fits(stacked.train, net, plan, samples, [run])

    plain = PlainSTSTNet()
    with torch.no_grad():
        for name, values in initial(net, run.key).items():
            plain.named()[name].copy_(torch.from_numpy(values))
    optimiser = torch.optim.AdamW(plain.parameters(), 1e-2, weight_decay=0.05)
    costs = torch.from_numpy(class_weights(plan, samples.targets, run.train))
    inputs, labels = torch.from_numpy(samples.inputs), torch.from_numpy(samples.labels)
    for batch in draw(plan, run.train, 2, run.key).first:
        optimiser.zero_grad()
        smooth = 0.9 * nn.functional.one_hot(labels[batch], 3) + 0.1 / 3
        weights = smooth * costs
        lost = -(weights * plain(inputs[batch]).log_softmax(1)).sum() / weights.sum()
        lost.backward()
        optimiser.step()
    plain.eval()
    np.testing.assert_allclose(
        ours.curve[0], plain(inputs[run.watch]).detach().numpy(), rtol=0, atol=2e-5
    )
    for name, values in plain.named().items():
        np.testing.assert_allclose(ours.weights[name], values.detach().numpy(), 0, 2e-5)


def test_left_out_samples_teach_nothing():
    net = zoo.ststnet(3, 2, 14)
    samples = material(net.inputs)
    run = runs_of(samples, 1)[0]
    plan = Plan(epochs=1, batch=8, **EVERYTHING)
    (before,) = fits(stacked.train, net, plan, samples, [run])
    inputs, targets = samples.inputs.copy(), samples.targets.copy()
    inputs[run.watch[1:]], targets[run.watch] = 1e3, 0
    changed = replace(samples, inputs=inputs, targets=targets)
    (after,) = fits(stacked.train, net, plan, changed, [run])
    same(
        [replace(before, curve=before.curve[:, :1])], [replace(after, curve=after.curve[:, :1])], 0
    )


def test_gradients_of_routing_are_right():
    layer = Capsules(2, 3, 2, 3)
    x = torch.randn(1, 2, 4, 2, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(1, 8, 2, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: stacked.routed(x, w, layer), (x, weight))


def test_runs_may_watch_different_numbers_of_samples():
    net = small_cnn(2, 8)
    samples = material(net.inputs)
    first, second = runs_of(samples)
    runs = [first, Run(second.train, second.watch[:1], second.key)]
    found = fits(stacked.train, net, Plan(epochs=2, batch=8), samples, runs, (1, 2))
    assert [each.curve.shape for each in found] == [(2, 4, 3), (2, 1, 3)]
