"""The small network of the first recogniser: where on the face it moved, and which way.

Three convolutions, then flattened, not pooled away: *where* is the signal. See
``docs/models.md`` for what was tried.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import FLOW_SIDE


class FlowCnn(nn.Module):
    """Flow maps (N, 2, 28, 28) to logits (N, 3).

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
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(32 * quarter * quarter, 32),
            nn.ReLU(),
            nn.Linear(32, len(EMOTIONS)),
        )

    def forward(self, flow: Tensor) -> Tensor:
        """Return logits (N, 3)."""
        logits: Tensor = self.head(self.features(flow))
        return logits


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


class Deployed(nn.Module):
    """What is exported: several networks, each seeing the map and its mirror image.

    Logits are averaged, divided by ``temperature`` (higher is less sure of itself) and turned
    into probabilities.
    """

    def __init__(self, members: list[FlowCnn], temperature: float) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.temperature = temperature

    def logits(self, flow: Tensor) -> Tensor:
        """Return the averaged logits (N, 3), before the temperature."""
        both = torch.stack([net(view) for net in self.members for view in (flow, mirrored(flow))])
        return both.mean(0)

    def forward(self, flow: Tensor) -> Tensor:
        """Return probabilities (N, 3), alike for a map and its mirror image."""
        return torch.softmax(self.logits(flow) / self.temperature, 1)
