"""The temporal network of CNN-LSTM-SE: an LSTM for each region, regions weighed, a classifier.

Aouayeb et al. 2022 (doi 10.3389/frsip.2022.861469), section 3.3, equations 6 to 8, figure 6; the
slope of LeakyReLU is that of the authors' code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from offline.systems.region_cnn import Sizes, Weighing, draw_weights
from realtime_mer.face.topology import REGIONS

SLOPE = 0.01
"""Of LeakyReLU below zero."""
STILL = 1e-3
"""A feature that spreads less than this over the training side says nothing."""


class Standardised(nn.Module):
    """Features of regions with mean 0 and σ 1, as measured while training.

    In training it counts every picture that it is shown, so that after each pass over the
    training side mean and spread are exactly that side's; in evaluation it only applies them.
    Steps without a picture are not counted.

    Parameters
    ----------
    shape
        Of the features of one picture: regions, features.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, shape: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))
        self.register_buffer("count", torch.zeros(()))

    def forward(self, features: Tensor, shown: Tensor) -> Tensor:
        """Return (N, T, regions, features); ``shown``, (N, T) bool, tells steps with a picture."""
        if self.training:
            self._count(features[shown])
        spread = self.variance.sqrt()
        scale = torch.where(spread > STILL, 1 / spread.clamp_min(STILL), torch.zeros_like(spread))
        return (features - self.mean) * scale

    @torch.no_grad()
    def _count(self, pictures: Tensor) -> None:
        """Merge the moments of some pictures (Chan, Golub & LeVeque 1979)."""
        new = float(len(pictures))
        share = new / (self.count + new)
        variance, mean = torch.var_mean(pictures, 0, correction=0)
        apart = mean - self.mean
        between = share * (1 - share) * apart.square()
        self.variance.copy_((1 - share) * self.variance + share * variance + between)
        self.mean.add_(share * apart)
        self.count.add_(new)


class TemporalNet(nn.Module):
    """Spatial features of six regions over time, (N, T, 6, features), to logits (N, classes).

    Parameters
    ----------
    classes
        Number of logits.
    sizes
        Widths.
    weighed
        Channels of regions weigh by squeeze and excitation (equation 7); else they are only put
        side by side (2019).
    """

    def __init__(self, classes: int, sizes: Sizes, weighed: bool) -> None:
        super().__init__()
        self.standardised = Standardised((len(REGIONS), sizes.features))
        channels = len(REGIONS) * sizes.cells
        self.weighing = Weighing(channels) if weighed else None
        self.hidden = nn.Linear(channels, sizes.hidden)
        self.classes = nn.Linear(sizes.hidden, classes)
        self.after_cells, self.after_hidden = nn.Dropout(0.2), nn.Dropout(0.5)
        draw_weights(self)
        self.cells = nn.ModuleList(_drawn_cells(sizes) for _ in REGIONS)

    def regions(self, features: Tensor, shown: Tensor) -> Tensor:
        """Return what the LSTM of each region says after its last picture, (N, 6, cells)."""
        even = self.standardised(features, shown)
        steps = torch.arange(1, features.shape[1] + 1, device=features.device)
        last = (steps == shown.sum(1, keepdim=True)).to(even.dtype)[..., None]
        said = [
            (cells(even[:, :, place])[0] * last).sum(1) for place, cells in enumerate(self.cells)
        ]
        return functional.leaky_relu(torch.stack(said, 1), SLOPE)

    def weights(self, said: Tensor) -> Tensor:
        """Return what each channel of each region weighs, (N, 6, cells)."""
        if self.weighing is None:
            return torch.ones_like(said)
        return self.weighing(said.flatten(1)).reshape(said.shape)

    def region_weights(self, features: Tensor, shown: Tensor) -> Tensor:
        """Return what each region weighs, (N, 6): the mean weight of its channels."""
        return self.weights(self.regions(features, shown)).mean(2)

    def forward(self, features: Tensor, shown: Tensor) -> Tensor:
        """Return the logits; ``shown``, (N, T) bool, is true on the steps that have a picture."""
        said = self.after_cells(self.regions(features, shown))
        fused = (said * self.weights(said)).flatten(1)
        hidden = functional.leaky_relu(self.hidden(fused), SLOPE)
        logits: Tensor = self.classes(self.after_hidden(hidden))
        return logits


def _drawn_cells(sizes: Sizes) -> nn.LSTM:
    """Return an LSTM as Keras begins it: forget gates open, recurrent weights orthogonal."""
    cells = nn.LSTM(sizes.features, sizes.cells, batch_first=True)
    with torch.no_grad():
        nn.init.xavier_uniform_(cells.weight_ih_l0)
        nn.init.orthogonal_(cells.weight_hh_l0)
        cells.bias_ih_l0.zero_()
        cells.bias_hh_l0.zero_()
        cells.bias_ih_l0[sizes.cells : 2 * sizes.cells] = 1
    return cells
