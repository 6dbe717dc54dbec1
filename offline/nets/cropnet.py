"""CropNet: ten overlapping views of a residual picture, one extractor, places learnt.

Zhao, Chen & Luo, *Micro-expression recognition based on pixel residual sum and cropped Gaussian
pyramid*, Frontiers in Neurorobotics 15, 2021, doi 10.3389/fnbot.2021.746985, sections 3.2.2 to
3.2.4. The extractor is ``offline.nets.rexnet``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from offline.nets.rexnet import REXNET, TrunkPlan, pointwise, rexnet_trunk, tail_channels

SIDE, VIEW = 320, 160
"""Sides of the picture and of each view."""
OVERLAP = 0.3
"""The paper's α: share of a view that the next one shows again."""
FEATURES = 24
"""Length of a view's description (section 3.2.4)."""
POSITION_VARIANCE = 0.2
WIDTH = 1.5
"""Width of the ReXNet, see ``CropNet``."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""Burt & Adelson's five taps (*The Laplacian pyramid*, IEEE Trans. Comm. 31, 1983; a = 3/8)."""


def corners(side: int, view: int = VIEW, overlap: float = OVERLAP) -> tuple[int, ...]:
    """Return where views begin along one side of the picture, first to last, in pixels.

    Parameters
    ----------
    side, view
        Of the picture and of a view, pixels.
    overlap
        Share of a view that the next one shows again, 0 to below 1. Higher gives more views.
    """
    stride = round(view * (1 - overlap))
    return (*range(0, side - view, stride), side - view)


class CroppedPyramid(nn.Module):
    """Cropped Gaussian pyramid with overlap: (N, 3, 320, 320) to (N, 10, 3, 160, 160).

    View 0 is the whole picture, blurred and halved. Views 1 to 9 are cut from the picture itself,
    left to right, then down. With α = 0.3 a view begins 0.7 · 160 = 112 pixels after the one
    before; the last is moved back to the border: 0, 112, 160. That gives the paper's nine (it
    states α, ten views and both sides, but not the places). So the first two views of a row share
    30 %, the last two 70 %.

    Parameters
    ----------
    pyramid
        False leaves view 0 alone (the paper's "without GCOP").
    side
        Of the picture, even; views have half of it, and places shrink alike.
    """

    kernel: Tensor

    def __init__(self, pyramid: bool = True, side: int = SIDE) -> None:
        super().__init__()
        self.view = side // 2
        starts = corners(side, self.view) if pyramid else ()
        self.places = tuple((top, left) for top in starts for left in starts)
        taps = torch.tensor(BINOMIAL)
        self.register_buffer("kernel", torch.outer(taps, taps).repeat(3, 1, 1, 1), persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        """Return the views of each picture."""
        mirrored = functional.pad(picture, (2, 2, 2, 2), mode="reflect")
        views = [functional.conv2d(mirrored, self.kernel, stride=2, groups=3)]
        for top, left in self.places:
            views.append(picture[:, :, top : top + self.view, left : left + self.view])
        return torch.stack(views, 1)


class CropNet(nn.Module):
    """Residual pictures, (N, 3, 320, 320) float32 RGB from 0 to 1, to logits (N, classes).

    Every view goes through the same extractor and the same head to 24 values. A trained vector
    for its place is added to each of views 1 to 9; all 240 values go into one connected layer.

    The paper states 7.6 million parameters and names ReXNet, not its width nor the head's.
    ReXNet 1.5 with its own last convolution as the head comes to 7.85 million for three classes:

    ========================  =========
    extractor, 16 blocks      7 271 913
    head: 277 → 1920 → 24       581 784
    nine places                     216
    240 → 3                         723
    ========================  =========

    Other readings: ReXNet 1.3 has 7.56 million as published, with its layer for ImageNet's 1000
    classes, and 5.93 here; ReXNet 1.0 comes to 7.6 only with ten heads of 2048 channels, and a
    head of its own would know its view's place without a vector for it.

    Parameters
    ----------
    classes
        Number of logits.
    pyramid
        False describes the halved picture alone, with no crops (the paper's ablation).
    width
        Of the ReXNet: 1.0, 1.3 and 1.5 are published. Higher has more channels everywhere and
        costs about its square.
    plan
        Of the extractor; the published one, but for tests.
    shrink
        Each so many pixels along a side become one, their mean, before anything else.

    Attributes
    ----------
    extractor
        What ``rexnet.load_trunk`` fills with weights learnt on ImageNet.
    positions
        (9, 24) for the places of views 1 to 9; None without the pyramid.
    """

    shift: Tensor
    scale: Tensor
    positions: nn.Parameter | None

    def __init__(
        self,
        classes: int,
        pyramid: bool = True,
        width: float = WIDTH,
        plan: TrunkPlan = REXNET,
        shrink: int = 1,
    ) -> None:
        super().__init__()
        self.shrink = shrink
        std = torch.tensor(IMAGENET_STD).reshape(1, 3, 1, 1)
        mean = torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1)
        self.register_buffer("scale", 1 / std, persistent=False)
        self.register_buffer("shift", -mean / std, persistent=False)
        self.views = CroppedPyramid(pyramid, SIDE // shrink)
        places = len(self.views.places)
        self.extractor, channels = rexnet_trunk(width, plan)
        wide = tail_channels(width, plan)
        self.head = nn.Sequential(
            *pointwise(channels, wide), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(wide, FEATURES),
        )  # fmt: skip
        drawn = torch.randn(places, FEATURES) * POSITION_VARIANCE**0.5
        self.positions = nn.Parameter(drawn) if places else None
        self.classes = nn.Linear((1 + places) * FEATURES, classes)

    def forward(self, picture: Tensor) -> Tensor:
        """Return the logits."""
        if self.shrink > 1:
            picture = functional.avg_pool2d(picture, self.shrink)
        views = self.views(picture * self.scale + self.shift)
        described = self.head(self.extractor(views.flatten(0, 1)))
        described = described.unflatten(0, (-1, 1 + len(self.views.places)))
        if self.positions is not None:
            described = described + functional.pad(self.positions, (0, 0, 1, 0))
        logits: Tensor = self.classes(described.flatten(1))
        return logits


def cropnet(classes: int, pyramid: bool = True) -> CropNet:
    """Return a CropNet with drawn weights; see ``CropNet``."""
    return CropNet(classes, pyramid)
