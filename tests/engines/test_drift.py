"""The node at which two versions of one network part is named."""

import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.drift import drifts, first_drift
from engines.half import half_precision
from tests.engines.conftest import SHAPE, tiny_onnx

ROWS = {"x": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)}


def chain(scale: float = 1.0, more: float = 1.0) -> bytes:
    """x → times weights → times scale → tanh → divided by scale."""
    weights = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["product"], "project"),
        helper.make_node("Shape", ["product"], ["shape"], "measure"),
        helper.make_node("Mul", ["product", "scale"], ["large"], "grow"),
        helper.make_node("Div", ["large", "scale"], ["small"], "shrink"),
        helper.make_node("Tanh", ["small"], ["y"], "squash"),
    ]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [
            numpy_helper.from_array((weights * more).astype(np.float32), "weights"),
            numpy_helper.from_array(np.float32(scale), "scale"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    model = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def test_a_network_does_not_drift_from_itself():
    found = drifts(chain(), chain(), ROWS)
    assert [d.node for d in found] == ["project", "grow", "shrink", "squash"]
    assert [d.op for d in found] == ["MatMul", "Mul", "Div", "Tanh"]
    assert [d.difference for d in found] == [0] * 4
    assert first_drift(chain(), chain(), ROWS, 0) is None


def test_half_rounds_a_little():
    found = drifts(chain(), half_precision(chain()), ROWS)
    assert [d.value for d in found] == ["product", "large", "small", "y"]
    assert all(1e-5 < d.difference < 5e-3 for d in found)
    assert first_drift(chain(), half_precision(chain()), ROWS) is None
    assert first_drift(chain(), half_precision(chain()), ROWS, 1e-5).node == "project"


def test_the_first_node_that_overflows_half_is_named():
    found = first_drift(chain(60_000.0), half_precision(chain(60_000.0)), ROWS)
    assert (found.node, found.op, found.value) == ("grow", "Mul", "large")
    assert found.difference == math.inf


def test_difference_is_over_the_largest_value():
    found = drifts(chain(), chain(more=1.25), ROWS)
    assert found[0].difference == pytest.approx(0.25, rel=1e-5)
    assert first_drift(chain(), chain(more=1.25), ROWS, 0.24).node == "project"
    assert first_drift(chain(), chain(more=1.25), ROWS, 0.26) is None


def test_a_model_that_wants_half_inputs():
    model = onnx.load_from_string(chain())
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    model.graph.node.insert(0, helper.make_node("Cast", ["x"], ["x.wide"], to=TensorProto.FLOAT))
    model.graph.node[1].input[0] = "x.wide"
    found = drifts(chain(), model.SerializeToString(), ROWS)
    assert len(found) == 4
    assert 0 < found[0].difference < 1e-3


def test_a_network_that_shares_nothing():
    inputs = {"flow": np.zeros((1, *SHAPE), np.float32)}
    model = onnx.load_from_string(tiny_onnx())
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [f"other.{name}" if name in ("flat", "logits") else name for name in names]
    found = drifts(tiny_onnx(), model.SerializeToString(), inputs)
    assert [d.value for d in found] == ["probabilities"]
