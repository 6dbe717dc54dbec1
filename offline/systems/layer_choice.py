"""From which layer to learn further: the one whose Grad-CAM lies nearest to the features of a face.

Bai, ICMI 2020, section 3.1: Grad-CAM is applied to every convolutional layer of the network learnt
on identities; "the layer where the highlighted area were closest to the facial features" is l_s,
and l_0 … l_(s-1) are frozen. The paper looks at heat maps; here each layer has a figure: the share
of its map that lies on eyes, brows, nose, cheeks and mouth of the aligned face.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from offline.explain.grad_cam import grad_cams
from offline.systems.resnet50 import NOTHING, STEM, ResNet50
from offline.systems.vggface_weights import load_encoder
from realtime_mer.face.regions import inside, region_labels
from realtime_mer.face.topology import CROP, REGIONS, canonical_crop_xy, mirror_index
from realtime_mer.motion.flow import face_mask

Float = NDArray[np.float32]

EYES = ("eye_left", "eye_right")
PARTS = (*REGIONS, *EYES)
"""Where expressions show: the six regions and the eyes themselves."""
_EYE_RIGHT = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
UNTRAINED = "the weights are drawn, not learnt: these figures mean nothing; give --weights"
AT_ONCE = 8
"""Pictures that go through the network at once."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerScore:
    """One layer's Grad-CAM, over some faces.

    Attributes
    ----------
    layer
        As ``VggFace.retrain`` names it.
    expressive, face
        Mean share of a map on the expressive parts, and on the whole face, 0 to 1.
    error
        Standard error of ``expressive`` over the faces.
    gain
        ``expressive`` over that of a map that is even everywhere: 1 looks nowhere.
    parts
        Mean share on each of ``PARTS``.
    learnt
        Weights of the encoder that are learnt if learning begins here.
    maps
        (N, 320, 320) float32 over the aligned crop, each summing to 1, or 0 where nothing speaks
        for the class.
    """

    layer: str
    expressive: float
    face: float
    error: float
    gain: float
    parts: Mapping[str, float]
    learnt: int
    maps: Float


@dataclass(frozen=True, slots=True, eq=False)
class LayerChoice:
    """What ``choose_layer`` found.

    Attributes
    ----------
    chosen
        Where to begin, as ``VggFace.retrain`` takes it.
    scores
        Every layer, first to last.
    warning
        Why the choice means nothing; empty where it does.
    """

    chosen: str
    scores: tuple[LayerScore, ...]
    warning: str = ""


class Recognising(nn.Module):
    """An encoder and what it was learnt for: identities, or its own channels where that is lost.

    Parameters
    ----------
    identities
        The last layer of VGGFace2's network; None explains the strongest of the encoder's
        channels.
    """

    def __init__(self, encoder: ResNet50, identities: nn.Linear | None) -> None:
        super().__init__()
        self.encoder = encoder
        self.identities: nn.Module = identities or nn.Identity()

    def forward(self, faces: Tensor) -> Tensor:
        """Return logits of identities, (N, 8631), or (N, channels)."""
        logits: Tensor = self.identities(self.encoder(faces).mean((2, 3)))
        return logits


def recognising(
    weights: str | os.PathLike[str] = "", seed: int = 0, encoder: ResNet50 | None = None
) -> Recognising:
    """Return the network to be looked into.

    Parameters
    ----------
    weights
        Local file of VGGFace2's weights, see ``load_encoder``; empty draws them from ``seed``.
    encoder
        Of another size, for tests.

    Raises
    ------
    ModelError
        The file cannot be read or is of another network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = encoder or ResNet50()
        identities = load_encoder(encoder, weights) if weights else None
    net = Recognising(encoder, identities)
    net.eval()
    return net


def choose_layer(net: Recognising, faces: Float, trained: bool = True) -> LayerChoice:
    """Measure every layer and choose where to begin.

    Each face is explained for the identity that the network sees in it. The layer with the
    highest share on expressive parts is best; of those within one standard error of it the
    deepest is chosen, which leaves least to be learnt from few clips (Breiman et al. 1984, the
    one-standard-error rule).

    Parameters
    ----------
    net
        See ``recognising``.
    faces
        (N, 3, 224, 224) float32, of the recipe ``face_apex``; N at least 1. More make the choice
        surer.
    trained
        Whether its weights are learnt; the choice is marked where they are not.
    """
    layers = {name: _module(net.encoder, name) for name in net.encoder.cuts() if name != NOTHING}
    parts: list[list[Float]] = [[] for _ in layers]
    for begin in range(0, len(faces), AT_ONCE):
        some = torch.from_numpy(faces[begin : begin + AT_ONCE])
        with torch.no_grad():
            seen = net(some).argmax(1)
        cams = grad_cams(net, tuple(layers.values()), some, seen)
        for kept, maps in zip(parts, cams, strict=True):
            kept.append(_over_the_crop(maps))
    scores = tuple(
        _score(name, np.concatenate(maps), _values(net.encoder, name))
        for name, maps in zip(layers, parts, strict=True)
    )
    return LayerChoice(_chosen(scores), scores, "" if trained else UNTRAINED)


def _module(encoder: ResNet50, name: str) -> nn.Module:
    return encoder.maxpool if name == STEM else encoder.get_submodule(name)


def _values(encoder: ResNet50, cut: str) -> int:
    learnt = encoder.learnt(cut)
    return sum(each.numel() for module in learnt for each in module.parameters())


def _over_the_crop(maps: Tensor) -> Float:
    """Return (N, 320, 320), each summing to 1 (0 if it is 0 all over), of (N, h, w)."""
    wide = functional.interpolate(maps[:, None], (CROP, CROP), mode="bilinear")[:, 0].double()
    shares = wide / wide.sum((1, 2), keepdim=True).clamp_min(1e-30)
    return np.asarray(shares.float().numpy(), np.float32)


def _score(name: str, maps: Float, learnt: int) -> LayerScore:
    shares = {part: (maps * mask).sum((1, 2), dtype=np.float64) for part, mask in _masks().items()}
    expressive = np.sum(list(shares.values()), axis=0)
    even = sum(float(mask.mean()) for mask in _masks().values())
    count = len(maps)
    error = float(expressive.std(ddof=1) / np.sqrt(count)) if count > 1 else 0.0
    return LayerScore(
        layer=name,
        expressive=float(expressive.mean()),
        face=float((maps * face_mask()).sum((1, 2), dtype=np.float64).mean()),
        error=error,
        gain=float(expressive.mean() / even),
        parts={part: float(share.mean()) for part, share in shares.items()},
        learnt=learnt,
        maps=maps,
    )


def _chosen(scores: tuple[LayerScore, ...]) -> str:
    best = max(scores, key=lambda score: score.expressive)
    near = [score for score in scores if score.expressive >= best.expressive - best.error]
    return near[-1].layer


@cache
def _masks() -> dict[str, NDArray[np.bool_]]:
    """Return where each of ``PARTS`` lies on the crop, (320, 320); none overlaps another."""
    labels = region_labels()
    masks = {name: labels == number for number, name in enumerate(REGIONS, start=1)}
    twin, crop_xy = mirror_index(), canonical_crop_xy()
    right = list(_EYE_RIGHT)
    for name, points in zip(EYES, ([int(twin[p]) for p in right], right), strict=True):
        masks[name] = inside(crop_xy[points], CROP, CROP) & (labels == 0)
    return masks
