import torch

from offline.models.flow_cnn import Deployed, FlowCnn, mirrored


def nets(count: int = 2) -> list[FlowCnn]:
    torch.manual_seed(0)
    return [FlowCnn().eval() for _ in range(count)]


def test_a_mirror_image_of_a_mirror_image_is_the_map():
    flow = torch.randn(3, 2, 28, 28)
    torch.testing.assert_close(mirrored(mirrored(flow)), flow)
    torch.testing.assert_close(mirrored(flow)[:, 0], -flow[:, 0].flip(2))
    torch.testing.assert_close(mirrored(flow)[:, 1], flow[:, 1].flip(2))


def test_a_map_and_its_mirror_image_get_the_same_probabilities():
    net, flow = Deployed(nets(), 0.7).eval(), torch.randn(4, 2, 28, 28)
    with torch.no_grad():
        straight, mirror = net(flow), net(mirrored(flow))
    torch.testing.assert_close(straight, mirror)
    torch.testing.assert_close(straight.sum(1), torch.ones(4))
    assert straight.std(0).max() > 0


def test_a_higher_temperature_is_less_sure():
    flow = torch.randn(4, 2, 28, 28)
    with torch.no_grad():
        cold, warm = (Deployed(nets(), t).eval()(flow).max(1).values for t in (0.1, 3.0))
    assert (cold > warm).all()
    assert (warm > 1 / 3).all()


def test_place_matters():
    """The same motion at the brow and at the mouth is not the same thing."""
    brow, mouth = torch.zeros(2, 1, 2, 28, 28)
    brow[:, 1, 4:7, 5:10] = -3
    mouth[:, 1, 18:21, 5:10] = -3
    with torch.no_grad():
        first, second = (nets(1)[0](flow) for flow in (brow, mouth))
    assert (first - second).abs().max() > 1e-3


def test_it_is_small():
    assert sum(p.numel() for p in FlowCnn().parameters()) < 70_000
