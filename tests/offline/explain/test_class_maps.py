"""Maps must peak where a network looks, wherever that is and however it comes to look there."""

import numpy as np
import pytest
import torch
from torch import nn

from engines.torch_graph import torch_module
from offline.explain.class_maps import (
    class_maps,
    logit_alone,
    odds_of_logits,
    odds_of_shares,
)
from offline.explain.grad_cam import grad_cam
from offline.explain.trace import traced
from offline.export import export_module
from offline.models.torch_zoo import find_torch_model, seeded

SIDE = 40


class Pooling(nn.Module):
    """Class 0 likes bright places anywhere, class 1 dark ones: a convolution, pooled."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        with torch.no_grad():
            self.conv.weight[0] = 1 / 9
            self.conv.weight[1] = -1 / 9

    def forward(self, x):
        return torch.relu(self.conv(x)).mean((2, 3))


class OnePlace(nn.Module):
    """Class 0 depends on one cell of the map alone; elsewhere the map is as bright."""

    def __init__(self, row, column, stride=1, padding=1):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=padding, stride=stride)
        nn.init.constant_(self.conv.weight, 1.0)
        self.at = row, column

    def forward(self, x):
        cells = torch.relu(self.conv(x))
        row, column = self.at
        return torch.stack([cells[:, :, row, column].sum(1), cells.new_zeros(len(x))], 1)


def peak(places):
    """Middle of the hottest places."""
    rows, columns = np.nonzero(places >= 0.999 * places.max())
    return rows.mean(), columns.mean()


@pytest.mark.parametrize("at", [(3, 3), (20, 31), (36, 8)])
@pytest.mark.parametrize("averaged", [True, False])
def test_a_pooling_network_peaks_at_the_bright_place(at, averaged):
    picture = torch.zeros(1, 1, SIDE, SIDE)
    picture[0, 0, at[0], at[1]] = 1
    found = class_maps(Pooling(), picture, [0, 1], logit_alone, averaged)
    assert peak(found.maps[0, 0, 0]) == pytest.approx(at, abs=1)
    assert found.silent[1, 0]


@pytest.mark.parametrize("at", [(0, 0), (7, 12), (19, 4)])
@pytest.mark.parametrize(("stride", "padding"), [(1, 1), (2, 1), (2, 0)])
def test_the_one_place_that_matters_is_found_in_an_even_picture(at, stride, padding):
    net = OnePlace(*(min(each, 17) for each in at), stride, padding)
    found = class_maps(net, torch.ones(2, 1, SIDE, SIDE), [0])
    centre = [row * stride - padding + 1 for row in net.at]
    assert peak(found.maps[0, 1, 0]) == pytest.approx(centre, abs=0.51)


def test_averaging_credits_places_that_do_not_matter():
    """Why it is not the default: the mean gradient does not know which cell is read."""
    found = class_maps(OnePlace(7, 12), torch.ones(1, 1, SIDE, SIDE), [0], averaged=True)
    inner = found.maps[0, 0, 0, 2:-2, 2:-2]
    assert np.ptp(inner) <= 1e-3 * inner.max()


class Cuts(nn.Module):
    """Reads a region cut out of the mirrored picture, shrunk, as one of several patches."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5)
        nn.init.constant_(self.conv.weight, 1.0)
        nn.init.zeros_(self.conv.bias)

    def forward(self, x):
        turned = x.flip(3)[:, :, 4:36, 0:32]
        patches = torch.stack([turned[:, :, :, :16], turned[:, :, :, 16:]], 1)
        small = nn.functional.avg_pool2d(patches.flatten(0, 1), 2)
        seen = torch.relu(self.conv(nn.functional.pad(small, (2, 2, 2, 2))))
        return seen.mean((2, 3)).unflatten(0, (-1, 2)).flatten(1)[:, [0, 4]]


@pytest.mark.parametrize("at", [(12, 30), (24, 12), (30, 35)])
def test_what_is_cut_flipped_and_shrunk_inside_comes_back_to_its_place(at):
    picture = torch.zeros(2, 1, SIDE, SIDE)
    picture[1, 0, at[0] : at[0] + 2, at[1] : at[1] + 2] = 1
    found = class_maps(Cuts(), picture, [0, 1], logit_alone)
    whole = found.maps.sum(0)[1, 0]
    assert peak(whole) == pytest.approx((at[0] + 0.5, at[1] + 0.5), abs=2)
    assert not found.maps[:, 0].any()
    patch = 0 if SIDE - 1 - at[1] < 16 else 1
    assert found.silent[1 - patch, 1]
    assert not found.silent[patch, 1]


class Steps(nn.Module):
    """A convolution for every step, then the mean; the first steps count double."""

    def __init__(self):
        super().__init__()
        self.frame = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.ReLU())
        nn.init.constant_(self.frame[0].weight, 1.0)

    def forward(self, x):
        maps = self.frame(x.flatten(0, 1)).mean((2, 3)).unflatten(0, x.shape[:2])
        return maps.sum(1)


@pytest.mark.parametrize("steps", [3, 7])
def test_a_sequence_gets_a_map_for_every_step(steps):
    clip = torch.zeros(2, steps, 1, 20, 20)
    clip[0, 1, 0, 5, 6] = 1
    clip[1, steps - 1, 0, 12, 3] = 1
    maps = class_maps(Steps(), clip, [0], logit_alone).maps[0]
    assert maps.shape == (2, steps, 20, 20)
    assert np.unravel_index(maps[0].sum((1, 2)).argmax(), (steps,)) == (1,)
    assert peak(maps[0, 1]) == pytest.approx((5, 6), abs=1)
    assert peak(maps[1, steps - 1]) == pytest.approx((12, 3), abs=1)
    assert not maps[1, : steps - 1].any()


def test_the_order_of_classes_changes_nothing_else():
    net = seeded("flow_cnn", 0).net
    inputs = find_torch_model("flow_cnn").inputs(5, 1)
    one, other = class_maps(net, inputs, [0, 1, 2]), class_maps(net, inputs, [2, 0, 1])
    np.testing.assert_array_equal(one.maps[[2, 0, 1]], other.maps)
    np.testing.assert_array_equal(one.scores[[2, 0, 1]], other.scores)


def test_log_odds_of_logits_and_of_their_softmax_are_one_explanation():
    model = seeded("flow_cnn", 0)
    inputs = find_torch_model("flow_cnn").inputs(3, 2)
    logits = class_maps(model.net, inputs, [0, 2], odds_of_logits)
    shares = class_maps(model, inputs, [0, 2], odds_of_shares(3))
    np.testing.assert_allclose(logits.maps, shares.maps, atol=2e-5 * logits.maps.max())


class Deaf(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        return torch.relu(self.conv(x) - 1e6).mean((2, 3))


def test_where_nothing_speaks_the_map_is_zero_and_said_to_be():
    found = class_maps(Deaf(), torch.rand(2, 1, 9, 9), [0, 1], logit_alone)
    assert found.silent.all()
    assert np.isfinite(found.maps).all()


def test_without_a_convolution_the_input_is_the_map():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2, bias=False))
    with torch.no_grad():
        net[1].weight.zero_()
        net[1].weight[0, 8 * 5 + 2] = 3
    found = class_maps(net, torch.ones(1, 1, 8, 8), [0, 1], logit_alone)
    assert np.flatnonzero(found.maps[0, 0, 0]).tolist() == [8 * 5 + 2]
    assert found.silent[1, 0]


def test_the_network_is_left_as_it_was():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Dropout(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net[1].eval()
    class_maps(net, torch.rand(1, 1, 8, 8), [0])
    assert [each.training for each in net] == [True, False, True, True]
    assert all(each.grad is None for each in net.parameters())


def last_maps(name, count=1):
    net = seeded(name, 0)
    inputs = find_torch_model(name).inputs(count, 0).requires_grad_(True)
    answers, trace = traced(net, inputs)
    return trace.last_maps(answers)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("ststnet", {(1, 3, 30, 30), (1, 5, 30, 30), (1, 8, 30, 30)}),
        ("off_apexnet", {(1, 16, 14, 14)}),
        ("capsulenet", {(1, 64, 6, 6)}),
        ("flow_cnn", {(1, 32, 7, 7)}),
        ("default", {(1, 32, 7, 7)}),
    ],
)
def test_the_last_maps_of_every_branch_are_found(name, shapes):
    found = last_maps(name)
    assert {tuple(each.values.shape) for each in found} == shapes
    assert all(each.places is not None for each in found)


def test_the_layer_of_grad_cam_and_the_maps_found_agree():
    net = seeded("flow_cnn", 0).net
    inputs = find_torch_model("flow_cnn").inputs(3, 0)
    relus = [each for each in net.modules() if isinstance(each, nn.ReLU)]
    maps = [each for each in relus if each is not relus[-1]]
    chosen = grad_cam(net, maps[-1], inputs, torch.tensor([1, 1, 1]))
    found = class_maps(net, inputs, [1], logit_alone, averaged=True).maps[0, :, 0]
    centres = found[:, 1::4, 1::4] + found[:, 2::4, 2::4]  # cells are 4 wide, centred between
    flat = np.corrcoef(centres.ravel(), chosen.numpy().ravel())[0, 1]
    assert flat > 0.9


@pytest.mark.parametrize("name", ["flow_cnn", "ststnet"])
def test_the_graph_of_an_onnx_file_gives_the_map_of_the_module(name):
    model, module = find_torch_model(name), seeded(name, 3)
    inputs = model.inputs(4, 5)
    graph = torch_module(export_module(module, model.input_shape), name)
    columns, score = range(len(model.labels)), odds_of_shares(len(model.labels))
    native = class_maps(module, inputs, columns, score)
    other = class_maps(graph, inputs, columns, score)
    np.testing.assert_allclose(other.scores, native.scores, atol=1e-3)
    np.testing.assert_allclose(other.maps, native.maps, atol=1e-3 * native.maps.max())
