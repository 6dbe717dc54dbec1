"""Weights to begin with: the bundled recogniser's, which learnt from synthetic maps alone."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from engines import Package, load_package
from offline.nets.layers import Net, Norm, Weights, initial, parameter_shapes
from realtime_mer.errors import ModelError
from realtime_mer.events import EMOTIONS
from realtime_mer.recognizer import default_package

Float = NDArray[np.float32]

HIDDEN, LAST = "13", "15"
"""Paths of the connected layers in ``zoo.flow_cnn``."""
CONVOLUTIONS = (("0", "1"), ("4", "5"), ("8", "9"))
"""Paths of its convolutions and of the normalisation behind each."""


def start_weights(net: Net, labels: tuple[str, ...], seed: int, key: int) -> Weights:
    """Return weights for ``zoo.flow_cnn`` to begin with.

    Convolutions, normalisation and the hidden layer are those of one convolutional member of the
    bundled recogniser; seeds take them in turns. The last layer is that member's for negative,
    positive and surprise if these are the classes, and drawn from ``key`` otherwise.

    Raises
    ------
    ModelError
        The network is not that member's, or the bundled model has none.
    """
    known = members()
    weights = dict(known[seed % len(known)])
    drawn = initial(net, key)
    if labels != EMOTIONS:
        weights |= {name: each for name, each in drawn.items() if name.startswith(f"{LAST}.")}
    shapes = {name: each.shape for name, each in weights.items()}
    if shapes != parameter_shapes(net):
        raise ModelError(
            "the bundled recogniser's weights do not fit this network: take flow_cnn on "
            "2×28×28 maps"
        )
    return weights


@cache
def members() -> tuple[Weights, ...]:
    """Return the weights of every convolutional member of the bundled recogniser, by our names.

    The bundled file holds normalisation merged into the convolutions. It is taken apart again:
    mean and variance are those of the package's own samples, weight and bias undo them, so that
    answers are the same and training begins where the member stood.

    Raises
    ------
    ModelError
        The bundled model is of another kind.
    """
    package = load_package(default_package())
    found, pairs = _arrays(package)
    count = sum(f"members.{number}.hidden.2.weight" in found for number in range(len(pairs)))
    if not count or len(pairs) != len(CONVOLUTIONS) * count:
        raise ModelError(
            f"the bundled model {package.card.name} has {len(pairs)} convolutions for {count} "
            "members: begin with drawn weights instead"
        )
    samples = package.samples()[0].astype(np.float32)
    rows = [package.card.labels.index(emotion) for emotion in EMOTIONS]
    return tuple(
        MappingProxyType(
            _merged_apart(pairs[3 * number : 3 * number + 3], samples)
            | _connected(found, f"members.{number}", rows)
        )
        for number in range(count)
    )


def _arrays(package: Package) -> tuple[dict[str, Float], list[tuple[Float, Float]]]:
    """Return the file's arrays by name, and (kernels, bias) of its convolutions in their order."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_model_from_string(package.model).graph
    found = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    names = [tuple(node.input[1:]) for node in graph.node if node.op_type == "Conv"]
    own = [pair for pair in dict.fromkeys(names) if set(pair) <= set(found)]
    return found, [(found[kernels], found[bias]) for kernels, bias in own]


def _merged_apart(pairs: list[tuple[Float, Float]], x: Float) -> dict[str, Float]:
    """Return convolutions and normalisation that answer as merged (kernels, bias) do."""
    weights: dict[str, Float] = {}
    for place, ((kernels, bias), (convolution, normal)) in enumerate(
        zip(pairs, CONVOLUTIONS, strict=True)
    ):
        x = _correlated(x, kernels)
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
        weights[f"{convolution}.weight"] = kernels
        weights[f"{normal}.weight"] = np.sqrt(variance + Norm().epsilon)
        weights[f"{normal}.bias"] = bias + mean
        weights[f"{normal}.mean"], weights[f"{normal}.variance"] = mean, variance
        x = np.maximum(x + bias[:, None, None], 0)
        if place < 2:
            count, channels, height, width = x.shape
            x = x.reshape(count, channels, height // 2, 2, width // 2, 2).max((3, 5))
    return {name: np.ascontiguousarray(each, np.float32) for name, each in weights.items()}


def _connected(found: dict[str, Float], member: str, rows: list[int]) -> dict[str, Float]:
    """Return the hidden layer and the rows of our emotions of the last one."""
    return {
        f"{HIDDEN}.weight": found[f"{member}.hidden.2.weight"],
        f"{HIDDEN}.bias": found[f"{member}.hidden.2.bias"],
        f"{LAST}.weight": found[f"{member}.classes.weight"][rows],
        f"{LAST}.bias": found[f"{member}.classes.bias"][rows],
    }


def _correlated(x: Float, kernels: Float) -> Float:
    """Correlate (N, C, H, W) with (K, C, 3, 3), zeros around."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = x.shape[2:]
    answer = np.zeros((len(x), len(kernels), height, width), np.float32)
    for row, column in np.ndindex(3, 3):
        moved = padded[:, :, row : row + height, column : column + width]
        answer += np.einsum("nchw,kc->nkhw", moved, kernels[:, :, row, column], optimize=True)
    return answer
