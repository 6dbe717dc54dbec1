"""The shallow networks of the field, each with its source."""

from __future__ import annotations

from collections.abc import Callable

from offline.nets.layers import (
    AvgPool,
    Branches,
    Capsules,
    Conv,
    Dense,
    Drop,
    Flatten,
    Layer,
    MaxPool,
    Net,
    Norm,
    Relu,
    Take,
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


def off_apexnet(classes: int, channels: int = 2, side: int = 28) -> Net:
    """OFF-ApexNet (Gan et al., Signal Processing: Image Communication 74, 2019).

    One way for u and one for v: 5×5 convolutions with 6 and 16 kernels, each pooled by 2; then
    two connected layers of 1024. 2.66 million values at 28×28.
    """
    ways = tuple(
        (Take((plane,)), *_pooled_conv(6, 5), *_pooled_conv(16, 5)) for plane in range(channels)
    )
    layers = (Branches(ways), Flatten(), *_wide(1024), *_wide(1024), Dense(classes))
    return Net((channels, side, side), layers)


def dual_inception(classes: int, channels: int = 2, side: int = 28) -> Net:
    """Dual-Inception (Zhou, Mao & Xue, FG 2019; sizes as in the authors' published code).

    One way for u and one for v: two blocks of four parallel ways (1×1; 1×1, 3×3; 1×1, 5×5;
    pooling, 1×1) with 6 and 16 kernels each, every block pooled by 2; then a connected layer of
    1024. 6.4 million values at 28×28.
    """
    ways = tuple(
        (Take((plane,)), _inception(6), MaxPool(2, 2), _inception(16), MaxPool(2, 2))
        for plane in range(channels)
    )
    layers = (Branches(ways), Flatten(), Dense(1024), Relu(), Dense(classes))
    return Net((channels, side, side), layers)


def capsulenet(classes: int, channels: int = 2, side: int = 28) -> Net:
    """CapsuleNet (Van Quang, Chun & Tokuyama, FG 2019) behind a convolution, not behind ResNet18.

    The published net reads the apex picture at 224×224 through three stages of ResNet18, which
    leave 28×28 places: as many as a flow map has. What follows there, 9×9 with stride 1 and 9×9
    with stride 2 down to 6×6 capsules of 8 values, is here 9×9, pooling by 2 and 5×5, with fewer
    kernels; three rounds of routing to capsules of 16 values are the same.
    """
    layers = (
        Conv(32, 9, 0), Norm(), Relu(), MaxPool(2, 2), Conv(64, 5, 0),
        Capsules(classes, size=16, primary=8, rounds=3),
    )  # fmt: skip
    return Net((channels, side, side), layers)


def capsulenet_units(units: int, channels: int = 2, side: int = 28) -> Net:
    """Return ``capsulenet`` for action units: lengths are never negative, so logits follow them."""
    net = capsulenet(units, channels, side)
    return Net(net.inputs, (*net.layers, Dense(units)))


def flow_cnn(classes: int, channels: int = 2, side: int = 28) -> Net:
    """Return the convolutional member of the default recogniser (``models.flow_cnn.FlowCnn``).

    Layers stand in the order of that one, with one connected layer at the end.
    """
    layers = (
        *_block(16), MaxPool(2, 2), *_block(24), MaxPool(2, 2), *_block(32),
        Flatten(), Drop(0.3), Dense(48), Relu(), Dense(classes),
    )  # fmt: skip
    return Net((channels, side, side), layers)


NETS: dict[str, Callable[[int, int, int], Net]] = {
    build.__name__: build
    for build in (ststnet, off_apexnet, dual_inception, capsulenet, capsulenet_units, flow_cnn)
}
"""Every network by name: a function of classes, planes of the map and its side."""


def _pooled_conv(kernels: int, size: int) -> tuple[Layer, ...]:
    return Conv(kernels, size, size // 2), Relu(), MaxPool(2, 2)


def _wide(units: int) -> tuple[Layer, ...]:
    return Dense(units), Relu(), Drop(0.5)


def _inception(kernels: int) -> Branches:
    narrow: tuple[Layer, ...] = (Conv(kernels, 1, 0), Relu())
    return Branches((
        narrow,
        (*narrow, Conv(kernels, 3, 1), Relu()),
        (*narrow, Conv(kernels, 5, 2), Relu()),
        (MaxPool(3, 1, 1), *narrow),
    ))  # fmt: skip


def _block(kernels: int) -> tuple[Layer, ...]:
    return Conv(kernels, 3, 1, bias=False), Norm(), Relu()
