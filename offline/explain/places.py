"""Where in its input a network's inner maps look: coordinates carried along with the values.

Every tensor that a network makes of its input gets coordinates: of each of its values the
sample, the step, the row and the column of the input that it is centred on. Cutting, flipping,
joining and reshaping do to coordinates what they do to values; convolutions and pools shift and
thin them out. So a map of a mirrored picture or of a region cut out inside the network is laid
back to where it came from, exactly, without knowing the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

Places = tuple[Tensor, Tensor, Tensor, Tensor]
"""Sample, step, row and column of each value, each of the tensor's own shape."""

CONVOLUTIONS = {"conv2d": 2, "conv3d": 3}
"""Kinds of convolution that make maps, and along how many axes."""
_POOLS = {"max_pool2d": 2, "avg_pool2d": 2, "max_pool3d": 3, "avg_pool3d": 3}
_RESIZES = {"adaptive_avg_pool2d": 2, "adaptive_max_pool2d": 2, "interpolate": 2, "upsample": 2}
_MOVES = frozenset({
    "__getitem__", "chunk", "clone", "contiguous", "expand", "expand_as", "flatten", "flip",
    "index_select", "movedim", "narrow", "permute", "repeat", "repeat_interleave", "reshape",
    "roll", "select", "split", "squeeze", "swapaxes", "t", "transpose", "tile", "unbind",
    "unflatten", "unsqueeze", "view",
})  # fmt: skip
_JOINS = frozenset({"cat", "concat", "concatenate", "stack"})
_MEANS = frozenset({"mean", "sum", "amax", "amin"})


def steps_axis(shape: Sequence[int]) -> int | None:
    """Return which axis of an input (N, …, H, W) counts steps of time, None if none does.

    Sequences are (N, T, C, H, W); an axis of up to three values before a longer one is taken
    for colours or planes, so (N, C, T, H, W) is understood too.
    """
    if len(shape) != 5:
        return None
    return 2 if shape[1] <= 3 < shape[2] else 1


def places_of(inputs: Tensor) -> Places:
    """Return where the values of an input (N, …, H, W) lie: at themselves."""
    height, width = inputs.shape[-2:]
    spread = [1] * inputs.ndim
    axis = steps_axis(inputs.shape)

    def along(size: int, at: int) -> Tensor:
        shape = list(spread)
        shape[at] = size
        return torch.arange(size, dtype=torch.float32).reshape(shape).expand(inputs.shape)

    step = torch.zeros(spread).expand(inputs.shape)
    if axis is not None:
        step = along(inputs.shape[axis], axis)
    return (
        along(len(inputs), 0),
        step,
        along(height, inputs.ndim - 2),
        along(width, inputs.ndim - 1),
    )


def followed(
    name: str,
    function: Callable[..., Any],
    args: Sequence[Any],
    options: Mapping[str, Any],
    made: Any,
    known: Mapping[int, Places],
) -> list[Places | None]:
    """Return the places of what a call made, one for each tensor; None where they are lost.

    Parameters
    ----------
    name, function, args, options
        The call.
    made
        What it returned.
    known
        Places of the tensors so far, by ``id``.
    """
    outputs = tensors_in(made)
    given = [known[id(each)] for each in tensors_in((args, options)) if id(each) in known]
    if not given or not outputs:
        return [None] * len(outputs)
    if name in CONVOLUTIONS or name in _POOLS or name in _RESIZES or name == "pad":
        return [_thinned(name, args, options, outputs[0], known)]
    if name in _MOVES or name in _JOINS or name in _MEANS:
        act = torch.mean if name in _MEANS else function
        moved = [_acted(act, args, options, axis, known) for axis in range(4)]
        if all(len(each) == len(outputs) for each in moved):
            return [_fitting(places, each) for places, each in zip(
                zip(*moved, strict=True), outputs, strict=True)]  # fmt: skip
        return [None] * len(outputs)
    return [next((p for p in given if p[0].shape == each.shape), None) for each in outputs]


def tensors_in(value: Any) -> list[Tensor]:
    """Return all tensors in nested tuples, lists and dicts, in their order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        return [tensor for each in value for tensor in tensors_in(each)]
    return []


def _fitting(places: tuple[Tensor, ...], output: Tensor) -> Places | None:
    sample, step, row, column = places
    return (sample, step, row, column) if sample.shape == output.shape else None


def _acted(
    act: Callable[..., Any], args: Any, options: Any, axis: int, known: Mapping[int, Places]
) -> list[Tensor]:
    """Do to the coordinates of one axis what was done to the values."""

    def swapped(value: Any) -> Any:
        if isinstance(value, Tensor):
            if id(value) in known:
                return known[id(value)][axis]
            floats = value.is_floating_point() and value.ndim > 0
            return torch.full_like(value, torch.nan) if floats else value
        if isinstance(value, tuple | list):
            return type(value)(map(swapped, value))
        return value

    try:
        return tensors_in(act(*swapped(tuple(args)), **{k: swapped(v) for k, v in options.items()}))
    except (RuntimeError, TypeError, IndexError):  # a form of the call that means something else
        return []


def _thinned(
    name: str, args: Sequence[Any], options: Mapping[str, Any], made: Tensor,
    known: Mapping[int, Places],
) -> Places | None:  # fmt: skip
    """Return the places of what a convolution, pool or resize made."""
    source = args[0] if args else options.get("input")
    if not isinstance(source, Tensor) or id(source) not in known or source.ndim != made.ndim:
        return None
    if made.ndim < 4 or len(made) != len(source):
        return None  # no maps, or the pad is one of samples
    if name not in CONVOLUTIONS and made.shape[1] != source.shape[1]:
        return None
    centres = [_centres(name, args, options, source, made, at) for at in range(2, made.ndim)]
    groups = (args[6] if len(args) > 6 else options.get("groups", 1)) if name in CONVOLUTIONS else 0
    found = []
    for coordinates in known[id(source)]:
        one = _of_one_channel(coordinates, groups)
        if one is None:
            return None  # it mixes channels that look at different places
        for axis, middle in enumerate(centres, start=2):
            one = _read_at(one, axis, middle)
        if one.shape[1] not in (1, made.shape[1]):
            one = one.repeat_interleave(made.shape[1] // one.shape[1], 1)
        found.append(one.expand(made.shape))
    sample, step, row, column = found
    return sample, step, row, column


def _of_one_channel(coordinates: Tensor, groups: int) -> Tensor | None:
    """Return coordinates of what a call mixes, channels that are alike as one; None if it must not.

    ``groups`` of channels are mixed; 0 mixes none.
    """
    one = coordinates[:, :1]
    if coordinates.stride(1) == 0 or torch.equal(coordinates, one.expand(coordinates.shape)):
        return one
    if groups == 0:
        return coordinates
    apart = coordinates.unflatten(1, (groups, -1))
    first = apart[:, :, :1]
    return first[:, :, 0] if torch.equal(apart, first.expand(apart.shape)) else None


def _centres(
    name: str, args: Sequence[Any], options: Mapping[str, Any], source: Tensor, made: Tensor,
    axis: int,
) -> Tensor:  # fmt: skip
    """Return the centre of the window of each output along an axis, in places of the source."""
    outputs = torch.arange(made.shape[axis], dtype=torch.float32)
    if name in _RESIZES:
        return (outputs + 0.5) * (source.shape[axis] / made.shape[axis]) - 0.5
    if name == "pad":
        widths = args[1] if len(args) > 1 else options["pad"]
        behind = 2 * (made.ndim - 1 - axis)
        return outputs - (widths[behind] if behind < len(widths) else 0)
    place = axis - 2

    def setting(at: int, called: str, default: Any) -> Any:
        value = args[at] if len(args) > at else options.get(called, default)
        if isinstance(value, tuple | list):
            return (value[place] if len(value) > place else value[0]) if value else default
        return default if value is None else value

    if name in CONVOLUTIONS:
        weight = args[1] if len(args) > 1 else options["weight"]
        size, dilation = weight.shape[axis], setting(5, "dilation", 1)
        stride, padding = setting(3, "stride", 1), setting(4, "padding", 0)
    else:
        size = setting(1, "kernel_size", 1)
        dilation = setting(4, "dilation", 1) if name.startswith("max") else 1
        stride, padding = setting(2, "stride", size) or size, setting(3, "padding", 0)
    reach = dilation * (size - 1)
    before = {"valid": 0, "same": reach // 2}.get(padding, padding)
    return outputs * stride - before + reach / 2


def _read_at(coordinates: Tensor, axis: int, centres: Tensor) -> Tensor:
    """Return coordinates between and beyond those along an axis, on straight lines."""
    size = coordinates.shape[axis]
    if size == 1:
        return coordinates.index_select(axis, torch.zeros(len(centres), dtype=torch.int64))
    low = centres.floor().clamp(0, size - 2)
    share = (centres - low).reshape([-1 if at == axis else 1 for at in range(coordinates.ndim)])
    begin = coordinates.index_select(axis, low.long())
    end = coordinates.index_select(axis, low.long() + 1)
    return begin + share * (end - begin)
