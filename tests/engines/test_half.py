import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, numpy_helper, parser

from engines import EngineError
from engines.half import half_precision
from engines.spec import GENERATIONS

HEAD = '<ir_version: 9, opset_import: ["" : 18]>\n'
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(0, 0.4, shape).astype(np.float32)


def model(text: str, **arrays: np.ndarray) -> bytes:
    proto = parser.parse_model(HEAD + text)
    proto.graph.initializer.extend(
        numpy_helper.from_array(values, name) for name, values in arrays.items()
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString()


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


CONVOLUTION = {"w": weights(4, 2, 3, 3), "b": weights(4)}
MODELS = {
    "convolution": model(
        """g (float[N,2,8,8] x) => (float[N,3] y) {
            a = Conv<pads=[1,1,1,1]>(x, w, b)
            n = BatchNormalization(a, gain, off, mean, variance)
            r = Relu(n)
            p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r)
            c = Conv(p, w2)
            m = GlobalAveragePool(c)
            f = Flatten(m)
            l = Gemm<transB=1>(f, v, vb)
            y = Softmax<axis=1>(l)
        }""",
        **CONVOLUTION,
        gain=floats(1, 2, 0.5, 1),
        off=weights(4),
        mean=weights(4),
        variance=floats(1, 9e4, 1e-7, 0.3),
        w2=weights(5, 4, 3, 3),
        v=weights(3, 5),
        vb=weights(3),
    ),
    "constants in nodes": model(
        """g (float[N,4] x) => (float[N,2] y) {
            w = Constant<value = float[4,2] {0.5, -0.25, 1, 2, 0.1, 0.3, -1, -2}>()
            low = Constant<value_float = 0.0>()
            high = Constant<value_float = 6.0>()
            shape = Constant<value_ints = [-1, 2]>()
            a = MatMul(x, w)
            c = Clip(a, low, high)
            y = Reshape(c, shape)
        }"""
    ),
    "bytes in": model(
        """g (uint8[N,2,8,8] x) => (float[N,4,6,6] y) {
            f = Cast<to=1>(x)
            s = Div(f, most)
            y = Conv(s, w, b)
        }""",
        **CONVOLUTION,
        most=floats(255),
    ),
    "resize and concat": model(
        """g (float[N,2,8,8] x) => (float[N,6,16,16] y) {
            a = Conv<pads=[1,1,1,1]>(x, w, b)
            c = Concat<axis=1>(a, x)
            y = Resize<mode="linear">(c, , scales)
        }""",
        **CONVOLUTION,
        scales=floats(1, 1, 2, 2),
    ),
    "resize in half": model(
        """g (float[N,2,8,8] x) => (float[N,4,16,16] y) {
            a = Conv<pads=[1,1,1,1]>(x, w, b)
            y = Resize<mode="linear">(a, , scales)
        }""",
        **CONVOLUTION,
        scales=floats(1, 1, 2, 2),
    ),
    "cells": model(
        """g (float[5,N,6] x) => (float[1,N,4] y) {
            s = Shape<start=1, end=2>(x)
            sizes = Concat<axis=0>(one, s, four)
            h = Expand(zero, sizes)
            a, ah, ac = LSTM<hidden_size=4>(x, w, r, b, , h, h)
            q = Squeeze(a, one)
            c, y = GRU<hidden_size=4, linear_before_reset=1>(q, w2, r2, b2)
        }""",
        w=weights(1, 16, 6), r=weights(1, 16, 4), b=weights(1, 32),
        w2=weights(1, 12, 4), r2=weights(1, 12, 4), b2=weights(1, 24),
        one=np.array([1]), four=np.array([4]), zero=floats(0),
    ),
    "graph within": model(
        """g (float[N,4] x) => (float[N,2] y) {
            a = MatMul(x, w)
            m = ReduceMax<keepdims=0>(a)
            up = Greater(m, limit)
            c = If(up) <
                then_branch = up_graph () => (float[N,2] t) { t = Mul(a, two) },
                else_branch = down_graph () => (float[N,2] e) {
                    i = Identity(a)
                    e = Neg(i)
                }
            >
            y = Add(a, c)
        }""",
        w=weights(4, 2), limit=np.float32(0.4), two=floats(2),
    ),
    "small and large constants": model(
        """g (float[N,4] x) => (float[N,4] y) {
            a = MatMul(x, w)
            r = Relu(a)
            e = Add(r, tiny)
            s = ReduceSum<keepdims=1>(e, axis)
            p = Div(e, s)
            h = Mul(a, huge)
            t = Div(h, huge)
            z = Where(mask, t, hidden)
            q = Softmax<axis=1>(z)
            y = Add(p, q)
        }""",
        w=weights(4, 4), tiny=floats(1e-9), axis=np.array([1]), huge=floats(1e6),
        mask=np.array([True, True, True, False]), hidden=floats(-np.inf),
    ),
    "normalised": model(
        """g (float[N,2,8,8] x) => (float[N,4,6,6] y) {
            a = Conv(x, w, b)
            n = InstanceNormalization(a, gain, off)
            l = LayerNormalization<axis=3>(n, gain6, off6)
            q = Pow(l, two)
            s = Sqrt(q)
            y = Exp(s)
        }""",
        **CONVOLUTION,
        gain=weights(4), off=weights(4), gain6=weights(6), off6=weights(6), two=floats(2),
    ),
    "a weight of two": model(
        """g (float[N,4] x) => (float[N,4] y, float[N,4] z) {
            y = MatMul(x, w)
            p = Pow(w, two)
            s = ReduceSum<keepdims=0>(p)
            d = Mul(y, s)
            z = Tanh(d)
        }""",
        w=weights(4, 4), two=floats(2),
    ),
}  # fmt: skip


def run(data: bytes, count: int) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    shape = [count if isinstance(size, str) else size for size in entry.shape]
    rng = np.random.default_rng(count)
    if entry.type == "tensor(uint8)":
        return session.run(None, {entry.name: rng.integers(0, 256, shape).astype(np.uint8)})
    return session.run(None, {entry.name: rng.normal(size=shape).astype(np.float32)})


def precisions(data: bytes) -> dict[str, set[int]]:
    """Return the types of floating values that each kind of operator reads."""
    proto = onnx.shape_inference.infer_shapes(onnx.load_from_string(data), strict_mode=True)
    graph = proto.graph
    types = {each.name: each.data_type for each in graph.initializer}
    for each in (*graph.input, *graph.value_info, *graph.output):
        types[each.name] = each.type.tensor_type.elem_type
    found: dict[str, set[int]] = {}
    for node in graph.node:
        read = {types[name] for name in node.input if name} & {FLOAT, HALF}
        found.setdefault(node.op_type, set()).update(read)
    return found


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("count", [1, 7])
def test_the_answers_stay(name, count):
    half = half_precision(MODELS[name])
    for found, expected in zip(run(half, count), run(MODELS[name], count), strict=True):
        assert found.dtype == expected.dtype == np.float32
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, expected, rtol=4e-3, atol=4e-3)


@pytest.mark.parametrize("name", MODELS)
def test_the_file_is_valid_and_its_ends_are_as_before(name):
    before, after = (
        onnx.load_from_string(data) for data in (MODELS[name], half_precision(MODELS[name]))
    )
    onnx.checker.check_model(after, full_check=True)
    for ends in ("input", "output"):
        assert list(getattr(before.graph, ends)) == list(getattr(after.graph, ends))


@pytest.mark.parametrize("name", MODELS)
def test_equal_models_give_equal_bytes_and_the_second_time_changes_nothing(name):
    half = half_precision(MODELS[name])
    assert half_precision(MODELS[name]) == half
    assert half_precision(half) == half != MODELS[name]


@pytest.mark.parametrize(
    ("name", "half", "single"),
    [
        (
            "convolution",
            "Conv MaxPool Gemm",
            "BatchNormalization Relu GlobalAveragePool Flatten Softmax",
        ),
        ("constants in nodes", "MatMul Clip Reshape", ""),
        ("bytes in", "Conv", "Div"),
        ("resize and concat", "Conv", "Concat Resize"),
        ("cells", "LSTM GRU Squeeze", "Expand"),
        ("graph within", "MatMul", "ReduceMax Greater Add"),
        ("small and large constants", "MatMul Relu", "Add ReduceSum Div Mul Where Softmax"),
        ("normalised", "Conv", "InstanceNormalization LayerNormalization Pow Sqrt Exp"),
        ("a weight of two", "MatMul", "Pow ReduceSum Mul Tanh"),
    ],
)
def test_which_operators_calculate_in_half(name, half, single):
    found = precisions(half_precision(MODELS[name]))
    for kind in half.split():
        assert found[kind] == {HALF} or (name, kind) == ("convolution", "MaxPool"), kind
    for kind in single.split():
        assert found[kind] == {FLOAT}, kind


def test_resize_keeps_its_factors_in_single_precision():
    assert precisions(half_precision(MODELS["resize in half"]))["Resize"] == {HALF, FLOAT}


def test_a_value_is_converted_once_whoever_reads_it():
    proto = onnx.load_from_string(half_precision(MODELS["graph within"]))
    casts = [tuple(node.input) for node in proto.graph.node if node.op_type == "Cast"]
    assert sorted(casts) == [("a.half",), ("x",)]


def test_a_weight_behind_identities_is_still_a_weight():
    """Older exporters of torch share weights so."""
    text = """g (float[N,4] x) => (float[N,4] y, float[4,4] u) {
        v = Identity(w)  u = Identity(v)  a = MatMul(x, v)  y = MatMul(a, u)
    }"""
    before = model(text, w=weights(4, 4))
    half = half_precision(before)
    proto = onnx.load_from_string(half)
    assert [node.op_type for node in proto.graph.node] == ["Cast", "MatMul", "MatMul", "Cast"]
    assert [each.name for each in proto.graph.initializer] == ["w.half", "u"]
    for found, expected in zip(run(half, 3), run(before, 3), strict=True):
        np.testing.assert_allclose(found, expected, atol=4e-3)
    with pytest.raises(EngineError, match="initializer 'w'"):
        half_precision(model(text, w=1e6 * weights(4, 4)))


def test_weights_take_half_the_room():
    large = model("g (float[N,400] x) => (float[N,90] y) { y = MatMul(x, w) }", w=weights(400, 90))
    assert 0.5 < len(half_precision(large)) / len(large) < 0.51


@pytest.mark.parametrize("value", [65520.0, -1e9, 3e38])
def test_a_weight_beyond_half_is_named(value):
    w = weights(4, 2)
    w[1, 1] = value
    large = model("g (float[N,4] x) => (float[N,2] y) { y = MatMul(x, kernels) }", kernels=w)
    with pytest.raises(EngineError, match=r"'kernels', read by MatMul.*65504.*fp32"):
        half_precision(large)


def test_the_largest_weight_that_half_can_hold_passes():
    w = weights(4, 2)
    w[1, 1] = 65519.0
    half = half_precision(model("g (float[N,4] x) => (float[N,2] y) { y = MatMul(x, w) }", w=w))
    (kept,) = onnx.load_from_string(half).graph.initializer
    assert numpy_helper.to_array(kept)[1, 1] == np.float16(65504)


@pytest.mark.parametrize("name", ["x.half", "x.half_"])
def test_names_that_are_taken_are_not_taken_again(name):
    proto = onnx.load_from_string(
        model("g (float[N,4] x) => (float[N,2] y) { a = Neg(x) s = Add(x, a) y = MatMul(s, w) }",
              w=weights(4, 2))
    )  # fmt: skip
    proto.graph.node[0].output[0] = proto.graph.node[1].input[1] = name
    before = proto.SerializeToString()
    np.testing.assert_allclose(run(half_precision(before), 3), run(before, 3), atol=1e-3)


def test_functions_of_the_models_own_are_written_out():
    text = (
        '<ir_version: 9, opset_import: ["" : 18, "own" : 1]>\n'
        "g (float[N,4] x, float[4,2] w) => (float[N,2] y) { y = own.Twice(x, w) }\n"
        '<domain: "own", opset_import: ["" : 18]>\n'
        "Twice (a, b) => (c) { d = MatMul(a, b) c = Add(d, d) }"
    )
    proto = parser.parse_model(text)
    half = half_precision(proto.SerializeToString())
    assert precisions(half) == {"Cast": {FLOAT, HALF}, "MatMul": {HALF}, "Add": {HALF}}


def test_what_an_unknown_operator_makes_is_not_guessed():
    text = HEAD.replace("]", ', "own" : 1]') + (
        "g (float[N,4] x, float[4,2] w) => (float[N,2] y) { a = own.Odd(x) y = MatMul(a, w) }"
    )
    with pytest.raises(EngineError, match=r"type of 'a', which MatMul .* run the model in fp32"):
        half_precision(parser.parse_model(text).SerializeToString())


@pytest.mark.parametrize(
    "data",
    [
        model("g (float[N,4] x) => (float[N,4] y) { y = Softmax<axis=1>(x) }"),
        model(
            "g (float16[N,4] x) => (float16[N,2] y) { y = MatMul(x, w) }",
            w=weights(4, 2).astype(np.float16),
        ),
    ],
    ids=["no products", "half already"],
)
def test_nothing_to_convert(data):
    assert half_precision(data) is data


@pytest.mark.parametrize("data", [b"", b"no model", MODELS["convolution"][:300]])
def test_damaged_bytes_are_refused(data):
    with pytest.raises(EngineError, match=f"no valid ONNX model of {len(data)} bytes"):
        half_precision(data)


def test_weights_in_another_file_are_refused():
    proto = onnx.load_from_string(MODELS["a weight of two"])
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    with pytest.raises(EngineError, match="'w' lie in another file: save the model as one file"):
        half_precision(proto.SerializeToString())


def test_importing_it_loads_no_onnx():
    code = "import engines.half, sys; assert not {'onnx', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["convolution", "cells", "small and large constants", "bytes in"])
def test_it_compiles_for_every_generation_of_gpus(name):
    """Strongly typed, as TensorRT-RTX wants it; Turing refuses products in single precision."""
    trt = pytest.importorskip("tensorrt_rtx")
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parsed = trt.OnnxParser(network, logger)
    assert parsed.parse(half_precision(MODELS[name])), parsed.get_error(0)
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    entry = network.get_input(0)
    shapes = [[size if old < 0 else old for old in entry.shape] for size in (1, 8, 16)]
    profile.set_shape(entry.name, *shapes)
    config.add_optimization_profile(profile)
    config.num_compute_capabilities = len(GENERATIONS)
    for place, generation in enumerate(GENERATIONS):
        target = getattr(trt.ComputeCapability, generation.upper())
        config.set_compute_capability(target, place)
    assert builder.build_serialized_network(network, config) is not None
