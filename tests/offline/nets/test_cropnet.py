from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from offline.nets.cropnet import CropNet, CroppedPyramid, corners, cropnet
from offline.nets.rexnet import Bottleneck, channel_plan, load_trunk, rexnet_trunk
from realtime_mer.errors import ModelError

PLACES = [(top, left) for top in (0, 112, 160) for left in (0, 112, 160)]


def counted(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, 320, 320, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def net() -> CropNet:
    """Drawn weights, and normalisation that has seen a picture: nothing is a constant."""
    torch.manual_seed(0)
    net = cropnet(3)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        net(pictures(2, 1))
    return net.eval()


# Views ------------------------------------------------------------------------------------------


def test_there_are_ten_views_and_nine_of_them_are_cut_where_they_should():
    """Red tells the row, green the column, so that each pixel says where it came from."""
    rows = torch.arange(320.0)[:, None].expand(320, 320)
    places = torch.stack([rows, rows.T, torch.zeros(320, 320)])
    views = CroppedPyramid()(torch.stack([places, places + 1000]))
    assert views.shape == (2, 10, 3, 160, 160)
    steps = torch.arange(160.0)
    for number, (top, left) in enumerate(PLACES, 1):
        assert torch.equal(views[0, number, 0], (top + steps)[:, None].expand(160, 160))
        assert torch.equal(views[0, number, 1], (left + steps).expand(160, 160))
        assert torch.equal(views[1, number], views[0, number] + 1000)
    inner = views[0, 0, :, 1:-1, 1:-1]
    torch.testing.assert_close(inner[0], (2 * steps[1:-1])[:, None].expand(158, 158))
    torch.testing.assert_close(inner[1], (2 * steps[1:-1]).expand(158, 158))


def test_the_halved_picture_is_that_of_opencv():
    picture = pictures(1)
    halved = CroppedPyramid()(picture)[0, 0].permute(1, 2, 0).numpy()
    expected = cv2.pyrDown(picture[0].permute(1, 2, 0).numpy())
    np.testing.assert_allclose(halved, expected, atol=1e-6)


def test_neighbouring_views_overlap_by_alpha_or_more_and_leave_nothing_out():
    assert corners(320) == (0, 112, 160)
    assert corners(160) == (0,)
    shared = [1 - (after - before) / 160 for before, after in pairwise(corners(320))]
    assert shared == pytest.approx([0.3, 0.7])
    seen = np.zeros((320, 320), bool)
    for top, left in PLACES:
        seen[top : top + 160, left : left + 160] = True
    assert seen.all()


@pytest.mark.parametrize(
    ("overlap", "expected"), [(0.0, (0, 160)), (0.5, (0, 80, 160)), (0.6, (0, 64, 128, 160))]
)
def test_more_overlap_gives_more_views(overlap, expected):
    assert corners(320, 160, overlap) == expected


# Network ----------------------------------------------------------------------------------------


def test_it_has_the_parameters_that_the_paper_states_within_five_percent(net):
    assert abs(counted(net) / 7.6e6 - 1) < 0.05
    parts = (net.extractor, net.head, net.classes)
    assert [*map(counted, parts), net.positions.numel()] == [7_271_913, 581_784, 723, 216]
    assert counted(net) == 7_854_636


@pytest.mark.parametrize(("width", "published"), [(1.0, 4.8), (1.3, 7.6), (1.5, 9.7)])
def test_the_extractor_is_rexnet_of_the_published_size(width, published):
    """Trunk, its last convolution and the layer for 1000 classes, in millions as published."""
    trunk, channels = rexnet_trunk(width)
    tail = int(1280 * width)
    whole = counted(trunk) + channels * tail + 2 * tail + tail * 1000 + 1000
    assert round(whole / 1e6, 1) == published
    assert trunk.eval()(torch.zeros(1, 3, 64, 96)).shape == (1, channels, 2, 3)


def test_channels_grow_by_the_same_number_each_time():
    assert channel_plan(1.0)[0] == 16
    assert channel_plan(1.0)[-1] == 185
    assert {after - before for before, after in pairwise(channel_plan(1.0))} == {11, 12}


def test_a_shortcut_adds_the_input_to_the_first_channels_alone():
    block = Bottleneck(4, 6, 6, 1, True).eval()
    x = torch.randn(2, 4, 8, 8)
    added = block(x) - block.out(x)
    torch.testing.assert_close(added[:, :4], x)
    assert not added[:, 4:].any()
    for other in (Bottleneck(4, 6, 6, 2, False).eval(), Bottleneck(6, 4, 1, 1, False).eval()):
        x = torch.randn(2, 4 if other.out[-1].num_features == 6 else 6, 8, 8)
        assert torch.equal(other(x), other.out(x))


@pytest.mark.parametrize(("classes", "pyramid"), [(3, True), (5, False)])
def test_every_parameter_is_taught(classes, pyramid):
    torch.manual_seed(3)
    net = cropnet(classes, pyramid)
    logits = net(pictures(2 if pyramid else 4))
    assert logits.shape[1:] == (classes,)
    nn.functional.cross_entropy(logits, torch.arange(len(logits)) % classes).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
    assert net.positions.shape == (9, 24) if pyramid else net.positions is None
    assert net.classes.in_features == (240 if pyramid else 24)


def test_places_are_drawn_with_the_papers_variance():
    torch.manual_seed(0)
    drawn = torch.cat([CropNet(2).positions.detach().flatten() for _ in range(6)])
    assert abs(float(drawn.mean())) < 0.05
    assert 0.17 < float(drawn.var()) < 0.23


def test_views_know_their_places_and_the_whole_picture_has_none(net):
    """A vector changed for view 3 changes answers as the same change of its description does."""
    seen = []
    hook = net.classes.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    with torch.no_grad():
        net(pictures(1))
        net.positions[2] += 1
        net(pictures(1))
        net.positions[2] -= 1
    hook.remove()
    moved = (seen[1] - seen[0]).unflatten(1, (10, 24))[0]
    torch.testing.assert_close(moved[3], torch.ones(24))
    assert not moved[:3].any()
    assert not moved[4:].any()


def test_the_same_seed_gives_the_same_network_and_another_one_another():
    states = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        states.append(cropnet(3).state_dict())
    first, same, other = states
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["extractor.0.weight"], other["extractor.0.weight"])
    assert not torch.equal(first["positions"], other["positions"])


def test_an_answer_does_not_depend_on_its_neighbours(net):
    x = pictures(3)
    with torch.inference_mode():
        together = net(x)
        alone = torch.cat([net(each[None]) for each in x])
    assert together.isfinite().all()
    assert together.std(0).max() > 1e-4
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


# Weights ----------------------------------------------------------------------------------------


def test_weights_come_back_from_a_file_with_what_else_it_holds_left_out(tmp_path):
    torch.manual_seed(1)
    given, _ = rexnet_trunk(1.0)
    state = {f"features.{name}": each for name, each in given.state_dict().items()}
    torch.save(state | {"output.1.bias": torch.zeros(1000)}, tmp_path / "weights.pth")
    trunk, _ = rexnet_trunk(1.0)
    load_trunk(trunk, tmp_path / "weights.pth")
    for name, tensor in given.state_dict().items():
        assert torch.equal(trunk.state_dict()[name], tensor), name


def test_unfit_weights_are_refused_and_change_nothing(tmp_path):
    trunk, _ = rexnet_trunk(1.0)
    before = {name: each.clone() for name, each in trunk.state_dict().items()}
    path = tmp_path / "weights.pth"
    wider = rexnet_trunk(1.3)[0].state_dict()
    torch.save(wider, path)
    with pytest.raises(ModelError, match=r"0\.weight has shape \(42, 3, 3, 3\).*\(32, 3, 3, 3\)"):
        load_trunk(trunk, path)
    less = {name: each for name, each in before.items() if name != "3.out.0.weight"}
    torch.save(less, path)
    with pytest.raises(ModelError, match=r"1 of \d+ weights are missing.*3\.out\.0\.weight"):
        load_trunk(trunk, path)
    assert all(torch.equal(trunk.state_dict()[name], each) for name, each in before.items())


@pytest.mark.parametrize("written", [b"", b"no weights", None, "list", "code"])
def test_files_without_weights_are_refused(written, tmp_path):
    path = tmp_path / "weights.pth"
    if isinstance(written, bytes):
        path.write_bytes(written)
    elif written == "list":
        torch.save([torch.zeros(2)], path)
    elif written == "code":
        torch.save(rexnet_trunk(1.0)[0][0], path)
    with pytest.raises(ModelError, match=r"weights\.pth"):
        load_trunk(rexnet_trunk(1.0)[0], path)


@pytest.mark.parametrize("width", [0.5, 0.0, -1.0, float("nan")])
def test_widths_below_one_are_refused(width):
    with pytest.raises(ModelError, match="width is"):
        CropNet(3, width=width)
