"""People with expressions of three kinds, as flow maps, and a tiny model of such maps in ONNX."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from engines import Card, write_package
from offline.mirroring import mirrored

SIDE = 28
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]


def bump(row, column, size=4.0):
    return np.exp(-((ROWS - row) ** 2 + (COLUMNS - column) ** 2) / (2 * size**2))


def patterns():
    """(3, 2, 28, 28): corners of the mouth down, corners up and out, brows up; symmetric."""
    corners = bump(20, 8), bump(20, 19)
    down = [0 * ROWS, corners[0] + corners[1]]
    up = [corners[1] - corners[0], -corners[0] - corners[1]]
    brows = [0 * ROWS, -bump(6, 8) - bump(6, 19)]
    return np.array([down, up, brows])


def people(subjects, each=6, seed=0, noise=0.5, classes=(0, 1, 2)):
    """Maps (N, 2, 28, 28), labels (N,), subjects (N,): each person moves in a way of their own."""
    rng = np.random.default_rng(seed)
    labels = np.tile(rng.permutation(np.resize(classes, each)), subjects).astype(np.int64)
    owners = np.repeat(np.arange(subjects), each)
    habit = rng.normal(size=(subjects, 2, 1, 1)) * bump(14, 14, 8.0)
    maps = rng.uniform(0.5, 1.5, (len(labels), 1, 1, 1)) * patterns()[labels]
    maps = maps + 0.3 * habit[owners] + noise * rng.normal(size=maps.shape)
    return maps.astype(np.float32), labels, owners


def base_weights(order=(0, 1, 2), none=False, scores=0):
    """(columns, 1568) float32: ``order`` says which pattern each label takes for its own."""
    rng = np.random.default_rng(5)
    rows = [patterns()[number] / 50 for number in order]
    rows += [0.02 * rng.normal(size=(2, SIDE, SIDE)) for _ in range(none + scores)]
    return np.array([(row + mirrored(row)).ravel() for row in rows], np.float32)


def write_base(folder, order=(0, 1, 2), none=False, scores=(), **changes):
    """Write a package: a softmax over the labels, beside independent scores."""
    labels = ("negative", "positive", "surprise", "none")[: 3 + none]
    weights = base_weights(order, none, len(scores))
    nodes = [
        helper.make_node("Flatten", ["flow"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["all"], transB=1),
        helper.make_node("Split", ["all", "sizes"], ["first", "rest"], axis=1),
        helper.make_node("Softmax", ["first"], ["labels"], axis=1),
        helper.make_node("Sigmoid", ["rest"], ["scores"]),
        helper.make_node("Concat", ["labels", "scores"], ["answer"], axis=1),
    ]
    sizes = np.array([len(labels), len(scores)], np.int64)
    graph = helper.make_graph(
        nodes,
        "base",
        [helper.make_tensor_value_info("flow", TensorProto.FLOAT, ["N", 2, SIDE, SIDE])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["N", len(weights)])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(sizes, "sizes")],
    )
    opset = helper.make_opsetid("", changes.pop("opset", 17))
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9).SerializeToString()
    entries = {
        "name": "base",
        "version": "1",
        "labels": labels,
        "recipe": "onset_apex_flow",
        "input_name": "flow",
        "input_shape": (2, SIDE, SIDE),
        "input_dtype": "float32",
        "output_name": "answer",
        "licence": "Apache-2.0",
        "limits": "a test model",
        "training": {"data": "drawn at random"},
        "scores": tuple(scores),
    }
    inputs = people(2, seed=9)[0]
    return write_package(folder, Card(**(entries | changes)), model, inputs,
                         base_answers(inputs, order, none, len(scores)))  # fmt: skip


def base_answers(maps, order=(0, 1, 2), none=False, scores=0):
    values = maps.reshape(len(maps), -1).astype(np.float64) @ base_weights(order, none, scores).T
    powers = np.exp(values[:, : 3 + none])
    labels = powers / powers.sum(1, keepdims=True)
    return np.hstack([labels, 1 / (1 + np.exp(-values[:, 3 + none :]))]).astype(np.float32)
