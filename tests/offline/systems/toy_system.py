"""A small system with everything that a trainer must handle, and samples that it can learn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from offline.bench.learning import Material
from offline.systems.system import Stage, TrainPlan

SIDE = 8
CLASSES = ("negative", "positive", "surprise")


class ToyNet(nn.Module):
    """A normalised convolution, a classifier of quarters for its training, and the classifier."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(4)
        )
        self.quarters = nn.Linear(8, classes)
        self.drop = nn.Dropout(0.2)
        self.classes = nn.Linear(32, classes)

    def described(self, x: torch.Tensor) -> torch.Tensor:
        return self.trunk(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classes(self.drop(self.described(x).flatten(1)))


def first_stage(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return module.quarters(module.described(x).flatten(2).transpose(1, 2))


def trained_first(module: nn.Module) -> nn.Module:
    return nn.ModuleList([module.trunk, module.quarters])


def quarter_labels(material: Material, places: np.ndarray) -> np.ndarray:
    """A sample's own label for its two upper quarters, none for the lower ones."""
    labels = np.repeat(material.targets[places][:, None], 4, axis=1)
    labels[:, 2:] = 0
    return labels


def stored(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return module.described(x).flatten(1)


def classified(module: nn.Module, reads: torch.Tensor) -> torch.Tensor:
    return module.classes(module.drop(reads))


def last_part(module: nn.Module) -> nn.Module:
    return nn.ModuleList([module.drop, module.classes])


def noisy(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return x + 0.05 * torch.randn(x.shape, generator=generator)


@dataclass(frozen=True, slots=True)
class Toy:
    """Two stages: quarters first, then a classifier of what was stored."""

    name: str = "toy"
    recipe: str = "ars"
    smoke: bool = True
    epochs: int = 6
    rate: float = 0.02
    loss: str = "cross_entropy"
    optimiser: str = "adam"
    frozen: bool = False
    finished: bool = False

    def build(self, classes: int, shape: tuple[int, ...]) -> nn.Module:
        assert shape == (1, SIDE, SIDE)
        net = ToyNet(classes)
        if self.frozen:
            net.trunk.requires_grad_(False)
        return net

    def stages(self, classes: tuple[str, ...]) -> tuple[Stage, ...]:
        plan = TrainPlan(self.epochs, 8, self.rate, self.optimiser, loss=self.loss, balanced=True)
        return (
            Stage(
                "quarters", plan, part=trained_first, forward=first_stage,
                targets=quarter_labels, augment=noisy,
            ),
            Stage("whole", plan, part=last_part, forward=classified, reads=stored),
        )  # fmt: skip

    def complete(self, module, inputs, targets, seed) -> None:
        if self.finished:
            with torch.no_grad():
                module.classes.bias += 100 * torch.eye(targets.shape[1])[0]

    def changed(self, **settings):
        return replace(self, **settings)


def toy_material(people: int = 4, each: int = 6, noise: float = 0.3, units: bool = False):
    """Pictures with a bright upper left, upper right or lower half, (N, 1, 8, 8)."""
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(each) % 3, people)
    inputs = noise * rng.standard_normal((len(labels), 1, SIDE, SIDE))
    half = SIDE // 2
    for place, (rows, columns) in enumerate(
        [(slice(half), slice(half)), (slice(half), slice(half, None)), (slice(half, None),) * 2]
    ):
        inputs[labels == place, :, rows, columns] += 1
    targets = np.eye(3, dtype=np.float32)[labels]
    groups = tuple(("made", f"{number // each:02d}") for number in range(len(labels)))
    return Material(inputs.astype(np.float32), targets, groups, not units)
