"""A tiny softmax network in ONNX, made on the spot."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines import Card, Package, write_package

LABELS = ("negative", "positive", "surprise")
SHAPE = (2, 4, 4)


def tiny_card(**changes) -> Card:
    entries = {
        "name": "tiny",
        "version": "1",
        "labels": LABELS,
        "recipe": "onset_apex_flow",
        "input_name": "flow",
        "input_shape": SHAPE,
        "input_dtype": "float32",
        "output_name": "probabilities",
        "licence": "Apache-2.0",
        "limits": "a test model",
    }
    return Card(**(entries | changes))


def tiny_scored_onnx() -> bytes:
    """The tiny network and, as a score, the sigmoid of its first logit."""
    model = onnx.load_from_string(tiny_onnx())
    (output,) = model.graph.output
    model.graph.node.extend(
        [
            helper.make_node("Sigmoid", ["logits"], ["sure"]),
            helper.make_node("Slice", ["sure", "from", "to", "axis"], ["score"]),
            helper.make_node("Concat", [output.name, "score"], ["answers"], axis=1),
        ]
    )
    for name, place in (("from", 0), ("to", 1), ("axis", 1)):
        model.graph.initializer.append(numpy_helper.from_array(np.array([place]), name))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("answers", TensorProto.FLOAT, ["N", 4]))
    onnx.checker.check_model(model)
    return model.SerializeToString()


def tiny_scored_reference(batch: np.ndarray) -> np.ndarray:
    logits = batch.reshape(-1, int(np.prod(SHAPE))) @ tiny_weights()
    score = 1 / (1 + np.exp(-logits[:, :1]))
    return np.hstack([tiny_reference(batch), score]).astype(np.float32)


def tiny_weights() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.3, (int(np.prod(SHAPE)), 3)).astype(np.float32)


def tiny_onnx(batch: str | int = "N") -> bytes:
    """flatten → matrix product → softmax."""
    nodes = [
        helper.make_node("Flatten", ["flow"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("flow", TensorProto.FLOAT, [batch, *SHAPE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [batch, 3])],
        [numpy_helper.from_array(tiny_weights(), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def tiny_reference(batch: np.ndarray) -> np.ndarray:
    logits = batch.reshape(-1, int(np.prod(SHAPE))) @ tiny_weights()
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return (powers / powers.sum(1, keepdims=True)).astype(np.float32)


@pytest.fixture
def scored(tmp_path) -> Package:
    inputs = np.random.default_rng(1).normal(size=(5, *SHAPE)).astype(np.float32)
    card = tiny_card(scores=("smile_left",), output_name="answers")
    reference = tiny_scored_reference(inputs)
    return write_package(tmp_path / "scored", card, tiny_scored_onnx(), inputs, reference)


@pytest.fixture
def tiny(tmp_path) -> Package:
    inputs = np.random.default_rng(1).normal(size=(5, *SHAPE)).astype(np.float32)
    return write_package(
        tmp_path / "tiny", tiny_card(), tiny_onnx(), inputs, tiny_reference(inputs)
    )
