"""Grad-CAM of given layers, against its equations."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from offline.explain.grad_cam import grad_cam, grad_cams
from realtime_mer.errors import ConfigError


class Spots(nn.Module):
    """Two channels, of which each class reads one; in-place ReLU behind, twice the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(1, 2, 1, bias=False)
        self.unused = nn.Conv2d(1, 1, 1)
        self.bent = nn.ReLU(inplace=True)
        self.last = nn.Linear(2, 2, bias=False)
        self.dropout = nn.Dropout(0.5)
        self.maps.weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
        self.last.weight.data = torch.tensor([[2.0, 0.0], [0.0, 3.0]])

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.dropout(self.bent(self.maps(x)).mean((2, 3))))


def picture():
    """Bright at one corner, dark (negative) at the other."""
    values = torch.zeros(2, 1, 4, 4)
    values[:, 0, 0, 0], values[:, 0, 3, 3] = 5, -7
    return values


def test_a_map_is_the_weighed_sum_of_channels():
    module = Spots()
    maps = grad_cam(module, module.maps, picture(), torch.tensor([0, 1]))
    assert maps.shape == (2, 4, 4)
    # One of 16 places passes the ReLU; a mean over the places makes the logit, another the weight.
    assert maps[0, 0, 0] == pytest.approx(5 * 2 / 16 / 16)
    assert maps[1, 3, 3] == pytest.approx(7 * 3 / 16 / 16)
    assert maps[0].count_nonzero() == maps[1].count_nonzero() == 1


@pytest.mark.parametrize("training", [True, False])
def test_the_network_stays_as_it_was(training):
    module = Spots().train(training).requires_grad_(False)
    one = grad_cam(module, module.maps, picture(), torch.tensor([0, 0]))
    again = grad_cam(module, module.maps, picture(), torch.tensor([0, 0]))
    assert torch.equal(one, again)
    assert all(each.training is training for each in module.modules())
    assert all(each.grad is None for each in module.parameters())
    assert not module.maps._forward_hooks


def test_no_gradients_are_needed_around_it():
    module = Spots()
    with torch.no_grad():
        assert grad_cam(module, module.maps, picture(), torch.tensor([0, 0])).any()


def test_several_layers_at_once_and_frames_one_by_one():
    class Frames(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3, 2)
            self.cells, self.last = nn.LSTM(5, 6, batch_first=True), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            maps = self.second(self.first(x.flatten(0, 1)))
            steps, _ = self.cells(maps.mean((2, 3)).unflatten(0, x.shape[:2]))
            return self.last(steps[:, -1])

    torch.manual_seed(0)
    module, inputs, classes = Frames(), torch.rand(2, 4, 3, 9, 9), torch.tensor([2, 0])
    both = grad_cams(module, (module.first, module.second), inputs, classes)
    assert [tuple(maps.shape) for maps in both] == [(8, 9, 9), (8, 4, 4)]
    alone = grad_cam(module, module.second, inputs, classes)
    np.testing.assert_allclose(both[1], alone, atol=1e-7)


def test_layers_that_show_nothing_are_refused():
    module = Spots()
    classes = torch.tensor([0, 1])
    with pytest.raises(ConfigError, match="takes no part"):
        grad_cam(module, module.unused, picture(), classes)
    with pytest.raises(ConfigError, match="does not answer maps"):
        grad_cam(module, module.last, picture(), classes)
    assert not module.last._forward_hooks
