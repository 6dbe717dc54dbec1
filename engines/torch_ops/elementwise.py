"""Operators that work on each number by itself."""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from typing import Any

from engines.torch_ops.table import Op, operator

_UNARY = {
    "Abs": "abs", "Acos": "acos", "Acosh": "acosh", "Asin": "asin", "Asinh": "asinh",
    "Atan": "atan", "Atanh": "atanh", "Ceil": "ceil", "Cos": "cos", "Cosh": "cosh", "Erf": "erf",
    "Exp": "exp", "Floor": "floor", "IsNaN": "isnan", "Log": "log", "Neg": "neg",
    "Not": "logical_not", "Reciprocal": "reciprocal", "Relu": "relu", "Round": "round",
    "Sigmoid": "sigmoid", "Sign": "sign", "Sin": "sin", "Sinh": "sinh", "Sqrt": "sqrt",
    "Tan": "tan", "Tanh": "tanh",
}  # fmt: skip
_FUNCTIONAL = {"HardSwish": "hardswish", "Mish": "mish", "Softplus": "softplus",
               "Softsign": "softsign"}  # fmt: skip
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": python.add, "Mul": python.mul, "Sub": python.sub,
}  # fmt: skip
_COMPARED = {
    "Equal": "eq", "Greater": "gt", "GreaterOrEqual": "ge", "Less": "lt", "LessOrEqual": "le",
}  # fmt: skip
_LOGICAL = {"And": "logical_and", "Or": "logical_or", "Xor": "logical_xor"}


def _unary(op: Op, name: str) -> Any:
    return op.call(getattr(op.torch, name), op.tensor(0))


def _functional(op: Op, name: str) -> Any:
    return op.call(getattr(op.torch.nn.functional, name), op.tensor(0))


def _binary(op: Op, name: str) -> Any:
    return op.call(getattr(op.torch, name), op.tensor(0), _scalar(op, 1))


def _logical(op: Op, name: str) -> Any:
    return op.call(getattr(op.torch, name), op.tensor(0), op.tensor(1))


def _bound(rule: Callable[[Op, str], Any], name: str) -> Callable[[Op], Any]:
    return lambda op: rule(op, name)


for _rule, _names in (
    (_unary, _UNARY),
    (_functional, _FUNCTIONAL),
    (_binary, _COMPARED),
    (_logical, _LOGICAL),
):
    for _onnx, _torch in _names.items():
        operator(_onnx)(_bound(_rule, _torch))


def _scalar(op: Op, place: int) -> Any:
    """Return an input; one constant number, beside a tensor, as a Python number: it is faster."""
    value = op.tensor(place)
    others = [op.tensor(other) for other in range(len(op.raw)) if other != place]
    if not op.graph.is_node(value) and value.dim() == 0 and any(map(op.graph.is_node, others)):
        return value.item()
    return value


def _arithmetic_rule(function: Callable[[Any, Any], Any]) -> Callable[[Op], Any]:
    return lambda op: op.call(function, _scalar(op, 0), _scalar(op, 1))


for _name, _function in _ARITHMETIC.items():
    operator(_name)(_arithmetic_rule(_function))


@operator("Div")
def div(op: Op) -> Any:
    """Whole numbers are divided towards zero."""
    if op.is_whole(0):
        return op.call(op.torch.div, op.tensor(0), op.tensor(1), rounding_mode="trunc")
    return op.call(op.torch.div, op.tensor(0), _scalar(op, 1))


@operator("Pow")
def power(op: Op) -> Any:
    """Raise to a power; the result has the type of what is raised."""
    base, exponent = op.tensor(0), _scalar(op, 1)
    if isinstance(exponent, float) and exponent == 2.0:
        return op.call(op.torch.square, base)
    if isinstance(exponent, float) and exponent == 0.5:
        return op.call(op.torch.sqrt, base)
    if op.is_whole(0) != op.is_whole(1):
        return op.call("type_as", op.call(op.torch.pow, base, exponent), base)
    return op.call(op.torch.pow, base, exponent)


@operator("Mod")
def mod(op: Op) -> Any:
    """Sign of the divisor, or of the dividend with ``fmod``."""
    function = op.torch.fmod if op.attr("fmod", 0) else op.torch.remainder
    return op.call(function, op.tensor(0), op.tensor(1))


def _folded(op: Op, function: Callable[..., Any], limit: str = "") -> Any:
    """Apply a function of two inputs to all."""
    result, *others = op.tensors()
    for other in others:
        if limit and op.graph.is_node(result) and _is_number(op, other):
            result = op.call(op.torch.clamp, result, **{limit: other.item()})
        else:
            result = op.call(function, result, other)
    return result


def _is_number(op: Op, value: Any) -> bool:
    return not op.graph.is_node(value) and value.dim() == 0 and not bool(op.torch.isnan(value))


@operator("Max")
def maximum(op: Op) -> Any:
    """Take the largest of several."""
    return _folded(op, op.torch.maximum, "min")


@operator("Min")
def minimum(op: Op) -> Any:
    """Take the smallest of several."""
    return _folded(op, op.torch.minimum, "max")


@operator("Sum")
def total(op: Op) -> Any:
    """Add several."""
    return _folded(op, python.add)


@operator("Mean")
def mean(op: Op) -> Any:
    """Take the mean of several."""
    return op.call(op.torch.div, _folded(op, python.add), len(op.raw))


@operator("Identity", "Dropout")
def identity(op: Op) -> Any:
    """Pass on the same; nothing is dropped outside training."""
    return op.tensor(0)


@operator("Cast", "CastLike")
def cast(op: Op) -> Any:
    """Numbers of another type."""
    if "to" not in op.attributes:
        return op.call("type_as", op.tensor(0), op.tensor(1))
    from onnx import TensorProto

    types = {"FLOAT": "float32", "FLOAT16": "float16", "DOUBLE": "float64", "BFLOAT16": "bfloat16"}
    name = TensorProto.DataType.Name(op.attr("to"))
    kind = getattr(op.torch, types.get(name, name.lower()), None)
    if not isinstance(kind, op.torch.dtype):
        op.refuse(f"type {name} does not exist in PyTorch")
    return op.call("to", op.tensor(0), kind)


@operator("Where")
def where(op: Op) -> Any:
    """One or the other."""
    return op.call(op.torch.where, *op.tensors())


@operator("Clip")
def clip(op: Op) -> Any:
    """Limits may be constants, tensors, or left out."""
    limits = []
    for place, name in ((1, "min"), (2, "max")):
        constant = op.constant(place)
        value = op.tensor(place) if constant is None else constant.item()
        limits.append(value if op.has(place) else op.attr(name))
    if limits == [None, None]:
        return op.tensor(0)
    if any(op.graph.is_node(limit) for limit in limits):
        limits = [op.tensor(place) for place in (1, 2)]
    return op.call(op.torch.clamp, op.tensor(0), *limits)


@operator("LeakyRelu")
def leaky_relu(op: Op) -> Any:
    """Slope ``alpha`` below 0."""
    return op.call(op.torch.nn.functional.leaky_relu, op.tensor(0), op.attr("alpha", 0.01))


@operator("PRelu")
def prelu(op: Op) -> Any:
    """Bend by a slope for each channel below 0."""
    values, slopes = op.tensor(0), op.tensor(1)
    below = op.call(op.torch.mul, values, slopes)
    return op.call(op.torch.where, op.call(op.torch.lt, values, 0), below, values)


@operator("Elu")
def elu(op: Op) -> Any:
    """Follow an exponential below 0."""
    return op.call(op.torch.nn.functional.elu, op.tensor(0), op.attr("alpha", 1.0))


@operator("Celu")
def celu(op: Op) -> Any:
    """Follow an exponential below 0, smooth at 0."""
    return op.call(op.torch.nn.functional.celu, op.tensor(0), op.attr("alpha", 1.0))


@operator("Selu")
def selu(op: Op) -> Any:
    """Follow a scaled exponential below 0."""
    alpha, gamma = op.attr("alpha", 1.6732631921768188), op.attr("gamma", 1.0507010221481323)
    bent = op.call(op.torch.nn.functional.elu, op.tensor(0), alpha)
    return op.call(op.torch.mul, bent, gamma)


@operator("HardSigmoid")
def hard_sigmoid(op: Op) -> Any:
    """Follow a straight line between 0 and 1."""
    alpha, beta = op.attr("alpha", 0.2), op.attr("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-7 and beta == 0.5:
        return op.call(op.torch.nn.functional.hardsigmoid, op.tensor(0))
    line = op.call(python.add, op.call(python.mul, op.tensor(0), alpha), beta)
    return op.call(op.torch.clamp, line, 0.0, 1.0)


@operator("Gelu")
def gelu(op: Op) -> Any:
    """With the error function, or its approximation by tanh."""
    way = op.attr("approximate", "none")
    return op.call(op.torch.nn.functional.gelu, op.tensor(0), approximate=way)


@operator("Swish")
def swish(op: Op) -> Any:
    """X · sigmoid(alpha · x)."""
    values, alpha = op.tensor(0), op.attr("alpha", 1.0)
    if alpha == 1.0:
        return op.call(op.torch.nn.functional.silu, values)
    gate = op.call(op.torch.sigmoid, op.call(python.mul, values, alpha))
    return op.call(python.mul, values, gate)
