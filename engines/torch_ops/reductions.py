"""Operators that reduce axes, or run along one."""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from typing import Any

from engines.torch_ops.table import Op, operator


def _axes(op: Op) -> tuple[int, ...] | None:
    """Return the axes to reduce; None for no reduction at all."""
    axes = op.ints(1, "axes")
    if axes:
        return tuple(axes)
    return None if op.attr("noop_with_empty_axes", 0) else tuple(range(len(op.dims())))


def _reduced(op: Op, values: Any, function: Callable[..., Any], **options: Any) -> Any:
    axes = _axes(op)
    if axes is None:
        return values
    return op.call(function, values, dim=axes, keepdim=bool(op.attr("keepdims", 1)), **options)


@operator("ReduceMean")
def reduce_mean(op: Op) -> Any:
    """Mean."""
    return _reduced(op, op.tensor(0), op.torch.mean)


@operator("GlobalAveragePool")
def global_average_pool(op: Op) -> Any:
    """Mean of each channel."""
    return op.call(op.torch.mean, op.tensor(0), tuple(range(2, len(op.dims()))), keepdim=True)


@operator("GlobalMaxPool")
def global_max_pool(op: Op) -> Any:
    """Largest of each channel."""
    return op.call(op.torch.amax, op.tensor(0), tuple(range(2, len(op.dims()))), keepdim=True)


@operator("ReduceMax")
def reduce_max(op: Op) -> Any:
    """Largest."""
    return _reduced(op, op.tensor(0), op.torch.amax)


@operator("ReduceMin")
def reduce_min(op: Op) -> Any:
    """Smallest."""
    return _reduced(op, op.tensor(0), op.torch.amin)


def _sum(op: Op, values: Any) -> Any:
    found = _reduced(op, values, op.torch.sum)
    # PyTorch adds up small whole numbers as int64.
    return op.call("type_as", found, values) if op.is_whole(0) else found


@operator("ReduceSum")
def reduce_sum(op: Op) -> Any:
    """Sum."""
    return _sum(op, op.tensor(0))


@operator("ReduceSumSquare")
def reduce_sum_square(op: Op) -> Any:
    """Sum of squares."""
    return _sum(op, op.call(op.torch.square, op.tensor(0)))


@operator("ReduceL1")
def reduce_l1(op: Op) -> Any:
    """Sum of absolute values."""
    return _sum(op, op.call(op.torch.abs, op.tensor(0)))


@operator("ReduceL2")
def reduce_l2(op: Op) -> Any:
    """Square root of the sum of squares."""
    if op.is_whole(0):
        op.refuse("it reads whole numbers")
    return op.call(op.torch.sqrt, _sum(op, op.call(op.torch.square, op.tensor(0))))


@operator("ReduceLogSum")
def reduce_log_sum(op: Op) -> Any:
    """Log of the sum."""
    return op.call(op.torch.log, _sum(op, op.tensor(0)))


@operator("ReduceLogSumExp")
def reduce_log_sum_exp(op: Op) -> Any:
    """Log of the sum of exponentials."""
    return _reduced(op, op.tensor(0), op.torch.logsumexp)


@operator("ReduceProd")
def reduce_prod(op: Op) -> Any:
    """Product, one axis at a time."""
    values, axes = op.tensor(0), _axes(op)
    if axes is None:
        return values
    rank = len(op.dims())
    for axis in sorted((axis % rank for axis in axes), reverse=True):
        keep = bool(op.attr("keepdims", 1))
        values = op.call(op.torch.prod, values, dim=axis, keepdim=keep)
    return op.call("type_as", values, op.tensor(0)) if op.is_whole(0) else values


@operator("Softmax")
def softmax(op: Op) -> Any:
    """Shares that sum to 1 along an axis."""
    return op.call(op.torch.softmax, op.tensor(0), op.attr("axis", -1))


@operator("LogSoftmax")
def log_softmax(op: Op) -> Any:
    """Their logs."""
    return op.call(op.torch.log_softmax, op.tensor(0), op.attr("axis", -1))


@operator("ArgMax")
def arg_max(op: Op) -> Any:
    """Where the largest is."""
    return _place(op, op.torch.argmax)


@operator("ArgMin")
def arg_min(op: Op) -> Any:
    """Where the smallest is."""
    return _place(op, op.torch.argmin)


def _place(op: Op, function: Callable[..., Any]) -> Any:
    if op.attr("select_last_index", 0):
        op.refuse("select_last_index must be 0")
    keep = bool(op.attr("keepdims", 1))
    return op.call(function, op.tensor(0), dim=op.attr("axis", 0), keepdim=keep)


@operator("CumSum")
def cum_sum(op: Op) -> Any:
    """Sum up to each number, from the end if ``reverse``, without itself if ``exclusive``."""
    (axis,) = op.ints(1)
    values = op.tensor(0)
    if op.attr("reverse", 0):
        values = op.call(op.torch.flip, values, (axis,))
    found = op.call(op.torch.cumsum, values, axis)
    if op.attr("exclusive", 0):
        found = op.call(python.sub, found, values)
    if op.attr("reverse", 0):
        found = op.call(op.torch.flip, found, (axis,))
    return op.call("type_as", found, values) if op.is_whole(0) else found


@operator("TopK")
def top_k(op: Op) -> Any:
    """Find the largest, or smallest, and where they are."""
    (count,) = op.ints(1)
    options = {"dim": op.attr("axis", -1), "largest": bool(op.attr("largest", 1))}
    found = op.call(op.torch.topk, op.tensor(0), count, **options)
    return op.call(python.getitem, found, 0), op.call(python.getitem, found, 1)


@operator("MatMul")
def mat_mul(op: Op) -> Any:
    """Matrix product."""
    return op.call(op.torch.matmul, op.tensor(0), op.tensor(1))


@operator("Einsum")
def einsum(op: Op) -> Any:
    """Sum products, by formula."""
    return op.call(op.torch.einsum, op.attr("equation").replace(" ", ""), *op.tensors())


@operator("Gemm")
def gemm(op: Op) -> Any:
    """Alpha · A · B + beta · C."""
    first, second, third = op.tensor(0), op.tensor(1), op.tensor(2)
    alpha, beta = op.attr("alpha", 1.0), op.attr("beta", 1.0)
    if op.attr("transA", 0):
        first = op.call(op.torch.t, first)
    second = second if op.attr("transB", 0) else op.call(op.torch.t, second)
    if not op.graph.is_node(second):
        second = second.contiguous()
    simple = third is None or (not op.graph.is_node(third) and third.dim() == 1
                               and len(third) == len(second))  # fmt: skip
    if simple and alpha == 1.0 and beta == 1.0 and not op.is_whole(0):
        return op.call(op.torch.nn.functional.linear, first, second, third)
    product = op.call(op.torch.matmul, first, op.call(op.torch.t, second))
    if alpha != 1.0:
        product = op.call(python.mul, product, alpha)
    if third is None:
        return product
    return op.call(python.add, product, third if beta == 1.0 else op.call(python.mul, third, beta))
