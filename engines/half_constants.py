"""A model's constants, and which of them half precision can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engines.backend import EngineError

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

SMALLEST = float(np.finfo(np.float16).smallest_normal)
"""Below this, 6.1e-5, half precision loses digits."""
_LIMIT = 65520.0
"""What is smaller than this rounds to 65504 or less."""


def constant_of(node: NodeProto) -> TensorProto | None:
    """Return what a ``Constant`` node holds, if it is a tensor."""
    if node.op_type != "Constant" or node.domain not in ("", "ai.onnx"):
        return None
    from onnx import helper, numpy_helper

    (attribute,) = node.attribute
    value = helper.get_attribute_value(attribute)
    if attribute.name == "value":
        tensor = value
    elif attribute.name in ("value_float", "value_floats"):
        tensor = numpy_helper.from_array(np.asarray(value, np.float32))
    elif attribute.name in ("value_int", "value_ints"):
        tensor = numpy_helper.from_array(np.asarray(value, np.int64))
    else:
        return None
    return renamed(tensor, node.output[0])


def renamed(tensor: TensorProto, name: str) -> TensorProto:
    """Return the constant under another name."""
    copied = type(tensor)()
    copied.CopyFrom(tensor)
    copied.name = name
    return copied


def array_of(tensor: TensorProto) -> NDArray[np.float32]:
    """Return a constant's values."""
    from onnx import numpy_helper

    return np.asarray(numpy_helper.to_array(tensor))


def fits(values: NDArray[np.float32]) -> bool:
    """Say whether the largest of the values keeps its digits in half precision."""
    finite = np.abs(values[np.isfinite(values)])
    most = float(finite.max(initial=0))
    return most == 0 or SMALLEST <= most < _LIMIT


def halved(tensor: TensorProto, name: str, node: NodeProto | None) -> TensorProto:
    """Return the weights in half precision; ``EngineError`` if one is out of range."""
    from onnx import numpy_helper

    values = array_of(tensor)
    beyond = values[np.isfinite(values) & (np.abs(values) >= _LIMIT)]
    if len(beyond):
        reader = f"{node.op_type} {node.name!r}" if node is not None else "the output"
        raise EngineError(
            f"initializer {tensor.name!r}, read by {reader}, holds {beyond[0]:.4g}: half "
            "precision ends at 65504; run the model in fp32 or scale the weight"
        )
    return numpy_helper.from_array(values.astype(np.float16), name)
