"""ResNet-50 as VGGFace2's authors trained it, with the names of its published PyTorch weights.

Cao, Shen, Xie, Parkhi & Zisserman, *VGGFace2: a dataset for recognising faces across pose and
age*, FG 2018; the network is that of He, Zhang, Ren & Sun, CVPR 2016, in its Caffe form: strides
stand in the first 1×1 convolution of a block, pooling rounds up without padding. Pictures come in
as blue, green, red from 0 to 255 less their mean; that is done inside.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from realtime_mer.errors import ConfigError

BLOCKS = (3, 4, 6, 3)
"""Blocks of layer1 to layer4."""
WIDTH = 64
EXPANSION = 4
"""Times by which a block is wider where it ends than inside."""
MEAN_BGR = (91.4953, 103.8827, 131.0912)
"""Mean of VGGFace2's training pictures, 0 to 255."""
IDENTITIES = 8631
STEM = "conv1"
"""Name of the first cut: everything is learnt."""
NOTHING = "classifier"
"""Name of the last cut: nothing of the encoder is learnt."""


class Bottleneck(nn.Module):
    """Narrow, 3×3, widen; the input is added.

    Parameters
    ----------
    inputs, inner
        Channels that come in and those inside; 4 · ``inner`` go out.
    stride
        Of the first convolution.
    """

    def __init__(self, inputs: int, inner: int, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * inner
        self.conv1 = nn.Conv2d(inputs, inner, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, 4 · inner, H / stride, W / stride)."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNet50(nn.Module):
    """Faces, (N, 3, H, W) float32 RGB from 0 to 1, to a map (N, 2048, H / 32, W / 32).

    Weights are drawn from torch's generator, normal by the outputs of each convolution (He et
    al., ICCV 2015).

    Parameters
    ----------
    width, blocks
        Channels of the first layer, and blocks of layer1 to layer4. The published network has
        64 and (3, 4, 6, 3); fewer make a quick one for tests.
    shrink
        The picture is averaged over squares of so many pixels first; 1 leaves it as it is.
    last
        Where the encoder ends: ``layer4``, or a block before it such as ``layer3.5``; what
        follows is left out.

    Attributes
    ----------
    channels
        Of the map.
    """

    mean_bgr: Tensor

    def __init__(
        self,
        width: int = WIDTH,
        blocks: tuple[int, ...] = BLOCKS,
        shrink: int = 1,
        last: str = "layer4",
    ) -> None:
        super().__init__()
        mean = torch.tensor(MEAN_BGR).reshape(1, 3, 1, 1)
        self.register_buffer("mean_bgr", mean, persistent=False)
        self.shrink = nn.AvgPool2d(shrink) if shrink > 1 else nn.Identity()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)
        kept = _names(blocks)[: _place(last, blocks, end=True)]
        channels = width
        for number, count in enumerate(blocks, start=1):
            layer = nn.Sequential()
            for block in range(count):
                if f"layer{number}.{block}" not in kept:
                    break
                inner, stride = width << number - 1, 2 if number > 1 and block == 0 else 1
                layer.append(Bottleneck(channels, inner, stride))
                channels = EXPANSION * inner
            self.add_module(f"layer{number}", layer)
        self.blocks = tuple(len(self.get_submodule(f"layer{k + 1}")) for k in range(len(blocks)))
        self.channels = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                values = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, 0, math.sqrt(2 / values))

    def cuts(self) -> tuple[str, ...]:
        """Return where learning may begin, first to last: the stem, each block, nothing."""
        return (*_names(self.blocks), NOTHING)

    def learnt(self, cut: str) -> list[nn.Module]:
        """Return what is learnt from a cut on, in order.

        Parameters
        ----------
        cut
            One of ``cuts()``, or a layer such as ``layer4``, which stands for its first block.

        Raises
        ------
        ConfigError
            There is no such place.
        """
        place = _place(cut, self.blocks)
        found = [self.get_submodule(name) for name in _names(self.blocks)[max(place, 1) :]]
        return [self.conv1, self.bn1, *found] if place == 0 else found

    def before(self, faces: Tensor, cut: str) -> Tensor:
        """Return the map that the cut's block reads; the faces themselves for the stem."""
        place = _place(cut, self.blocks)
        return faces if place == 0 else self._through(self._stem(faces), 1, place)

    def after(self, x: Tensor, cut: str) -> Tensor:
        """Return the last map from what ``before`` returned for the same cut."""
        place = _place(cut, self.blocks)
        return self._through(self._stem(x) if place == 0 else x, max(place, 1), None)

    def forward(self, faces: Tensor) -> Tensor:
        """Return the last map."""
        return self.after(faces, STEM)

    def _stem(self, faces: Tensor) -> Tensor:
        bgr = torch.cat([faces[:, 2:3], faces[:, 1:2], faces[:, 0:1]], 1)
        x = self.shrink(bgr * 255 - self.mean_bgr)
        pooled: Tensor = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        return pooled

    def _through(self, x: Tensor, first: int, end: int | None) -> Tensor:
        for name in _names(self.blocks)[first:end]:
            x = self.get_submodule(name)(x)
        return x


def _names(blocks: tuple[int, ...]) -> list[str]:
    """Return the stem's name and each block's."""
    within = [f"layer{k}.{b}" for k, count in enumerate(blocks, start=1) for b in range(count)]
    return [STEM, *within]


def _place(cut: str, blocks: tuple[int, ...], end: bool = False) -> int:
    """Return the place of a block among names; of the one behind it where it is an end."""
    names = _names(blocks)
    if cut == NOTHING and not end:
        return len(names)
    within = [k for k, name in enumerate(names) if name == cut or name.startswith(f"{cut}.")]
    if not within:
        deepest = names[-1].partition(".")[0]
        known = f"{STEM}, layer1 to {deepest}, a block such as {names[-1]}"
        raise ConfigError(f"the encoder has no {cut!r}; give {known}, or {NOTHING}")
    return within[-1] + 1 if end else within[0]
