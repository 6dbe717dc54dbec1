"""The shallow networks of the field, each with its source."""

from __future__ import annotations

from offline.nets.layers import (
    AvgPool,
    Branches,
    Conv,
    Dense,
    Drop,
    Flatten,
    Layer,
    MaxPool,
    Net,
    Norm,
    Relu,
)


def ststnet(classes: int, channels: int = 3, side: int = 28) -> Net:
    """Shallow Triple Stream Three-dimensional CNN (Liong et al., FG 2019, fig. 2).

    Three ways of one 3×3 convolution with 3, 5 and 8 kernels over u, v and strain, pooled, put
    together, pooled again and connected fully: 400 values at 28×28.
    """
    ways = tuple(
        (Conv(kernels, 3, 2), Relu(), Norm(), MaxPool(3, 3, 1), Drop(0.5)) for kernels in (3, 5, 8)
    )
    layers: tuple[Layer, ...] = (Branches(ways), AvgPool(2, 2), Flatten(), Dense(classes))
    return Net((channels, side, side), layers)
