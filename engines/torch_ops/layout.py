"""Operators that move numbers, and make tensors of a given shape."""

from __future__ import annotations

import operator as python
from typing import Any

from engines.torch_ops.table import Op, operator

_FAR = 2**62


@operator("Constant")
def constant(op: Op) -> Any:
    """Hold a tensor, a number, or numbers."""
    for name, kind in (
        ("value_int", "int64"),
        ("value_ints", "int64"),
        ("value_float", "float32"),
        ("value_floats", "float32"),
    ):
        if name in op.attributes:
            return op.torch.tensor(op.attributes[name], dtype=getattr(op.torch, kind))
    if "value" not in op.attributes:
        op.refuse(f"it is given by {', '.join(op.attributes)}")
    return op.graph.constant(op.attributes["value"])


@operator("ConstantOfShape")
def constant_of_shape(op: Op) -> Any:
    """One number everywhere."""
    sizes = op.sizes(0)
    value = op.torch.zeros(1)
    if "value" in op.attributes:
        value = op.graph.constant(op.attributes["value"])
    options = {"dtype": value.dtype}
    if any(op.graph.is_node(each) for each in sizes or ()):
        options["device"] = op.graph.device()
    return op.call(op.torch.full, tuple(sizes or ()), value.item(), **options)


@operator("Range")
def ranged(op: Op) -> Any:
    """Numbers from, to, in steps of."""
    if op.is_whole(0):
        bounds = [(op.sizes(place) or [0])[0] for place in range(3)]
        whole = {"dtype": op.torch.int64}
        if any(op.graph.is_node(each) for each in bounds):
            whole["device"] = op.graph.device()
        return op.call(op.torch.arange, *bounds, **whole)
    limits = [op.weight(place) for place in range(3)]
    return op.torch.arange(*(each.item() for each in limits), dtype=limits[0].dtype)


@operator("Reshape")
def reshape(op: Op) -> Any:
    """Lay out anew; 0 keeps a length unless ``allowzero``, -1 is what fits."""
    sizes = op.sizes(1) or []
    if not op.attr("allowzero", 0):
        sizes = [
            op.size(0, axis) if not op.graph.is_node(each) and each == 0 else each
            for axis, each in enumerate(sizes)
        ]
    return op.call("reshape", op.tensor(0), tuple(sizes))


@operator("Flatten")
def flatten(op: Op) -> Any:
    """Two axes: those before ``axis`` together, and the others."""
    values, rank, axis = op.tensor(0), len(op.dims()), op.attr("axis", 1)
    axis = axis + rank if axis < 0 else axis
    if axis == 1 and rank > 1:
        return op.call(op.torch.flatten, values, 1)
    if axis == 0:
        return op.call("reshape", values, (1, -1))
    if axis == rank:
        return op.call("reshape", values, (-1, 1))
    ends = op.call(op.torch.flatten, values, axis)
    return op.call(op.torch.flatten, ends, 0, axis - 1)


@operator("Transpose")
def transpose(op: Op) -> Any:
    """Axes in another order; by default backwards."""
    order = op.attr("perm") or range(len(op.dims()))[::-1]
    return op.call("permute", op.tensor(0), tuple(order))


@operator("Unsqueeze")
def unsqueeze(op: Op) -> Any:
    """Insert axes of length 1."""
    axes, values = op.ints(1, "axes", []), op.tensor(0)
    if any(axis < 0 for axis in axes):
        rank = len(op.dims()) + len(axes)
        axes = [axis % rank for axis in axes]
    for axis in sorted(axes):
        values = op.call("unsqueeze", values, axis)
    return values


@operator("Squeeze")
def squeeze(op: Op) -> Any:
    """Without axes of length 1."""
    axes = op.ints(1, "axes")
    if axes is None:
        axes = [axis for axis, length in enumerate(op.dims()) if length == 1]
    return op.call("squeeze", op.tensor(0), tuple(axes))


@operator("Expand")
def expand(op: Op) -> Any:
    """Repeated along axes of length 1, in either shape."""
    values, sizes = op.tensor(0), tuple(op.sizes(1) or ())
    wanted = op.call(op.torch.broadcast_shapes, op.call(getattr, values, "shape"), sizes)
    return op.call("expand", values, wanted)


@operator("Tile")
def tile(op: Op) -> Any:
    """Repeated along every axis."""
    return op.call("repeat", op.tensor(0), tuple(op.sizes(1) or ()))


@operator("Concat")
def concat(op: Op) -> Any:
    """One after the other."""
    return op.call(op.torch.cat, op.tensors(), op.attr("axis"))


@operator("Split")
def split(op: Op) -> Any:
    """Into pieces of given lengths, or into equal ones."""
    axis, lengths = op.attr("axis", 0), op.sizes(1)
    lengths = lengths or op.attr("split")
    if lengths is None:
        whole = op.dims()[axis]
        if whole is None:
            op.refuse(f"the length of axis {axis} is not known")
        each = -(-whole // op.outputs)
        lengths = [min(each, whole - each * place) for place in range(op.outputs)]
    parts = op.call(op.torch.split, op.tensor(0), list(lengths), axis)
    return tuple(op.call(python.getitem, parts, place) for place in range(op.outputs))


@operator("Slice")
def cut(op: Op) -> Any:
    """Cut a stretch of some axes, backwards if the step is negative."""
    starts, stops = op.sizes(1) or [], op.sizes(2) or []
    axes = op.ints(3, default=list(range(len(starts))))
    steps = op.ints(4, default=[1] * len(starts))
    values, rank = op.tensor(0), None
    if any(axis < 0 for axis in axes):
        rank = len(op.dims())
        axes = [axis % rank for axis in axes]
    pieces = [slice(None)] * (max(axes, default=-1) + 1)
    for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
        if step < 0:
            values = op.call(op.torch.flip, values, (axis,))
            start, stop, step = _mirrored(op, start), _mirrored(op, stop), -step
        known = not op.graph.is_node(stop) and not op.graph.is_node(start)
        bare = known and start == 0 and stop >= _FAR
        pieces[axis] = slice(None if bare else start, None if bare else stop, step)
    if all(piece == slice(None, None, 1) or piece == slice(None) for piece in pieces):
        return values
    return op.call(python.getitem, values, tuple(pieces))


def _mirrored(op: Op, place: Any) -> Any:
    """Return where a place is, counted from the other end."""
    if op.graph.is_node(place):
        return op.call(python.sub, -1, place)
    return min(-1 - place, _FAR)


@operator("Gather")
def gather(op: Op) -> Any:
    """Chosen places along an axis."""
    values, places, axis = op.tensor(0), op.tensor(1), op.attr("axis", 0)
    axis = axis + len(op.dims()) if axis < 0 else axis
    if not op.graph.is_node(places):
        if places.dim() == 0:
            return op.call("select", values, axis, int(places))
        if places.dim() == 1 and bool((places >= 0).all()):
            return op.call(op.torch.index_select, values, axis, places)
    index = (*[slice(None)] * axis, op.call("long", places))
    return op.call(python.getitem, values, index)


@operator("GatherND")
def gather_nd(op: Op) -> Any:
    """Chosen places along several axes."""
    values, places, batch = op.tensor(0), op.tensor(1), op.attr("batch_dims", 0)
    depth = op.dims(1)[-1]
    if depth is None:
        op.refuse("the length of its index is not known")
    fixed = op.constant(1) is not None and bool((places >= 0).all())
    if fixed and batch == 0 and depth == 1 and places.dim() == 2:
        return op.call(op.torch.index_select, values, 0, places.reshape(-1))
    index = [_counted(op, axis, len(op.dims(1)) - 1) for axis in range(batch)]
    index += [op.call("select", places, -1, place) for place in range(depth)]
    return op.call(python.getitem, values, tuple(index))


def _counted(op: Op, axis: int, rank: int) -> Any:
    """Return the places along an axis, laid along that axis among ``rank``."""
    length = op.size(0, axis)
    options = {"device": op.graph.device()} if op.graph.is_node(length) else {}
    count = op.call(op.torch.arange, length, **options)
    return op.call("reshape", count, (-1, *[1] * (rank - axis - 1)))


@operator("GatherElements")
def gather_elements(op: Op) -> Any:
    """Choose a place along an axis for each result."""
    axis = op.attr("axis", 0)
    return op.call(op.torch.gather, op.tensor(0), axis, _not_negative(op, axis))


@operator("ScatterElements")
def scatter_elements(op: Op) -> Any:
    """Numbers replaced along an axis."""
    axis, way = op.attr("axis", 0), op.attr("reduction", "none")
    inputs = op.tensor(0), axis, _not_negative(op, axis), op.tensor(2)
    if way == "none":
        return op.call(op.torch.scatter, *inputs)
    ways = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}
    return op.call(op.torch.scatter_reduce, *inputs, reduce=ways[way])


def _not_negative(op: Op, axis: int) -> Any:
    """Return input 1, places, with those counted from the end counted from the start."""
    places = op.tensor(1)
    below = op.call(op.torch.lt, places, 0)
    return op.call(op.torch.where, below, op.call(python.add, places, op.size(0, axis)), places)


@operator("ScatterND")
def scatter_nd(op: Op) -> Any:
    """Numbers replaced along several axes."""
    if op.attr("reduction", "none") not in ("none", "add"):
        op.refuse(f"reduction {op.attr('reduction')}")
    depth = op.dims(1)[-1]
    if depth is None:
        op.refuse("the length of its index is not known")
    index = tuple(op.call("select", op.tensor(1), -1, place) for place in range(depth))
    accumulate = op.attr("reduction", "none") == "add"
    return op.call(op.torch.index_put, op.tensor(0), index, op.tensor(2), accumulate=accumulate)


@operator("Trilu")
def trilu(op: Op) -> Any:
    """Keep the upper, or lower, triangle."""
    function = op.torch.triu if op.attr("upper", 1) else op.torch.tril
    (diagonal,) = op.ints(1, default=[0])
    return op.call(function, op.tensor(0), diagonal)
