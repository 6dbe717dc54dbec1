"""The tables of operators, and what an operator sees of the graph that it is put into.

A value of the ONNX graph is, while translating, one of three things:

- a ``torch.Tensor``: a constant; what is calculated from constants alone is one, too;
- a ``torch.fx.Node``: a tensor that is known when the network runs;
- ``Sizes``: one or several whole numbers, each known or a node that gives a Python number when
  the network runs. Shapes are followed like this instead of as tensors, which cost a copy from
  the GPU and cannot be compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import getitem
from typing import Any, NoReturn

Shape = tuple[int | None, ...]
"""Lengths of a tensor's axes; None for one that is known when the network runs."""
Rule = Callable[["Op"], Any]
"""Puts one operator into the graph: returns its output, or a tuple of several."""

OPERATORS: dict[str, Rule] = {}
"""What to do with tensors, by operator."""
SIZE_OPERATORS: dict[str, Rule] = {}
"""What to do if an input is ``Sizes``; may return NotImplemented: then they become tensors."""


class Unsupported(Exception):
    """What an operator is asked for exists in ONNX but not here."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Whole numbers (int64 in ONNX): a list of them, or one if not ``listed``."""

    items: tuple[Any, ...]
    listed: bool = True


def operator(*names: str) -> Callable[[Rule], Rule]:
    """Enter a rule into ``OPERATORS``."""

    def enter(rule: Rule) -> Rule:
        OPERATORS.update(dict.fromkeys(names, rule))
        return rule

    return enter


def size_operator(*names: str) -> Callable[[Rule], Rule]:
    """Enter a rule into ``SIZE_OPERATORS``."""

    def enter(rule: Rule) -> Rule:
        SIZE_OPERATORS.update(dict.fromkeys(names, rule))
        return rule

    return enter


class Graph:
    """A ``torch.fx`` graph in the making.

    Parameters
    ----------
    known
        Element type and shape of the ONNX graph's values, by name.

    Attributes
    ----------
    values
        What stands for the ONNX graph's values so far, by name.
    """

    def __init__(self, known: dict[str, tuple[int, Shape | None]]) -> None:
        import torch
        from torch import fx

        self.torch = torch
        self.known = known
        self.values: dict[str, Any] = {}
        self.root = torch.nn.Module()
        self.nodes = fx.Graph()
        self._node_type = fx.Node
        self._map = fx.node.map_aggregate
        self._inputs: list[Any] = []
        self._device: Any = None
        self._stored: dict[int, Any] = {}
        self._kept: list[Any] = []

    def add_input(self, name: str, called: str) -> None:
        """Append an input of the network."""
        self.values[name] = self.nodes.placeholder(called)
        self._inputs.append(self.values[name])

    def is_node(self, value: Any) -> bool:
        """Return whether ``value`` is known only when the network runs."""
        return isinstance(value, self._node_type)

    def constant(self, tensor: Any) -> Any:
        """Return an ONNX tensor as PyTorch's."""
        import numpy as np
        from onnx import numpy_helper

        return self.torch.from_numpy(np.array(numpy_helper.to_array(tensor), order="C"))

    def call(self, function: Callable[..., Any] | str, *args: Any, **options: Any) -> Any:
        """Append a call of a function, or of a method by name; do it now if all is constant."""
        found: list[Any] = []
        self._map((args, options), lambda each: found.append(each) if self.is_node(each) else each)
        if not found:
            called = getattr(args[0], function) if isinstance(function, str) else function
            return called(*(args[1:] if isinstance(function, str) else args), **options)
        args, options = self._map((args, options), self._as_node)
        if isinstance(function, str):
            return self.nodes.call_method(function, args, options)
        return self.nodes.call_function(function, args, options)

    def call_module(self, module: Any, *args: Any) -> Any:
        """Append a call of a module, which becomes part of the network."""
        name = f"layer_{len(self._kept)}"
        self._kept.append(module)
        self.root.add_module(name, module.requires_grad_(False).eval())
        return self.nodes.call_module(name, self._map(args, self._as_node))

    def device(self) -> Any:
        """Return the node that says, when the network runs, on which device it does."""
        if self._device is None:
            self._device = self.nodes.call_function(getattr, (self._inputs[0], "device"))
        return self._device

    def tensor(self, value: Any) -> Any:
        """Return a value as a tensor, constant or node."""
        if not isinstance(value, Sizes):
            return value
        content = list(value.items) if value.listed else value.items[0]
        if not any(self.is_node(each) for each in value.items):
            return self.torch.tensor(content, dtype=self.torch.int64)
        return self.call(self.torch.tensor, content, dtype=self.torch.int64, device=self.device())

    def finish(self, outputs: Sequence[str]) -> Any:
        """Return the network that gives the ONNX graph's ``outputs``."""
        results = tuple(self._as_node(self.tensor(self.values[name])) for name in outputs)
        self.nodes.output(results[0] if len(results) == 1 else results)
        module = self.torch.fx.GraphModule(self.root, self.nodes)
        module.graph.eliminate_dead_code()
        module.recompile()
        module.delete_all_unused_submodules()
        return module.eval()

    def _as_node(self, value: Any) -> Any:
        """Return a constant tensor as the buffer that it becomes, everything else unchanged."""
        if not isinstance(value, self.torch.Tensor):
            return value
        if id(value) not in self._stored:
            name = f"weight_{len(self._stored)}"
            # The buffer holds the tensor, so its id is nobody else's.
            self.root.register_buffer(name, value.contiguous())
            self._kept.append(value)
            self._stored[id(value)] = name
        return self.nodes.get_attr(self._stored[id(value)])


class Op:
    """One node of the ONNX graph, and the graph that its calls go into.

    Attributes
    ----------
    raw
        Its inputs, None for one left out.
    attributes
        Its attributes as Python values; text is ``str``.
    outputs
        How many outputs it is to have.
    """

    def __init__(self, graph: Graph, node: Any) -> None:
        from onnx import helper

        self.graph = graph
        self.torch = graph.torch
        self.call = graph.call
        self.names = list(node.input)
        self.raw: list[Any] = [graph.values[name] if name else None for name in node.input]
        self.outputs = len(node.output)
        self.attributes: dict[str, Any] = {}
        for each in node.attribute:
            value = helper.get_attribute_value(each)
            self.attributes[each.name] = value.decode() if isinstance(value, bytes) else value

    def attr(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.attributes.get(name, default)

    def has(self, place: int) -> bool:
        """Return whether the input is given."""
        return place < len(self.raw) and self.raw[place] is not None

    def tensor(self, place: int) -> Any:
        """Return an input as a tensor, constant or node; None if it is left out."""
        return self.graph.tensor(self.raw[place]) if self.has(place) else None

    def tensors(self) -> list[Any]:
        """Return all inputs as tensors."""
        return [self.tensor(place) for place in range(len(self.raw))]

    def constant(self, place: int) -> Any:
        """Return an input's constant tensor; None if it is left out or no constant."""
        value = self.tensor(place)
        return None if self.graph.is_node(value) else value

    def weight(self, place: int) -> Any:
        """Return an input's constant tensor, None if left out; refuse one that is no constant."""
        if self.has(place) and self.constant(place) is None:
            self.refuse(f"its input {place} must be a constant")
        return self.constant(place)

    def sizes(self, place: int) -> list[Any] | None:
        """Return an input's whole numbers, each an int or a node; None if it is left out."""
        if not self.has(place):
            return None
        value = self.raw[place]
        if isinstance(value, Sizes):
            return list(value.items)
        if self.graph.is_node(value):
            count = self.dims(place)
            if len(count) > 1 or None in count:
                self.refuse(f"its input {place} must have a known length")
            flat = self.call("tolist", self.call("reshape", value, (-1,)))
            length = count[0] if count else 1
            return [self.call(getitem, flat, index) for index in range(length or 0)]
        return [int(each) for each in value.reshape(-1).tolist()]

    def ints(self, place: int, attribute: str = "", default: Any = None) -> list[int] | Any:
        """Return an input's, or else an attribute's, constant whole numbers."""
        found = self.sizes(place)
        if found is None:
            return list(self.attributes[attribute]) if attribute in self.attributes else default
        if any(self.graph.is_node(each) for each in found):
            self.refuse(f"its input {place} must be a constant")
        return found

    def dims(self, place: int = 0) -> Shape:
        """Return an input's shape; refuse one whose number of axes is not known."""
        value = self.raw[place]
        if isinstance(value, Sizes):
            return (len(value.items),) if value.listed else ()
        if not self.graph.is_node(value):
            return tuple(value.shape)
        shape = self.graph.known.get(self.names[place], (0, None))[1]
        if shape is None:
            self.refuse(f"the number of axes of its input {place} is not known")
        return shape

    def size(self, place: int, axis: int) -> Any:
        """Return the length of one axis of an input: an int, or a node."""
        length = self.dims(place)[axis]
        return self.call("size", self.tensor(place), axis) if length is None else length

    def is_whole(self, place: int = 0) -> bool:
        """Return whether an input is of whole numbers."""
        value = self.raw[place]
        if isinstance(value, Sizes):
            return True
        if not self.graph.is_node(value):
            return not value.is_floating_point()
        from onnx import TensorProto as Proto

        kind = self.graph.known.get(self.names[place], (0, None))[0]
        return kind not in (Proto.UNDEFINED, Proto.FLOAT, Proto.FLOAT16, Proto.DOUBLE,
                            Proto.BFLOAT16)  # fmt: skip

    def refuse(self, why: str) -> NoReturn:
        """Say that this is not supported, and why."""
        raise Unsupported(why)
