"""How the weights of a stage move: Adam and its kin, and how the rate falls."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from offline.systems.system import TrainPlan

MOMENTUM = 0.9
"""Of plain gradient descent."""


def optimiser_of(plan: TrainPlan, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return what moves ``parameters`` as a plan says.

    ``decay`` is added to the gradient by ``adam`` and ``sgd`` (momentum 0.9), and taken off the
    weights themselves by ``adamw`` (Loshchilov & Hutter, ICLR 2019) and ``adamp`` (Heo et al.,
    *AdamP: slowing down the slowdown for momentum optimizers on scale-invariant weights*, ICLR
    2021; from ``pytorch_optimizer``, with the authors' δ 0.1 and decay ratio 0.1).
    """
    given = list(parameters)
    match plan.optimiser:
        case "adamw":
            return torch.optim.AdamW(given, lr=plan.rate, weight_decay=plan.decay)
        case "adamp":
            from pytorch_optimizer import AdamP

            projected: torch.optim.Optimizer = AdamP(
                given, lr=plan.rate, weight_decay=plan.decay, weight_decouple=True
            )
            return projected
        case "sgd":
            return torch.optim.SGD(given, plan.rate, MOMENTUM, weight_decay=plan.decay)
        case _:
            return torch.optim.Adam(given, lr=plan.rate, weight_decay=plan.decay)


def rate_at(plan: TrainPlan, epoch: int, share: float) -> float:
    """Return the learning rate at a moment of the training.

    Parameters
    ----------
    plan
        ``constant``; ``cosine``: falls to 0 along half a cosine; ``step``: multiplied by
        ``step_factor`` every ``step_epochs``.
    epoch
        From 0.
    share
        Of the epoch that is over, 0 to below 1.
    """
    if plan.schedule == "cosine":
        return plan.rate * 0.5 * (1 + math.cos(math.pi * (epoch + share) / plan.epochs))
    if plan.schedule == "step":
        return plan.rate * plan.step_factor ** (epoch // plan.step_epochs)
    return plan.rate
