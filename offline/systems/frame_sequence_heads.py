"""What is made of a sequence of described frames: recurrent and temporal convolutional heads.

All read (N, T, D) float32 and a mask (N, T), 1 for frames and 0 for the padding behind them, and
answer (N, classes) logits. T is free; padding changes nothing.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from realtime_mer.errors import ConfigError

HEADS = ("lstm", "lstm_bi", "gru", "tcn", "softmax_pool")
TINY = 1e-5
"""Added to the largest channel that a step is divided by (Lea et al. 2017)."""


def frame_mask(sequence: Tensor) -> Tensor:
    """Return which steps hold anything, (N, T) float32 of 1 and 0, from (N, T, …)."""
    return (sequence.flatten(2).abs().amax(2) > 0).to(sequence.dtype)


def masked_mean(steps: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of (N, T, C) over the frames, (N, C); zeros where there are none."""
    return (steps * mask.unsqueeze(2)).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)


def last_step(steps: Tensor, mask: Tensor) -> Tensor:
    """Return the last frame's row of (N, T, C), (N, C)."""
    here = mask - functional.pad(mask, (0, 1))[:, 1:]
    return (steps * here.unsqueeze(2)).sum(1)


def reversed_frames(sequence: Tensor, mask: Tensor) -> Tensor:
    """Return (N, T, D) with the frames in reverse order and the padding still behind them."""
    place = torch.arange(sequence.shape[1], device=sequence.device).to(sequence.dtype)
    twin = mask.sum(1)[:, None, None] - 1 - place[None, :, None]
    swap = (twin == place[None, None, :]).to(sequence.dtype)
    return torch.bmm(swap, sequence)


class RecurrentHead(nn.Module):
    """One layer of LSTM or GRU cells; the state behind the last frame decides.

    Parameters
    ----------
    kind
        ``LSTM`` or ``GRU``.
    features, hidden, classes
        Values of a frame, of the state, and logits.
    both_ways
        A second layer reads the frames last to first, and both states decide.
    """

    def __init__(
        self, kind: str, features: int, hidden: int, classes: int, both_ways: bool = False
    ) -> None:
        super().__init__()
        cells = nn.LSTM if kind == "LSTM" else nn.GRU
        self.forwards = cells(features, hidden, batch_first=True)
        self.backwards = cells(features, hidden, batch_first=True) if both_ways else None
        self.classes = nn.Linear(hidden * (2 if both_ways else 1), classes)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Return the logits."""
        state = last_step(self.forwards(frames)[0], mask)
        if self.backwards is not None:
            steps, _ = self.backwards(reversed_frames(frames, mask))
            state = torch.cat([state, last_step(steps, mask)], 1)
        logits: Tensor = self.classes(state)
        return logits


class TemporalHead(nn.Module):
    """Encoder-decoder temporal convolutions with pooling and upsampling; all frames vote.

    Lea, Flynn, Vidal, Reiter & Hager, *Temporal convolutional networks for action segmentation
    and detection*, CVPR 2017 (ED-TCN): convolutions over time with normalised ReLU, pooled by two
    after each of the encoder's, doubled before each of the decoder's, one answer a frame; here
    their mean is the clip's.

    Parameters
    ----------
    features, classes
        Values of a frame, and logits.
    channels
        Of the encoder's layers; the decoder has them in reverse. More layers see farther.
    kernel
        Frames that a convolution sees, odd. Theirs is 25 of minutes-long videos.
    """

    def __init__(
        self, features: int, classes: int, channels: tuple[int, ...] = (64, 96), kernel: int = 5
    ) -> None:
        super().__init__()
        down = (features, *channels)
        up = (channels[-1], *channels[::-1])
        same = kernel // 2
        self.encoder = nn.ModuleList(
            nn.Conv1d(a, b, kernel, padding=same) for a, b in pairwise(down)
        )
        self.decoder = nn.ModuleList(nn.Conv1d(a, b, kernel, padding=same) for a, b in pairwise(up))
        self.classes = nn.Linear(up[-1], classes)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Return the logits."""
        x, present = frames.transpose(1, 2), mask.unsqueeze(1)
        x, kept = x * present, [present]
        for layer in self.encoder:
            x = _normalised_relu(layer(x)) * kept[-1]
            x, present = _halved(x), _halved(kept[-1])
            kept.append(present)
        for layer, present in zip(self.decoder, kept[-2::-1], strict=True):
            x = torch.stack([x, x], 3).flatten(2)[:, :, : present.shape[2]] * present
            x = _normalised_relu(layer(x)) * present
        return masked_mean(self.classes(x.transpose(1, 2)), mask)


def _normalised_relu(x: Tensor) -> Tensor:
    """Return ReLU of (N, C, T), each step divided by its largest channel."""
    positive = torch.relu(x)
    return positive / (positive.amax(1, keepdim=True) + TINY)


def _halved(x: Tensor) -> Tensor:
    """Return the larger of every two steps of (N, C, T), none below 0; an odd last one stays."""
    even = functional.pad(x, (0, x.shape[2] % 2))
    return even.unflatten(2, (even.shape[2] // 2, 2)).amax(3)


class SoftmaxPool(nn.Module):
    """Each frame is judged; those that are sure of something count most.

    Aminbeidokhti, Pedersoli, Cardinal & Granger, *Emotion recognition with spatial attention and
    temporal softmax pooling*, ICIAR 2019: one softmax over all frames and classes together; a
    class has the sum of its frames. As a logit: the log of the sum of exponentials.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.classes = nn.Linear(features, classes)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Return the logits."""
        judged = self.classes(frames)
        absent = (1 - mask).unsqueeze(2) * -1e4
        return torch.logsumexp(judged + absent, 1)


def sequence_head(kind: str, features: int, hidden: int, classes: int) -> nn.Module:
    """Return a head with drawn weights.

    Parameters
    ----------
    kind
        One of ``HEADS``.
    features, hidden, classes
        Values of a frame; of a recurrent state (twice that many both ways); logits.

    Raises
    ------
    ConfigError
        There is no such head.
    """
    match kind:
        case "lstm" | "lstm_bi":
            return RecurrentHead("LSTM", features, hidden, classes, kind == "lstm_bi")
        case "gru":
            return RecurrentHead("GRU", features, hidden, classes)
        case "tcn":
            return TemporalHead(features, classes)
        case "softmax_pool":
            return SoftmaxPool(features, classes)
    raise ConfigError(f"no head is called {kind!r}; give one of {', '.join(HEADS)}")
