"""The three attentions of DSTAN: over places, channels and frames.

Wang et al., *Micro expression recognition via dual-stream spatiotemporal attention network*,
Journal of Healthcare Engineering 2021, sections 2.4 and 2.5. Each module's ``weights`` returns
what it looks at, and calling it returns its input weighted so.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

KERNELS = (1, 3, 5)
"""Sides of the kernels of the spatial attention (equation 2)."""
REDUCTION = 16
"""The paper's r (section 3.2)."""


class SpatialAttention(nn.Module):
    """Multi-scale kernel spatial attention, equations 2 to 4: (M, C, H, W) to the same.

    Three convolutions to one channel each, with kernels of 1, 3 and 5, joined by a fourth of
    1×1; its sigmoid is the weight of a place.

    Parameters
    ----------
    channels
        C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            [nn.Conv2d(channels, 1, side, padding=side // 2) for side in KERNELS]
        )
        self.fuse = nn.Conv2d(len(KERNELS), 1, 1)

    def weights(self, maps: Tensor) -> Tensor:
        """Return the weight of every place, (M, 1, H, W), between 0 and 1."""
        return torch.sigmoid(self.fuse(torch.cat([scale(maps) for scale in self.scales], 1)))

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps, each place times its weight."""
        return self.weights(maps) * maps


class ChannelAttention(nn.Module):
    """Global dual-pool channel attention, equations 5 to 7: (M, C, H, W) to the same.

    The mean and the maximum of every channel go through the same two connected layers, with
    ReLU between; the sigmoid of their sum is the channel's weight.

    Parameters
    ----------
    channels
        C.
    reduction
        The inner layer has C / reduction values. Higher is smaller and mixes channels less.
    """

    def __init__(self, channels: int, reduction: int = REDUCTION) -> None:
        super().__init__()
        inner = max(channels // reduction, 1)
        self.fc = nn.Sequential(nn.Linear(channels, inner), nn.ReLU(), nn.Linear(inner, channels))

    def weights(self, maps: Tensor) -> Tensor:
        """Return the weight of every channel, (M, C), between 0 and 1."""
        return torch.sigmoid(self.fc(maps.mean((2, 3))) + self.fc(maps.amax((2, 3))))

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps, each channel times its weight."""
        return self.weights(maps)[:, :, None, None] * maps


class TemporalAttention(nn.Module):
    """A weight for every frame, equation 8: (N, T, K) to the same.

    The paper shows a sigmoid and names no layer before it; one connected layer from a frame's K
    features to one value is the least that can learn.

    Parameters
    ----------
    features
        K.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, 1)

    def weights(self, steps: Tensor) -> Tensor:
        """Return the weight of every frame, (N, T, 1), between 0 and 1."""
        return torch.sigmoid(self.score(steps))

    def forward(self, steps: Tensor) -> Tensor:
        """Return the features, each frame times its weight."""
        return self.weights(steps) * steps
