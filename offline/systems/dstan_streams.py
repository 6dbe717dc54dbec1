"""STAN and STMN, the two streams of DSTAN: frames to features, features through time.

Wang et al. 2021 (see ``dstan_attention``), sections 2.2 to 2.5. Both have the same spatial model,
five times convolution, normalisation, ReLU and pooling, and the same temporal model, an LSTM and
the mean over time. STAN alone joins features of the third layer to those of the last.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from offline.systems.dstan_attention import (
    REDUCTION,
    ChannelAttention,
    SpatialAttention,
    TemporalAttention,
)
from realtime_mer.errors import ConfigError

LOW = 3
"""Layers up to the low-level map: "the third convolution layers can learn the low-level texture
features" (section 2.3)."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a stream is; the paper tells none of it but ``reduction``.

    Attributes
    ----------
    widths
        Channels of the five layers. More can tell more apart and overfit sooner.
    memory
        Values of the LSTM's state, and so of the stream's description.
    reduction
        See ``ChannelAttention``.
    shrink
        The input is averaged over squares of this side first: 1 leaves it as it is.
    momentum
        Share of the newest batch in what the normalisation remembers. Higher forgets sooner.
    """

    widths: tuple[int, int, int, int, int] = (16, 32, 64, 128, 256)
    memory: int = 128
    reduction: int = REDUCTION
    shrink: int = 1
    momentum: float = 0.1


FULL = Sizes()
SMOKE = Sizes((4, 8, 8, 16, 16), memory=16, reduction=4, shrink=4, momentum=0.5)


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts of the paper's table 2 a stream has.

    Attributes
    ----------
    fusion
        Low-level features are joined to high-level ones (STAN only; the paper's LHFN).
    spatial, channel, temporal
        The three attentions. The paper's table takes the first two as one step, SA.
    """

    fusion: bool = True
    spatial: bool = True
    channel: bool = True
    temporal: bool = True


class SpatialModel(nn.Module):
    """One frame's description: (M, planes, H, W) to (M, ``features``).

    The map of a layer is the one after its pooling, as the text says of the last one (section
    2.2). Spatial attention refines the third map, which then goes on to the fourth layer and to
    the fusion: in STMN, which has no fusion, it would have no effect otherwise. Channel attention
    refines the fifth. For the fusion both maps pass a convolution of 1×1, which keeps their
    channels, and ReLU ("more nonlinear relations") before their means are joined.

    Parameters
    ----------
    planes
        Of the input: 1 grey picture, or u and v.
    parts, sizes
        What it has and how large it is.
    """

    def __init__(self, planes: int, parts: Parts, sizes: Sizes) -> None:
        super().__init__()
        widths = sizes.widths
        layers = [
            _layer(before, width, sizes.momentum)
            for before, width in zip((planes, *widths), widths, strict=False)
        ]
        low, high = widths[LOW - 1], widths[-1]
        self.low, self.high = nn.Sequential(*layers[:LOW]), nn.Sequential(*layers[LOW:])
        self.spatial = SpatialAttention(low) if parts.spatial else None
        self.channel = ChannelAttention(high, sizes.reduction) if parts.channel else None
        self.fuse_low = nn.Conv2d(low, low, 1) if parts.fusion else None
        self.fuse_high = nn.Conv2d(high, high, 1) if parts.fusion else None
        self.shrink = sizes.shrink
        self.features = low + high if parts.fusion else high

    def forward(self, frames: Tensor) -> Tensor:
        """Return the features of every frame."""
        low = self._low(frames)
        if self.spatial is not None:
            low = self.spatial(low)
        high = self.high(low)
        if self.channel is not None:
            high = self.channel(high)
        if self.fuse_low is None or self.fuse_high is None:
            return high.mean((2, 3))
        fused = torch.relu(self.fuse_low(low)), torch.relu(self.fuse_high(high))
        return torch.cat([each.mean((2, 3)) for each in fused], 1)

    def attention(self, frames: Tensor) -> dict[str, Tensor]:
        """Return weights ``spatial`` (M, h, w) and ``channel`` (M, C), where it has them."""
        found: dict[str, Tensor] = {}
        low = self._low(frames)
        if self.spatial is not None:
            found["spatial"] = self.spatial.weights(low)[:, 0]
            low = self.spatial(low)
        if self.channel is not None:
            found["channel"] = self.channel.weights(self.high(low))
        return found

    def _low(self, frames: Tensor) -> Tensor:
        if self.shrink > 1:
            frames = functional.avg_pool2d(frames, self.shrink)
        low: Tensor = self.low(frames)
        return low


class Stream(nn.Module):
    """STAN or STMN: (N, T, planes, H, W) float32 to logits (N, classes).

    Steps that are zero throughout are padding at a clip's end: they have no share in the mean
    over time, nor, in training, in the statistics of the normalisation.

    Parameters
    ----------
    classes, planes
        Number of logits; planes of a step.
    parts, sizes
        What it has and how large it is.
    """

    def __init__(
        self, classes: int, planes: int, parts: Parts | None = None, sizes: Sizes = FULL
    ) -> None:
        super().__init__()
        parts = parts or Parts()
        self.planes = planes
        self.frame = SpatialModel(planes, parts, sizes)
        self.temporal = TemporalAttention(self.frame.features) if parts.temporal else None
        self.cells = nn.LSTM(self.frame.features, sizes.memory, batch_first=True)
        self.classes = nn.Linear(sizes.memory, classes)

    def forward(self, sequence: Tensor) -> Tensor:
        """Return the logits."""
        return self.judge(self.features(sequence))

    def features(self, sequence: Tensor) -> Tensor:
        """Return what the last layer reads, (N, memory)."""
        return self.describe(sequence, real_steps(sequence))

    def judge(self, described: Tensor) -> Tensor:
        """Return the logits of descriptions (N, memory)."""
        logits: Tensor = self.classes(described)
        return logits

    def describe(self, sequence: Tensor, real: Tensor) -> Tensor:
        """Return the description of each sequence, (N, memory), equation 1.

        Parameters
        ----------
        sequence
            (N, T, planes, H, W).
        real
            (N, T) 1 for a step and 0 for padding, as ``real_steps`` finds it.
        """
        steps = self._steps(sequence, real)
        if self.temporal is not None:
            steps = self.temporal(steps)
        told, _ = self.cells(steps)
        share = real / real.sum(1, keepdim=True).clamp_min(1)
        return (told * share[:, :, None]).sum(1)

    @torch.no_grad()
    def attention(self, sequence: Tensor, real: Tensor | None = None) -> dict[str, Tensor]:
        """Return what it looks at, by the name of the attention; those it lacks are left out.

        Parameters
        ----------
        sequence
            (N, T, planes, H, W).
        real
            As for ``describe``; None finds it.

        Returns
        -------
        ``spatial`` (N, T, h, w), ``channel`` (N, T, C), ``temporal`` (N, T); between 0 and 1,
        and 0 in padding.
        """
        real = real_steps(sequence) if real is None else real
        found = {
            name: weights.unflatten(0, real.shape)
            for name, weights in self.frame.attention(sequence.flatten(0, 1)).items()
        }
        if self.temporal is not None:
            found["temporal"] = self.temporal.weights(self._steps(sequence, real))[..., 0]
        return {
            name: weights * real.reshape(*real.shape, *(1,) * (weights.ndim - 2))
            for name, weights in found.items()
        }

    def _steps(self, sequence: Tensor, real: Tensor) -> Tensor:
        """Return the features of every step, (N, T, K)."""
        count, length = sequence.shape[:2]
        flat = sequence.reshape(-1, *sequence.shape[2:])
        if self.training and not bool((real > 0).all()):
            known = real.flatten() > 0
            described = self.frame(flat[known])
            steps = described.new_zeros(len(flat), described.shape[1])
            steps = steps.masked_scatter(known[:, None], described)
        else:
            steps = self.frame(flat)
        return steps.reshape(count, length, -1)


def real_steps(sequence: Tensor) -> Tensor:
    """Return (N, T) float: 0 for the steps of (N, T, …) that are zero throughout, else 1.

    Raises
    ------
    ConfigError
        It is no sequence of pictures.
    """
    if sequence.ndim != 5:
        raise ConfigError(
            f"need sequences (N, T, planes, H, W), got {tuple(sequence.shape)}: give a recipe "
            "that makes them, such as tim9_faces"
        )
    return (sequence.abs().flatten(2).amax(2) > 0).to(sequence.dtype)


def _layer(before: int, width: int, momentum: float) -> nn.Sequential:
    """Return 3×3 convolution with zero padding, normalisation, ReLU, pooling of 2×2 (2.2)."""
    return nn.Sequential(
        nn.Conv2d(before, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width, momentum=momentum),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
