"""The VGGFace2 transfer family as systems: which frames, which layers, which head, how learnt.

Bai, *Detection of micro-expression recognition based on spatio-temporal modelling and spatial
attention*, ICMI 2020, doi 10.1145/3382507.3421160.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offline.bench.learning import Material
from offline.systems.frame_sequence_heads import HEADS
from offline.systems.resnet50 import BLOCKS, NOTHING, STEM, WIDTH, ResNet50
from offline.systems.system import Stage, TrainPlan
from offline.systems.vggface_net import (
    FaceSequences,
    described_frames,
    frame_logits,
    head_part,
    learnt_part,
    maps_before,
    sequence_logits,
)
from offline.systems.vggface_weights import load_encoder
from realtime_mer.errors import ConfigError

FRAMES, MAGNIFIED = "face_frames17", "face_frames17_magnified"
FRAME_PLAN = TrainPlan(epochs=10, batch=8, rate=1e-4, decay=1e-4, optimiser="adamw", balanced=True)
SEQUENCE_PLAN = TrainPlan(epochs=60, batch=32, rate=5e-4, optimiser="adam", balanced=True)
SMOKE_FRAMES = replace(FRAME_PLAN, epochs=30, rate=2e-3, decay=0.0)
SMOKE_BEFORE_HEAD = replace(SMOKE_FRAMES, epochs=12)
SMOKE_SEQUENCES = replace(SEQUENCE_PLAN, epochs=120, rate=5e-3)
SMOKE_WIDTH, SMOKE_BLOCKS, SMOKE_SHRINK = 8, (1, 1, 1, 1), 4
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class VggFace:
    """ResNet-50 learnt on faces, learnt further on frames; then a head on the sequence.

    Attributes
    ----------
    name, recipe, smoke
        See ``system.System``.
    head
        One of ``frame_sequence_heads.HEADS``; empty judges frames alone (section 3.1).
    weights
        Local file of VGGFace2's weights, see ``vggface_weights.load_encoder``. Empty draws them,
        and nothing is transferred.
    retrain
        Where learning begins in the encoder: ``conv1``, ``layer1`` … ``layer4``, a block such as
        ``layer4.1``, or ``classifier`` for none of it (the paper's experiment I). ``auto`` is
        ``layer4`` with weights and ``conv1`` without. Earlier fits closer and takes longer.
    last
        Where the encoder ends; what follows is left out (experiment III).
    attention
        Values of the network that scores places of a frame (section 4.2); 0 for none.
    hidden
        Values of a recurrent state. More remember more and fit closer.
    frame_layers
        Values of fc1 and fc2.
    frame_plan, sequence_plan
        How each stage is trained.
    """

    name: str
    recipe: str = FRAMES
    smoke: bool = False
    head: str = ""
    weights: str = ""
    retrain: str = AUTO
    last: str = "layer4"
    attention: int = 0
    hidden: int = 128
    frame_layers: tuple[int, ...] = (512, 128)
    frame_plan: TrainPlan = FRAME_PLAN
    sequence_plan: TrainPlan = SEQUENCE_PLAN

    def __post_init__(self) -> None:
        if self.head and self.head not in HEADS:
            raise ConfigError(f"head is {self.head!r}; give one of {', '.join(HEADS)}, or none")
        if self.smoke and self.weights:
            raise ConfigError("the small network for tests has no published weights: leave one out")
        with torch.device("meta"):
            self._encoder().learnt(self.cut)

    @property
    def completes(self) -> bool:
        """Nothing is left to do after the last stage."""
        return False

    @property
    def cut(self) -> str:
        """Where learning begins in the encoder."""
        if self.retrain != AUTO:
            return self.retrain.partition(".")[0] if self.smoke else self.retrain
        return ("layer4" if self.last.startswith("layer4") else self.last) if self.weights else STEM

    def build(self, classes: int, shape: tuple[int, ...]) -> nn.Module:
        """Return the network, (N, T, 3, H, W) float32 to logits (N, classes), for any T.

        Raises
        ------
        ConfigError
            Inputs are no sequences of faces.
        ModelError
            The file of weights cannot be read or is of another network.
        """
        if len(shape) != 4 or shape[1] != 3:
            raise ConfigError(f"{self.name} reads (T, 3, H, W) faces, got {shape}")
        encoder = self._encoder()
        layers, hidden, attention = self.frame_layers, self.hidden, self.attention
        if self.smoke:
            layers, hidden, attention = (32, 16), 16, min(attention, 16)
        net = FaceSequences(encoder, layers, classes, self.head, hidden, attention)
        if self.weights:
            load_encoder(encoder, self.weights)
        return net

    def _encoder(self) -> ResNet50:
        if self.smoke:
            last = self.last.partition(".")[0]
            return ResNet50(SMOKE_WIDTH, SMOKE_BLOCKS, SMOKE_SHRINK, last)
        return ResNet50(WIDTH, BLOCKS, last=self.last)

    def stages(self, classes: tuple[str, ...]) -> tuple[Stage, ...]:
        """Return the training on frames, then that of the head where there is one.

        What the frozen layers say of the frames is stored once; so is what describes each frame
        for the head, which is learnt by itself.
        """
        frames = Stage(
            "frames",
            self.frame_plan,
            part=partial(learnt_part, cut=self.cut),
            forward=partial(frame_logits, cut=self.cut),
            reads=None if self.cut == STEM else partial(maps_before, cut=self.cut),
            targets=frame_targets,
        )
        if not self.head:
            return (frames,)
        sequences = Stage(
            "sequences",
            self.sequence_plan,
            part=head_part,
            forward=sequence_logits,
            reads=described_frames,
        )
        return frames, sequences

    def complete(
        self, module: nn.Module, inputs: Tensor, targets: NDArray[np.float32], seed: int
    ) -> None:
        """Do nothing: the last stage is the end."""

    def changed(self, **settings: Any) -> VggFace:
        """Return it with other settings; ``epochs`` is of both stages, ``smoke`` brings its own."""
        epochs = settings.pop("epochs", None)
        if settings.get("smoke") and not self.smoke:
            frames = SMOKE_BEFORE_HEAD if settings.get("head", self.head) else SMOKE_FRAMES
            settings = {"frame_plan": frames, "sequence_plan": SMOKE_SEQUENCES, **settings}
        if "weights" in settings:
            settings["weights"] = os.fspath(settings["weights"])
        found = replace(self, **settings)
        if epochs is not None:
            found = replace(
                found,
                frame_plan=replace(found.frame_plan, epochs=epochs),
                sequence_plan=replace(found.sequence_plan, epochs=epochs),
            )
        return found


def frame_targets(material: Material, places: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the clip's label for each of its frames, (n, T, C); zeros for padding.

    Of units, which may be several, each has an equal share.
    """
    labels = material.targets[places]
    shares = labels / np.maximum(labels.sum(1, keepdims=True), 1)
    present = np.array([material.inputs[place].any((1, 2, 3)) for place in places], np.float32)
    return np.asarray(shares[:, None] * present[:, :, None], np.float32)


_ALL = (
    VggFace("vggface"),
    VggFace("vggface_classifier", retrain=NOTHING),
    VggFace("vggface_shortened", last="layer3"),
    VggFace("vggface_lstm", head="lstm"),
    VggFace("vggface_lstm_bi", head="lstm_bi"),
    VggFace("vggface_gru", head="gru"),
    VggFace("vggface_tcn", head="tcn"),
    VggFace("vggface_attention", head="lstm", attention=128),
    VggFace("vggface_attention_pool", head="softmax_pool", attention=128),
    VggFace("vggface_gru_magnified", MAGNIFIED, head="gru"),
    VggFace("vggface_tcn_magnified", MAGNIFIED, head="tcn"),
)
SYSTEMS: dict[str, VggFace] = {each.name: each for each in _ALL}
"""Every system of this family by name."""
