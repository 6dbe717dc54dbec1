"""Adapt a recogniser to labelled recordings: fit a small model to them and fuse the two.

The small model is a linear discriminant with Ledoit–Wolf shrinkage and equal class priors. It
sees a 2×28×28 flow map as 14×14 cells of the part that its mirror image shares (u odd, v even):
all that a discriminant would use that was fitted to every sample and its mirror image, since
their means are symmetric. That leaves 196 features for a hundred samples or so; motion of skin is
smooth, and a grid twice as fine adds more noise than it shows.

Each of the two log-posteriors is divided by a temperature and weighted by how many subjects there
are. Both temperatures, the weights and the discriminant come from the labelled subjects alone;
the estimate of how good it all is leaves out one subject at a time and repeats every step
without them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines import EngineError, Package, open_backend
from offline.calibration import temperature
from offline.mirroring import mirrored
from offline.onnx_fusion import LEAST_P, Fusion, fuse
from offline.scores.metrics import confusion_matrix, score
from realtime_mer.errors import ConfigError, ModelError
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import FLOW_SIDE

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Real = NDArray[np.floating[Any]]

BASE = "base"
"""Entry of an adapted card's training: the model that it was made from."""
MAP = (2, FLOW_SIDE, FLOW_SIDE)
CELLS = FLOW_SIDE // 2
LEAST_SAMPLES = 2
"""A class with fewer is left to the base."""
HALF_SUBJECTS = 4
"""Labelled subjects at which real data have half their weight. The temperatures already judge
both sides; the weights only have to hold back temperatures that a few people set by chance.
Lower trusts few people more, higher wastes them (docs/adaptation.md)."""
FLOOR = 1e-3
"""Added to the variance of every cell of unit size, so that equal samples divide by no zero."""
EACH_ALONE, FOLDS = 20, 10
"""Up to so many subjects, temperatures leave out one at a time, beyond, a tenth of them."""
REAL_GUESS, BASE_GUESS = 8.0, 1.0
"""Temperatures before any data: discriminants on few samples are too sure of themselves."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Labelled flow maps.

    Attributes
    ----------
    maps
        (N, 2, 28, 28) float32.
    labels
        (N,) positions in ``EMOTIONS``.
    subjects
        (N,) numbers of the leave-one-subject-out groups.
    """

    maps: NDArray[np.float32]
    labels: Int
    subjects: Int

    def part(self, chosen: NDArray[np.bool_]) -> Samples:
        """Return the chosen rows."""
        return Samples(self.maps[chosen], self.labels[chosen], self.subjects[chosen])


@dataclass(frozen=True, slots=True)
class Strength:
    """How much each side counts: ``subjects`` that the weights stand for, weights, temperatures.

    A log-posterior is multiplied by its weight and divided by its temperature.
    """

    subjects: int
    base_weight: float
    real_weight: float
    base_temperature: float
    real_temperature: float


@dataclass(frozen=True, slots=True, eq=False)
class Adapted:
    """A fitted fusion, how strong its sides are, and how good it would be on other people.

    Attributes
    ----------
    fusion
        To be put behind the base.
    strength
        Weights and temperatures.
    estimate
        ``prior``, ``real`` and ``fused`` → UF1, UAR, accuracy and mean confidence, each subject
        answered by a fit that never saw them, rows pooled.
    """

    fusion: Fusion
    strength: Strength
    estimate: dict[str, dict[str, float]]


def adapt(
    package: Package,
    inputs: NDArray[np.float32],
    labels: Int,
    groups: Sequence[Hashable],
    seed: int = 0,
) -> Adapted:
    """Fit a discriminant to labelled maps, fuse it with ``package``, and estimate the result.

    Parameters
    ----------
    package
        A model of flow maps whose labels include ``EMOTIONS``. Its other columns stay as they
        are, and so does what it gives to a class with fewer than ``LEAST_SAMPLES`` samples.
    inputs, labels, groups
        (N, 2, 28, 28) float32 maps by the package's recipe, (N,) positions in ``EMOTIONS``, and
        N leave-one-subject-out groups, (data set, subject).
    seed
        Deals subjects to the folds of the temperatures where they are more than ``EACH_ALONE``.

    Raises
    ------
    ConfigError
        If the samples are of other shapes or labels, or fewer than two subjects or classes.
    ModelError
        If the package is of another kind or cannot be run.
    """
    columns = emotion_columns(package)
    samples = _samples(inputs, labels, groups)
    try:
        with open_backend(package, "onnx") as backend:
            answers = backend.infer(samples.maps)
    except EngineError as error:
        raise ModelError(str(error)) from error
    base = np.maximum(answers[:, columns].astype(np.float64), LEAST_P)
    base /= base.sum(axis=1, keepdims=True)
    fusion, strength = _fit(samples, base, seed)
    if fusion is None:
        shown = np.bincount(samples.labels, minlength=len(EMOTIONS))
        have = ", ".join(f"{n} {emotion}" for emotion, n in zip(EMOTIONS, shown, strict=True))
        raise ConfigError(
            f"adapting needs two classes with {LEAST_SAMPLES} samples or more, got {have}: "
            "label more samples, or use the model as it is"
        )
    places = tuple(columns[emotion] for emotion in fusion.columns)
    return Adapted(replace(fusion, columns=places), strength, _estimate(samples, base, seed))


def emotion_columns(package: Package) -> list[int]:
    """Return the columns of ``EMOTIONS`` in the package's answers.

    Raises
    ------
    ModelError
        If the package is not one of flow maps and emotions, or is itself adapted.
    """
    card = package.card
    if BASE in card.training:
        raise ModelError(
            f"model {card.name} is itself adapted, from {card.training[BASE]}; give that model, "
            "and all labelled samples at once"
        )
    if card.input_shape != MAP or card.input_dtype != "float32":
        raise ModelError(
            f"model {card.name} reads {card.input_shape} {card.input_dtype}; only models of flow "
            f"maps, {MAP} float32, can be adapted, such as the bundled one: --model default"
        )
    if not set(EMOTIONS) <= set(card.labels):
        raise ModelError(
            f"model {card.name} tells apart {', '.join(card.labels)}; only models that know "
            f"{', '.join(EMOTIONS)} can be adapted, such as the bundled one: --model default"
        )
    return [card.labels.index(emotion) for emotion in EMOTIONS]


def fusion_weights(subjects: int) -> tuple[float, float]:
    """Return the weights of the base's and of the real data's log-posteriors.

    Real data count n / (n + 4), the base goes from 1 to 1/2. Together they go from 1 to 3/2: 1
    were right for two sides that always say the same, 2 for two that err independently. Nobody
    or one subject, where no temperature can be tried, leaves the base alone.
    """
    real = subjects / (subjects + HALF_SUBJECTS) if subjects > 1 else 0.0
    return 1.0 - real / 2, real


def features(maps: Real) -> Float:
    """Return the mirror-symmetric part of (N, 2, 28, 28) maps in 2×2 cells: (N, 196)."""
    even = (maps + mirrored(maps)).astype(np.float64) / 2
    cells = even.reshape(-1, 2, CELLS, 2, CELLS, 2).mean(axis=(3, 5))
    half: Float = cells[..., : CELLS // 2].reshape(len(maps), -1)
    return half


def map_weights(weights: Float) -> Float:
    """Turn weights of ``features``, (S, 196), into ones of whole maps, (S, 2, 28, 28)."""
    half = weights.reshape(-1, 2, CELLS, CELLS // 2).repeat(2, axis=2).repeat(2, axis=3) / 8
    return np.asarray(np.concatenate([half, mirrored(half)], axis=3))


def discriminant(rows: Float, labels: Int) -> tuple[Int, Float, Float] | None:
    """Fit linear discriminants with shrinkage and equal priors to (N, F) rows.

    Returns
    -------
    The S classes that have ``LEAST_SAMPLES``, weights (S, F) and biases (S,) of their
    log-posteriors up to a constant; None if they are fewer than two.
    """
    from sklearn.covariance import ledoit_wolf

    classes = np.flatnonzero(np.bincount(labels) >= LEAST_SAMPLES)
    if len(classes) < 2:
        return None
    known = np.isin(labels, classes)
    rows, labels = rows[known], np.searchsorted(classes, labels[known])
    means = np.stack([rows[labels == number].mean(axis=0) for number in range(len(classes))])
    freedom = len(rows) / (len(rows) - len(classes))
    residuals = (rows - means[labels]) * np.sqrt(freedom)
    covariance, _ = ledoit_wolf(residuals, assume_centered=True)
    middle = means.mean(axis=0)
    offsets = means - middle
    weights = np.linalg.solve(covariance + FLOOR * np.eye(len(middle)), offsets.T).T
    bias = -(weights * offsets).sum(axis=1) / 2 - weights @ middle
    return classes, weights, bias


def inner_folds(subjects: Int, seed: int) -> Int:
    """Return the fold (N,) of each row: one a subject or, where there are many, ``FOLDS``."""
    names, rows = np.unique(subjects, return_inverse=True)
    if len(names) <= EACH_ALONE:
        return np.asarray(rows, np.int64)
    dealt = np.random.default_rng(seed).permutation(len(names)) % FOLDS
    return np.asarray(dealt[rows], np.int64)


def _samples(inputs: NDArray[np.float32], labels: Int, groups: Sequence[Hashable]) -> Samples:
    """Check what ``adapt`` was given and number the subjects in the order of their names."""
    count = len(inputs)
    if inputs.shape[1:] != MAP or len(labels) != count or len(groups) != count:
        raise ConfigError(
            f"give (N, {', '.join(map(str, MAP))}) maps, N labels and N groups; got "
            f"{inputs.shape}, {len(labels)} and {len(groups)}"
        )
    labels = np.asarray(labels, np.int64)
    if count and not 0 <= labels.min() <= labels.max() < len(EMOTIONS):
        raise ConfigError(f"labels are positions in {EMOTIONS}, got {np.unique(labels).tolist()}")
    if not np.isfinite(inputs).all():
        raise ConfigError("the maps hold values that are no numbers; read the samples again")
    names = sorted(set(groups), key=repr)
    if len(names) < 2:
        raise ConfigError(
            f"adapting needs labelled samples of two subjects or more, got {len(names)}: "
            "label more people, or use the model as it is"
        )
    numbers = {name: number for number, name in enumerate(names)}
    return Samples(inputs, labels, np.array([numbers[group] for group in groups], np.int64))


def _fit(samples: Samples, base: Float, seed: int) -> tuple[Fusion | None, Strength]:
    """Fit a fusion of the columns of ``base`` (N, 3); None where the base is to stay alone."""
    rows = features(samples.maps)
    found = discriminant(rows, samples.labels)
    subjects = _evidence(samples)
    base_weight, real_weight = fusion_weights(subjects)
    if found is None or not real_weight:
        return None, Strength(subjects, 1.0, 0.0, BASE_GUESS, REAL_GUESS)
    classes, weights, bias = found
    known = np.full(len(EMOTIONS), -np.inf)
    known[classes] = 0.0
    left_out = _left_out_logits(rows, samples, inner_folds(samples.subjects, seed))
    real_t = temperature(left_out, samples.labels, REAL_GUESS)
    spoken = np.log(np.maximum(base, LEAST_P)) + known
    base_t = temperature(spoken, samples.labels, BASE_GUESS, least=1.0)
    factor = real_weight / real_t
    fusion = Fusion(
        columns=tuple(int(number) for number in classes),
        prior=base_weight / base_t,
        weights=np.asarray(factor * map_weights(weights), np.float32),
        bias=np.asarray(factor * bias, np.float32),
    )
    return fusion, Strength(subjects, base_weight, real_weight, base_t, real_t)


def _evidence(samples: Samples) -> int:
    """Return how many subjects the data are worth: no more than samples of the rarest class."""
    shown = np.bincount(samples.labels, minlength=len(EMOTIONS))
    fewest = int(min(shown[shown >= LEAST_SAMPLES], default=0))
    return min(len(np.unique(samples.subjects)), fewest)


def _left_out_logits(rows: Float, samples: Samples, folds: Int) -> Float:
    """Return logits (N, 3) by discriminants that did not see the row's fold; −∞ if unknown."""
    logits = np.full((len(rows), len(EMOTIONS)), -np.inf)
    for fold in np.unique(folds):
        out = folds == fold
        found = discriminant(rows[~out], samples.labels[~out])
        if found is not None:
            classes, weights, bias = found
            logits[np.ix_(out, classes)] = rows[out] @ weights.T + bias
    return logits


def _estimate(samples: Samples, base: Float, seed: int) -> dict[str, dict[str, float]]:
    """Leave out one subject at a time, fit to the others, and score the pooled answers."""
    answers = {"prior": base, "real": base.copy(), "fused": base.copy()}
    for subject in np.unique(samples.subjects):
        out = samples.subjects == subject
        fusion, strength = _fit(samples.part(~out), base[~out], seed)
        if fusion is None:
            continue
        columns = list(fusion.columns)
        scale = 1 / strength.real_weight
        alone = Fusion(fusion.columns, 0.0, fusion.weights * scale, fusion.bias * scale)
        only = np.zeros((int(out.sum()), len(EMOTIONS)))
        only[:, columns] = 1 / len(columns)
        answers["real"][out] = fuse(alone, only, samples.maps[out])
        answers["fused"][out] = fuse(fusion, base[out], samples.maps[out])
    return {name: _figures(samples.labels, table) for name, table in answers.items()}


def _figures(labels: Int, probabilities: Float) -> dict[str, float]:
    predicted = probabilities.argmax(axis=1)
    scored = score(confusion_matrix(labels, predicted, len(EMOTIONS)))
    return {
        "UF1": round(scored.uf1, 3),
        "UAR": round(scored.uar, 3),
        "accuracy": round(scored.accuracy, 3),
        "mean confidence": round(float(probabilities.max(axis=1).mean()), 3),
    }
