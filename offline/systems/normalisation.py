"""Population statistics of batch normalisation, counted anew after training."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


@torch.no_grad()
def settle_norms(
    module: nn.Module, inputs: Tensor, batch: int, change: Callable[[Tensor], Tensor] | None = None
) -> None:
    """Give batch normalisation the mean statistics of the inputs under the final weights.

    The usual running average begins at mean 0 and variance 1, is still pulled there after fewer
    than about a hundred steps, and trails behind weights that move. Nearly black pictures vary so
    little that the rest of that 1 would drown them. See Wu & Johnson, *Rethinking "batch" in
    BatchNorm*, arXiv 2105.07576, 2021, section 3 ("precise BN").

    Parameters
    ----------
    module
        Changed in place and left in evaluation mode; without batch normalisation nothing happens.
    inputs
        (n, …) what it learnt from, n at least 1; in their order, so the result is the same again.
    batch
        Inputs at once, at least 1: as many as in training, or up to twice as many.
    change
        What training did to its inputs, if it did.
    """
    norms = [each for each in module.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    module.eval()
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
    for part in inputs.tensor_split(max(1, len(inputs) // batch)):
        module(part if change is None else change(part))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.eval()
