"""CNN-LSTM (2019) and CNN-LSTM-SE (2022): six regions in space, then in time.

Aouayeb, Hamidouche, Kpalma & Benazza-Benyahia, *A spatiotemporal deep learning solution for
automatic micro-expressions recognition from local facial regions*, MLSP 2019, doi
10.1109/mlsp.2019.8918771; Aouayeb, Soladie, Hamidouche, Kpalma & Seguier, *Spatiotemporal
features fusion from local facial regions for micro-expressions recognition*, Frontiers in Signal
Processing 2, 2022, doi 10.3389/frsip.2022.861469.

Both stages are learnt inside each fold; in the authors' code the first has seen pictures of
everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offline.systems.region_cnn import SMOKE_SIZES, Sizes, SpatialNet
from offline.systems.region_labels import LABELLINGS, region_targets
from offline.systems.region_lstm import TemporalNet
from offline.systems.system import Stage, TrainPlan
from realtime_mer.errors import ConfigError
from realtime_mer.face.topology import REGIONS
from realtime_mer.region_recipes import region_window

PICTURES = 8
"""Pictures of a clip in one step of the spatial stage."""

SPATIAL = TrainPlan(epochs=60, batch=128 // PICTURES, rate=1e-4, loss="focal", balanced=True)
"""2022: batches of 128 pictures, Adam 1e-4, focal loss with γ 2; epochs of the authors' code."""
TEMPORAL = TrainPlan(epochs=250, batch=128, rate=5e-5, loss="focal", balanced=True)
"""2022: batches of 128 clips, Adam 5e-5, focal loss with γ 2; epochs of the authors' code."""
SPATIAL_2019 = TrainPlan(epochs=100, batch=64 // PICTURES, rate=1e-4)
"""2019: batches of 64 pictures, 100 epochs; the slides name neither rate nor loss."""
TEMPORAL_2019 = TrainPlan(epochs=60, batch=244, rate=1e-3)
"""2019: batches of 244 clips, 60 epochs; rate and loss are the usual ones of Keras."""
SMOKE_EPOCHS, SMOKE_BATCH, SMOKE_RATE = 40, 8, 5e-3
"""Of both stages where a system is made small for a test."""


class LocalRegionNet(nn.Module):
    """Clips (N, T, 1, H, W) as ``face_sequence`` makes them, any T, to logits (N, classes).

    Parameters
    ----------
    spatial, temporal
        The networks of both stages.
    """

    def __init__(self, spatial: SpatialNet, temporal: TemporalNet) -> None:
        super().__init__()
        self.spatial = spatial
        self.temporal = temporal

    def stored(self, clips: Tensor) -> Tensor:
        """Return spatial features and, last, 1 where there is a picture, (N, T, 6·features + 1)."""
        features, shown = self._seen(clips)
        return torch.cat([features.flatten(2), shown[..., None].to(features.dtype)], 2)

    def from_stored(self, stored: Tensor) -> Tensor:
        """Return the logits (N, classes) of what ``stored`` has returned."""
        features = stored[..., :-1].unflatten(2, (len(REGIONS), -1))
        logits: Tensor = self.temporal(features, stored[..., -1] > 0.5)
        return logits

    def attention(self, clips: Tensor) -> dict[str, Tensor]:
        """Return what weighs how much, each from 0 to 1, where the system weighs it.

        ``patches``: (N, T, 6, m), 0 on steps without a picture; ``regions``: (N, 6), in the order
        of ``topology.REGIONS``.
        """
        told: dict[str, Tensor] = {}
        features, shown = self._seen(clips)
        if any(net.weighing is not None for net in self.spatial.regions):
            each = self.spatial.patch_weights(clips.flatten(0, 1))
            told["patches"] = each.unflatten(0, shown.shape) * shown[..., None, None]
        if self.temporal.weighing is not None:
            told["regions"] = self.temporal.region_weights(features, shown)
        return told

    def forward(self, clips: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.temporal(*self._seen(clips))
        return logits

    def _seen(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        features = self.spatial.features(clips.flatten(0, 1))
        return features.unflatten(0, (-1, clips.shape[1])), shown_steps(clips)


def shown_steps(clips: Tensor) -> Tensor:
    """Return which steps have a picture, (N, T) bool: those that are not zero everywhere."""
    return clips.abs().amax((2, 3, 4)) > 0


def judged_pictures(net: SpatialNet, clips: Tensor, pictures: int) -> Tensor:
    """Return the logits of every region of every picture, (N, T·6, K).

    Parameters
    ----------
    net
        In training it looks at about ``pictures`` of the T steps, evenly apart, beginning
        anywhere; a step that it leaves out repeats the logits of the nearest before or after it
        that it looked at. More pictures make a step steadier and slower. In evaluation it looks
        at all.
    """
    count, steps = clips.shape[:2]
    stride = max(-(-steps // pictures), 1) if net.training else 1
    begin = int(torch.randint(stride, ())) if stride > 1 else 0
    looked = torch.arange(0, steps, stride, device=clips.device) + begin
    last = shown_steps(clips).sum(1, keepdim=True).clamp_min(1) - 1
    which = torch.minimum(looked, last)
    own = torch.arange(count, device=clips.device)[:, None]
    logits = net(clips[own, which].flatten(0, 1)).unflatten(0, (count, -1))
    return logits.repeat_interleave(stride, 1)[:, :steps].flatten(1, 2)


@dataclass(frozen=True, slots=True)
class LocalRegions:
    """CNN-LSTM on local regions, with its settings.

    Attributes
    ----------
    name, recipe, smoke
        See ``offline.systems.system.System``.
    patches
        m of each region: 1, 4, 9 or 16. More see smaller places, and cost parameters.
    patches_weigh, regions_weigh
        Squeeze and excitation over the patches of a region and over the regions; else they are
        put side by side.
    labelling
        What regions are told in the spatial stage, one of ``region_labels.LABELLINGS``.
    spatial, temporal
        Plans of the two stages. A batch of the spatial stage counts clips.
    pictures
        Of each clip in one step of the spatial stage, see ``judged_pictures``.
    epochs
        Of both stages, instead of their plans'.
    """

    name: str
    recipe: str = "face_sequence"
    smoke: bool = False
    patches: int = 9
    patches_weigh: bool = True
    regions_weigh: bool = True
    labelling: str = "units"
    spatial: TrainPlan = SPATIAL
    temporal: TrainPlan = TEMPORAL
    pictures: int = PICTURES
    epochs: int | None = None

    def __post_init__(self) -> None:
        if self.labelling not in LABELLINGS:
            raise ConfigError(
                f"labelling is {self.labelling!r}; give one of {', '.join(LABELLINGS)}"
            )

    def build(self, classes: int, shape: tuple[int, ...]) -> LocalRegionNet:
        """Return the network for inputs (N, T, 1, H, W).

        Raises
        ------
        ConfigError
            H and W are not those of ``region_window``, or ``patches`` is not known.
        """
        window = region_window()
        if shape[1:] != (1, window.height, window.width):
            raise ConfigError(
                f"{self.name} reads (T, 1, {window.height}, {window.width}) as {self.recipe} makes "
                f"it, not {shape}"
            )
        sizes = SMOKE_SIZES if self.smoke else Sizes()
        told = classes + (self.labelling == "units")
        return LocalRegionNet(
            SpatialNet(told, self.patches, sizes, self.patches_weigh),
            TemporalNet(classes, sizes, self.regions_weigh),
        )

    def stages(self, classes: tuple[str, ...]) -> tuple[Stage, ...]:
        """Return the spatial stage, learnt from pictures, and the temporal one, from features."""
        return (
            Stage(
                "regions",
                self._plan(self.spatial),
                part=_spatial,
                forward=partial(_of_pictures, pictures=self.pictures),
                targets=partial(region_targets, labelling=self.labelling),
            ),
            Stage(
                "sequence",
                self._plan(self.temporal),
                part=_temporal,
                forward=_from_stored,
                reads=_stored,
            ),
        )

    def complete(
        self, module: nn.Module, inputs: Tensor, targets: NDArray[np.float32], seed: int
    ) -> None:
        """Do nothing: both stages are learnt by gradients."""

    def changed(self, **settings: Any) -> LocalRegions:
        """Return it with other settings."""
        return replace(self, **settings)

    def _plan(self, plan: TrainPlan) -> TrainPlan:
        if self.smoke:
            plan = replace(plan, epochs=SMOKE_EPOCHS, batch=SMOKE_BATCH, rate=SMOKE_RATE)
        return plan if self.epochs is None else replace(plan, epochs=self.epochs)


def _spatial(module: nn.Module) -> nn.Module:
    return _own(module).spatial


def _temporal(module: nn.Module) -> nn.Module:
    return _own(module).temporal


def _of_pictures(module: nn.Module, clips: Tensor, pictures: int) -> Tensor:
    return judged_pictures(_own(module).spatial, clips, pictures)


def _stored(module: nn.Module, clips: Tensor) -> Tensor:
    return _own(module).stored(clips)


def _from_stored(module: nn.Module, stored: Tensor) -> Tensor:
    return _own(module).from_stored(stored)


def _own(module: nn.Module) -> LocalRegionNet:
    assert isinstance(module, LocalRegionNet)
    return module


_ALL = (
    LocalRegions(
        "cnn_lstm",
        patches=1,
        patches_weigh=False,
        regions_weigh=False,
        spatial=SPATIAL_2019,
        temporal=TEMPORAL_2019,
    ),
    LocalRegions("cnn_lstm_se"),
    LocalRegions("cnn_lstm_se_m1", patches=1),
    LocalRegions("cnn_lstm_se_m4", patches=4),
    LocalRegions("cnn_lstm_se_m16", patches=16, spatial=replace(SPATIAL, batch=32 // PICTURES)),
    LocalRegions("cnn_lstm_se_spatial", regions_weigh=False),
    LocalRegions("cnn_lstm_se_temporal", patches=1, patches_weigh=False),
    LocalRegions("cnn_lstm_se_face", labelling="face"),
)

SYSTEMS: dict[str, LocalRegions] = {system.name: system for system in _ALL}
"""Every system of this family by name."""
