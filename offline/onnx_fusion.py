"""Fuse a recogniser with a linear model of its own input, inside one ONNX file.

The base network stays as it is. Behind it come a matrix product of the input and a softmax over
the fused columns; every other column (``none``, scores, classes that the linear model does not
know) leaves as the base gave it. ``fuse`` is the same in NumPy, and ``check_parity`` compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines import Card, Package, open_backend
from realtime_mer.errors import ModelError

LEAST_P = 1e-7
"""Shares of the base below this count as this, so that one of 0 can be outvoted."""
LEAST_OPSET = 13
"""Since when softmax and sums mean in ONNX what they mean here."""
PARITY = 1e-5
"""Largest difference between NumPy and ONNX Runtime in a probability."""
PREFIX = "fusion/"


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """What stands behind the base network.

    Attributes
    ----------
    columns
        The S columns of the base's output that are fused.
    prior
        Factor of the base's log-probabilities.
    weights, bias
        (S, *input_shape) and (S,) float32: the linear model's log-posteriors up to a constant,
        its own factor multiplied in.
    """

    columns: tuple[int, ...]
    prior: float
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def __post_init__(self) -> None:
        count = len(self.columns)
        if count < 2 or len(set(self.columns)) != count or min(self.columns) < 0:
            raise ValueError(f"columns must be two or more distinct ones, got {self.columns}")
        if len(self.weights) != count or self.bias.shape != (count,):
            raise ValueError(
                f"{count} columns need as many weights and biases, got {self.weights.shape} and "
                f"{self.bias.shape}"
            )


def fuse(
    fusion: Fusion, answers: NDArray[np.floating[Any]], inputs: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Return the base's answers (N, C) to ``inputs`` (N, *input_shape), fused: (N, C).

    The fused columns share among them what the base gave them together.
    """
    columns = list(fusion.columns)
    fused = np.array(answers, np.float64)
    base = fused[:, columns]
    flat = np.asarray(inputs, np.float64).reshape(len(fused), -1)
    linear = flat @ fusion.weights.reshape(len(columns), -1).T.astype(np.float64) + fusion.bias
    together = base.sum(axis=1, keepdims=True)
    share = base / np.maximum(together, LEAST_P)
    logits = fusion.prior * np.log(np.maximum(share, LEAST_P)) + linear
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    fused[:, columns] = together * powers / powers.sum(axis=1, keepdims=True)
    return fused


def fused_model(base: bytes, card: Card, fusion: Fusion) -> bytes:
    """Return ``base`` with the fusion behind it, under the same input and output names.

    Parameters
    ----------
    base
        The ONNX file of the base, whose input, output and columns ``card`` names.

    Raises
    ------
    ModelError
        If the fusion does not fit the base, or the base is in an ONNX too old.
    """
    import onnx

    columns = len(card.columns)
    if fusion.weights.shape[1:] != card.input_shape or max(fusion.columns) >= columns:
        raise ModelError(
            f"model {card.name} reads {card.input_shape} and answers {columns} columns; the "
            f"fusion has weights {fusion.weights.shape} for the columns {fusion.columns}"
        )
    model = onnx.load_from_string(base)
    opset = {entry.domain: entry.version for entry in model.opset_import}.get("", 0)
    if opset < LEAST_OPSET:
        raise ModelError(
            f"model {card.name} is in ONNX opset {opset}; export it with {LEAST_OPSET} or later"
        )
    inner = PREFIX + "whole"
    _rename(model.graph.node, card.output_name, inner)
    model.graph.node.extend(_nodes(card, inner))
    model.graph.initializer.extend(_constants(fusion, columns))
    kept = [entry for entry in model.graph.output if entry.name == card.output_name]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def check_parity(
    package: Package, fusion: Fusion, answers: NDArray[np.float32], inputs: NDArray[np.float32]
) -> float:
    """Return the largest difference between ``package``, run, and ``fuse``.

    Parameters
    ----------
    package
        The fused model; its folder need not exist.
    answers, inputs
        What the base answered, (N, C), to what, (N, *input_shape).

    Raises
    ------
    RuntimeError
        If it is more than ``PARITY``: the exported model is not the one that was fitted.
    """
    with open_backend(package, "onnx") as backend:
        found = backend.infer(inputs)
    difference = float(np.abs(found - fuse(fusion, answers, inputs)).max(initial=0.0))
    if not difference <= PARITY:
        raise RuntimeError(f"NumPy and ONNX Runtime differ by {difference:.1e} on golden samples")
    return difference


def in_memory(card: Card, model: bytes) -> Package:
    """Return a package that lies in no folder, to run before it is written."""
    return Package(Path(), card, model)


def _rename(nodes: Sequence[Any], old: str, new: str) -> None:
    """Give one value of the graph another name, where it is made and where it is read."""
    for node in nodes:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new


def _nodes(card: Card, inner: str) -> list[Any]:
    """Return the nodes from the base's output and the input to the fused output."""
    from onnx import helper

    def node(operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
        names = [name if name in (inner, card.input_name) else PREFIX + name for name in inputs]
        made = output if output == card.output_name else PREFIX + output
        return helper.make_node(operator, names, [made], PREFIX + operator + "/" + output,
                                **attributes)  # fmt: skip

    return [
        node("Flatten", [card.input_name], "flat", axis=1),
        node("Gemm", ["flat", "weights", "bias"], "linear", transB=1),
        node("Gather", [inner, "columns"], "base", axis=1),
        node("ReduceSum", ["base", "axes"], "together", keepdims=1),
        node("Max", ["together", "least"], "divisor"),
        node("Div", ["base", "divisor"], "share"),
        node("Max", ["share", "least"], "positive"),
        node("Log", ["positive"], "log"),
        node("Mul", ["log", "prior"], "weighted"),
        node("Add", ["weighted", "linear"], "logits"),
        node("Softmax", ["logits"], "posterior", axis=1),
        node("Mul", ["posterior", "together"], "fused"),
        node("Concat", [inner, "fused"], "both", axis=1),
        node("Gather", ["both", "order"], card.output_name, axis=1),
    ]


def _constants(fusion: Fusion, columns: int) -> list[Any]:
    """Return the constants that the nodes name."""
    from onnx import numpy_helper

    order = np.arange(columns)
    order[list(fusion.columns)] = columns + np.arange(len(fusion.columns))
    count = len(fusion.columns)
    values = {
        "weights": np.asarray(fusion.weights.reshape(count, -1), np.float32),
        "bias": np.asarray(fusion.bias, np.float32),
        "columns": np.array(fusion.columns, np.int64),
        "least": np.array(LEAST_P, np.float32),
        "prior": np.array(fusion.prior, np.float32),
        "axes": np.array([1], np.int64),
        "order": np.asarray(order, np.int64),
    }
    return [numpy_helper.from_array(value, PREFIX + name) for name, value in values.items()]
