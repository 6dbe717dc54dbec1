"""The four changes of pictures that CropNet is trained with, in their order.

Zhao, Chen & Luo 2021, section 3.2.1: colours; grey; left for right; a turn. All pictures of a
batch are changed at once, each in its own way. Where the paper is silent we do as the usual
library of its time does by default: the four changes of colour come in an order drawn for each
picture, a turn takes the nearest pixel, and what turns into the picture is black.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from math import pi
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

FACTOR = (0.2, 1.8)
"""Range of brightness, contrast and saturation, as factors."""
HUE = 0.5
"""Farthest turn of the hue, as a share of the colour circle."""
GREY, FLIPPED = 0.2, 0.5
"""Share of pictures made grey, and of those mirrored."""
TURN_DEG = 15.0
LUMINANCE = (0.299, 0.587, 0.114)
"""Of red, green and blue (ITU-R BT.601)."""


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """How each of n pictures is changed.

    Attributes
    ----------
    brightness, contrast, saturation
        (n,) factors; 1 changes nothing.
    hue
        (n,) added to the hue, in turns of the colour circle; 0 changes nothing.
    order
        (n, 4) which of the four above comes first, second … (a permutation of 0 to 3).
    grey, flipped
        (n,) bool.
    turn_deg
        (n,) degrees clockwise.
    """

    brightness: Tensor
    contrast: Tensor
    saturation: Tensor
    hue: Tensor
    order: Tensor
    grey: Tensor
    flipped: Tensor
    turn_deg: Tensor

    def to(self, device: torch.device) -> Self:
        """Return them on a device."""
        return type(self)(*(getattr(self, each.name).to(device) for each in fields(self)))


def draw_changes(count: int, generator: torch.Generator) -> Changes:
    """Draw changes for ``count`` pictures; on the CPU, as the generator is."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    return Changes(
        brightness=uniform(*FACTOR),
        contrast=uniform(*FACTOR),
        saturation=uniform(*FACTOR),
        hue=uniform(-HUE, HUE),
        order=torch.rand(count, 4, generator=generator).argsort(1),
        grey=uniform(0, 1) < GREY,
        flipped=uniform(0, 1) < FLIPPED,
        turn_deg=uniform(-TURN_DEG, TURN_DEG),
    )


def augmented(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Return changed copies of the pictures, drawn anew (a stage's ``augment``).

    Parameters
    ----------
    pictures
        (n, 3, H, W) float32 RGB, 0 to 1, on any device.
    generator
        On the CPU; equal states give equal changes on every device.

    Returns
    -------
    (n, 3, H, W) float32, 0 to 1.
    """
    return changed(pictures, draw_changes(len(pictures), generator))


def changed(pictures: Tensor, changes: Changes) -> Tensor:
    """Return the pictures changed as said; shapes as for ``augmented``."""
    changes = changes.to(pictures.device)
    coloured = recoloured(pictures, changes)
    greyed = torch.where(_each(changes.grey), _grey(coloured).expand_as(coloured), coloured)
    mirrored = torch.where(_each(changes.flipped), greyed.flip(3), greyed)
    return turned(mirrored, changes.turn_deg)


def recoloured(pictures: Tensor, changes: Changes) -> Tensor:
    """Return the pictures with the first change, of colours, alone."""
    steps: tuple[tuple[Callable[[Tensor, Tensor], Tensor], Tensor], ...] = (
        (_brighter, changes.brightness), (_contrasted, changes.contrast),
        (_saturated, changes.saturation), (_hue_moved, changes.hue),
    )  # fmt: skip
    result = pictures.clone()
    for turn in changes.order.T:
        for number, (step, amount) in enumerate(steps):
            rows = (turn == number).nonzero()[:, 0]
            if len(rows):
                result[rows] = step(result[rows], _each(amount[rows]))
    return result


def turned(pictures: Tensor, degrees: Tensor) -> Tensor:
    """Return the pictures turned clockwise about their middle; black comes in at the corners.

    Parameters
    ----------
    pictures, degrees
        (n, C, H, W) and (n,).
    """
    angle = degrees * (pi / 180)
    cos, sin, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
    height, width = pictures.shape[2:]
    # Where each pixel comes from: turned back, in coordinates from -1 to 1 along both sides.
    back = torch.stack(
        [cos, sin * (height / width), none, -sin * (width / height), cos, none], 1
    ).reshape(-1, 2, 3)
    grid = functional.affine_grid(back, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, mode="nearest", align_corners=False)


def _each(amount: Tensor) -> Tensor:
    """Return one value a picture, (n,), shaped (n, 1, 1, 1)."""
    return amount[:, None, None, None]


def _grey(pictures: Tensor) -> Tensor:
    red, green, blue = LUMINANCE
    return (red * pictures[:, :1] + green * pictures[:, 1:2] + blue * pictures[:, 2:]).clamp(0, 1)


def _blended(base: Tensor, pictures: Tensor, factor: Tensor) -> Tensor:
    """Return the pictures as far from ``base`` as the factor says, within 0 and 1."""
    return (base + factor * (pictures - base)).clamp(0, 1)


def _brighter(pictures: Tensor, factor: Tensor) -> Tensor:
    return (factor * pictures).clamp(0, 1)


def _contrasted(pictures: Tensor, factor: Tensor) -> Tensor:
    return _blended(_grey(pictures).mean((1, 2, 3), keepdim=True), pictures, factor)


def _saturated(pictures: Tensor, factor: Tensor) -> Tensor:
    return _blended(_grey(pictures), pictures, factor)


def _hue_moved(pictures: Tensor, turns: Tensor) -> Tensor:
    """Return the pictures with their hues moved; HSV's value and saturation stay."""
    high, low = pictures.amax(1, keepdim=True), pictures.amin(1, keepdim=True)
    spread = high - low
    red, green, blue = pictures.split(1, 1)
    unit = torch.where(spread > 0, spread, 1)
    sixth = torch.where(
        high == red,
        (green - blue) / unit,
        torch.where(high == green, 2 + (blue - red) / unit, 4 + (red - green) / unit),
    )
    moved = sixth + 6 * turns
    # Each colour falls off with its distance from the hue around the circle of six.
    away = (moved + moved.new_tensor([5.0, 3.0, 1.0]).reshape(1, 3, 1, 1)).remainder(6)
    return high - spread * torch.minimum(away, 4 - away).clamp(0, 1)
