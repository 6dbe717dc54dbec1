"""A small network as a list of layers, which every engine reads.

Pictures are (C, H, W), after ``Flatten`` they are vectors (n,).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError

Shape = tuple[int, ...]
Weights = Mapping[str, NDArray[np.float32]]
"""Parameters by name: the layer's path and what it is, such as ``0.1.2.weight``."""
FACES = 65536
"""Of the dice that dropout throws, see ``dice``."""
RUNNING = ("mean", "variance")
"""What normalisation keeps of the batches that it has seen …"""
NORM_PARTS = ("weight", "bias", *RUNNING)
"""… and all that it has, in the order of ``parameter_shapes``."""


@dataclass(frozen=True, slots=True)
class Conv:
    """Correlation with ``out`` square kernels of side ``kernel``, stride 1, zeros around."""

    out: int
    kernel: int = 3
    padding: int = 1
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Norm:
    """Batch normalisation of each channel (Ioffe & Szegedy 2015); running statistics in use."""

    epsilon: float = 1e-5
    momentum: float = 0.1


@dataclass(frozen=True, slots=True)
class Relu:
    """Nothing below zero."""


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Largest of a square; beyond the border is nothing."""

    size: int = 2
    stride: int = 2
    padding: int = 0


@dataclass(frozen=True, slots=True)
class AvgPool:
    """Mean of a square."""

    size: int = 2
    stride: int = 2


@dataclass(frozen=True, slots=True)
class Drop:
    """Silences ``share`` of all values in training and raises the others (Srivastava 2014).

    Raises
    ------
    ConfigError
        ``share`` is not from 0 to below 1.
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ConfigError(f"share is {self.share}; give what part is silent, from 0 to below 1")

    @property
    def threshold(self) -> int:
        """Of ``FACES``, how many silence a value: never all."""
        return min(round(self.share * FACES), FACES - 1)


@dataclass(frozen=True, slots=True)
class Flatten:
    """From pictures to vectors."""


@dataclass(frozen=True, slots=True)
class Dense:
    """Fully connected."""

    out: int


@dataclass(frozen=True, slots=True)
class Take:
    """Only these channels of the picture."""

    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Branches:
    """Several ways from the same picture or vector; their results one after another."""

    paths: tuple[tuple[Layer, ...], ...]


@dataclass(frozen=True, slots=True)
class Capsules:
    """Capsules by dynamic routing (Sabour et al. 2017, procedure 1); the length is the answer.

    The picture is cut into primary capsules of ``primary`` neighbouring channels at each place;
    a transformation for each of them and each class predicts ``out`` capsules of ``size``
    values, ``rounds`` rounds of routing by agreement choose among the predictions. The result is
    the length of each capsule, (out,), times ``scale``, so that a softmax can tell them apart.
    """

    out: int
    size: int = 16
    primary: int = 8
    rounds: int = 3
    scale: float = 10.0


Layer = Conv | Norm | Relu | MaxPool | AvgPool | Drop | Flatten | Dense | Take | Branches | Capsules


@dataclass(frozen=True, slots=True)
class Net:
    """A network.

    Attributes
    ----------
    inputs
        (C, H, W) of what it reads.
    layers
        From the input to the logits.
    """

    inputs: Shape
    layers: tuple[Layer, ...]

    @property
    def outputs(self) -> int:
        """Number of logits."""
        return prod(shape_after(self.layers, self.inputs))

    @property
    def parameters(self) -> int:
        """Number of learnt values."""
        shapes = parameter_shapes(self)
        return sum(prod(shape) for name, shape in shapes.items() if learnt(name))


def shape_after(layers: tuple[Layer, ...], shape: Shape) -> Shape:
    """Return the shape that comes out of some layers.

    Raises
    ------
    ConfigError
        A layer cannot read what comes to it.
    """
    for layer in layers:
        shape = _after(layer, shape)
    return shape


def _after(layer: Layer, shape: Shape) -> Shape:  # noqa: C901 (one case a layer)
    match layer, shape:
        case ((Norm() | Relu() | Drop()), _):
            return shape
        case Conv(), (_, height, width):
            grown = 2 * layer.padding - layer.kernel + 1
            return layer.out, height + grown, width + grown
        case MaxPool(), (channels, *sides):
            return channels, *(_pooled(side + 2 * layer.padding, layer) for side in sides)
        case AvgPool(), (channels, *sides):
            return channels, *(_pooled(side, layer) for side in sides)
        case Flatten(), _:
            return (prod(shape),)
        case Dense(), (_,):
            return (layer.out,)
        case Capsules(), (channels, _, _) if channels % layer.primary == 0:
            return (layer.out,)
        case Take(), (channels, *sides) if max(layer.channels) < channels:
            return len(layer.channels), *sides
        case Branches(), _:
            ends = [shape_after(path, shape) for path in layer.paths]
            if len({end[1:] for end in ends}) == 1:
                return sum(end[0] for end in ends), *ends[0][1:]
    raise ConfigError(f"layer {layer} cannot read {shape}: change the layers before it")


def _pooled(side: int, layer: MaxPool | AvgPool) -> int:
    return (side - layer.size) // layer.stride + 1


def walk(
    layers: tuple[Layer, ...], shape: Shape, path: str = ""
) -> Iterator[tuple[str, Layer, Shape]]:
    """Yield every layer with its path (``0.1.2``) and the shape that comes to it, in order."""
    for place, layer in enumerate(layers):
        name = f"{path}{place}"
        if isinstance(layer, Branches):
            for number, branch in enumerate(layer.paths):
                yield from walk(branch, shape, f"{name}.{number}.")
        else:
            yield name, layer, shape
        shape = _after(layer, shape)


def parameter_shapes(net: Net) -> dict[str, Shape]:
    """Return the shape of every parameter and running statistic by name, in order."""
    shapes: dict[str, Shape] = {}
    for name, layer, shape in walk(net.layers, net.inputs):
        match layer:
            case Conv():
                shapes[f"{name}.weight"] = (layer.out, shape[0], layer.kernel, layer.kernel)
                if layer.bias:
                    shapes[f"{name}.bias"] = (layer.out,)
            case Norm():
                for part in NORM_PARTS:
                    shapes[f"{name}.{part}"] = (shape[0],)
            case Dense():
                shapes[f"{name}.weight"] = (layer.out, shape[0])
                shapes[f"{name}.bias"] = (layer.out,)
            case Capsules():
                places = prod(shape) // layer.primary
                shapes[f"{name}.weight"] = (places, layer.primary, layer.out * layer.size)
    return shapes


def learnt(name: str) -> bool:
    """Return whether a parameter is learnt by descent, not a running statistic."""
    return not name.endswith(RUNNING)


def initial(net: Net, seed: int) -> dict[str, NDArray[np.float32]]:
    """Draw weights as PyTorch does by default: uniform within 1/√(inputs of a unit).

    Normalisation begins with weight 1, bias 0, mean 0, variance 1; capsules with a normal
    distribution of σ 0.05.
    """
    generator = np.random.default_rng(seed)
    weights: dict[str, NDArray[np.float32]] = {}
    shapes = parameter_shapes(net)
    for name, layer, _ in walk(net.layers, net.inputs):
        for part in NORM_PARTS:
            key = f"{name}.{part}"
            if key not in shapes:
                continue
            if isinstance(layer, Norm):
                filled = np.full(shapes[key], float(part in ("weight", "variance")))
            elif isinstance(layer, Capsules):
                filled = generator.normal(0, 0.05, shapes[key])
            else:
                bound = 1 / sqrt(prod(shapes[f"{name}.weight"][1:]))
                filled = generator.uniform(-bound, bound, shapes[key])
            weights[key] = filled.astype(np.float32)
    return weights
