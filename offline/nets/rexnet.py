"""ReXNet's trunk: inverted bottlenecks whose channels grow by the same number each time.

Han, Yun, Heo & Yoo, *Rethinking channel dimensions for efficient model design* (ReXNet), CVPR
2021, arXiv 2007.00992: version 1. Layers stand in the published order, so files of published
weights can be read.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from realtime_mer.errors import ModelError


@dataclass(frozen=True, slots=True)
class TrunkPlan:
    """How large a trunk is, at width 1; more of anything costs time and reads finer.

    Attributes
    ----------
    stem, first, growth
        Channels: of the stem, of the first block, and added in equal steps up to the last block.
    tail
        Channels of the convolution behind the trunk.
    stages
        (Blocks, stride of the first of them, whether channels are weighed by what they hold).
    """

    stem: int
    first: int
    growth: int
    tail: int
    stages: tuple[tuple[int, int, bool], ...]


REXNET = TrunkPlan(
    32, 16, 180, 1280,
    ((1, 1, False), (2, 2, False), (2, 2, True), (3, 2, True), (3, 1, True), (5, 2, True)),
)  # fmt: skip
"""The published sizes."""
EXPANSION = 6
"""Times by which a block widens inside ("MB6"); the first block does not."""
SQUEEZE = 12
"""Times by which the weighing of channels narrows."""


def pointwise(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    """Return a 1×1 convolution with normalisation."""
    return nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)


class Weighed(nn.Module):
    """Channels weighed by a share from 0 to 1 that depends on all their means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        few = channels // SQUEEZE
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Conv2d(channels, few, 1), nn.BatchNorm2d(few), nn.ReLU(),
            nn.Conv2d(few, channels, 1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return x * self.fc(self.pool(x))


class Bottleneck(nn.Module):
    """Widen, one 3×3 kernel a channel, narrow; the input is added to the first channels.

    Parameters
    ----------
    inputs, outputs
        Channels. With stride 1 and outputs >= inputs there is a shortcut.
    expansion
        Times by which it widens; 1 leaves that step out.
    weighed
        Whether channels are weighed inside.
    """

    def __init__(
        self, inputs: int, outputs: int, expansion: int, stride: int, weighed: bool
    ) -> None:
        super().__init__()
        wide = inputs * expansion
        steps: list[nn.Module] = [*pointwise(inputs, wide), nn.SiLU()] if expansion > 1 else []
        steps.append(nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False))
        steps.append(nn.BatchNorm2d(wide))
        if weighed:
            steps.append(Weighed(wide))
        self.out = nn.Sequential(*steps, nn.ReLU6(), *pointwise(wide, outputs))
        self.kept = inputs if stride == 1 and inputs <= outputs else 0

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y: Tensor = self.out(x)
        if not self.kept:
            return y
        return torch.cat([y[:, : self.kept] + x, y[:, self.kept :]], 1)


def channel_plan(width: float, plan: TrunkPlan = REXNET) -> tuple[int, ...]:
    """Return the channels that leave each block: 16 blocks as published."""
    blocks = sum(count for count, _, _ in plan.stages)
    step = plan.growth / blocks
    return tuple(round((plan.first + step * place) * width) for place in range(blocks))


def tail_channels(width: float, plan: TrunkPlan = REXNET) -> int:
    """Return the channels of the convolution that follows the trunk."""
    return int(plan.tail * width)


def rexnet_trunk(width: float = 1.0, plan: TrunkPlan = REXNET) -> tuple[nn.Sequential, int]:
    """Return the trunk, (N, 3, H, W) to (N, C, H / 32, W / 32), and C.

    Weights are drawn from torch's generator (He et al., ICCV 2015, by outputs).

    Parameters
    ----------
    width
        1 or more; factor of all channels.
    plan
        Its size at width 1. With other stages than published, H and W shrink by their strides.

    Raises
    ------
    ModelError
        The width is below 1.
    """
    if not width >= 1:
        raise ModelError(f"width is {width}; give 1 or more, such as 1.0, 1.3 or 1.5")
    stem = round(plan.stem * width)
    layers: list[nn.Module] = [
        nn.Conv2d(3, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.SiLU()
    ]  # fmt: skip
    channels = channel_plan(width, plan)
    inputs, place = stem, 0
    for count, first_stride, weighed in plan.stages:
        for number in range(count):
            stride = 1 if number else first_stride
            expansion = EXPANSION if place else 1
            layers.append(Bottleneck(inputs, channels[place], expansion, stride, weighed))
            inputs, place = channels[place], place + 1
    trunk = nn.Sequential(*layers)
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return trunk, inputs


def load_trunk(trunk: nn.Sequential, path: str | os.PathLike[str]) -> None:
    """Fill a trunk with weights from a file; what lies behind the trunk there is left out.

    Parameters
    ----------
    trunk
        Of the width that the file was trained with.
    path
        A file of ``torch.save`` that holds tensors by name and nothing else; nothing in it is
        executed. Names are the trunk's own, with or without ``features.`` before them.

    Raises
    ------
    ModelError
        The file cannot be read, or a weight is missing or has another shape.
    """
    path = Path(path)
    found = {name.removeprefix("features."): each for name, each in _read(path).items()}
    wanted = trunk.state_dict()
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}
    for name, tensor in wanted.items():
        if name in found and found[name].shape != tensor.shape:
            raise ModelError(
                f"{path}: {name} has shape {tuple(found[name].shape)}, this network wants "
                f"{tuple(tensor.shape)}: take weights of a ReXNet of the same width"
            )
    missing = sorted(set(wanted) - counters - set(found))
    if missing:
        raise ModelError(
            f"{path}: {len(missing)} of {len(wanted) - len(counters)} weights are missing, "
            f"the first is {missing[0]}: take weights of ReXNet, version 1"
        )
    trunk.load_state_dict({name: found.get(name, tensor) for name, tensor in wanted.items()})


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
        raise ModelError(f"{path}: cannot read weights: {error}") from error
    if not isinstance(found, Mapping) or not all(
        isinstance(each, Tensor) for each in found.values()
    ):
        raise ModelError(f"{path}: holds no weights by name: save net.state_dict()")
    return found
