"""A model of single precision becomes one of half precision, with what is delicate left alone.

TensorRT 11 and TensorRT-RTX take the precision of every operator from the ONNX file, so half
precision is written into the file. Half has 3 digits and ends at 65504; below 6e-5 it loses
digits, too.

- Half: products with weights (``PRODUCTS``). They are nearly all of the work, and GPUs add up
  their terms in single precision.
- As their inputs are: what moves values about or changes each by itself (``FOLLOWERS``). With a
  constant that half cannot hold, such as the 1e-9 that keeps a root from dividing by 0, they
  stay in single precision.
- Single: everything else. Softmax, exponentials, logarithms, roots and powers leave half's range
  or blow up its rounding; sums and means over many values (reductions, global pooling,
  normalisation by layer or instance, cumulated sums) gather it; normalisation by batch has
  variances that half may not hold, costs little and is usually merged into a convolution;
  ranges, comparisons, control flow and operators unknown here gain nothing or may not allow half.

What is calculated once is converted once, whoever reads it. Why own code: the converter that
comes with ONNX Runtime cuts off what is out of range, raises small constants, and leaves nodes
in an order that ONNX's checker refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engines.backend import EngineError
from engines.half_constants import array_of, constant_of, fits, halved, renamed

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

PRODUCTS = frozenset({"Conv", "ConvTranspose", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN"})
"""Operators that calculate in half precision."""
FOLLOWERS = frozenset((
    "Abs", "Add", "AveragePool", "Clip", "Concat", "DepthToSpace", "Div", "Elu", "Erf",
    "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "Gelu",
    "GlobalMaxPool", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Max",
    "MaxPool", "Min", "Mul", "Neg", "PRelu", "Pad", "Relu", "Reshape", "Resize", "Selu",
    "Sigmoid", "Slice", "SpaceToDepth", "Split", "Squeeze", "Sub", "Sum", "Tanh",
    "Tile", "Transpose", "Unsqueeze", "Where",
))  # fmt: skip
"""Operators that calculate in half precision if all they read was calculated in it."""
SINGLE_INPUTS = {"Resize": (1, 2)}
"""Inputs that ONNX wants in single precision whatever the others are."""


def half_precision(model: bytes) -> bytes:
    """Return the ONNX model with half precision inside, its inputs and outputs as they were.

    Equal models give equal bytes. A model in which nothing is left to convert, such as one that
    was converted before, is returned as it is.

    Raises
    ------
    EngineError
        If the bytes are no valid ONNX model, its weights lie in another file, a weight of a
        product is beyond half's ±65504 (named), or the package ``onnx`` is not installed.
    """
    onnx = _onnx()
    proto = _read(model)
    graph = _Converted.of(proto.graph)
    for node in proto.graph.node:
        graph.take(node)
    if not graph.products:
        return model
    graph.finish(proto.graph)
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise EngineError(f"the model in half precision is no valid ONNX: {error}") from error
    converted: bytes = proto.SerializeToString(deterministic=True)
    return converted


def _onnx() -> Any:
    try:
        import onnx
        import onnx.inliner
    except ImportError as error:
        raise EngineError(
            "half precision needs the package onnx: pip install 'onnx>=1.17', or run in fp32"
        ) from error
    return onnx


def _read(model: bytes) -> ModelProto:
    """Return the checked model with the types of all its values."""
    onnx = _onnx()
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        proto = onnx.load_model_from_string(model)
        away = onnx.TensorProto.EXTERNAL
        outside = [each.name for each in proto.graph.initializer if each.data_location == away]
        if outside:
            raise EngineError(
                f"weights such as {outside[0]!r} lie in another file: save the model as one file"
            )
        onnx.checker.check_model(proto)
        plain = onnx.inliner.inline_local_functions(proto) if proto.functions else proto
        return onnx.shape_inference.infer_shapes(plain, strict_mode=True)
    except (
        DecodeError,
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
    ) as error:
        raise EngineError(f"no valid ONNX model of {len(model)} bytes: {error}") from error


@dataclass(slots=True)
class _Converted:
    """The graph as it is rewritten, node by node.

    A value keeps its name in single precision and has ``suffix`` behind it in half, so that
    outputs, and what graphs within nodes read of this one, need no new names. ``same`` leads from
    an ``Identity`` of a constant, as older exporters write them, to the constant.
    """

    known: set[str]
    floats: set[str]
    constants: dict[str, TensorProto]
    same: dict[str, str]
    suffix: str
    products: int = 0
    halves: set[str] = field(default_factory=set)
    there: set[str] = field(default_factory=set)
    nodes: list[NodeProto] = field(default_factory=list)
    kept: dict[str, TensorProto] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: GraphProto) -> _Converted:
        """Return the empty graph that knows what ``graph`` holds."""
        from onnx import TensorProto

        inputs = {each.name for each in graph.input}
        constants = {each.name: each for each in graph.initializer if each.name not in inputs}
        constants |= {each.name: each for each in map(constant_of, graph.node) if each is not None}
        same: dict[str, str] = {}
        for node in graph.node:
            if node.op_type == "Identity" and node.input[0] in constants:
                first, other = node.input[0], node.output[0]
                same[other] = same.get(first, first)
                constants[other] = renamed(constants[first], other)
        types = {name: each.data_type for name, each in constants.items()}
        for each in (*graph.input, *graph.value_info, *graph.output):
            types[each.name] = each.type.tensor_type.elem_type
        floats = {name for name, kind in types.items() if kind == TensorProto.FLOAT}
        names = {name for node in graph.node for name in (*node.input, *node.output)}
        suffix = ".half"
        while any(name.endswith(suffix) for name in names | inputs):
            suffix += "_"
        return cls(set(types), floats, constants, same, suffix, there=inputs)

    def take(self, node: NodeProto) -> None:
        """Add a node, and before it the casts that it needs."""
        if set(node.output) & set(self.constants):
            return
        half = self._in_half(node)
        self.products += half and node.op_type in PRODUCTS
        inputs = [
            self._read(
                self.same.get(name, name),
                half and place not in SINGLE_INPUTS.get(node.op_type, ()),
                node,
            )
            for place, name in enumerate(node.input)
        ]
        for name in _read_within(node):
            if name in self.there | self.halves | set(self.constants):
                self._read(name, False, node)
        turned = type(node)()
        turned.CopyFrom(node)
        turned.input[:] = inputs
        if half:
            self.halves.update(name for name in node.output if name in self.floats)
            turned.output[:] = [
                name + self.suffix if name in self.floats else name for name in node.output
            ]
        self.there.update(turned.output)
        self.nodes.append(turned)

    def finish(self, graph: GraphProto) -> None:
        """Write the nodes and constants into ``graph``, outputs in their own precision."""
        for output in graph.output:
            if output.name in self.halves:
                self._read(output.name, False, None)
            elif output.name in self.constants:
                self.kept[output.name] = self.constants[output.name]
        inputs = {each.name for each in graph.input}
        kept = [each for each in graph.initializer if each.name in inputs]
        known = [each for each in graph.value_info if each.name in self.there]
        for entries, new in (
            (graph.node, self.nodes),
            (graph.initializer, [*kept, *self.kept.values()]),
            (graph.value_info, known),
        ):
            del entries[:]
            entries.extend(new)

    def _in_half(self, node: NodeProto) -> bool:
        if node.domain not in ("", "ai.onnx"):
            return False
        floats = [
            name
            for place, name in enumerate(node.input)
            if name in self.floats and place not in SINGLE_INPUTS.get(node.op_type, ())
        ]
        if node.op_type in PRODUCTS:
            unknown = [name for name in node.input if name and name not in self.known]
            if unknown:
                raise EngineError(
                    f"cannot tell the type of {unknown[0]!r}, which {node.op_type} {node.name!r} "
                    "reads: an operator before it is no ONNX standard; run the model in fp32"
                )
            return bool(floats)
        moving = [name for name in floats if name not in self.constants]
        return (
            node.op_type in FOLLOWERS
            and bool(moving)
            and all(name in self.halves for name in moving)
            and all(fits(array_of(self.constants[name])) for name in set(floats) - set(moving))
        )

    def _read(self, name: str, half: bool, node: NodeProto | None) -> str:
        """Return under which name a value is there in the wanted precision; see that it is."""
        from onnx import TensorProto, helper

        half = half and name in self.floats
        wanted = name + self.suffix if half else name
        if name in self.constants:
            self.kept[wanted] = (
                halved(self.constants[name], wanted, node) if half else self.constants[name]
            )
        elif name in self.floats and wanted not in self.there:
            found = name if half else name + self.suffix
            to = TensorProto.FLOAT16 if half else TensorProto.FLOAT
            self.nodes.append(helper.make_node("Cast", [found], [wanted], f"{wanted}.cast", to=to))
            self.there.add(wanted)
        return wanted


def _read_within(node: NodeProto) -> Iterator[str]:
    """Yield every name that graphs within the node read; some are their own."""
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            yield from (each.name for each in graph.output)
            for inner in graph.node:
                yield from inner.input
                yield from _read_within(inner)
