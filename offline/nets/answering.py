"""From logits to what a model package answers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines import EngineError


class Answering(nn.Module):
    """A network of logits that answers as a card promises.

    Parameters
    ----------
    net
        Maps inputs to (N, columns) logits.
    scores
        How many of the last columns are scores: numbers between 0 and 1 of their own, by a
        sigmoid. The columns before become probabilities that sum to 1, by a softmax.
    """

    def __init__(self, net: nn.Module, scores: int = 0) -> None:
        super().__init__()
        if scores < 0:
            raise EngineError(f"scores must be 0 or more columns, got {scores}")
        self.net = net
        self.scores = scores

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, columns) float32, calculated in single precision."""
        logits = self.net(x).float()
        if not self.scores:
            return torch.softmax(logits, 1)
        labels, scores = logits[:, : -self.scores], logits[:, -self.scores :]
        return torch.cat([torch.softmax(labels, 1), torch.sigmoid(scores)], 1)
