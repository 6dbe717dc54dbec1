"""Translate an ONNX graph to PyTorch: the same network, run by somebody else's kernels.

Every node becomes calls of PyTorch in a ``torch.fx`` graph. What depends on constants only is
calculated once, while translating; shapes are followed as whole numbers (see
``engines.torch_ops.table.Sizes``), so that a batch of any size runs without a detour.

References
----------
https://onnx.ai/onnx/operators says what the operators mean.
"""

from __future__ import annotations

import re
from typing import Any

from engines.backend import EngineError
from engines.torch_ops import OPERATORS, SIZE_OPERATORS
from engines.torch_ops.table import Graph, Op, Sizes, Unsupported

LEAST_OPSET = 13
"""Since when softmax, sums and squeezes mean in ONNX what they mean here."""
INSTALL = "pip install 'realtime-mer[offline]'"
"""What brings PyTorch and ONNX."""


def torch_module(model: bytes, name: str = "") -> Any:
    """Return the network as a ``torch.fx.GraphModule`` on the CPU, ready for ``torch.compile``.

    Parameters
    ----------
    model
        An ONNX file's bytes, weights inside, opset ``LEAST_OPSET`` or later.
    name
        What messages call the model; by default what the file calls itself.

    Returns
    -------
    torch.fx.GraphModule
        Maps the graph's inputs, in order, to its output, or to a tuple of several. Weights are
        buffers, so ``to`` moves them to a GPU. Meant for ``torch.inference_mode``.

    Raises
    ------
    EngineError
        If PyTorch or ONNX is not installed, the bytes are no valid ONNX, or an operator or one
        of its attributes is not known here; it names the operator, the node and the model.
    """
    return module_of(read_model(model, name), name)


def read_model(model: bytes, name: str = "") -> Any:
    """Return the bytes as a checked ``onnx.ModelProto`` without functions of its own.

    Raises
    ------
    EngineError
        If ONNX is not installed, or the bytes are no valid ONNX file with its weights inside.
    """
    try:
        import onnx
        import onnx.inliner
    except ImportError as error:
        raise EngineError(f"reading a model needs ONNX: {INSTALL}") from error
    called = name or "without a name"
    try:
        proto = onnx.load_from_string(model)
        outside = [
            each.name
            for each in proto.graph.initializer
            if each.data_location == onnx.TensorProto.EXTERNAL
        ]
        if outside:
            raise EngineError(
                f"model {called}: {len(outside)} weights such as {outside[0]!r} lie in another "
                "file; save the model with its weights inside"
            )
        onnx.checker.check_model(proto)
        return onnx.inliner.inline_local_functions(proto) if proto.functions else proto
    except EngineError:
        raise
    except Exception as error:  # protobuf's and ONNX's errors have no common root
        raise EngineError(f"model {called} is no valid ONNX file: {error}") from error


def module_of(proto: Any, name: str = "") -> Any:
    """Return what ``read_model`` read as a ``torch.fx.GraphModule``; see ``torch_module``."""
    try:
        import torch
    except ImportError as error:
        raise EngineError(f"the torch engine needs PyTorch: {INSTALL}") from error
    name = name or proto.graph.name
    _check_opset(proto, name)
    with torch.no_grad():
        graph = Graph(_known_shapes(proto, name))
        _read_constants(graph, proto, name)
        for entry in proto.graph.input:
            if entry.name not in graph.values:
                graph.add_input(entry.name, _python_name(entry.name))
        for node in proto.graph.node:
            _translate(graph, node, name)
        missing = [each.name for each in proto.graph.output if each.name not in graph.values]
        if missing:
            raise EngineError(f"model {name}: nothing makes its outputs {missing}")
        return graph.finish([each.name for each in proto.graph.output])


def _check_opset(proto: Any, name: str) -> None:
    """Raise ``EngineError`` for an opset from before operators meant what they mean here."""
    opset = {each.domain: each.version for each in proto.opset_import}.get("", 0)
    if opset < LEAST_OPSET:
        raise EngineError(
            f"model {name} is in ONNX opset {opset}; export it with {LEAST_OPSET} or later"
        )


def _known_shapes(proto: Any, name: str) -> dict[str, tuple[int, tuple[int | None, ...] | None]]:
    """Return element type and shape of every value, None for what is free or not known."""
    import onnx

    try:
        graph = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
    except Exception as error:  # a class of ONNX's own
        raise EngineError(f"model {name}: shapes contradict each other: {error}") from error
    known = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        dims = None
        if kind.HasField("shape"):
            dims = tuple(
                each.dim_value if each.HasField("dim_value") else None for each in kind.shape.dim
            )
        known[value.name] = (kind.elem_type, dims)
    return known


def _read_constants(graph: Graph, proto: Any, name: str) -> None:
    """Give the graph its initializers."""
    if proto.graph.sparse_initializer:
        raise EngineError(f"model {name} has sparse weights: store them dense")
    for each in proto.graph.initializer:
        try:
            graph.values[each.name] = graph.constant(each)
        except (TypeError, ValueError) as error:
            raise EngineError(f"model {name}: cannot read weight {each.name!r}: {error}") from error


def _translate(graph: Graph, node: Any, name: str) -> None:
    """Append what one node does, and note what it made."""
    kind = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"
    called = node.name or f"that makes {', '.join(node.output)}"
    where = f"model {name}: node {called}"
    if kind not in OPERATORS:
        raise EngineError(f"{where}: the torch engine does not know the operator {kind}")
    try:
        op = Op(graph, node)
        made = NotImplemented
        if kind in SIZE_OPERATORS and any(isinstance(each, Sizes) for each in op.raw):
            made = SIZE_OPERATORS[kind](op)
        if made is NotImplemented:
            made = OPERATORS[kind](op)
    except Unsupported as error:
        raise EngineError(f"{where}: the torch engine cannot run this {kind}: {error}") from error
    except Exception as error:  # whatever a contradictory node makes PyTorch raise
        raise EngineError(
            f"{where}: {kind} cannot be translated: {type(error).__name__}: {error}"
        ) from error
    results = made if isinstance(made, tuple) else (made,)
    for place, output in enumerate(node.output):
        if output and (place >= len(results) or results[place] is None):
            raise EngineError(f"{where}: the torch engine gives no output {place} of {kind}")
        if output:
            graph.values[output] = results[place]


def _python_name(name: str) -> str:
    return "input_" + re.sub(r"\W", "_", name)
