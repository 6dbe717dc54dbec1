"""DSTAN's two streams in one network, and what decides between them.

Wang et al. 2021 (see ``dstan``), sections 2.6 and 3.3.4.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offline.systems.closing_svm import ClosingSvm
from offline.systems.dstan_streams import FULL, Parts, Sizes, Stream, real_steps

PICTURE_PLANES = 1
"""Planes of a step that are the picture; those that follow are its motion."""
AT_ONCE = 16
"""Clips that are described at once when the machine is fitted."""


class DualStream(nn.Module):
    """Both streams: (N, T, 3, H, W) float32, picture, u and v, to logits (N, classes).

    Before the machine is fitted, or without one, it answers with the weighted mean of the
    streams' probabilities.

    Parameters
    ----------
    classes
        Number of logits.
    parts, sizes
        Of both streams; STMN never has a fusion.
    machine
        Whether an SVM decides once it is fitted.
    share
        Of STAN in the mean, above 0 and below 1; STMN has the rest.
    """

    def __init__(
        self,
        classes: int,
        parts: Parts | None = None,
        sizes: Sizes = FULL,
        machine: bool = True,
        share: float = 0.5,
    ) -> None:
        super().__init__()
        parts = parts or Parts()
        self.stan = Stream(classes, PICTURE_PLANES, parts, sizes)
        self.stmn = Stream(classes, 2, replace(parts, fusion=False), sizes)
        self.closing = ClosingSvm(2 * sizes.memory, classes) if machine else None
        self.share = share

    def forward(self, sequence: Tensor) -> Tensor:
        """Return the logits."""
        seen, moved = self._described(sequence)
        said = torch.stack(
            [
                torch.log_softmax(self.stan.judge(seen), 1) + float(np.log(self.share)),
                torch.log_softmax(self.stmn.judge(moved), 1) + float(np.log1p(-self.share)),
            ]
        )
        mean = torch.logsumexp(said, 0)
        if self.closing is None:
            return mean
        decided = self.closing(torch.cat([seen, moved], 1))
        return torch.where(self.closing.fitted > 0, decided, mean)

    def features(self, sequence: Tensor) -> Tensor:
        """Return what both streams say, STAN's values first, (N, 2 · memory)."""
        return torch.cat(self._described(sequence), 1)

    def attention(self, sequence: Tensor) -> dict[str, Tensor]:
        """Return both streams' ``Stream.attention``; names begin with ``stan_`` and ``stmn_``."""
        real = real_steps(sequence)
        streams = (("stan", self.stan, pictures(sequence)), ("stmn", self.stmn, motion(sequence)))
        return {
            f"{name}_{kind}": weights
            for name, stream, part in streams
            for kind, weights in stream.attention(part, real).items()
        }

    def _described(self, sequence: Tensor) -> tuple[Tensor, Tensor]:
        real = real_steps(sequence)
        return (
            self.stan.describe(pictures(sequence), real),
            self.stmn.describe(motion(sequence), real),
        )


def pictures(sequence: Tensor) -> Tensor:
    """Return the picture of every step, (N, T, 1, H, W)."""
    return sequence[:, :, :PICTURE_PLANES]


def motion(sequence: Tensor) -> Tensor:
    """Return u and v of every step, (N, T, 2, H, W)."""
    return sequence[:, :, PICTURE_PLANES:]


@torch.no_grad()
def described(module: DualStream, inputs: Tensor) -> NDArray[np.float64]:
    """Return what both streams say of (n, T, 3, H, W) inputs in evaluation, (n, 2 · memory)."""
    training = module.training
    module.eval()
    device = next(module.parameters()).device
    parts = [module.features(part.to(device)).double().cpu() for part in inputs.split(AT_ONCE)]
    module.train(training)
    found: NDArray[np.float64] = torch.cat(parts).numpy()
    return found
