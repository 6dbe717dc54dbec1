"""Residual sums and CropNet: pictures of what moved, read in ten overlapping views.

Zhao, Chen & Luo, *Micro-expression recognition based on pixel residual sum and cropped Gaussian
pyramid*, Frontiers in Neurorobotics 15, 2021, doi 10.3389/fnbot.2021.746985. Inputs are in
``realtime_mer.residual_recipes``, the network in ``offline.nets.cropnet``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offline.nets.cropnet import SIDE, WIDTH, CropNet
from offline.nets.rexnet import REXNET, TrunkPlan, load_trunk
from offline.systems.augmentation import augmented
from offline.systems.normalisation import settle_norms
from offline.systems.system import Stage, System, TrainPlan
from realtime_mer.errors import ConfigError
from realtime_mer.motion.keyframes import N_KEY
from realtime_mer.residual_recipes import SWEEP, ars_name

SMOKE = TrunkPlan(8, 8, 16, 32, ((1, 1, False), (1, 2, False), (2, 2, True)))
"""A trunk for tests: every kind of step that ReXNet has, four blocks."""
SMOKE_SHRINK, SMOKE_HASTE = 4, 3
"""320 to 80 pixels, views of 40; times by which so few channels learn at a higher rate."""


@dataclass(frozen=True, slots=True)
class CropNetSystem:
    """CropNet on one kind of picture.

    The paper gives the network, the changes of pictures, label smoothing and AdamP; epochs,
    batch, rates and the share that is smoothed are ours.

    Attributes
    ----------
    name, recipe
        As on the command line; what it reads, (3, 320, 320).
    smoke
        Small enough for a test: four narrow blocks, 80×80 inside, and pictures as they are, so
        that a few can be learnt by heart, at three times the rate.
    pyramid
        False reads the halved picture alone (table 4, "without GCOP").
    width
        Of the ReXNet, 1 or more; see ``CropNet``. Without effect on ``smoke``.
    trunk
        File of ReXNet weights of this width, learnt on ImageNet, to begin with; empty draws them.
    augment
        Whether pictures are changed in training, see ``offline.systems.augmentation``.
    epochs, batch, rate, decay, smoothing
        See ``TrainPlan``; the rate falls along a cosine.
    """

    name: str = "cropnet"
    recipe: str = "ars"
    smoke: bool = False
    pyramid: bool = True
    width: float = WIDTH
    trunk: str = ""
    augment: bool = True
    epochs: int = 40
    batch: int = 16
    rate: float = 1e-3
    decay: float = 1e-2
    smoothing: float = 0.1

    @property
    def _changes(self) -> bool:
        return self.augment and not self.smoke

    def build(self, classes: int, shape: tuple[int, ...]) -> nn.Module:
        """Return the network, (N, 3, 320, 320) RGB from 0 to 1 to logits (N, classes).

        Raises
        ------
        ConfigError
            Inputs have another shape.
        ModelError
            ``trunk`` cannot be read or does not fit the width.
        """
        if tuple(shape) != (3, SIDE, SIDE):
            raise ConfigError(
                f"{self.name} reads pictures (3, {SIDE}, {SIDE}), got {tuple(shape)}: "
                f"make them with the recipe {self.recipe}"
            )
        if self.smoke:
            net = CropNet(classes, self.pyramid, 1.0, SMOKE, SMOKE_SHRINK)
        else:
            net = CropNet(classes, self.pyramid, self.width, REXNET)
        if self.trunk:
            load_trunk(net.extractor, self.trunk)
        return net

    def stages(self, classes: tuple[str, ...]) -> tuple[Stage, ...]:
        """Return the one stage: everything is trained at once."""
        plan = TrainPlan(
            epochs=self.epochs,
            batch=self.batch,
            rate=self.rate * (SMOKE_HASTE if self.smoke else 1),
            optimiser="adamp",
            decay=self.decay,
            schedule="cosine",
            loss="label_smoothing",
            smoothing=self.smoothing,
        )
        return (Stage("classifier", plan, augment=augmented if self._changes else None),)

    def complete(
        self, module: nn.Module, inputs: Tensor, targets: NDArray[np.float32], seed: int
    ) -> None:
        """Count the statistics of batch normalisation anew, see ``settle_norms``."""
        generator = torch.Generator().manual_seed(seed)
        change = partial(augmented, generator=generator) if self._changes else None
        settle_norms(module, inputs, self.batch, change)

    def changed(self, **settings: Any) -> CropNetSystem:
        """Return it with other settings, named as the attributes are.

        Raises
        ------
        ConfigError
            There is no such setting.
        """
        known = [each.name for each in fields(self)]
        unknown = [name for name in settings if name not in known]
        if unknown:
            raise ConfigError(
                f"{self.name} has no setting {', '.join(unknown)}; it has {', '.join(known)}"
            )
        return replace(self, **settings)


_SYSTEMS = (
    CropNetSystem(),
    CropNetSystem("cropnet_rrs", "rrs"),
    CropNetSystem("cropnet_farneback", "farneback"),
    CropNetSystem("cropnet_tvl1", "tvl1"),
    CropNetSystem("cropnet_whole", pyramid=False),
    *(CropNetSystem(f"cropnet_k{count}", ars_name(count)) for count in SWEEP if count != N_KEY),
)

SYSTEMS: dict[str, System] = {system.name: system for system in _SYSTEMS}
"""The paper's method, and what its tables and figures compare it with."""
