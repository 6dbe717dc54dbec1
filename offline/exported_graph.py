"""What is done to an exported graph: traces of the machine out, normalisation into convolutions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

Double = NDArray[np.float64]


def tidied(proto: ModelProto, producer: str) -> bytes:
    """Return the model's bytes: the same for the same weights, wherever they were exported.

    Descriptions, source paths, stack traces, intermediate shapes (engines work those out
    themselves) and constants that nobody reads go; batch normalisation behind a convolution is
    merged into it, also where several convolutions share their weights.

    Parameters
    ----------
    proto
        Is changed.
    producer
        Version of the exporter, without what depends on the machine.
    """
    _merge_norms(proto.graph)
    _drop_unread(proto.graph)
    del proto.graph.value_info[:]
    proto.producer_version = producer
    for part in _parts(proto):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    text: bytes = proto.SerializeToString(deterministic=True)
    return text


def _parts(proto: ModelProto) -> Iterator[Any]:
    """Yield everything in the model that may carry a description."""
    yield proto
    yield from _graph_parts(proto.graph)
    for function in proto.functions:
        yield function
        yield from _node_parts(function.node)


def _graph_parts(graph: GraphProto) -> Iterator[Any]:
    yield graph
    yield from (*graph.input, *graph.output, *graph.initializer)
    yield from _node_parts(graph.node)


def _node_parts(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                if graph.node:
                    yield from _graph_parts(graph)


def _merge_norms(graph: GraphProto) -> None:
    """Make each convolution and the normalisation that alone reads it one convolution."""
    from onnx import numpy_helper

    constants = {each.name: each for each in graph.initializer}
    readers = _readers(graph)
    makers = {name: node for node in graph.node for name in node.output}
    merged: dict[tuple[Any, ...], tuple[str, str]] = {}
    for norm in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        conv = makers.get(norm.input[0])
        fixed = [*norm.input[1:], *(conv.input[1:] if conv is not None else ())]
        if (
            conv is None
            or conv.op_type != "Conv"
            or readers[norm.input[0]] != 1
            or not set(filter(None, fixed)) <= set(constants)
        ):
            continue
        epsilon = next((each.f for each in norm.attribute if each.name == "epsilon"), 1e-5)
        key = (epsilon, *fixed)
        if key not in merged:
            arrays = {
                name: numpy_helper.to_array(constants[name]).astype(np.float64)
                for name in filter(None, fixed)
            }
            merged[key] = (f"merged_{len(merged)}.weight", f"merged_{len(merged)}.bias")
            for name, values in zip(merged[key], _merged(conv, norm, arrays, epsilon), strict=True):
                graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
        conv.input[:] = [conv.input[0], *merged[key]]
        conv.output[:] = norm.output[:1]
        graph.node.remove(norm)


def _merged(
    conv: NodeProto, norm: NodeProto, arrays: dict[str, Double], epsilon: float
) -> tuple[Double, Double]:
    """Return kernels and bias of the one convolution."""
    gamma, beta, mean, variance = (arrays[name] for name in norm.input[1:])
    kernels = arrays[conv.input[1]]
    bias = arrays[conv.input[2]] if len(conv.input) > 2 and conv.input[2] else 0.0
    scale = gamma / np.sqrt(variance + epsilon)
    wide = scale.reshape(-1, *(1,) * (kernels.ndim - 1))
    return kernels * wide, (bias - mean) * scale + beta


def _drop_unread(graph: GraphProto) -> None:
    read = _readers(graph)
    kept = [each for each in graph.initializer if read[each.name]]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _readers(graph: GraphProto) -> Counter[str]:
    """Count who reads each value; graphs within nodes and outputs count, too."""
    found = Counter(each.name for each in graph.output)
    for node in graph.node:
        found.update(node.input)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                found.update(_readers(inner))
    return found
