"""A model package that says everything a model can say, of whatever it is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines import Card, write_package
from realtime_mer.events import ACTION_UNIT_GROUPS, EMOTIONS, NONE

SHAPE = (2, 28, 28)


def write_full(folder: Path, p_none: float = 0.25) -> Path:
    """Write the package and return its folder.

    Without motion its three emotions share ``1 - p_none`` evenly, and score number k, counted
    from 0, is the sigmoid of k: the right side of the first group has 0.5, all others more.
    """
    labels = (*EMOTIONS, NONE)
    scores = tuple(f"{group}_{side}" for group in ACTION_UNIT_GROUPS for side in ("right", "left"))
    offsets = np.log(np.array([*([(1 - p_none) / 3] * 3), p_none], np.float32))
    constants = {
        "none": np.zeros((int(np.prod(SHAPE)), 1), np.float32),
        "offsets": offsets,
        "steps": np.arange(len(scores), dtype=np.float32),
    }
    nodes = [
        helper.make_node("Flatten", ["flow"], ["flat"]),
        helper.make_node("MatMul", ["flat", "none"], ["zero"]),
        helper.make_node("Add", ["zero", "offsets"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("Add", ["zero", "steps"], ["strengths"]),
        helper.make_node("Sigmoid", ["strengths"], ["scores"]),
        helper.make_node("Concat", ["probabilities", "scores"], ["answers"], axis=1),
    ]
    width = len(labels) + len(scores)
    graph = helper.make_graph(
        nodes,
        "full",
        [helper.make_tensor_value_info("flow", TensorProto.FLOAT, ["N", *SHAPE])],
        [helper.make_tensor_value_info("answers", TensorProto.FLOAT, ["N", width])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    card = Card(
        name="full",
        version="1",
        labels=labels,
        recipe="onset_apex_flow",
        input_name="flow",
        input_shape=SHAPE,
        input_dtype="float32",
        output_name="answers",
        licence="Apache-2.0",
        limits="a test model",
        scores=scores,
    )
    powers = np.exp(offsets)
    answer = np.concatenate([powers / powers.sum(), 1 / (1 + np.exp(-constants["steps"]))])
    samples = np.zeros((1, *SHAPE), np.float32), answer[None].astype(np.float32)
    write_package(folder, card, model.SerializeToString(), *samples)
    return folder
