"""Which places of its input moved a network's answer towards a class, for any network.

``grad_cam.grad_cam`` is Grad-CAM of a layer of one's choice (Selvaraju et al., *Grad-CAM: visual
explanations from deep networks via gradient-based localization*, ICCV 2017, equations 1 and 2).
``class_maps`` finds the last maps of any network by itself, also of one that comes from an ONNX
file, and lays them over the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offline.explain.places import Places, steps_axis
from offline.explain.trace import LastMap, traced
from realtime_mer.errors import ConfigError

Float = NDArray[np.float32]
Score = Callable[[Tensor, int], Tensor]
"""Answers (N, K) and a column to what is explained, (N,)."""

AT_ONCE = 4
"""Samples explained at once. More are quicker and take more memory."""
LEAST_P = 1e-30
"""Probabilities below that count as that, so that their logarithm is a number."""


def odds_of_logits(answers: Tensor, column: int) -> Tensor:
    """Return the log-odds of a class from logits: how much more likely it is than all others.

    Softmax forgets what is added to all logits alike, and so do log-odds; a logit alone does not.
    """
    others = torch.cat([answers[:, :column], answers[:, column + 1 :]], 1)
    return answers[:, column] - others.logsumexp(1)


def odds_of_shares(labels: int) -> Score:
    """Return the log-odds of a class from probabilities, the first ``labels`` columns."""

    def odds(answers: Tensor, column: int) -> Tensor:
        return odds_of_logits(answers[:, :labels].clamp_min(LEAST_P).log(), column)

    return odds


def logit_alone(answers: Tensor, column: int) -> Tensor:
    """Return the logit itself, for answers that do not exclude each other."""
    return answers[:, column]


@dataclass(frozen=True, slots=True, eq=False)
class ClassMaps:
    """What moved the answers, laid over the input.

    Attributes
    ----------
    maps
        (K, N, T, H, W) float32 from 0, for K classes, N samples, T steps (1 for stills) and the
        input's places: what a place adds to the score. Classes and samples are comparable.
    scores
        (K, N) float32: what was explained.
    """

    maps: Float
    scores: Float

    @property
    def silent(self) -> NDArray[np.bool_]:
        """(K, N): True where nothing at all speaks for the class."""
        return np.asarray(self.maps.max((2, 3, 4)) <= 0)


def class_maps(
    module: nn.Module,
    inputs: Tensor,
    columns: Sequence[int],
    score: Score = odds_of_logits,
    averaged: bool = False,
) -> ClassMaps:
    """Return Grad-CAM of the last maps of a network, for several classes.

    The last maps are what the last convolution on each way to the answer makes, after
    normalisation and activation, if it has more than one place. Each is laid back to where its
    cells look; several add up, each by what its cells add to the score. What a network does
    beside its convolutions is not explained. Without any convolution the input itself is the
    map.

    Parameters
    ----------
    module
        Maps (N, …, H, W) to (N, K) answers. In evaluation mode meanwhile.
    inputs
        (N, C, H, W), or sequences (N, T, C, H, W), on the processor as the module is.
    columns
        Columns of the answer that are explained; their order changes nothing else.
    score
        What is explained of the answer.
    averaged
        True weighs a channel by its mean gradient, as published. False weighs every cell by its
        own (HiResCAM, Draelos & Carin 2020, arXiv 2011.08891): the same for networks that
        average over places. Networks that give each place weights of its own, as most here do,
        are described well by the second alone: the mean credits places that the answer does not
        depend on, see ``docs/explain.md``.

    Raises
    ------
    ConfigError
        The inputs have no rows and columns.
    """
    if inputs.ndim not in (4, 5):
        raise ConfigError(
            f"maps are drawn over (N, C, H, W) or (N, T, C, H, W), got {tuple(inputs.shape)}"
        )
    with _judging(module):
        parts = [
            _explained(module, some, columns, score, averaged) for some in inputs.split(AT_ONCE)
        ]
    maps = np.concatenate([part.maps for part in parts], axis=1)
    return ClassMaps(maps, np.concatenate([part.scores for part in parts], axis=1))


def _explained(
    module: nn.Module, inputs: Tensor, columns: Sequence[int], score: Score, averaged: bool
) -> ClassMaps:
    reads = inputs.detach().clone().requires_grad_(True)
    answers, trace = traced(module, reads)
    ends = trace.last_maps(answers)
    averaged = averaged and bool(ends)
    ends = ends or [LastMap(reads, trace.known[id(reads)])]
    axis = steps_axis(inputs.shape)
    steps = 1 if axis is None else inputs.shape[axis]
    canvas = np.zeros((len(columns), len(inputs), steps, *inputs.shape[-2:]), np.float32)
    scores = np.zeros((len(columns), len(inputs)), np.float32)
    for number, column in enumerate(columns):
        told = score(answers, column)
        scores[number] = told.detach().numpy()
        gradients = torch.autograd.grad(
            told.sum(), [end.values for end in ends], retain_graph=True, allow_unused=True
        )
        for end, gradient in zip(ends, gradients, strict=True):
            if gradient is None:
                continue
            cells = _weighed(end.values, gradient, averaged)
            for channels in _alike(end.places, cells.shape[1]):
                _lay(canvas[number], cells[:, channels].sum(1), end.places, int(channels[0]))
    return ClassMaps(np.maximum(canvas, 0), scores)


def _weighed(values: Tensor, gradient: Tensor, averaged: bool) -> Float:
    """Return what each cell of each channel adds to the score, (B, C, …, h, w)."""
    weights = gradient.mean((-2, -1), keepdim=True) if averaged else gradient
    return np.asarray(np.nan_to_num((weights * values).detach().numpy()), np.float32)


def _alike(places: Places | None, channels: int) -> list[NDArray[np.int64]]:
    """Return the channels that look at the same places, together."""
    if places is None or all(each.stride(1) == 0 for each in places):
        return [np.arange(channels)]
    corners = [each[:1].flatten(2)[0][:, [0, -1]] for each in places]
    marks = np.nan_to_num(torch.cat(corners, 1).numpy(), nan=-1)
    _, number = np.unique(marks, axis=0, return_inverse=True)
    return [np.flatnonzero(number == each) for each in range(int(number.max()) + 1)]


def _lay(canvas: Float, cells: Float, places: Places | None, channel: int) -> None:
    """Add cells (B, …, h, w) to a canvas (N, T, H, W), where one of their channels looks."""
    samples, _, height, width = canvas.shape
    flat = cells.reshape(-1, *cells.shape[-2:])
    count = len(flat)
    sample, step = np.arange(count) * samples // count, np.zeros(count, np.int64)
    rows = np.tile(_even(flat.shape[1], height), (count, 1))
    columns = np.tile(_even(flat.shape[2], width), (count, 1))
    if places is not None:
        where = [each[:, channel].reshape(flat.shape).numpy() for each in places]
        if not any(np.isnan(each).any() for each in where):
            sample, step = (np.rint(each.mean((1, 2))).astype(np.int64) for each in where[:2])
            rows, columns = where[2].mean(2), where[3].mean(1)
    _, kinds = np.unique(np.hstack([rows, columns]).round(3), axis=0, return_inverse=True)
    for kind in range(int(kinds.max()) + 1):
        own = np.flatnonzero(kinds == kind)
        down, across = _spread(rows[own[0]], height), _spread(columns[own[0]], width)
        high, wide = _shown(down), _shown(across)
        patches = down[:, high].T @ flat[own] @ across[:, wide]
        np.add.at(canvas[:, :, high, wide], (sample[own], step[own]), patches)


def _shown(spread: Float) -> slice:
    """Return the places at which anything is shown."""
    any_shown = np.flatnonzero(spread.any(0))
    return slice(int(any_shown[0]), int(any_shown[-1]) + 1) if len(any_shown) else slice(0, 0)


def _even(cells: int, places: int) -> Float:
    return ((np.arange(cells) + 0.5) * places / cells - 0.5).astype(np.float32)


def _spread(centres: Float, places: int) -> Float:
    """Return what of each cell a place shows, (cells, places).

    Straight lines between the centres, constant for half a cell beyond the outer ones, zero
    farther out; divided by the cells' width, so that a map's sum does not depend on it.
    """
    order = np.argsort(centres)
    known = centres[order]
    width = float(np.diff(known).mean()) if len(known) > 1 else float(places)
    at = np.arange(places)
    found = np.stack([np.interp(at, known, row) for row in np.eye(len(known))])
    reach = width / 2 + 1e-3
    found *= (at >= known[0] - reach) & (at <= known[-1] + reach)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return np.asarray(found[back] / max(width, 1e-6), np.float32)


@contextmanager
def _judging(module: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and every part of it back as it was."""
    before = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for each, training in before:
            each.training = training
