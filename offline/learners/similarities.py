"""How alike samples are: the matrix of inner products that a kernel machine learns from.

A machine that reads similarities instead of features costs the same for 28×28 maps as for
eleven thousand histogram bins, and the similarities of all samples are worked out once for many
folds. They are scaled by the training side (its mean square distance from its mean is 1), so that
a regularisation C means the same for every kind of input.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from offline.mirroring import mirrored
from realtime_mer.errors import ConfigError

Float = NDArray[np.float64]
Int = NDArray[np.int64]

STANDARDISE = ("none", "features")
"""Leave features as they are, or divide each by its standard deviation on the training side."""
LEAST_SPREAD = 1e-6
"""A feature that varies less than this, as a share of the typical one, says nothing: it is 0."""


@dataclass(frozen=True, eq=False)
class Similarities:
    """The similarities of all samples of a task.

    With ``mirror`` they are averaged over the mirror image of one of the two (u negated, left and
    right changed): the machine that learns from them is the one that learns from every sample
    and its mirror image and answers with the mean for both (Haasdonk & Burkhardt 2007,
    *Invariant kernel functions for pattern analysis and machine learning*), at a quarter to an
    eighth of the work.

    Parameters
    ----------
    inputs
        (N, …) float32; (N, P, H, W) with u as the first plane where ``mirror``.
    mirror
        Take every sample and its mirror image for the same.
    standardise
        One of ``STANDARDISE``.
    """

    inputs: NDArray[np.float32]
    mirror: bool = False
    standardise: str = "none"
    _rows: Float = field(init=False, repr=False)
    _turned: Float | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.standardise not in STANDARDISE:
            raise ConfigError(
                f"standardise is {self.standardise!r}; give one of {', '.join(STANDARDISE)}"
            )
        if self.mirror and self.inputs.ndim != 4:
            raise ConfigError(
                f"mirror is for maps (N, planes, H, W), got {self.inputs.shape}: leave it off for "
                "other inputs"
            )
        turned = _flat(mirrored(self.inputs)) if self.mirror else None
        object.__setattr__(self, "_rows", _flat(self.inputs))
        object.__setattr__(self, "_turned", turned)

    def linear(self, train: Int) -> Float:
        """Return the inner products (N, N), scaled by the samples ``train``."""
        if self.standardise == "none":
            products = self._products
        else:
            even = self._even * self._factors(train)
            products = even @ even.T
        known = products[np.ix_(train, train)]
        return products / _or_one(known.diagonal().mean() - known.mean())

    def distances(self, train: Int) -> tuple[Float, Float]:
        """Return square distances (N, N), and those from mirror images, (N, N).

        In units of the mean square distance between two of ``train``; both are the same without
        ``mirror``.
        """
        same, turned = self._squares if self.standardise == "none" else self._scaled(train)
        unit = _or_one(same[np.ix_(train, train)].mean())
        return same / unit, turned / unit

    @cached_property
    def _even(self) -> Float:
        """What a sample and its mirror image share; all of it without ``mirror``."""
        return self._rows if self._turned is None else (self._rows + self._turned) / 2

    @cached_property
    def _products(self) -> Float:
        return np.asarray(self._even @ self._even.T)

    @cached_property
    def _squares(self) -> tuple[Float, Float]:
        return _square_distances(self._rows, self._turned)

    def _scaled(self, train: Int) -> tuple[Float, Float]:
        factors = self._factors(train)
        turned = None if self._turned is None else self._turned * factors
        return _square_distances(self._rows * factors, turned)

    def _factors(self, train: Int) -> Float:
        """Return what each feature is multiplied by: 1 / standard deviation, (F,)."""
        known = self._rows[train]
        if self._turned is not None:
            known = np.concatenate([known, self._turned[train]])
        spread = known.std(axis=0)
        usual = float(np.sqrt((spread**2).mean()))
        useful = spread > LEAST_SPREAD * usual
        return np.asarray(np.divide(1.0, spread, out=np.zeros_like(spread), where=useful))


def gaussian(distances: tuple[Float, Float], gamma: float) -> Float:
    """Return exp(−gamma d²), (N, N), averaged over mirror images; see ``distances``.

    A greater ``gamma`` lets only near samples speak and bends the boundary more.
    """
    same, turned = distances
    if turned is same:
        return np.asarray(np.exp(-gamma * same))
    return np.asarray((np.exp(-gamma * same) + np.exp(-gamma * turned)) / 2)


def _square_distances(rows: Float, turned: Float | None) -> tuple[Float, Float]:
    sizes = (rows**2).sum(axis=1)
    sums = sizes[:, None] + sizes
    same = np.maximum(sums - 2 * (rows @ rows.T), 0)
    return same, same if turned is None else np.maximum(sums - 2 * (rows @ turned.T), 0)


def _flat(inputs: NDArray[np.float32]) -> Float:
    rows: Float = inputs.reshape(len(inputs), -1).astype(np.float64)
    return rows


def _or_one(value: float) -> float:
    return float(value) if value > np.finfo(np.float64).tiny else 1.0
