"""What a stage is taught by: cross-entropy, with smoothed labels, or focal."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from offline.systems.system import TrainPlan

LEAST_DOUBT = 1e-6
"""Least doubt in the focal loss, so that its slope stays finite."""


def class_weights(plan: TrainPlan, targets: Tensor) -> Tensor:
    """Return what each class weighs in the loss, from the training side alone.

    Parameters
    ----------
    plan
        Where it is not ``balanced``, every class weighs 1.
    targets
        (n, C) or (n, K, C) float32 shares of classes; rows of zeros do not count.

    Returns
    -------
    (C,) or (K, C) float32. Balanced weights are N / (present classes · n_c), for each of K labels
    by itself: inverse to how often a class occurs, and 1 on average over the rows, so that the
    loss keeps its size whatever the balance. A class that never occurs weighs 0. With the focal
    loss these are its α.
    """
    counts = targets.sum(0, dtype=torch.float64)
    if not plan.balanced:
        return torch.ones_like(counts, dtype=torch.float32)
    present = (counts > 0).sum(-1, keepdim=True).clamp_min(1)
    weights = counts.sum(-1, keepdim=True) / (present * counts)
    return torch.where(counts > 0, weights, 0).to(torch.float32)


def class_loss(plan: TrainPlan, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the loss of a batch whose rows belong to one class each, a scalar.

    -Σ w_c t_c log p_c, averaged over the rows that have a label. ``label_smoothing`` gives a part
    of every label to all classes (Szegedy et al., CVPR 2016); ``focal`` multiplies each term by
    (1 - p_c)^γ, so that rows that are told well count less (Lin et al., ICCV 2017).

    Parameters
    ----------
    plan
        Which loss, with its ``smoothing`` and ``gamma``.
    logits
        (n, C) or (n, K, C).
    targets
        Of the same shape, shares of classes; a row of zeros weighs nothing. (n, C) beside
        (n, K, C) logits stands for each of the K.
    weights
        Of the classes, see ``class_weights``.
    """
    if targets.ndim < logits.ndim:
        targets = targets.unsqueeze(1).expand_as(logits)
    labelled = targets.sum(-1, keepdim=True)
    if plan.loss == "label_smoothing":
        even = labelled / targets.shape[-1]
        targets = (1 - plan.smoothing) * targets + plan.smoothing * even
    told = functional.log_softmax(logits, -1)
    terms = weights * targets * told
    if plan.loss == "focal":
        terms = terms * (-torch.expm1(told)).clamp_min(LEAST_DOUBT) ** plan.gamma
    return -terms.sum() / (labelled > 0).sum().clamp_min(1)


def unit_loss(plan: TrainPlan, logits: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of a batch of action units, each there or not on its own, a scalar.

    Binary cross-entropy, averaged over rows and units, smoothed or focal as for classes. Units
    are not balanced. Here a row of zeros is a face that does nothing, and counts.

    Parameters
    ----------
    logits, targets
        (n, C) or (n, K, C); (n, C) targets beside (n, K, C) logits stand for each of the K.
    """
    if targets.ndim < logits.ndim:
        targets = targets.unsqueeze(1).expand_as(logits)
    if plan.loss == "label_smoothing":
        targets = (1 - plan.smoothing) * targets + plan.smoothing / 2
    terms = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    if plan.loss == "focal":
        terms = terms * (-torch.expm1(-terms)).clamp_min(LEAST_DOUBT) ** plan.gamma
    return terms.mean()
