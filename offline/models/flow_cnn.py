"""The default recogniser's networks: where on the face it moved, and which way.

Three convolutions, then flattened, not pooled away: *where* is the signal. See
``docs/models.md`` for what was tried.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from realtime_mer.events import ACTION_UNIT_GROUPS, EMOTIONS, NONE
from realtime_mer.recipes import FLOW_SIDE

LABELS = (*EMOTIONS, NONE)
PUBLISHED = (250, 109, 83)
"""Negative, positive and surprised among the 442 micro-expressions of the MEGC2019 composite."""
SCORES = tuple(f"{group}_{side}" for group in ACTION_UNIT_GROUPS for side in ("right", "left"))


class FlowCnn(nn.Module):
    """Flow maps (N, 2, 28, 28) to logits of the labels, (N, 4), and of the scores, (N, 20).

    Parameters
    ----------
    dropout
        Share of the flattened features silenced in training. Higher generalises more and
        learns less.
    """

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(2, 16), nn.MaxPool2d(2), *_block(16, 24), nn.MaxPool2d(2), *_block(24, 32)
        )
        quarter = FLOW_SIDE // 4
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Dropout(dropout), nn.Linear(32 * quarter * quarter, 48), nn.ReLU()
        )
        self.classes = nn.Linear(48, len(LABELS))
        self.groups = nn.Linear(48, len(SCORES))

    def forward(self, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Return the two kinds of logits."""
        hidden = self.hidden(self.features(flow))
        return self.classes(hidden), self.groups(hidden)


class FlowLinear(nn.Module):
    """The same without anything hidden: a linear model of the map in 14×14 cells.

    On real flow linear models do about as well as networks, and err elsewhere.
    """

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        half = FLOW_SIDE // 2
        self.cells = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(dropout / 2))
        self.classes = nn.Linear(2 * half * half, len(LABELS))
        self.groups = nn.Linear(2 * half * half, len(SCORES))

    def forward(self, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Return the two kinds of logits, (N, 4) and (N, 20)."""
        cells = self.cells(flow)
        return self.classes(cells), self.groups(cells)


NETWORKS: Mapping[str, type[nn.Module]] = {"cnn": FlowCnn, "linear": FlowLinear}
"""Every kind of member by name."""


def _block(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def mirrored(flow: Tensor) -> Tensor:
    """Return the maps of the mirror images: left and right change places, u its sign."""
    turned = flow.flip(3)
    return torch.cat([-turned[:, :1], turned[:, 1:]], 1)


def sides_swapped(scores: Tensor) -> Tensor:
    """Return scores (N, 20) with the subject's right and left exchanged."""
    return scores.reshape(-1, len(SCORES) // 2, 2).flip(2).reshape(-1, len(SCORES))


class Deployed(nn.Module):
    """What is exported: several networks, each seeing the map and its mirror image.

    Class logits are averaged by ``shares``, divided by ``temperature`` (higher is less sure of
    itself), moved by ``prior`` times the log of the published class balance, and turned into
    probabilities; score logits are averaged and squashed.
    """

    bias: Tensor

    def __init__(
        self,
        members: Sequence[nn.Module],
        prior: float = 0.0,
        temperature: float = 1.0,
        shares: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.shares = tuple(shares) if shares else (1 / len(members),) * len(members)
        self.temperature = temperature
        balance = torch.tensor(PUBLISHED, dtype=torch.float64).log()
        moved = torch.cat([balance - balance.logsumexp(0) + math.log(3), torch.zeros(1)])
        self.register_buffer("bias", (prior * moved).float())

    def logits(self, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Return the averaged logits, (N, 4) and (N, 20), before the temperature."""
        classes = flow.new_zeros(())
        groups = flow.new_zeros(())
        other = mirrored(flow)
        for net, share in zip(self.members, self.shares, strict=True):
            (seen, units), (turned, swapped) = net(flow), net(other)
            classes = classes + share / 2 * (seen + turned)
            groups = groups + share / 2 * (units + sides_swapped(swapped))
        return classes, groups

    def forward(self, flow: Tensor) -> Tensor:
        """Return (N, 24): four probabilities that sum to 1, then twenty scores."""
        classes, groups = self.logits(flow)
        probabilities = torch.softmax(classes / self.temperature + self.bias, 1)
        return torch.cat([probabilities, torch.sigmoid(groups)], 1)
