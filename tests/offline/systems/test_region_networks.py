"""Both networks of CNN-LSTM-SE: their shapes, their parts, what padding does to them."""

import numpy as np
import pytest
import torch
from torch import nn

from offline.systems.local_regions import SYSTEMS, shown_steps
from offline.systems.region_cnn import (
    PATCHES,
    SMOKE_SIZES,
    PatchMaps,
    RegionCnn,
    Sizes,
    SpatialNet,
    starts,
)
from offline.systems.region_lstm import Standardised, TemporalNet
from realtime_mer.errors import ConfigError
from realtime_mer.face.topology import REGIONS
from realtime_mer.region_recipes import REGION_SIZES, region_boxes
from tests.offline.systems.region_clips import SHAPE, WINDOW, built, material

SMALL = SYSTEMS["cnn_lstm_se"].changed(smoke=True)


def clips(count: int = 2, steps: int = 5, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(count, steps, *SHAPE[1:], generator=rng) + 1 / 255


@pytest.mark.parametrize("patches", PATCHES)
@pytest.mark.parametrize("size", sorted(set(REGION_SIZES.values())))
def test_patches_are_equal_and_cover_the_region(size, patches):
    maps = PatchMaps(*size, patches, Sizes())
    assert len(maps.places) == patches
    seen = np.zeros(size, int)
    for top, left in maps.places:
        part = seen[top : top + maps.size[0], left : left + maps.size[1]]
        assert part.shape == maps.size
        part += 1
    assert seen.min() == 1
    if patches == 9 and size != (60, 160):
        assert seen.max() == 1


@pytest.mark.parametrize(("length", "across", "places"), [
    (160, 3, (0, 53, 106)), (81, 2, (0, 40)), (60, 1, (0,)), (81, 4, (0, 20, 40, 60)),
])  # fmt: skip
def test_patches_that_do_not_fit_overlap_a_little(length, across, places):
    assert starts(length, across) == places


def test_equation_1_as_published():
    maps = PatchMaps(81, 102, 9, Sizes()).eval()
    region = torch.rand(2, 1, 81, 102)
    told = maps(region)
    assert told.shape == (2, 9, 8 + 4 * 16, 4, 5)
    assert [layer.kernel_size[0] for layer in maps.parallel] == [1, 3, 5, 7]
    place = 4
    y, x = maps.places[place]
    patch = region[:, :, y : y + 27, x : x + 34]

    def own(layer: nn.Conv2d, filters: int, seen: torch.Tensor) -> torch.Tensor:
        mine = slice(place * filters, (place + 1) * filters)
        side = layer.kernel_size[0] // 2
        return nn.functional.conv2d(seen, layer.weight[mine], layer.bias[mine], padding=side).relu()

    deep = maps.pool(own(maps.second, 8, maps.pool(own(maps.first, 4, patch))))
    wanted = [maps.pool(deep), *(maps.pool(own(layer, 16, deep)) for layer in maps.parallel)]
    assert torch.allclose(told[:, place], torch.cat(wanted, 1), atol=1e-5)


def test_published_widths():
    net = RegionCnn(60, 60, 9, Sizes(), 4, weighed=True)
    assert net.wide.weight.shape == (2048, 9 * 72)
    assert net.narrow.weight.shape == (256, 2048)
    assert net.weighing.squeeze.weight.shape == (162, 648)
    time = TemporalNet(3, Sizes(), weighed=True)
    assert {cells.hidden_size for cells in time.cells} == {64}
    assert time.hidden.weight.shape == (256, 6 * 64)
    assert time.classes.weight.shape == (3, 256)
    assert (time.after_cells.p, time.after_hidden.p, net.dropout.p) == (0.2, 0.5, 0.5)


def test_weighing_averages_is_weighing_maps():
    torch.manual_seed(0)
    net = RegionCnn(60, 60, 4, Sizes(), 4, weighed=True).eval()
    region = torch.rand(2, 1, 60, 60)
    maps = net.maps(region)
    weights = net.weights(maps.mean((3, 4)))
    assert 0 < weights.min() < weights.max() < 1
    published = (maps * weights[..., None, None]).mean((3, 4)).flatten(1)
    wanted = torch.relu(net.narrow(torch.relu(net.wide(published))))
    assert torch.allclose(net.features(region), wanted, atol=1e-5)


def test_without_weighing_there_are_no_weights():
    net = RegionCnn(60, 60, 1, SMOKE_SIZES, 4, weighed=False)
    assert net.weighing is None
    assert (net.weights(torch.rand(2, 1, 20)) == 1).all()


def test_each_region_sees_its_own_place_alone():
    torch.manual_seed(0)
    net = SpatialNet(4, 1, SMOKE_SIZES, True).eval()
    plain = torch.full((1, *SHAPE[1:]), 0.5)
    before = net.features(plain)
    for number, name in enumerate(REGIONS):
        box = region_boxes()[name]
        y, x = box.top - WINDOW.top, box.left - WINDOW.left
        y, x = y + box.height // 2, x + box.width // 2
        changed = plain.clone()
        changed[:, :, y - 6 : y + 6, x - 6 : x + 6] = 1
        moved = (net.features(changed) != before).any(2)[0]
        assert moved.nonzero().flatten().tolist() == [number]


def test_features_keep_their_size_through_the_layers():
    torch.manual_seed(0)
    features = SpatialNet(4, 9, Sizes(), False).eval().features(clips(2, 1).flatten(0, 1))
    assert 0.02 < features.std() < 20


def test_standardised_features_have_mean_0_and_spread_1_on_the_training_side():
    rng = torch.Generator().manual_seed(0)
    layer = Standardised((6, 3))
    features = torch.randn(10, 4, 6, 3, generator=rng) * 3 + 7
    features[..., 2] = 5
    shown = torch.arange(4) < torch.arange(10).clamp(1, 4)[:, None]
    layer.train()
    for part in torch.arange(10).split(4):
        layer(features[part], shown[part])
    layer.eval()
    told = layer(features, shown)[shown]
    assert torch.allclose(told.mean(0), torch.zeros(6, 3), atol=1e-4)
    assert torch.allclose(told.std(0, correction=0)[:, :2], torch.ones(6, 2), atol=1e-3)
    assert not told[:, :, 2].any()
    kept = layer.mean.clone()
    layer(features + 100, shown)
    assert torch.equal(layer.mean, kept)


def test_the_last_shown_step_answers():
    torch.manual_seed(0)
    net = TemporalNet(3, SMOKE_SIZES, True).eval()
    features = torch.randn(1, 7, 6, SMOKE_SIZES.features)
    shown = (torch.arange(7) < 4)[None]
    said = net.regions(features, shown)
    alone, _ = net.cells[2](features[:, :4, 2])
    assert torch.allclose(said[:, 2], nn.functional.leaky_relu(alone[:, -1], 0.01), atol=1e-6)


@pytest.mark.parametrize("name", ["cnn_lstm", "cnn_lstm_se"])
@pytest.mark.parametrize("room", [1, 4, 26])
def test_padding_changes_nothing(name, room):
    net = built(SYSTEMS[name].changed(smoke=True)).eval()
    short = clips()
    padded = torch.cat([short, torch.zeros(2, room, *SHAPE[1:])], 1)
    mixed = padded.clone()
    mixed[1, 3:] = 0
    with torch.no_grad():
        alone, told, other = net(short), net(padded), net(mixed)
        shorter = net(short[1:, :3])
    assert torch.allclose(told, alone, atol=1e-5)
    assert torch.allclose(other[:1], alone[:1], atol=1e-5)
    assert torch.allclose(other[1:], shorter, atol=1e-5)
    assert not torch.allclose(other[1:], alone[1:], atol=1e-4)


def test_steps_are_shown_where_anything_is_not_zero():
    inputs = torch.zeros(2, 3, *SHAPE[1:])
    inputs[0, 0, 0, -1, -1] = 1 / 255
    inputs[1, :2] = 1
    assert shown_steps(inputs).tolist() == [[True, False, False], [True, True, False]]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cnn_lstm", set()),
        ("cnn_lstm_se_spatial", {"patches"}),
        ("cnn_lstm_se_temporal", {"regions"}),
        ("cnn_lstm_se_m4", {"patches", "regions"}),
    ],
)
def test_attention_says_what_is_weighed(name, told):
    system = SYSTEMS[name].changed(smoke=True)
    net = built(system).eval()
    own = torch.from_numpy(material(2).inputs)
    with torch.no_grad():
        found = net.attention(own)
    assert set(found) == told
    if "patches" in told:
        patches = found["patches"]
        assert patches.shape == (2, len(own[0]), 6, system.patches)
        assert (patches > 0).all((2, 3)).equal(shown_steps(own))
        assert patches.max() < 1
    if "regions" in told:
        assert found["regions"].shape == (2, 6)
        assert ((found["regions"] > 0) & (found["regions"] < 1)).all()


def test_other_numbers_of_patches_are_refused():
    with pytest.raises(ConfigError, match="patches is 5; give one of 1, 4, 9, 16"):
        SpatialNet(3, 5, SMOKE_SIZES, True)


def test_equal_seeds_draw_equal_weights():
    one, same, other = (built(SMALL, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
