"""Every operator against ONNX Runtime, at several batch sizes."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from engines import EngineError

torch = pytest.importorskip("torch")

from engines.torch_graph import torch_module  # noqa: E402

BATCHES = (1, 2, 5)
IMAGE = (4, 6, 7)
ROWS = (6,)
ELEMENTS = helper.np_dtype_to_tensor_dtype


def random(shape, seed=0, low=-2.0, high=2.0, dtype=np.float32):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(dtype)


def made(nodes, shape, constants=None, outputs=("y",), dtype=np.float32, opset=18) -> bytes:
    """An ONNX file that reads x, (N, *shape), and has its nodes' outputs."""
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", ELEMENTS(np.dtype(dtype)), ["N", *shape])],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    inferred = onnx.shape_inference.infer_shapes(model)
    kinds = {each.name: each for each in inferred.graph.value_info}
    kinds |= {each.name: each for each in inferred.graph.output}
    del model.graph.output[:]
    model.graph.output.extend(kinds[name] for name in outputs)
    return model.SerializeToString()


def agree(
    model, shape, batches=BATCHES, low=-2.0, high=2.0, dtype=np.float32, rtol=1e-5, atol=1e-6
):
    """Hold PyTorch against ONNX Runtime: values, shapes and types."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    module = torch_module(model)
    for count in batches:
        x = random((count, *shape), count, low, high, dtype)
        wanted = session.run(None, {"x": x})
        with torch.inference_mode():
            found = module(torch.from_numpy(x))
        found = found if isinstance(found, tuple) else (found,)
        for one, other in zip(found, wanted, strict=True):
            assert one.numpy().dtype == other.dtype
            assert one.shape == other.shape
            np.testing.assert_allclose(one.numpy(), other, rtol=rtol, atol=atol)
    return module


def node(kind, inputs=("x",), outputs=("y",), **attributes):
    name = f"the_{kind}" + ("" if outputs[0] == "y" else f"_for_{outputs[0]}")
    return helper.make_node(kind, list(inputs), list(outputs), name, **attributes)


def one(kind, shape=ROWS, constants=None, low=-2.0, high=2.0, opset=18, **attributes):
    """Hold one node, which reads x and then the constants in order, against ONNX Runtime."""
    inputs = ("x", *(constants or {}))
    model = made([node(kind, inputs, **attributes)], shape, constants, opset=opset)
    return agree(model, shape, low=low, high=high)


def ints(*values):
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    "kind",
    ["Abs", "Atan", "Ceil", "Cos", "Elu", "Erf", "Exp", "Floor", "HardSigmoid", "HardSwish",
     "Identity", "LeakyRelu", "Mish", "Neg", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid",
     "Sign", "Sin", "Softplus", "Softsign", "Tanh", "Celu", "Asinh", "IsNaN"],
)  # fmt: skip
def test_of_each_number(kind):
    one(kind)


@pytest.mark.parametrize("kind", ["Log", "Sqrt"])
def test_of_each_positive_number(kind):
    one(kind, low=0.1)


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [("Elu", {"alpha": 0.7}), ("LeakyRelu", {"alpha": 0.3}), ("Celu", {"alpha": 0.5}),
     ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}), ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
     ("Selu", {"alpha": 1.2, "gamma": 0.9})],
)  # fmt: skip
def test_attributes_count(kind, attributes):
    one(kind, **attributes)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate):
    one("Gelu", opset=20, approximate=approximate)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("shape", [(), (1,), (6,), (3, 6)])
@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"])
def test_two_numbers(kind, shape, swapped):
    inputs = ("b", "x") if swapped else ("x", "b")
    model = made([node(kind, inputs)], (3, 6), {"b": random(shape, 9, 0.5, 2.0)})
    agree(model, (3, 6), low=0.5)


@pytest.mark.parametrize("exponent", [2.0, 0.5, 3.0])
def test_powers(exponent):
    one("Pow", constants={"b": np.float32(exponent)}, low=0.1)


def test_a_power_of_whole_exponent_keeps_the_type():
    one("Pow", constants={"b": np.int64(3)})


@pytest.mark.parametrize("kind", ["Sum", "Mean", "Max", "Min"])
def test_several_numbers(kind):
    model = made([node(kind, ("x", "b", "x", "c"))], ROWS,
                 {"b": random(ROWS, 1), "c": np.float32(0.3)})  # fmt: skip
    agree(model, ROWS)


@pytest.mark.parametrize("kind", ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"])
def test_comparisons_choose(kind):
    nodes = [
        node("Round", ("x",), ("r",)), node(kind, ("r", "zero"), ("a",)),
        node("Not", ("a",), ("b",)), node("Less", ("x", "r"), ("c",)),
        node("And", ("b", "c"), ("d",)), node("Or", ("a", "d"), ("e",)),
        node("Xor", ("e", "c"), ("f",)), node("Where", ("f", "x", "zero"), ("y",)),
    ]  # fmt: skip
    agree(made(nodes, ROWS, {"zero": np.float32(0)}), ROWS)


@pytest.mark.parametrize("limits", [(-0.5, 0.5), (-0.5, None), (None, 0.5)])
def test_clip(limits):
    named = dict(zip(("low", "high"), limits, strict=True))
    constants = {name: np.float32(value) for name, value in named.items() if value is not None}
    inputs = ("x", *(name if name in constants else "" for name in named))
    agree(made([node("Clip", inputs)], ROWS, constants), ROWS)


@pytest.mark.parametrize("kind", ["Div", "Add", "Mul", "Sub", "Max"])
def test_whole_numbers_stay_whole(kind):
    model = made([node(kind, ("x", "b"))], ROWS, {"b": ints(3)}, dtype=np.int64)
    agree(model, ROWS, low=-20, high=20, dtype=np.int64)


@pytest.mark.parametrize("to", [TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.INT32,
                                TensorProto.BOOL])  # fmt: skip
def test_cast(to):
    one("Cast", to=to)


@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("axes", [None, (1,), (-1, 1)])
@pytest.mark.parametrize(
    "kind",
    ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2",
     "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", "ReduceProd"],
)  # fmt: skip
def test_reductions(kind, axes, keepdims):
    constants = {} if axes is None else {"axes": ints(*axes)}
    one(kind, (3, 5), constants, low=0.2, keepdims=keepdims)
    if axes and kind != "ReduceSum":
        one(kind, (3, 5), low=0.2, opset=17, keepdims=keepdims, axes=axes)


def test_a_reduction_of_no_axes_may_do_nothing():
    one("ReduceSum", (3,), noop_with_empty_axes=1)


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("axis", [1, -1])
def test_softmax(kind, axis):
    one(kind, (3, 5), axis=axis)


@pytest.mark.parametrize("kind", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_places_of_extremes(kind, keepdims):
    one(kind, (3, 5), axis=1, keepdims=keepdims)


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_running_sums(exclusive, reverse):
    one("CumSum", (3, 5), {"axis": ints(1)[0]}, exclusive=exclusive, reverse=reverse)


@pytest.mark.parametrize("largest", [0, 1])
def test_top_k(largest):
    nodes = [node("TopK", ("x", "k"), ("y", "places"), largest=largest, axis=1)]
    agree(made(nodes, (7,), {"k": ints(3)}, ("y", "places")), (7,))


@pytest.mark.parametrize("trans", [(0, 0), (0, 1)])
@pytest.mark.parametrize("factors", [(1.0, 1.0), (0.5, 2.0)])
@pytest.mark.parametrize("bias", [None, (), (1,), (3,), (1, 3)])
def test_gemm(trans, factors, bias):
    constants = {"w": random((3, 6) if trans[1] else (6, 3), 1)}
    if bias is not None:
        constants["b"] = random(bias, 2)
    attributes = dict(zip(("transA", "transB", "alpha", "beta"), trans + factors, strict=True))
    one("Gemm", ROWS, constants, **attributes)


@pytest.mark.parametrize("shape", [(5,), (5, 3), (2, 5, 3)])
def test_matrix_product(shape):
    one("MatMul", (2, 4, 5), {"w": random(shape, 1)})


def test_einsum():
    one("Einsum", (3, 4), {"w": random((3, 4, 5), 1)}, equation="n p i, p i o -> n p o")


@pytest.mark.parametrize(
    ("shape", "extra"),
    [((0, -1), {}), ((-1, 12), {}), ((0, 4, 3), {}), ((-1, 2, 6), {"allowzero": 1})],
)
def test_reshape(shape, extra):
    one("Reshape", (3, 4), {"shape": ints(*shape)}, **extra)


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1])
def test_flatten(axis):
    one("Flatten", (3, 4), axis=axis)


def test_transpose():
    one("Transpose", (3, 4), perm=[2, 0, 1])
    one("Transpose", (3, 4))


@pytest.mark.parametrize("axes", [(1,), (0, 3), (-1,), (-1, 1)])
def test_axes_come_and_go(axes):
    nodes = [node("Unsqueeze", ("x", "axes"), ("u",)), node("Relu", ("u",), ("r",)),
             node("Squeeze", ("r", "axes"), ("s",)), node("Add", ("s", "x"), ("y",))]  # fmt: skip
    agree(made(nodes, (3, 4), {"axes": ints(*axes)}, ("u", "y")), (3, 4))


@pytest.mark.parametrize(
    ("start", "stop", "axis", "step"),
    [(1, 3, 1, 1), (0, 2**63 - 1, 1, 2), (-2, 2**31 - 1, -1, 1), (0, -1, 2, 1),
     (-1, -(2**63), 2, -1), (3, 0, 2, -2), (-1, -4, 2, -1), (9, -9, 1, -1), (0, 99, 1, 1)],
)  # fmt: skip
def test_slice(start, stop, axis, step):
    bounds = {"a": ints(start), "b": ints(stop), "axes": ints(axis), "steps": ints(step)}
    one("Slice", (4, 5), bounds)


@pytest.mark.parametrize("places", [1, -1, [2, 0], [0, -1, 1], [[0, 1], [2, 2]]])
@pytest.mark.parametrize("axis", [1, -1])
def test_gather(places, axis):
    one("Gather", (3, 3), {"places": np.array(places, np.int64)}, axis=axis)


@pytest.mark.parametrize("batch_dims", [0, 1])
def test_gather_nd(batch_dims):
    flip = node("Transpose", ("x",), ("t",), perm=[1, 0, 2])
    places = ints(2, 0, -1).reshape(3, 1) if not batch_dims else ints(0, 0, 0).reshape(3, 1)
    model = made([flip, node("GatherND", ("t", "p"), batch_dims=batch_dims)], (3, 4), {"p": places})
    agree(model, (3, 4))
    fixed = made([flip, node("GatherND", ("t", "p"))], (3, 4), {"p": ints(2, 1).reshape(2, 1)})
    agree(fixed, (3, 4))


def test_elements_are_gathered_and_scattered():
    nodes = [
        node("ArgMax", ("x",), ("at",), axis=1),
        node("GatherElements", ("x", "at"), ("g",), axis=1),
        node("Neg", ("g",), ("turned",)),
        node("ScatterElements", ("x", "at", "turned"), ("y",), axis=1),
    ]
    agree(made(nodes, ROWS, {}, ("g", "y")), ROWS)


@pytest.mark.parametrize("reduction", ["none", "add"])
def test_scatter_nd(reduction):
    nodes = [node("ScatterND", ("base", "at", "updates"), ("s",), reduction=reduction),
             node("Mul", ("x", "s"), ("y",))]  # fmt: skip
    constants = {"base": random(ROWS, 1), "at": ints(1, 4).reshape(2, 1), "updates": random((2,))}
    agree(made(nodes, ROWS, constants), ROWS)


def test_concat_and_split():
    nodes = [node("Split", ("x", "sizes"), ("a", "b"), axis=1),
             node("Split", ("x",), ("c", "d"), axis=1, num_outputs=2),
             node("Concat", ("b", "a", "d", "c"), ("y",), axis=1)]  # fmt: skip
    agree(made(nodes, (7,), {"sizes": ints(2, 5)}), (7,))


def test_tile_and_triangles():
    one("Tile", (3,), {"times": ints(2, 3)})
    one("Trilu", (4, 4), {"k": np.int64(1)}, upper=0)
    one("Trilu", (4, 4))


@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (4,), (2, 1, 3, 4), (1, 3, 1)])
def test_expand(shape):
    one("Expand", (1, 4), {"shape": ints(*shape)})


def test_shapes_are_followed_for_any_batch():
    """The dynamo exporter's way: sizes from Shape, calculated with, made tensors of."""
    nodes = [
        node("Shape", ("x",), ("n",), start=0, end=1),
        node("Shape", ("x",), ("all",)),
        node("Gather", ("all", "zero"), ("first",)),
        node("Unsqueeze", ("first", "front"), ("first1",)),
        node("Slice", ("all", "front1", "far"), ("rest",)),
        node("ReduceProd", ("rest",), ("product",), keepdims=1),
        node("Mul", ("first1", "two"), ("double",)),
        node("Div", ("product", "two"), ("half",)),
        node("Concat", ("double", "half"), ("shape",), axis=0),
        node("Reshape", ("x", "shape"), ("halves",)),
        node("Concat", ("n", "three"), ("wide",), axis=0),
        node("ConstantOfShape", ("wide",), ("ones",), value=helper.make_tensor("v", 1, [1], [2.0])),
        node("Equal", ("wide", "minus"), ("is",)),
        node("Where", ("is", "wide", "wide"), ("wide2",)),
        node("Expand", ("small", "wide2"), ("e",)),
        node("Add", ("e", "ones"), ("y",)),
        node("Cast", ("all",), ("asfloat",), to=TensorProto.FLOAT),
        node("Range", ("rzero", "first", "rone"), ("count",)),
    ]
    constants = {
        "zero": np.int64(0), "front": ints(0), "front1": ints(1), "far": ints(99), "two": ints(2),
        "three": ints(3), "minus": ints(-1), "small": random((1, 3)), "rzero": np.int64(0),
        "rone": np.int64(1),
    }  # fmt: skip
    outputs = ("halves", "y", "asfloat", "count", "double")
    module = agree(made(nodes, (4, 6), constants, outputs), (4, 6))
    # Sizes stay Python numbers: one tensor is made of them for each of the two that leave as one.
    assert sum(each.target is torch.tensor for each in module.graph.nodes) == 2


def test_constants_are_calculated_once():
    nodes = [
        node("Identity", ("w",), ("w1",)), node("Exp", ("w1",), ("w2",)),
        node("ConstantOfShape", ("three",), ("zeros",)), node("Add", ("w2", "zeros"), ("w3",)),
        node("Constant", (), ("f",), value_float=0.5), node("Mul", ("w3", "f"), ("w4",)),
        node("Add", ("x", "w4"), ("y",)),
    ]  # fmt: skip
    module = agree(made(nodes, (3,), {"w": random((3,)), "three": ints(3)}), (3,))
    assert [each.op for each in module.graph.nodes] == [
        "placeholder", "get_attr", "call_function", "output",
    ]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_convolution_geometry(data):
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    group = data.draw(st.sampled_from([1, 2, 4]))
    kernel = [number(1, 3), number(1, 3)]
    attributes = {
        "strides": [number(1, 3), number(1, 3)], "dilations": [number(1, 2), number(1, 2)],
        "group": group,
    }  # fmt: skip
    way = data.draw(st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    if way == "NOTSET":
        attributes["pads"] = [number(0, 2) for _ in range(4)]
    else:
        attributes |= {"auto_pad": way, "dilations": [1, 1]}
    constants = {"w": random((8, 4 // group, *kernel), 1)}
    if data.draw(st.booleans()):
        constants["b"] = random((8,), 2)
    model = made(
        [node("Conv", ("x", *constants), kernel_shape=kernel, **attributes)], IMAGE, constants
    )
    agree(model, IMAGE, (1, 3), atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_pooling_geometry(data):
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    kernel = [number(1, 3), number(1, 3)]
    kind = data.draw(st.sampled_from(["MaxPool", "AveragePool"]))
    pads = [number(0, size - 1) for size in kernel * 2]
    attributes = {"kernel_shape": kernel, "strides": [number(1, 3), number(1, 3)], "pads": pads}
    if kind == "AveragePool":
        attributes["count_include_pad"] = number(0, 1)
    if kind == "MaxPool" and data.draw(st.booleans()):
        attributes["dilations"] = [number(1, 2), number(1, 2)]
    agree(made([node(kind, **attributes)], IMAGE), IMAGE, (1, 3))


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("pad", [0, 1])
def test_pooling_that_rounds_up(kind, pad):
    one(kind, (2, 7, 6), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[pad] * 4)


@pytest.mark.parametrize("kind", ["GlobalAveragePool", "GlobalMaxPool"])
def test_global_pooling(kind):
    one(kind, IMAGE)


@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 1]])
@pytest.mark.parametrize("group", [1, 2])
def test_convolution_backwards(pads, group):
    constants = {"w": random((4, 2, 3, 3), 1), "b": random((2 * group,), 2)}
    one("ConvTranspose", IMAGE, constants, strides=[2, 2], pads=pads, group=group)


@pytest.mark.parametrize("shape", [(4, 9), (4, 3, 4, 5)])
def test_one_and_three_axes(shape):
    size = len(shape) - 1
    one("Conv", shape, {"w": random((2, 4) + (2,) * size, 1)})
    one("MaxPool", shape, kernel_shape=[2] * size)
    one("AveragePool", shape, kernel_shape=[2] * size)


def test_normalisations():
    four = {name: random((4,), seed, 0.5) for seed, name in enumerate("abcd")}
    one("BatchNormalization", IMAGE, four, epsilon=1e-3)
    two = {name: four[name] for name in "ab"}
    agree(made([node("InstanceNormalization", ("x", "a", "b"))], IMAGE, two), IMAGE, atol=1e-5)
    nodes = [
        node("GroupNormalization", ("x", "a", "b"), ("g",), num_groups=2),
        node("Cast", ("g",), ("c",), to=TensorProto.FLOAT),  # ONNX infers no type before it
        node("Reshape", ("c", "shape")),
    ]
    two["shape"] = ints(-1, *IMAGE)
    agree(made(nodes, IMAGE, two, opset=21), IMAGE, atol=1e-5)


@pytest.mark.parametrize(("axis", "shape"), [(-1, (7,)), (2, (6, 7)), (2, (7,))])
@pytest.mark.parametrize("bias", [False, True])
def test_layer_normalisation(axis, shape, bias):
    constants = {"w": random(shape, 1)} | ({"b": random(shape, 2)} if bias else {})
    model = made([node("LayerNormalization", ("x", *constants), axis=axis)], IMAGE, constants)
    agree(model, IMAGE, atol=1e-5)


def test_prelu():
    one("PRelu", IMAGE, {"slope": random((4, 1, 1), 1)})


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
def test_pad(mode):
    pads = {"pads": ints(0, 0, 1, 2, 0, 0, 2, 0)}
    one("Pad", IMAGE, pads, opset=19, mode=mode)
    if mode == "constant":
        one("Pad", IMAGE, pads | {"value": np.float32(3)}, mode=mode)
        one("Pad", IMAGE, {"pads": ints(1, 0, 0, 0, 0, 1, 0, -1)})
        named = {"pads": ints(1, 2), "value": np.float32(1), "axes": ints(-1)}
        one("Pad", IMAGE, named)


@pytest.mark.parametrize(
    "attributes",
    [{"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
     {"mode": "nearest"}, {"mode": "linear"},
     {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
     {"mode": "cubic", "coordinate_transformation_mode": "half_pixel"}],
)  # fmt: skip
@pytest.mark.parametrize("by", ["scales", "sizes"])
def test_resize(attributes, by):
    if by == "scales":
        constants = {"scales": np.array([1, 1, 2, 3], np.float32)}
        inputs = ("x", "", "scales")
        model = made([node("Resize", inputs, **attributes)], IMAGE, constants)
    else:
        nodes = [node("Shape", ("x",), ("n",), end=1), node("Concat", ("n", "s"), ("t",), axis=0),
                 node("Resize", ("x", "", "", "t"), **attributes)]  # fmt: skip
        model = made(nodes, IMAGE, {"s": ints(4, 12, 14)})
    agree(model, IMAGE, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("kind", "early"), [("LSTM", 0), ("GRU", 0), ("GRU", 1)])
def test_recurrent(kind, early, direction, bias, state):
    ways, gates, hidden = 1 + (direction == "bidirectional"), 4 if kind == "LSTM" else 3, 3
    constants = {
        "w": random((ways, gates * hidden, 4), 1),
        "r": random((ways, gates * hidden, hidden), 2),
    }
    if bias:
        constants["b"] = random((ways, 2 * gates * hidden), 3)
    inputs = ["t", "w", "r", "b" if bias else "", ""]
    nodes = [node("Transpose", ("x",), ("t",), perm=[1, 0, 2])]
    if state:
        constants["start"] = random((ways, 1, hidden), 4)
        constants |= {"ways": ints(ways), "hidden": ints(hidden)}
        nodes += [node("Shape", ("x",), ("n",), end=1),
                  node("Concat", ("ways", "n", "hidden"), ("s",), axis=0),
                  node("Expand", ("start", "s"), ("h0",))]  # fmt: skip
        inputs += ["h0"] + ["h0"] * (kind == "LSTM")
    outputs = ("y", "yh", "yc")[: 3 if kind == "LSTM" else 2]
    attributes = {} if kind == "LSTM" else {"linear_before_reset": early}
    nodes.append(node(kind, inputs, outputs, hidden_size=hidden, direction=direction, **attributes))
    agree(made(nodes, (5, 4), constants, outputs), (5, 4), atol=2e-6)


def refused(model, *words):
    with pytest.raises(EngineError) as caught:
        torch_module(model, "mine")
    for word in ("mine", *words):
        assert word in str(caught.value)


def test_an_unknown_operator_is_named():
    refused(made([node("Det")], (3, 3)), "Det", "the_Det")


def test_an_operator_of_another_domain_is_named():
    graph = helper.make_graph(
        [helper.make_node("Magic", ["x"], ["y"], "spell", domain="com.example")], "made",
        [helper.make_tensor_value_info("x", 1, ["N"])],
        [helper.make_tensor_value_info("y", 1, ["N"])],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.example", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    refused(model.SerializeToString(), "com.example::Magic", "spell")


@pytest.mark.parametrize(
    ("kind", "shape", "attributes", "word"),
    [("MaxPool", IMAGE, {"kernel_shape": [2, 2], "ceil_mode": 1, "pads": [1, 0, 0, 0]}, "ceil"),
     ("ArgMax", ROWS, {"axis": 1, "select_last_index": 1}, "select_last_index"),
     ("AveragePool", IMAGE, {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER", "ceil_mode": 1},
      "ceil")],
)  # fmt: skip
def test_an_attribute_that_is_not_supported_is_named(kind, shape, attributes, word):
    refused(made([node(kind, **attributes)], shape), kind, f"the_{kind}", word)


@pytest.mark.parametrize("model", [b"", b"not onnx", b"\x08\x09" * 40])
def test_bytes_that_are_no_model(model):
    refused(model)


def test_every_cut_off_model_is_an_engine_error():
    whole = made([node("Gemm", ("x", "w"))], ROWS, {"w": random((6, 3))})
    for length in range(0, len(whole) - 1, 7):
        with pytest.raises(EngineError):
            torch_module(whole[:length])


def test_weights_in_another_file_are_refused():
    model = onnx.load_from_string(made([node("Add", ("x", "w"))], ROWS, {"w": random(ROWS)}))
    (weight,) = model.graph.initializer
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "/etc/hostname"
    weight.ClearField("raw_data")
    refused(model.SerializeToString(), "'w'", "another file")


def test_an_old_opset_is_refused():
    refused(made([node("Relu")], ROWS, opset=12), "opset 12")


def test_a_contradictory_node_is_named():
    nodes = [node("Gather", ("w", "at"), ("g",)), node("Add", ("x", "g"))]
    refused(made(nodes, ROWS, {"w": random((2,)), "at": np.int64(7)}), "Gather", "the_Gather")


def exported(module, *shape) -> bytes:
    """What the dynamo exporter makes of a module, for any batch."""
    batch = torch.export.Dim("N", min=1, max=64)
    program = torch.onnx.export(
        module.eval(),
        (torch.zeros(2, *shape),),
        dynamo=True,
        dynamic_shapes=({0: batch},),
        opset_version=18,
        input_names=["x"],
        verbose=False,
    )
    return program.model_proto.SerializeToString()


class Attending(torch.nn.Module):
    """Depthwise convolution, squeeze and excitation, attention: much of what exports contain."""

    def __init__(self) -> None:
        super().__init__()
        layers = torch.nn
        self.start = layers.Sequential(
            layers.Conv2d(3, 8, 3, 2, 1, bias=False), layers.BatchNorm2d(8), layers.SiLU(),
            layers.Conv2d(8, 8, 3, padding=1, groups=8), layers.Hardswish(),
        )  # fmt: skip
        self.gate = layers.Sequential(
            layers.AdaptiveAvgPool2d(1), layers.Conv2d(8, 2, 1), layers.ReLU(),
            layers.Conv2d(2, 8, 1), layers.Hardsigmoid(),
        )  # fmt: skip
        self.norm, self.bent = layers.LayerNorm(8), layers.GELU()
        self.look = layers.MultiheadAttention(8, 2, batch_first=True)
        self.end = layers.Linear(8, 3)

    def forward(self, image):
        image = self.start(image)
        image = image * self.gate(image) + image.flip(3)[:, [1, 0, 2, 3, 4, 5, 6, 7]]
        tokens = self.norm(image.flatten(2).transpose(1, 2))
        tokens = tokens + self.look(tokens, tokens, tokens)[0]
        return torch.softmax(self.end(self.bent(tokens).mean(1)), 1)


class Remembering(torch.nn.Module):
    def __init__(self, kind) -> None:
        super().__init__()
        self.layers = kind(4, 5, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, values):
        return self.layers(values)[0][:, -1]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the exporter uses what PyTorch has deprecated
@pytest.mark.parametrize(
    ("module", "shape"),
    [(Attending, (3, 8, 8)), (lambda: Remembering(torch.nn.LSTM), (6, 4)),
     (lambda: Remembering(torch.nn.GRU), (6, 4))],
    ids=["attending", "lstm", "gru"],
)  # fmt: skip
def test_exported_networks_agree_and_can_be_compiled(module, shape):
    torch.manual_seed(0)
    module = module()
    model = exported(module, *shape)
    translated = agree(model, shape, atol=2e-6)
    compiled = torch.compile(translated, backend="aot_eager")
    for count in BATCHES:
        x = torch.from_numpy(random((count, *shape), count))
        with torch.inference_mode():
            torch.testing.assert_close(translated(x), module(x), rtol=1e-5, atol=2e-6)
            torch.testing.assert_close(compiled(x), translated(x), rtol=1e-5, atol=2e-6)
