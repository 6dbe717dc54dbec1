"""Where two versions of one network part: says which node a half-precision model goes wrong at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the two networks differ in ``value``, made by the node ``node`` of type ``op``.

    ``difference`` is the largest, over the largest value there; inf if one is not finite.
    """

    node: str
    op: str
    value: str
    difference: float


def drifts(
    model: bytes, other: bytes, inputs: dict[str, NDArray[Any]], suffix: str = ".half"
) -> list[Drift]:
    """Run two ONNX networks on ``inputs``; return what both calculate, in ``model``'s order.

    A value is found in ``other`` by its name with ``suffix`` behind it, or else by its name.
    """
    import onnx

    nodes = onnx.load_from_string(model).graph.node
    there = {name for node in onnx.load_from_string(other).graph.node for name in node.output}
    twins = {n: n + suffix if n + suffix in there else n for node in nodes for n in node.output}
    twins = {name: twin for name, twin in twins.items() if name and twin in there}
    right, given = _values(model, [*twins], inputs), _values(other, [*twins.values()], inputs)
    return [
        Drift(node.name, node.op_type, name, _difference(right[name], given[twins[name]]))
        for node in nodes
        for name in node.output
        if name in twins and right[name].dtype.kind == "f"
    ]


def first_drift(
    model: bytes, other: bytes, inputs: dict[str, NDArray[Any]], threshold: float = 0.02
) -> Drift | None:
    """Return the first value whose relative difference exceeds ``threshold``, or None."""
    return next((d for d in drifts(model, other, inputs) if d.difference > threshold), None)


def _values(network: bytes, names: list[str], inputs: dict[str, Any]) -> dict[str, NDArray[Any]]:
    import onnx
    import onnxruntime as ort

    graph = (model := onnx.load_from_string(network)).graph
    fresh = set(names) - {output.name for output in graph.output}
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(fresh))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    halves = {entry.name for entry in session.get_inputs() if entry.type == "tensor(float16)"}
    feed = {k: v.astype(np.float16) if k in halves else v for k, v in inputs.items()}
    return dict(zip(names, session.run(names, feed) if names else [], strict=True))


def _difference(right: NDArray[Any], given: NDArray[Any]) -> float:
    one, two = right.astype(np.float64), given.astype(np.float64)
    if one.shape != two.shape or not (np.isfinite(one).all() and np.isfinite(two).all()):
        return float("inf")
    return float(np.abs(two - one).max(initial=0) / max(np.abs(one).max(initial=0), 1e-30))
