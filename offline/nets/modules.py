"""A network as an ordinary PyTorch module, for what is not training all folds at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offline.nets.layers import (
    AvgPool,
    Branches,
    Capsules,
    Conv,
    Dense,
    Drop,
    Flatten,
    Layer,
    MaxPool,
    Net,
    Norm,
    Relu,
    Shape,
    Take,
    Weights,
    shape_after,
)
from offline.nets.stacked import routed

AT_ONCE = 256
"""Samples that are described at once."""
_NAMES = {"mean": "running_mean", "variance": "running_var"}


class Parallel(nn.ModuleList):
    """``Branches``: every way from the same input, results one after another."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, …) to (N, sum of channels, …)."""
        return torch.cat([way(x) for way in self], 1)


class Channels(nn.Module):
    """``Take``."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.channels = list(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the chosen channels."""
        return x[:, self.channels]


class Routed(nn.Module):
    """``Capsules``."""

    def __init__(self, layer: Capsules, shape: Shape) -> None:
        super().__init__()
        self.layer = layer
        places = int(np.prod(shape)) // layer.primary
        self.weight = nn.Parameter(torch.zeros(places, layer.primary, layer.out * layer.size))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, out)."""
        return routed(x[None], self.weight[None], self.layer)[0]


def module_of(net: Net, weights: Weights | None = None) -> nn.Module:
    """Return the network as a module; PyTorch's own initial weights if none are given."""
    module = _sequence(net.layers, net.inputs)
    if weights is not None:
        state = {_renamed(name): torch.from_numpy(each.copy()) for name, each in weights.items()}
        module.load_state_dict(state, strict=False)
        missing = set(dict(module.named_parameters())) - set(state)
        assert not missing, missing
    return module


def _renamed(name: str) -> str:
    path, _, part = name.rpartition(".")
    return f"{path}.{_NAMES.get(part, part)}"


def _sequence(layers: Sequence[Layer], shape: Shape) -> nn.Sequential:
    modules = []
    for layer in layers:
        modules.append(_module(layer, shape))
        shape = shape_after((layer,), shape)
    return nn.Sequential(*modules)


def _module(layer: Layer, shape: Shape) -> nn.Module:  # noqa: C901 (one case a layer)
    match layer:
        case Conv():
            return nn.Conv2d(
                shape[0], layer.out, layer.kernel, padding=layer.padding, bias=layer.bias
            )
        case Norm():
            return nn.BatchNorm2d(shape[0], layer.epsilon, layer.momentum)
        case Relu():
            return nn.ReLU()
        case MaxPool():
            return nn.MaxPool2d(layer.size, layer.stride, layer.padding)
        case AvgPool():
            return nn.AvgPool2d(layer.size, layer.stride)
        case Drop():
            return nn.Dropout(layer.share)
        case Flatten():
            return nn.Flatten()
        case Dense():
            return nn.Linear(shape[0], layer.out)
        case Take():
            return Channels(layer.channels)
        case Branches():
            return Parallel([_sequence(path, shape) for path in layer.paths])
        case Capsules():
            return Routed(layer, shape)


@torch.no_grad()
def features(net: Net, weights: Weights, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the last layer reads of each input, (N, K): the network's own description."""
    module = module_of(net, weights).eval()
    assert isinstance(module, nn.Sequential)
    body = module[:-1]
    parts = torch.from_numpy(inputs).split(AT_ONCE)
    described: NDArray[np.float32] = torch.cat([body(part).flatten(1) for part in parts]).numpy()
    return described
