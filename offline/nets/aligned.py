"""The same network with inner channels filled up to what a processor takes at once.

ONNX Runtime's fast kernels for one 3×3 kernel a channel want a whole number of vectors of
channels; ReXNet's numbers, such as 246 or 450, are none. Zeros fill them up: answers stay equal.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from offline.nets.rexnet import Bottleneck, Weighed

VECTOR = 16
"""Channels that fit: 512 bits of float32, and a multiple of what every tensor core wants."""


def aligned(net: nn.Module, vector: int = VECTOR) -> nn.Module:
    """Return a copy for deployment that answers the same; do not train it.

    Parameters
    ----------
    net
        Any network. ``Bottleneck`` blocks that widen are widened further; all else stays.
    vector
        Inner channels are filled up to a multiple of this. Higher costs more arithmetic.
    """
    net = copy.deepcopy(net).eval()
    for module in net.modules():
        if isinstance(module, Bottleneck):
            _widen(module, vector)
    return net


def _widen(block: Bottleneck, vector: int) -> None:
    *inner, last, last_norm = block.out
    if isinstance(inner[0], nn.Conv2d) and inner[0].groups > 1:
        return  # it does not widen: its inner channels are those that come in
    (spread,) = (each for each in inner if isinstance(each, nn.Conv2d) and each.groups > 1)
    wide = -(-spread.out_channels // vector) * vector
    steps: list[nn.Module] = []
    for step in inner:
        match step:
            case nn.Conv2d():
                inputs = wide if step.groups > 1 else step.in_channels
                steps.append(_convolution(step, inputs, wide))
            case nn.BatchNorm2d():
                steps.append(_normalisation(step, wide))
            case Weighed():
                step.fc[0] = _convolution(step.fc[0], wide, step.fc[0].out_channels)
                step.fc[3] = _convolution(step.fc[3], step.fc[3].in_channels, wide)
                steps.append(step)
            case _:
                steps.append(step)
    assert isinstance(last, nn.Conv2d)
    block.out = nn.Sequential(*steps, _convolution(last, wide, last.out_channels), last_norm).eval()


def _convolution(layer: nn.Conv2d, inputs: int, outputs: int) -> nn.Conv2d:
    apart = layer.groups > 1
    wider = nn.Conv2d(
        inputs, outputs, layer.kernel_size, layer.stride, layer.padding,
        groups=inputs if apart else 1, bias=layer.bias is not None, device=layer.weight.device,
        dtype=layer.weight.dtype,
    )  # fmt: skip
    wider.weight = _filled(layer.weight, tuple(wider.weight.shape))
    if layer.bias is not None:
        wider.bias = _filled(layer.bias, (outputs,))
    return wider


def _normalisation(layer: nn.BatchNorm2d, channels: int) -> nn.BatchNorm2d:
    """Return it with channels added whose mean is 0, variance 1, weight and bias 0."""
    wider = nn.BatchNorm2d(channels, layer.eps, layer.momentum).to(layer.weight)
    wider.weight = _filled(layer.weight, (channels,))
    wider.bias = _filled(layer.bias, (channels,))
    assert wider.running_mean is not None
    assert wider.running_var is not None
    wider.running_mean[: layer.num_features] = layer.running_mean
    wider.running_var[: layer.num_features] = layer.running_var
    return wider


def _filled(values: Tensor, shape: tuple[int, ...]) -> nn.Parameter:
    """Return values with zeros behind them along every axis."""
    room = values.new_zeros(shape)
    with torch.no_grad():
        room[tuple(slice(size) for size in values.shape)] = values
    return nn.Parameter(room, requires_grad=False)
