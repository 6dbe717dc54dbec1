"""Fit one network of the default recogniser on synthetic maps; a fixed number of epochs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from offline.models.flow_cnn import LABELS, NETWORKS, mirrored, sides_swapped
from offline.synthesis.flow_maps import Maps

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How one network is fitted.

    Attributes
    ----------
    epochs, batch, rate, decay
        AdamW with one cycle of the learning rate.
    mixup
        Parameter of the Beta distribution that blends two samples; 0 blends none.
    shift, noise, gain
        Augmentation: shift of the map in cells at most, noise in units of its RMS at most, and
        the standard deviation of a factor on the map.
    smoothing
        Share of each label's weight spread over all classes; higher is less sure of itself.
    dropout
        Share of the flattened features silenced.
    units
        Weight of the action-unit scores in the loss beside the classes.
    """

    epochs: int = 10
    batch: int = 96
    rate: float = 3e-3
    decay: float = 0.02
    mixup: float = 0.2
    shift: int = 1
    noise: float = 0.3
    gain: float = 0.2
    smoothing: float = 0.05
    dropout: float = 0.3
    units: float = 1.0


def fit(maps: Maps, settings: FitSettings, seed: int, kind: str = "cnn") -> nn.Module:
    """Return one of ``NETWORKS`` fitted to ``maps``; one thread, equal seeds, equal weights."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return _fitted(maps, settings, NETWORKS[kind](settings.dropout))
    finally:
        torch.set_num_threads(threads)


def _fitted(maps: Maps, settings: FitSettings, net: nn.Module) -> nn.Module:
    net.train()
    flow = torch.from_numpy(maps.flow)
    goals = nn.functional.one_hot(torch.from_numpy(maps.labels), len(LABELS)).float()
    units = torch.from_numpy(maps.groups).flatten(1)
    steps = settings.epochs * (len(flow) // settings.batch)
    optimiser = torch.optim.AdamW(net.parameters(), settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, max(steps, 2))
    class_loss = nn.CrossEntropyLoss(label_smoothing=settings.smoothing)
    unit_loss = nn.BCEWithLogitsLoss()
    for epoch in range(settings.epochs):
        order = torch.randperm(len(flow))
        total = 0.0
        for start in range(0, len(flow) - settings.batch + 1, settings.batch):
            chosen = order[start : start + settings.batch]
            batch = augmented(flow[chosen], goals[chosen], units[chosen], settings)
            classes, scores = net(batch[0])
            loss = class_loss(classes, batch[1]) + settings.units * unit_loss(scores, batch[2])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(chosen)
        log.info("epoch %d of %d: loss %.3f", epoch + 1, settings.epochs, total / len(flow))
    net.requires_grad_(False).eval()
    return net


def augmented(
    flow: Tensor, goals: Tensor, units: Tensor, settings: FitSettings
) -> tuple[Tensor, Tensor, Tensor]:
    """Mirror, shift, scale, disturb and blend a batch: (N, 2, 28, 28), (N, 4), (N, 20)."""
    count = len(flow)
    flip = torch.rand(count) < 0.5
    flow = torch.where(flip[:, None, None, None], mirrored(flow), flow)
    units = torch.where(flip[:, None], sides_swapped(units), units)
    reach = settings.shift
    down, right = (int(torch.randint(-reach, reach + 1, ())) for _ in range(2))
    flow = torch.roll(flow, (down, right), (2, 3))
    flow = flow * (1 + settings.gain * torch.randn(count, 1, 1, 1))
    flow = flow + settings.noise * torch.rand(count, 1, 1, 1) * torch.randn_like(flow)
    if settings.mixup > 0:
        share = torch.distributions.Beta(settings.mixup, settings.mixup).sample((count,))
        other = torch.randperm(count)
        flow, goals, units = (_blend(each, share, other) for each in (flow, goals, units))
    return flow, goals, units


def _blend(values: Tensor, share: Tensor, other: Tensor) -> Tensor:
    weight = share.reshape(-1, *[1] * (values.ndim - 1))
    return weight * values + (1 - weight) * values[other]


@dataclass(frozen=True, slots=True)
class FitJob:
    """One network to be fitted by another process: maps from a file, weights to a file."""

    maps: Path
    settings: FitSettings
    seed: int
    kind: str
    weights: Path

    def run(self) -> None:
        """Fit, and write the weights in one go."""
        maps = Maps.load(self.maps)
        partial = self.weights.with_suffix(".partial")
        torch.save(fit(maps, self.settings, self.seed, self.kind).state_dict(), partial)
        partial.replace(self.weights)

    def network(self) -> nn.Module:
        """Return the fitted network."""
        net = NETWORKS[self.kind]()
        net.load_state_dict(torch.load(self.weights, weights_only=True))
        net.requires_grad_(False).eval()
        return net
