import pytest
import torch
from torch import nn

from offline.nets.aligned import aligned
from offline.nets.rexnet import Bottleneck, Weighed, rexnet_trunk


def lived_in(net: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """Give normalisation and biases values of their own, so that nothing is 0 or 1; in doubles."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
        elif isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.normal_(module.bias)
    net.double()
    with torch.no_grad():
        net(torch.randn(4, *shape, dtype=torch.float64))
    return net.eval()


def inner_channels(net: nn.Module) -> list[int]:
    return [m.in_channels for m in net.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]


@pytest.mark.parametrize("vector", [4, 16])
@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize(("expansion", "stride"), [(6, 1), (6, 2), (5, 1)])
def test_a_block_answers_the_same(expansion, stride, weighed, vector):
    torch.manual_seed(0)
    block = lived_in(Bottleneck(19, 23, expansion, stride, weighed), (19, 8, 8))
    before = {name: each.clone() for name, each in block.state_dict().items()}
    x = torch.randn(2, 19, 8, 8, dtype=torch.float64)
    wider = aligned(block, vector)
    with torch.inference_mode():
        torch.testing.assert_close(wider(x), block(x), atol=1e-12, rtol=1e-9)
    assert inner_channels(block) == [19 * expansion]
    (channels,) = inner_channels(wider)
    assert channels % vector == 0
    assert 0 < channels - 19 * expansion < vector
    assert any(isinstance(each, Weighed) for each in wider.modules()) == weighed
    assert all(torch.equal(block.state_dict()[name], each) for name, each in before.items())


def test_a_whole_trunk_inside_another_network_answers_the_same():
    torch.manual_seed(0)
    trunk = lived_in(rexnet_trunk(1.0)[0], (3, 64, 64))
    net = nn.Sequential(trunk, nn.Flatten())
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    wider = aligned(net)
    with torch.inference_mode():
        torch.testing.assert_close(wider(x), net(x), atol=1e-10, rtol=1e-9)
    assert {channels % 16 for channels in inner_channels(wider)} == {0}
    assert any(channels % 16 for channels in inner_channels(net))


def test_a_block_that_does_not_widen_stays_as_it_is():
    block = lived_in(Bottleneck(19, 23, 1, 1, True), (19, 8, 8))
    x = torch.randn(2, 19, 8, 8, dtype=torch.float64)
    assert inner_channels(aligned(block)) == [19]
    with torch.inference_mode():
        assert torch.equal(aligned(block)(x), block(x))


def test_other_networks_stay_as_they_are():
    net = nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.BatchNorm2d(6)).eval()
    wider = aligned(net)
    assert wider is not net
    assert all(
        torch.equal(wider.state_dict()[name], each) for name, each in net.state_dict().items()
    )
