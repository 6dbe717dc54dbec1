"""Small recurrent networks, with the shapes of one sample."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from offline.export import Answering

LABELS = 3


class Recurrent(nn.Module):
    """(N, T, K) through an LSTM or GRU to logits of the last step."""

    def __init__(self, kind: str, layers: int = 1, bidirectional: bool = False) -> None:
        super().__init__()
        self.cells = getattr(nn, kind)(
            12, 8, num_layers=layers, bidirectional=bidirectional, batch_first=True, dropout=0.0
        )
        self.last = nn.Linear(16 if bidirectional else 8, LABELS)

    def forward(self, x: Tensor) -> Tensor:
        steps, _ = self.cells(x)
        return self.last(steps[:, -1])


class FramesThenCells(nn.Module):
    """(N, T, C, H, W): each frame through convolutions, the frames through an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.cells = nn.LSTM(16, 8, batch_first=True)
        self.last = nn.Linear(8, LABELS)

    def forward(self, x: Tensor) -> Tensor:
        count, length = x.shape[:2]
        seen = self.seen(x.flatten(0, 1)).reshape(count, length, -1)
        steps, _ = self.cells(seen)
        return self.last(steps[:, -1])


RECURRENT: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "lstm": (lambda: Recurrent("LSTM"), (5, 12)),
    "lstm-both-ways": (lambda: Recurrent("LSTM", bidirectional=True), (5, 12)),
    "gru-of-two-layers": (lambda: Recurrent("GRU", layers=2), (5, 12)),
    "frames-then-lstm": (FramesThenCells, (4, 2, 8, 8)),
}


def recurrent(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """Return a network in evaluation that answers with probabilities, and its input's shape."""
    build, shape = RECURRENT[name]
    torch.manual_seed(0)
    return Answering(build()).eval(), shape
