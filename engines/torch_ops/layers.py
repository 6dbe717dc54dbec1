"""Convolution, pooling, normalisation."""

from __future__ import annotations

import math
import operator as python
from collections.abc import Sequence
from typing import Any

from engines.torch_ops.table import Op, operator


def _geometry(op: Op, kernel: Sequence[int]) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return strides, dilations, and the padding at the start and at the end of each axis."""
    count = len(kernel)
    strides = list(op.attr("strides") or [1] * count)
    dilations = list(op.attr("dilations") or [1] * count)
    pads = list(op.attr("pads") or [0] * 2 * count)
    way = op.attr("auto_pad", "NOTSET")
    if way == "VALID":
        pads = [0] * 2 * count
    elif way != "NOTSET":
        lengths = op.dims()[2:]
        before, after = [], []
        for length, size, stride, wide in zip(lengths, kernel, strides, dilations, strict=True):
            if length is None:
                op.refuse(f"auto_pad {way} of an image whose size is not known")
            reach = (math.ceil(length / stride) - 1) * stride + (size - 1) * wide + 1
            missing = max(reach - length, 0)
            small = missing // 2
            before.append(small if way == "SAME_UPPER" else missing - small)
            after.append(missing - before[-1])
        pads = before + after
    if min(pads) < 0:
        op.refuse(f"negative pads {pads}")
    return strides, dilations, pads[:count], pads[count:]


def _padded(op: Op, values: Any, before: list[int], after: list[int], value: float) -> Any:
    pads = [each for pair in zip(before[::-1], after[::-1], strict=True) for each in pair]
    return op.call(op.torch.nn.functional.pad, values, pads, value=value)


def _by_rank(op: Op, name: str, rank: int) -> Any:
    if not 1 <= rank <= 3:
        op.refuse(f"{rank} image axes; 1 to 3 are possible")
    return getattr(op.torch.nn.functional, f"{name}{rank}d")


@operator("Conv")
def conv(op: Op) -> Any:
    """Convolution; padding that is not the same on both sides is a step of its own."""
    kernel = list(op.dims(1)[2:])
    if any(each is None for each in kernel):
        op.refuse("the size of its kernel is not known")
    strides, dilations, before, after = _geometry(op, [each or 0 for each in kernel])
    values = op.tensor(0)
    if before != after:
        values = _padded(op, values, before, after, 0.0)
        before = [0] * len(kernel)
    return op.call(
        getattr(op.torch, f"conv{len(kernel)}d"), values, op.tensor(1), op.tensor(2),
        strides, before, dilations, op.attr("group", 1),
    )  # fmt: skip


@operator("ConvTranspose")
def conv_transpose(op: Op) -> Any:
    """Convolution backwards."""
    kernel = [each or 0 for each in op.dims(1)[2:]]
    if op.attr("auto_pad", "NOTSET") != "NOTSET" or op.attr("output_shape"):
        op.refuse("auto_pad or output_shape; only pads")
    strides, dilations, before, after = _geometry(op, kernel)
    more = list(op.attr("output_padding") or [0] * len(kernel))
    # Less cut off at the end is the same as a longer output.
    more = [extra + start - end for extra, start, end in zip(more, before, after, strict=True)]
    if min(more) < 0 or any(
        extra >= max(stride, wide)
        for extra, stride, wide in zip(more, strides, dilations, strict=True)
    ):
        op.refuse(f"pads {before} at the start and {after} at the end")
    return op.call(
        _by_rank(op, "conv_transpose", len(kernel)), op.tensor(0), op.tensor(1), op.tensor(2),
        strides, before, more, op.attr("group", 1), dilations,
    )  # fmt: skip


@operator("MaxPool")
def max_pool(op: Op) -> Any:
    """Largest in each window."""
    kernel = list(op.attr("kernel_shape"))
    if op.outputs > 1 or op.attr("storage_order", 0):
        op.refuse("where the largest are is not given out")
    strides, dilations, before, after = _geometry(op, kernel)
    ceil, values = bool(op.attr("ceil_mode", 0)), op.tensor(0)
    if before != after or any(2 * pad > size for pad, size in zip(before, kernel, strict=True)):
        if ceil:
            op.refuse("ceil_mode with pads that differ or are more than half a kernel")
        values = _padded(op, values, before, after, -math.inf)
        before = [0] * len(kernel)
    return op.call(
        _by_rank(op, "max_pool", len(kernel)), values, kernel, strides, before, dilations, ceil
    )


@operator("AveragePool")
def average_pool(op: Op) -> Any:
    """Mean in each window, the padding counted or not."""
    kernel = list(op.attr("kernel_shape"))
    strides, dilations, before, after = _geometry(op, kernel)
    if set(dilations) != {1}:
        op.refuse(f"dilations {dilations}")
    pool = _by_rank(op, "avg_pool", len(kernel))
    ceil, counted = bool(op.attr("ceil_mode", 0)), bool(op.attr("count_include_pad", 0))
    values, none = op.tensor(0), [0] * len(kernel)
    if before == after and all(2 * pad <= size for pad, size in zip(before, kernel, strict=True)):
        return op.call(pool, values, kernel, strides, before, ceil, counted)
    if ceil:
        op.refuse("ceil_mode with pads that differ or are more than half a kernel")
    found = op.call(pool, _padded(op, values, before, after, 0.0), kernel, strides, none)
    if counted:
        return found
    inside = op.call(op.torch.ones_like, op.call(python.getitem, values, (slice(1), slice(1))))
    share = op.call(pool, _padded(op, inside, before, after, 0.0), kernel, strides, none)
    return op.call(op.torch.div, found, share)


@operator("BatchNormalization")
def batch_normalization(op: Op) -> Any:
    """With the stored mean and variance."""
    if op.attr("training_mode", 0):
        op.refuse("training_mode")
    scale, shift, mean, variance = (op.tensor(place) for place in range(1, 5))
    return op.call(
        op.torch.nn.functional.batch_norm, op.tensor(0), mean, variance, scale, shift,
        False, 0.0, op.attr("epsilon", 1e-5),
    )  # fmt: skip


@operator("InstanceNormalization")
def instance_normalization(op: Op) -> Any:
    """Each channel of each sample by itself."""
    return op.call(
        op.torch.nn.functional.instance_norm, op.tensor(0), weight=op.tensor(1),
        bias=op.tensor(2), eps=op.attr("epsilon", 1e-5),
    )  # fmt: skip


@operator("GroupNormalization")
def group_normalization(op: Op) -> Any:
    """Normalise groups of channels; a scale and a bias for each channel or group (opset 18)."""
    groups, channels = op.attr("num_groups"), op.dims()[1]
    factors = [op.weight(1), op.weight(2)]
    if channels is None:
        op.refuse("the number of channels is not known")
    if len(factors[0]) != channels:
        factors = [each.repeat_interleave(channels // groups) for each in factors]
    return op.call(
        op.torch.nn.functional.group_norm, op.tensor(0), groups, *factors,
        op.attr("epsilon", 1e-5),
    )  # fmt: skip


@operator("LayerNormalization")
def layer_normalization(op: Op) -> Any:
    """All axes from ``axis`` on together."""
    axis, rank = op.attr("axis", -1), len(op.dims())
    lengths = op.dims()[axis % rank :]
    if None in lengths:
        op.refuse(f"the lengths of the axes from {axis} on are not known")
    scale, shift, epsilon = op.tensor(1), op.tensor(2), op.attr("epsilon", 1e-5)
    function = op.torch.nn.functional.layer_norm
    if op.dims(1) == lengths and (shift is None or op.dims(2) == lengths):
        return op.call(function, op.tensor(0), lengths, scale, shift, epsilon)
    found = op.call(function, op.tensor(0), lengths, None, None, epsilon)
    found = op.call(python.mul, found, scale)
    return found if shift is None else op.call(python.add, found, shift)
