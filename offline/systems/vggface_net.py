"""The network of the VGGFace2 transfer family: frames, described, then judged one by one or all.

Bai, *Detection of micro-expression recognition based on spatio-temporal modelling and spatial
attention*, ICMI 2020 (doctoral consortium), sections 3.1, 3.2, 4.1 and 4.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from offline.systems.frame_sequence_heads import frame_mask, masked_mean, sequence_head
from offline.systems.resnet50 import ResNet50

FRAMES_AT_ONCE = 64
"""Frames described at once where nothing is learnt; more need more memory."""


class SpatialAttention(nn.Module):
    """The mean of a map over its places, weighed by how much each says of the face.

    Aminbeidokhti et al., ICIAR 2019: a small network scores every place, a softmax over the places
    makes weights that sum to 1.

    Parameters
    ----------
    channels, inner
        Of the map, and of the scoring network.
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(channels, inner, 1)
        self.score = nn.Conv2d(inner, 1, 1, bias=False)

    def weights(self, maps: Tensor) -> Tensor:
        """Return what each place weighs, (N, h, w), of (N, C, h, w)."""
        scores = self.score(torch.tanh(self.inner(maps)))
        return torch.softmax(scores.flatten(1), 1).unflatten(1, maps.shape[2:])

    def forward(self, maps: Tensor) -> Tensor:
        """Return the weighed mean, (N, C, 1, 1)."""
        return (maps * self.weights(maps).unsqueeze(1)).sum((2, 3), keepdim=True)


class FaceSequences(nn.Module):
    """Faces of a clip, (N, T, 3, H, W) float32 RGB from 0 to 1, to logits (N, classes).

    Steps that are all zero are padding. A head reads what describes each frame; without one, the
    frames are judged alone and the clip has the mean of their logits.

    Parameters
    ----------
    encoder
        Describes each frame by a map.
    frame_layers
        Values of the connected layers that end in the classes of one frame (fc1, fc2; the third
        is the classes).
    classes
        Number of logits.
    head, hidden
        See ``frame_sequence_heads.sequence_head``; no head if empty.
    attention
        Values of the network that scores places; 0 takes the plain mean.
    """

    def __init__(
        self,
        encoder: ResNet50,
        frame_layers: tuple[int, ...],
        classes: int,
        head: str = "",
        hidden: int = 0,
        attention: int = 0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pool: nn.Module = (
            SpatialAttention(encoder.channels, attention) if attention else nn.AdaptiveAvgPool2d(1)
        )
        layers: list[nn.Module] = []
        inputs = encoder.channels
        for outputs in frame_layers:
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
            inputs = outputs
        self.frame_classes = nn.Sequential(*layers, nn.Linear(inputs, classes))
        self.head = sequence_head(head, encoder.channels, hidden, classes) if head else None

    def forward(self, clips: Tensor) -> Tensor:
        """Return the logits."""
        mask = frame_mask(clips)
        frames = self._described(clips.flatten(0, 1)).unflatten(0, (-1, clips.shape[1]))
        if self.head is not None:
            logits: Tensor = self.head(frames * mask.unsqueeze(2), mask)
            return logits
        return masked_mean(self.frame_classes(frames), mask)

    def attention(self, clips: Tensor) -> Tensor:
        """Return what each place of each frame weighs, (N, T, h, w); even without attention."""
        maps = self.encoder(clips.flatten(0, 1))
        if isinstance(self.pool, SpatialAttention):
            weights = self.pool.weights(maps)
        else:
            weights = torch.full_like(maps[:, 0], 1 / maps[0, 0].numel())
        shown = weights.unflatten(0, (-1, clips.shape[1]))
        return shown * frame_mask(clips)[:, :, None, None]

    def _described(self, faces: Tensor) -> Tensor:
        """Return (N, D) of faces, (N, 3, H, W)."""
        still = not (torch.is_grad_enabled() or torch.compiler.is_exporting())
        if still and len(faces) > FRAMES_AT_ONCE:
            parts = [self.pool(self.encoder(part)) for part in faces.split(FRAMES_AT_ONCE)]
            return torch.cat(parts).flatten(1)
        described: Tensor = self.pool(self.encoder(faces)).flatten(1)
        return described


# What the stages of a training read and answer ----------------------------------------------------


def maps_before(net: nn.Module, clips: Tensor, cut: str) -> Tensor:
    """Return what the first learnt block reads of each frame, (N, T, …), padding all zero."""
    assert isinstance(net, FaceSequences)
    mask = frame_mask(clips)
    parts = [net.encoder.before(part, cut) for part in clips.flatten(0, 1).split(FRAMES_AT_ONCE)]
    maps = torch.cat(parts).unflatten(0, (-1, clips.shape[1]))
    return maps * mask.reshape(*mask.shape, *[1] * (maps.ndim - 2))


def frame_logits(net: nn.Module, maps: Tensor, cut: str) -> Tensor:
    """Return the logits of each frame, (N, T, classes), of what ``maps_before`` says.

    Padding does not go through the network, so that normalisation over the batch never sees it;
    its logits are zero.
    """
    assert isinstance(net, FaceSequences)
    present = frame_mask(maps) > 0
    described = net.pool(net.encoder.after(maps[present], cut)).flatten(1)
    judged = net.frame_classes(described)
    logits = judged.new_zeros(*present.shape, judged.shape[1])
    logits[present] = judged
    return logits


def described_frames(net: nn.Module, clips: Tensor) -> Tensor:
    """Return what describes each frame, (N, T, D), padding all zero."""
    assert isinstance(net, FaceSequences)
    frames = net._described(clips.flatten(0, 1)).unflatten(0, (-1, clips.shape[1]))
    return frames * frame_mask(clips).unsqueeze(2)


def sequence_logits(net: nn.Module, frames: Tensor) -> Tensor:
    """Return the logits of each clip, (N, classes), of what ``described_frames`` says."""
    assert isinstance(net, FaceSequences)
    assert net.head is not None
    logits: Tensor = net.head(frames, frame_mask(frames))
    return logits


def learnt_part(net: nn.Module, cut: str) -> nn.Module:
    """Return what stage one learns: the encoder from a cut on, attention, the frames' classes."""
    assert isinstance(net, FaceSequences)
    return nn.ModuleList([*net.encoder.learnt(cut), net.pool, net.frame_classes])


def head_part(net: nn.Module) -> nn.Module:
    """Return what stage two learns."""
    assert isinstance(net, FaceSequences)
    assert net.head is not None
    return net.head
