"""Samples as points of a plane: what is alike lies close together.

t-SNE (van der Maaten & Hinton 2008), as Liu et al. 2021 show what preprocessing does (figure 6),
here of what a network reads and of what it has made of it. It is a look at the data, no evidence:
who is near to whom is kept, distances and sizes of clusters mean little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime_mer.errors import ConfigError

COMPONENTS = 50
"""Principal components that t-SNE looks at; noise is in the others."""
PERPLEXITY = 30.0
"""About how many neighbours a sample has; a third of the samples where these are few."""
FEWEST = 5
"""Samples below which neighbourhoods mean nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """Samples on a plane.

    Attributes
    ----------
    points_inputs
        (N, 2) float64 by likeness of what the model reads; None if there is nothing to see.
    points_features
        (N, 2) float64 by likeness in the last hidden layer; None without a network.
    classes
        (N,) int64 true class numbers.
    datasets
        The data set of each sample.
    held_out
        (N,) True for the samples that the network has not learnt from.
    note
        How it was made, or why it could not be.
    """

    points_inputs: NDArray[np.float64] | None
    points_features: NDArray[np.float64] | None
    classes: NDArray[np.int64]
    datasets: tuple[str, ...]
    held_out: NDArray[np.bool_]
    note: str


def embed(
    inputs: ArrayLike,
    features: ArrayLike | None,
    labels: ArrayLike,
    datasets: Sequence[str],
    held_out: ArrayLike,
    seed: int,
    who: str = "",
) -> Embedding:
    """Lay samples out on a plane; equal arguments give equal points.

    Parameters
    ----------
    inputs
        (N, …) what the model reads.
    features
        (N, K) the network's last hidden layer, None where there is no network.
    labels, datasets
        Class number and data set of each sample.
    held_out
        (N,) True for the samples that the network has not learnt from.
    seed
        Of t-SNE.
    who
        Who is held out, for the note: ``casme2/sub01``.

    Raises
    ------
    ConfigError
        The lengths differ, or a value is not finite.
    """
    read = _table(inputs)
    made = None if features is None else _table(features)
    classes: NDArray[np.int64] = np.asarray(labels, np.int64)
    ringed: NDArray[np.bool_] = np.asarray(held_out, np.bool_)
    lengths = {len(each) for each in (read, made, classes, datasets, ringed) if each is not None}
    if len(lengths) > 1:
        raise ConfigError(
            f"an embedding of {len(read)} samples was given {sorted(lengths)} values: give one of "
            "each for each sample"
        )
    known = (classes, tuple(datasets), ringed)
    if len(read) < FEWEST:
        return Embedding(None, None, *known, f"{len(read)} samples: too few, it takes {FEWEST}")
    if np.ptp(read, axis=0).max(initial=0) == 0:
        return Embedding(None, None, *known, "all inputs are alike: nothing to see")
    perplexity = min(PERPLEXITY, (len(read) - 1) / 3)
    note = f"t-SNE, perplexity {perplexity:.3g}, seed {seed}"
    if made is not None and np.ptp(made, axis=0).max(initial=0) == 0:
        made, note = None, f"{note}; the network says the same of all samples"
    return Embedding(
        _plane(read, perplexity, seed),
        None if made is None else _plane(made, perplexity, seed),
        *known,
        f"{note}; ringed: {who}, not learnt from" if who and made is not None else note,
    )


def _table(values: ArrayLike) -> NDArray[np.float64]:
    """Return (N, D), finite."""
    table: NDArray[np.float64] = np.asarray(values, np.float64)
    if not np.isfinite(table).all():
        raise ConfigError("an embedding was given values that are not finite: mend the inputs")
    return table.reshape(len(table), math.prod(table.shape[1:]))


def _plane(table: NDArray[np.float64], perplexity: float, seed: int) -> NDArray[np.float64]:
    """Return (N, 2); on one thread, for the order of sums must not depend on their number."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if table.shape[1] < 2:
        table = np.pad(table, ((0, 0), (0, 1)))
    with threadpool_limits(1):
        size = min(COMPONENTS, *table.shape)
        least = PCA(size, svd_solver="full").fit_transform(table)
        points = TSNE(
            perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed
        ).fit_transform(least)
    return np.asarray(points, np.float64)
