"""Train many folds at once in PyTorch, as one network with a group of channels for each fold.

Convolutions become grouped ones, normalisation runs over the channels of all folds, and fully
connected layers are batched matrix products. Every fold draws its own batches out of its own
training side, so that nothing has to be masked and no statistic mixes two folds. With a single
run this is the plain sequential training that everything else is held against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from offline.bench.learning import Material
from offline.mirroring import mirrored
from offline.nets import dice, dice_torch
from offline.nets.layers import (
    FACES,
    NORM_PARTS,
    AvgPool,
    Branches,
    Capsules,
    Conv,
    Dense,
    Drop,
    Flatten,
    Layer,
    MaxPool,
    Net,
    Norm,
    Relu,
    Take,
    initial,
    learnt,
)
from offline.nets.plan import Plan, class_weights, draw
from offline.nets.training import Fit, Ready, Run, marked_steps
from realtime_mer.errors import ConfigError

WATCHED = 64
"""Samples that are asked about at once."""


def train(
    net: Net,
    plan: Plan,
    material: Material,
    runs: Sequence[Run],
    marks: Sequence[int],
    ready: Ready,
    device: str = "cpu",
    at_once: int | None = None,
) -> None:
    """Train runs together; an ``Engine``.

    Parameters
    ----------
    device
        ``cpu`` or ``cuda``, as PyTorch names them.
    at_once
        Runs in one stack; all if None. More use the device better and need more memory.
    """
    size = at_once or len(runs)
    for begin in range(0, len(runs), size):
        some = runs[begin : begin + size]
        for place, fit in enumerate(_Stack(net, plan, material, some, device).train(marks)):
            ready(begin + place, fit)


@dataclass(slots=True)
class _Moment:
    """Where the dropout of a pass gets its numbers from; None while answering."""

    keys: list[int]
    step: int
    layer: int = 0


class _Stack:
    def __init__(
        self, net: Net, plan: Plan, material: Material, runs: Sequence[Run], device: str
    ) -> None:
        self.net, self.plan, self.runs = net, plan, runs
        self.device = usable(device)
        self.exclusive = material.exclusive
        maps = np.concatenate([material.inputs, mirrored(material.inputs)])
        self.maps = torch.from_numpy(maps).to(self.device)
        self.targets = torch.from_numpy(material.targets).to(self.device)
        samples = len(material.targets)
        self.samples = samples
        begun = [run.weights or initial(net, run.key) for run in runs]
        self.weights = {
            name: torch.from_numpy(np.stack([weights[name] for weights in begun]))
            .to(self.device)
            .requires_grad_(learnt(name))
            for name in begun[0]
        }
        self.costs = torch.from_numpy(
            np.stack([class_weights(plan, material.targets, run.train) for run in runs])
        ).to(self.device)
        steps = plan.steps(samples)
        self.draws = [draw(plan, run.train, steps, run.key) for run in runs]
        self.levels = torch.from_numpy(dice.normal_levels()).to(self.device)

    def train(self, marks: Sequence[int]) -> list[Fit]:
        learnable = [each for name, each in self.weights.items() if learnt(name)]
        optimiser = torch.optim.AdamW(learnable, self.plan.rate, weight_decay=self.plan.decay)
        rates = self.plan.rates(self.plan.steps(self.samples))
        stops = marked_steps(self.plan, self.samples, marks)
        curves = []
        for step in range(stops[-1]):
            optimiser.param_groups[0]["lr"] = float(rates[step])
            optimiser.zero_grad()
            self._loss(step).backward()
            optimiser.step()
            if step + 1 in stops:
                curves.append(self._answers())
        lengths = [len(run.watch) for run in self.runs]
        kept = {name: each.detach().cpu().numpy() for name, each in self.weights.items()}
        return [
            Fit(
                np.stack([curve[place, :length] for curve in curves]),
                {name: each[place].copy() for name, each in kept.items()},
            )
            for place, length in enumerate(lengths)
        ]

    def _loss(self, step: int) -> Tensor:
        maps, targets = self._batch(step)
        moment = _Moment([run.key for run in self.runs], step)
        logits = self._forward(maps, moment)
        if not self.exclusive:
            return functional.binary_cross_entropy_with_logits(
                logits, targets, reduction="none"
            ).mean((1, 2)).sum()  # fmt: skip
        smooth = self.plan.smoothing
        targets = (1 - smooth) * targets + smooth / targets.shape[-1]
        shares = targets * self.costs[:, None]
        lost = -(shares * functional.log_softmax(logits, -1)).sum((1, 2))
        return (lost / shares.sum((1, 2))).sum()

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return maps (B, F·C, H, W) and targets (F, B, C) of one step."""
        first, second = (self._places(step, other) for other in (0, 1))
        maps, targets = self.maps[first], self.targets[first % self.samples]
        if self.plan.mixup > 0:
            share = self._drawn([each.share[step] for each in self.draws])
            maps = _blend(share[..., None, None, None], maps, self.maps[second])
            targets = _blend(share[..., None], targets, self.targets[second % self.samples])
        if self.plan.shift:
            maps = _shifted(maps, self._drawn([each.shifts[:, step] for each in self.draws]))
        if self.plan.gain:
            gains = self._drawn([each.gains[step] for each in self.draws])
            maps = maps * gains[..., None, None, None]
        if self.plan.noise:
            keys = [run.key for run in self.runs]
            starts = dice_torch.starts(keys, step, dice.NOISE, self.device)
            lanes = dice_torch.lanes(starts, maps[0].numel())
            maps = maps + self.plan.noise * self.levels[lanes >> 4].reshape(maps.shape)
        return _grouped(maps), targets

    def _places(self, step: int, other: int) -> Tensor:
        names = ("first", "second")
        places = self._drawn([getattr(each, names[other])[step] for each in self.draws])
        return places + self.samples * self._drawn([d.flips[other, step] for d in self.draws])

    def _drawn(self, values: list[NDArray[np.generic]]) -> Tensor:
        return torch.from_numpy(np.stack(values)).to(self.device)

    @torch.no_grad()
    def _answers(self) -> NDArray[np.float32]:
        """Return (F, most watched, C) logits; rows past a run's own are of no meaning."""
        longest = max(len(run.watch) for run in self.runs)
        places = np.stack([np.resize(run.watch, longest) for run in self.runs])
        watched = torch.from_numpy(places).to(self.device)
        parts = []
        for begin in range(0, longest, WATCHED):
            some = watched[:, begin : begin + WATCHED]
            logits = self._forward(_grouped(self.maps[some]), None)
            if self.plan.mirror_test:
                turned = self._forward(_grouped(self.maps[some + self.samples]), None)
                logits = (logits + turned) / 2
            parts.append(logits)
        answers: NDArray[np.float32] = torch.cat(parts, 1).cpu().numpy()
        return answers

    def _forward(self, x: Tensor, moment: _Moment | None) -> Tensor:
        """Map (B, F·C, H, W) to logits (F, B, C)."""
        return self._through(self.net.layers, x, "", moment)

    def _through(
        self, layers: Sequence[Layer], x: Tensor, path: str, moment: _Moment | None
    ) -> Tensor:
        for place, layer in enumerate(layers):
            name = f"{path}{place}"
            if isinstance(layer, Branches):
                ends = [
                    self._through(branch, x, f"{name}.{number}.", moment)
                    for number, branch in enumerate(layer.paths)
                ]
                x = self._joined(ends)
            else:
                x = self._applied(layer, x, name, moment)
        return x

    def _applied(  # noqa: C901, one case for each layer
        self, layer: Layer, x: Tensor, name: str, moment: _Moment | None
    ) -> Tensor:
        folds = len(self.runs)
        own = {part: self.weights.get(f"{name}.{part}") for part in NORM_PARTS}
        weight, bias = own["weight"], own["bias"]
        match layer:
            case Conv():
                assert weight is not None
                flat = None if bias is None else bias.flatten()
                return functional.conv2d(
                    x, weight.flatten(0, 1), flat, padding=layer.padding, groups=folds
                )
            case Norm():
                mean, variance, scale, offset = (
                    each.view(-1) for each in (own["mean"], own["variance"], weight, bias)
                    if each is not None
                )  # fmt: skip
                return functional.batch_norm(
                    x, mean, variance, scale, offset, moment is not None,
                    layer.momentum, layer.epsilon,
                )  # fmt: skip
            case Relu():
                return functional.relu(x)
            case MaxPool():
                return functional.max_pool2d(x, layer.size, layer.stride, layer.padding)
            case AvgPool():
                return functional.avg_pool2d(x, layer.size, layer.stride)
            case Drop():
                return x if moment is None else self._dropped(x, layer.threshold, moment)
            case Flatten():
                return x.view(len(x), folds, -1).transpose(0, 1)
            case Dense():
                assert weight is not None
                assert bias is not None
                return torch.baddbmm(bias[:, None], x, weight.transpose(1, 2))
            case Take():
                return _grouped_back(self._split(x)[:, :, list(layer.channels)])
            case Capsules():
                assert weight is not None
                return routed(self._split(x).transpose(0, 1), weight, layer)
        raise AssertionError(layer)

    def _split(self, x: Tensor) -> Tensor:
        """View (B, F·C, H, W) as (B, F, C, H, W)."""
        return x.view(len(x), len(self.runs), -1, *x.shape[2:])

    def _joined(self, ends: list[Tensor]) -> Tensor:
        if ends[0].ndim == 3:
            return torch.cat(ends, 2)
        return _grouped_back(torch.cat([self._split(end) for end in ends], 2))

    def _dropped(self, x: Tensor, threshold: int, moment: _Moment) -> Tensor:
        """Silence values by the dice; places are counted within a fold's (B, C, H, W) or (B, n)."""
        folds = len(self.runs)
        starts = dice_torch.starts(moment.keys, moment.step, moment.layer, self.device)
        moment.layer += 1
        lanes = dice_torch.lanes(starts, x.numel() // folds)
        factor = (lanes >= threshold).to(x.dtype) * (FACES / (FACES - threshold))
        if x.ndim == 3:
            return x * factor.view(x.shape)
        batch, _, height, width = x.shape
        kept = factor.view(folds, batch, -1, height, width)
        return x * _grouped_back(kept.transpose(0, 1))


def usable(name: str) -> torch.device:
    """Return PyTorch's device of that name; a ConfigError if there is none here."""
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(
            f"--device is {name}, but PyTorch {torch.__version__} sees no such GPU here; give cpu, "
            "or install a PyTorch with CUDA and its driver"
        )
    return torch.device(name)


def routed(x: Tensor, weight: Tensor, layer: Capsules) -> Tensor:
    """Route (F, B, C, H, W) through ``Capsules`` to (F, B, out) lengths times the scale."""
    folds, batch, channels, height, width = x.shape
    groups = channels // layer.primary
    first = x.reshape(folds, batch, groups, layer.primary, height * width)
    first = squashed(first.transpose(3, 4).reshape(folds, batch, -1, layer.primary))
    votes = torch.einsum("fbpi,fpio->fbpo", first, weight)
    votes = votes.unflatten(-1, (layer.out, layer.size))
    agreed = votes.new_zeros(votes.shape[:-1])
    for turn in range(layer.rounds):
        share = torch.softmax(agreed, -1)
        second = squashed((share[..., None] * votes).sum(2))
        if turn + 1 < layer.rounds:
            agreed = agreed + (votes * second[:, :, None]).sum(-1)
    return layer.scale * _length(second)


def squashed(capsules: Tensor) -> Tensor:
    """Return capsules with a length below 1 and the same direction (Sabour et al., eq. 1)."""
    length = _length(capsules)[..., None]
    return capsules * length / (1 + length**2)


def _length(capsules: Tensor) -> Tensor:
    return (capsules.square().sum(-1) + 1e-9).sqrt()


def _blend(share: Tensor, one: Tensor, other: Tensor) -> Tensor:
    return share * one + (1 - share) * other


def _grouped(maps: Tensor) -> Tensor:
    """Turn (F, B, C, H, W) into (B, F·C, H, W)."""
    return _grouped_back(maps.transpose(0, 1))


def _grouped_back(maps: Tensor) -> Tensor:
    """Turn (B, F, C, H, W) into (B, F·C, H, W)."""
    return maps.flatten(1, 2)


def _shifted(maps: Tensor, shifts: Tensor) -> Tensor:
    """Move (F, B, C, H, W) maps by (F, 2, B) cells down and right; zeros come in."""
    height, width = maps.shape[-2:]
    down, right = shifts[:, 0, :, None], shifts[:, 1, :, None]
    rows = torch.arange(height, device=maps.device) - down
    columns = torch.arange(width, device=maps.device) - right
    inside = ((rows >= 0) & (rows < height))[..., :, None] & ((columns >= 0) & (columns < width))[
        ..., None, :
    ]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    shape = maps.shape
    moved = maps.gather(3, rows[:, :, None, :, None].expand(shape))
    moved = moved.gather(4, columns[:, :, None, None, :].expand(shape))
    return moved * inside[:, :, None]
