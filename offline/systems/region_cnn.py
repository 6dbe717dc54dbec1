"""The spatial network of CNN-LSTM-SE: one small CNN for each patch of each region.

Aouayeb et al. 2022 (doi 10.3389/frsip.2022.861469), section 3.2, equations 1 to 5, figures 3 to
5. What the text leaves open follows the authors' published code: convolutions keep the size and
pooling rounds up, every region has a network of its own and every patch its own convolutions, the
squeeze is a quarter of the channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from realtime_mer.errors import ConfigError
from realtime_mer.face.topology import REGIONS
from realtime_mer.region_recipes import region_boxes, region_window

PATCHES = (1, 4, 9, 16)
"""Patches of a region that the paper tries (table 3)."""
KERNELS = (1, 3, 5, 7)
"""Sides of the parallel convolutions of equation 1."""
SQUEEZE = 4
"""The squeeze has the channels divided by this: the paper's 1/se."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Widths of both networks; the defaults are published.

    Attributes
    ----------
    first, second, parallel
        Filters of the first and second convolution and of each parallel one.
    wide, features
        Units of the two connected layers; the second's are the spatial features.
    cells, hidden
        Cells of a region's LSTM, units of the last connected layer but one.
    shrink
        Regions are averaged over squares of so many pixels first; 1 leaves them.
    """

    first: int = 4
    second: int = 8
    parallel: int = 16
    wide: int = 2048
    features: int = 256
    cells: int = 64
    hidden: int = 256
    shrink: int = 1


SMOKE_SIZES = Sizes(
    first=3, second=4, parallel=4, wide=64, features=32, cells=16, hidden=32, shrink=4
)
"""The same blocks, small enough for a test."""


def draw_weights(net: nn.Module) -> None:
    """Draw the weights of convolutions and connected layers, He's way; biases are zero.

    The paper draws every weight from a normal distribution with σ 1, under which values grow by
    the square root of a layer's inputs at every layer; its code has σ 0.1 and 0.01. Ours is normal
    with σ √(2 / inputs) (He et al. 2015, *Delving deep into rectifiers*), which keeps their size.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class Weighing(nn.Module):
    """Squeeze and excitation: (N, F) averages of channels to (N, F) weights from 0 to 1.

    Equations 2 and 3, after Hu, Shen & Sun 2018. A channel's weight multiplies its average here,
    which is the average of the weighted channel.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, max(channels // SQUEEZE, 1))
        self.excite = nn.Linear(max(channels // SQUEEZE, 1), channels)

    def forward(self, averages: Tensor) -> Tensor:
        """Return the weights."""
        squeezed = functional.relu(self.squeeze(averages))
        return torch.sigmoid(self.excite(squeezed))


class PatchMaps(nn.Module):
    """Equation 1 for every patch of a region: (N, 1, H, W) to (N, m, F, H', W') maps.

    F is ``second + 4 · parallel``, 72 as published: the pooled input of the parallel
    convolutions (their "identity"), then each of them. Patches have their own weights.

    Parameters
    ----------
    height, width
        Of the region, pixels.
    patches
        m, a square number. Where it does not divide a side, patches have the size rounded up
        and overlap by a pixel or two.
    sizes
        Numbers of filters.
    """

    def __init__(self, height: int, width: int, patches: int, sizes: Sizes) -> None:
        super().__init__()
        across = isqrt(patches)
        self.size = -(-height // across), -(-width // across)
        rows, columns = starts(height, across), starts(width, across)
        self.places = tuple((top, left) for top in rows for left in columns)
        self.channels = sizes.second + len(KERNELS) * sizes.parallel

        def convolution(inputs: int, filters: int, side: int) -> nn.Conv2d:
            return nn.Conv2d(
                patches * inputs, patches * filters, side, padding=side // 2, groups=patches
            )

        self.first = convolution(1, sizes.first, 5)
        self.second = convolution(sizes.first, sizes.second, 3)
        self.parallel = nn.ModuleList(
            convolution(sizes.second, sizes.parallel, side) for side in KERNELS
        )
        self.pool = nn.MaxPool2d(2, ceil_mode=True)

    def forward(self, region: Tensor) -> Tensor:
        """Return the maps of each patch."""
        height, width = self.size
        cut = [region[:, 0, y : y + height, x : x + width] for y, x in self.places]
        deep = self.pool(functional.relu(self.first(torch.stack(cut, 1))))
        deep = self.pool(functional.relu(self.second(deep)))
        parts = [deep, *(functional.relu(layer(deep)) for layer in self.parallel)]
        apart = [self.pool(part).unflatten(1, (len(self.places), -1)) for part in parts]
        return torch.cat(apart, 2)


def starts(length: int, across: int) -> tuple[int, ...]:
    """Return where ``across`` equal patches begin along a side of ``length`` pixels."""
    room = length - -(-length // across)
    return tuple(round(place * room / max(across - 1, 1)) for place in range(across))


class RegionCnn(nn.Module):
    """One region, (N, 1, H, W) from 0 to 1, to its spatial features and logits.

    Parameters
    ----------
    height, width, patches, sizes
        See ``PatchMaps``.
    classes
        Logits of the region in the first stage.
    weighed
        Channels of patches weigh by squeeze and excitation; else all the same.
    """

    def __init__(
        self, height: int, width: int, patches: int, sizes: Sizes, classes: int, weighed: bool
    ) -> None:
        super().__init__()
        self.shrink = sizes.shrink
        height, width = height // sizes.shrink, width // sizes.shrink
        self.maps = PatchMaps(height, width, patches, sizes)
        channels = patches * self.maps.channels
        self.weighing = Weighing(channels) if weighed else None
        self.wide = nn.Linear(channels, sizes.wide)
        self.narrow = nn.Linear(sizes.wide, sizes.features)
        self.dropout = nn.Dropout(0.5)
        self.classes = nn.Linear(sizes.features, classes)

    def weights(self, averages: Tensor) -> Tensor:
        """Return what each channel of each patch weighs, (N, m, F)."""
        if self.weighing is None:
            return torch.ones_like(averages)
        return self.weighing(averages.flatten(1)).reshape(averages.shape)

    def averages(self, region: Tensor) -> Tensor:
        """Return the mean of each channel of each patch, (N, m, F)."""
        if self.shrink > 1:
            region = functional.avg_pool2d(region, self.shrink)
        maps: Tensor = self.maps(region)
        return maps.mean((3, 4))

    def features(self, region: Tensor) -> Tensor:
        """Return the spatial features of equation 5, (N, features): what the second ReLU says."""
        averages = self.averages(region)
        fused = (averages * self.weights(averages)).flatten(1)
        wide = self.dropout(functional.relu(self.wide(fused)))
        return functional.relu(self.narrow(wide))

    def forward(self, region: Tensor) -> Tensor:
        """Return the region's logits, (N, classes)."""
        logits: Tensor = self.classes(self.dropout(self.features(region)))
        return logits


class SpatialNet(nn.Module):
    """All six regions: pictures (N, 1, H, W) as ``face_sequence`` makes them, H and W its window.

    Parameters
    ----------
    classes, patches, sizes, weighed
        Of every region, see ``RegionCnn``.

    Raises
    ------
    ConfigError
        ``patches`` is none of ``PATCHES``.
    """

    def __init__(self, classes: int, patches: int, sizes: Sizes, weighed: bool) -> None:
        super().__init__()
        if patches not in PATCHES:
            raise ConfigError(f"patches is {patches}; give one of {', '.join(map(str, PATCHES))}")
        self.regions = nn.ModuleList(
            RegionCnn(box.height, box.width, patches, sizes, classes, weighed)
            for box in region_boxes().values()
        )
        draw_weights(self)

    def cut(self, pictures: Tensor) -> list[Tensor]:
        """Return each region of the pictures, in the order of ``topology.REGIONS``."""
        window, parts = region_window(), []
        for name in REGIONS:
            box = region_boxes()[name]
            y, x = box.top - window.top, box.left - window.left
            parts.append(pictures[:, :, y : y + box.height, x : x + box.width])
        return parts

    def features(self, pictures: Tensor) -> Tensor:
        """Return the spatial features of each region, (N, 6, features)."""
        return torch.stack([net.features(cut) for net, cut in self._each(pictures)], 1)

    def patch_weights(self, pictures: Tensor) -> Tensor:
        """Return what each patch weighs, (N, 6, m): the mean weight of its channels."""
        told = []
        for net, cut in self._each(pictures):
            told.append(net.weights(net.averages(cut)).mean(2))
        return torch.stack(told, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits of each region, (N, 6, classes)."""
        return torch.stack([net(cut) for net, cut in self._each(pictures)], 1)

    def _each(self, pictures: Tensor) -> list[tuple[RegionCnn, Tensor]]:
        nets = [net for net in self.regions if isinstance(net, RegionCnn)]
        return list(zip(nets, self.cut(pictures), strict=True))
