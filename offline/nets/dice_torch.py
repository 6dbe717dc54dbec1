"""The numbers of ``dice`` in PyTorch, for any device."""

from __future__ import annotations

import torch
from torch import Tensor

from offline.nets.dice import FIRST, GOLDEN, SECOND, start


def lanes(starts: Tensor, count: int) -> Tensor:
    """Return (F, count) int64 numbers 0 … 65535 after (F,) int64 starts, as ``dice.lanes``."""
    words = -(-count // 4)
    places = torch.arange(1, words + 1, device=starts.device)
    z = starts[:, None] + places * _signed(GOLDEN)
    z = (z ^ _shifted(z, 30)) * _signed(FIRST)
    z = (z ^ _shifted(z, 27)) * _signed(SECOND)
    z = z ^ _shifted(z, 31)
    parts = torch.stack([_shifted(z, 16 * lane) & 0xFFFF for lane in range(4)], -1)
    return parts.reshape(len(starts), -1)[:, :count]


def starts(keys: list[int], step: int, stream: int, device: torch.device) -> Tensor:
    """Return (F,) int64 starts for a device, one for each key."""
    words = [_signed(start(key, step, stream)) for key in keys]
    return torch.tensor(words, dtype=torch.int64, device=device)


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


def _shifted(z: Tensor, by: int) -> Tensor:
    return z >> by & ((1 << (64 - by)) - 1) if by else z
