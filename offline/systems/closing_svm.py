"""A linear support vector machine as the last layer of a network.

DSTAN joins what its two streams say of a clip and lets a linear SVM decide (Wang et al. 2021,
section 2.6, equation 9: "SVC … with a linear kernel function"). A linear machine is one row of
weights, however many support vectors it has, so the module's size is known before it is fitted
and an exported file holds all of it.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Float = NDArray[np.float64]

COST = 1.0
"""What a violated margin costs; the paper does not tell, so LIBSVM's and scikit-learn's default.
Higher fits the training side more closely."""
SOFTNESS = 0.25
"""Margin over which a machine's vote goes from one class to the other: at the edge of its margin,
1, a vote is 98 % decided. Lower is nearer to votes of 0 and 1, and jumps more."""
TEMPERATURE = 0.5
"""What sums of votes are divided by to be logits. A class that wins all duels of three has a
probability of about 0.87. Higher is less sure; the order of the classes stays."""
CERTAIN = 10.0
"""Margin by which a class that was taught wins against one that was not."""


class ClosingSvm(nn.Module):
    """One linear machine for each pair of classes: features (N, F) to logits (N, C).

    In LIBSVM's vote every machine gives 1 to one of its two classes, and most votes win. Here it
    gives the shares σ(m / ``SOFTNESS``) of its margin m: the same where the machines are sure, a
    decision by the margins where votes are equal, and no jump in between, so that a rounded
    calculation answers nearly the same and an explanation finds a slope. Probabilities are the
    softmax of the sums, divided by ``TEMPERATURE``: no part of the training side is left to fit a
    calibration to.

    Parameters
    ----------
    features, classes
        F and C, C at least 2.

    Attributes
    ----------
    weights, offsets
        (P, F) and (P,) of the P = C(C - 1) / 2 machines; a positive margin speaks for the first
        class of its pair.
    fitted
        (C,) 1 once ``fit`` has run, else 0; as long as the classes are many, so that it is never
        taken over from a file that knows others.
    """

    weights: Tensor
    offsets: Tensor
    fitted: Tensor
    against: Tensor
    seconds: Tensor

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.pairs = tuple(itertools.combinations(range(classes), 2))
        first, second = (torch.eye(classes)[list(side)] for side in zip(*self.pairs, strict=True))
        self.register_buffer("weights", torch.zeros(len(self.pairs), features))
        self.register_buffer("offsets", torch.zeros(len(self.pairs)))
        self.register_buffer("fitted", torch.zeros(classes))
        self.register_buffer("against", first - second, persistent=False)
        self.register_buffer("seconds", second.sum(0), persistent=False)

    def margins(self, features: Tensor) -> Tensor:
        """Return the margins (N, P)."""
        return features @ self.weights.T + self.offsets

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits."""
        votes = torch.sigmoid(self.margins(features) / SOFTNESS)
        return (votes @ self.against + self.seconds) / TEMPERATURE

    def fit(self, features: Float, labels: NDArray[np.int64], cost: float = COST) -> None:
        """Learn from a training side, in place.

        Parameters
        ----------
        features
            (n, F), as they are: both streams' lie between -1 and 1.
        labels
            (n,) classes. One that is missing loses against every other.
        cost
            See ``COST``. All samples weigh the same.
        """
        rows, offsets = [], []
        for first, second in self.pairs:
            row, offset = _machine(features, labels == first, labels == second, cost)
            rows.append(row)
            offsets.append(offset)
        self.weights.copy_(torch.from_numpy(np.stack(rows)))
        self.offsets.copy_(torch.tensor(offsets))
        self.fitted.fill_(1.0)


def _machine(
    features: Float, first: NDArray[np.bool_], second: NDArray[np.bool_], cost: float
) -> tuple[Float, float]:
    """Return weights (F,) and offset of the machine that tells two classes apart."""
    from sklearn.svm import SVC

    if not (first.any() and second.any()):
        return np.zeros(features.shape[1]), CERTAIN * (float(first.any()) - float(second.any()))
    either = first | second
    machine = SVC(C=cost, kernel="linear").fit(features[either], first[either])
    return np.asarray(machine.coef_[0], np.float64), float(machine.intercept_[0])
