"""Operators on whole numbers: the arithmetic of shapes, done without tensors."""

from __future__ import annotations

import math
import operator as python
from collections.abc import Callable
from typing import Any

from engines.torch_ops.table import Op, Sizes, operator, size_operator


@operator("Shape")
def shape(op: Op) -> Sizes:
    """Known lengths at once, the others when the network runs."""
    axes = range(len(op.dims()))[slice(op.attr("start", 0), op.attr("end"))]
    return Sizes(tuple(op.size(0, axis) for axis in axes))


@operator("Size")
def size(op: Op) -> Sizes:
    """Product of all lengths."""
    return Sizes((_product(op, [op.size(0, axis) for axis in range(len(op.dims()))]),), False)


@size_operator("Identity")
def identity(op: Op) -> Any:
    """Pass on the same."""
    return op.raw[0]


@size_operator("Cast")
def cast(op: Op) -> Any:
    """Pass on the same, if they stay whole numbers of 32 bits or more."""
    from onnx import TensorProto

    whole = op.attr("to") in (TensorProto.INT64, TensorProto.INT32)
    return op.raw[0] if whole else NotImplemented


@size_operator("Gather")
def gather(op: Op) -> Any:
    """Choose some of them."""
    source, places = op.raw[0], op.constant(1)
    if not isinstance(source, Sizes) or not source.listed or places is None or places.dim() > 1:
        return NotImplemented
    chosen = tuple(source.items[int(each)] for each in places.reshape(-1).tolist())
    return Sizes(chosen, places.dim() == 1)


@size_operator("Slice")
def cut(op: Op) -> Any:
    """Cut a stretch of them."""
    if not isinstance(op.raw[0], Sizes):
        return NotImplemented
    (start,), (stop,) = op.ints(1), op.ints(2)
    (step,) = op.ints(4, default=[1])
    return Sizes(op.raw[0].items[start : max(stop, -(2**62)) : step])


@size_operator("Concat")
def concat(op: Op) -> Any:
    """One list after the other."""
    parts = [_numbers(op, place) for place in range(len(op.raw))]
    if any(part is None for part in parts):
        return NotImplemented
    return Sizes(tuple(item for part in parts if part for item in part.items))


@size_operator("Unsqueeze", "Squeeze")
def listed(op: Op) -> Any:
    """Make a number a list of one, or the other way round."""
    source = op.raw[0]
    wrap = "Unsqueeze" if op.ints(1, "axes") is not None and not source.listed else "Squeeze"
    if wrap == "Squeeze" and (not source.listed or len(source.items) != 1):
        return NotImplemented
    return Sizes(source.items, wrap == "Unsqueeze")


@size_operator("Reshape")
def reshape(op: Op) -> Any:
    """Keep a list; a list of one may become a number."""
    if not isinstance(op.raw[0], Sizes):
        return NotImplemented
    wanted = op.ints(1)
    if len(wanted) > 1:
        return NotImplemented
    return Sizes(op.raw[0].items, bool(wanted))


@size_operator("ReduceProd")
def reduce_prod(op: Op) -> Sizes:
    """Product of a list."""
    return Sizes((_product(op, list(op.raw[0].items)),), bool(op.attr("keepdims", 1)))


def _pairwise(function: Callable[[Any, Any], Any]) -> Callable[[Op], Any]:
    def rule(op: Op) -> Any:
        first, second = _numbers(op, 0), _numbers(op, 1)
        if first is None or second is None or len(op.raw) != 2:
            return NotImplemented
        length = max(len(first.items), len(second.items))
        if {len(first.items), len(second.items)} - {1, length}:
            return NotImplemented
        lists = [
            part.items * length if len(part.items) == 1 else part.items for part in (first, second)
        ]
        items = tuple(op.call(function, a, b) for a, b in zip(*lists, strict=True))
        return Sizes(items, first.listed or second.listed)

    return rule


def _quotient(first: Any, second: Any) -> Any:
    # ONNX rounds towards zero; shapes are not negative, so this is the same.
    return first // second


_PAIRWISE: dict[str, Callable[[Any, Any], Any]] = {
    "Add": python.add,
    "Sub": python.sub,
    "Mul": python.mul,
    "Div": _quotient,
    "Max": max,
    "Min": min,
}
for _name, _function in _PAIRWISE.items():
    size_operator(_name)(_pairwise(_function))


@size_operator("Equal")
def equal(op: Op) -> Any:
    """Compare with constants; a length is never negative."""
    source, other = (0, 1) if isinstance(op.raw[0], Sizes) else (1, 0)
    constant = op.constant(other)
    if constant is None:
        return NotImplemented
    wanted = constant.reshape(-1).tolist()
    items = op.raw[source].items
    wanted = wanted * len(items) if len(wanted) == 1 else wanted
    if any(op.graph.is_node(a) and b >= 0 for a, b in zip(items, wanted, strict=True)):
        return NotImplemented
    same = [not op.graph.is_node(a) and a == b for a, b in zip(items, wanted, strict=True)]
    return op.torch.tensor(same if op.raw[source].listed else same[0])


@size_operator("Where")
def where(op: Op) -> Any:
    """Choose by a constant."""
    chosen, first, second = op.constant(0), _numbers(op, 1), _numbers(op, 2)
    if chosen is None or first is None or second is None:
        return NotImplemented
    flags = chosen.reshape(-1).tolist()
    length = max(len(flags), len(first.items), len(second.items))
    lists = [
        list(part) * length if len(part) == 1 else list(part)
        for part in (flags, first.items, second.items)
    ]
    return Sizes(tuple(a if flag else b for flag, a, b in zip(*lists, strict=True)))


def _numbers(op: Op, place: int) -> Sizes | None:
    """Return an input as ``Sizes`` if it is, or is a constant list of whole numbers."""
    value = op.raw[place]
    if isinstance(value, Sizes):
        return value
    if op.graph.is_node(value) or value.dim() > 1 or value.is_floating_point():
        return None
    return Sizes(tuple(value.reshape(-1).tolist()), value.dim() == 1)


def _product(op: Op, items: list[Any]) -> Any:
    known = math.prod(item for item in items if not op.graph.is_node(item))
    for item in items:
        if op.graph.is_node(item):
            known = op.call(python.mul, known, item) if known != 1 else item
    return known
