"""Networks compiled by the real TensorRT-RTX, for GPUs that need not be here."""

import signal
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.backend import EngineError
from engines.nvidia.tensorrt_build import BuildStopped, build_plan, known_targets, plain_fp32
from engines.nvidia.tensorrt_flavour import load_flavour, trt_logger
from engines.spec import GENERATIONS, BuildSpec
from tests.engines.conftest import tiny_onnx, tiny_scored_onnx

TAKES_FP32 = ("sm80", "sm86", "sm89", "sm120")
FLOAT, FLOAT16, UINT8 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8


def spec(*targets: str, precision: str = "fp32", **changes) -> BuildSpec:
    version = load_flavour("tensorrt-rtx").version
    return BuildSpec("0" * 64, "tensorrt-rtx", version, precision, targets or ("sm89",), **changes)


def graph(nodes, shape, kind=FLOAT, out_kind=None, answers=("N", 3), **constants) -> bytes:
    """A network from ``x`` to ``y``."""
    made = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", out_kind or kind, answers)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.example", 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=9).SerializeToString()


def spark(name: str, source: str = "x", to: str = "y") -> onnx.NodeProto:
    """An operator that nobody knows."""
    return helper.make_node("Sparkle", [source], [to], name=name, domain="com.example")


def refusal(model: bytes, wanted: BuildSpec | None = None) -> str:
    with pytest.raises(EngineError) as caught:
        build_plan(model, "tiny", wanted or spec())
    assert "model tiny" in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def plan() -> bytes:
    return build_plan(tiny_onnx(), "tiny", spec())


class TestPlans:
    @pytest.mark.parametrize("target", GENERATIONS)
    def test_fp16_for_every_generation(self, target):
        assert len(build_plan(tiny_onnx(), "tiny", spec(target, precision="fp16"))) > 10_000

    @pytest.mark.parametrize("target", TAKES_FP32)
    def test_fp32_for_all_but_turing(self, target):
        assert len(build_plan(tiny_onnx(), "tiny", spec(target))) > 10_000

    def test_several_generations_in_one(self):
        four = build_plan(tiny_onnx(), "tiny", spec(*TAKES_FP32))
        five = build_plan(tiny_onnx(), "tiny", spec(*GENERATIONS, precision="fp16"))
        assert min(len(four), len(five)) > 10_000

    def test_labels_and_scores(self):
        assert build_plan(tiny_scored_onnx(), "tiny", spec(*TAKES_FP32))

    def test_the_same_again_is_the_same(self, plan):
        assert build_plan(tiny_onnx(), "tiny", spec()) == plan

    @pytest.mark.parametrize(
        "changes",
        [
            {"targets": ("sm80",)},
            {"targets": ("sm86", "sm89")},
            {"precision": "fp16"},
            {"profiles": ((1, 1, 1),)},
            {"profiles": ((1, 8, 32),)},
        ],
        ids=str,
    )
    def test_what_is_asked_for_decides(self, changes, plan):
        assert build_plan(tiny_onnx(), "tiny", replace(spec(), **changes)) != plan

    def test_a_fixed_batch(self, plan):
        assert build_plan(tiny_onnx(1), "tiny", spec()) != plan

    def test_bytes_in(self):
        """Images come as uint8; the network makes them floats."""
        nodes = [
            helper.make_node("Cast", ["x"], ["f"], to=FLOAT),
            helper.make_node("Transpose", ["f"], ["y"], perm=[0, 3, 1, 2]),
        ]
        model = graph(nodes, ["N", 8, 8, 3], UINT8, FLOAT, ("N", 3, 8, 8))
        assert build_plan(model, "tiny", spec(*GENERATIONS))

    def test_half_in(self):
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
        weights = np.eye(3, dtype=np.float16)
        assert build_plan(graph(nodes, ["N", 3], FLOAT16, w=weights), "tiny", spec(*GENERATIONS))

    def test_builds_side_by_side(self, plan):
        with ThreadPoolExecutor(3) as pool:
            plans = list(pool.map(lambda _: build_plan(tiny_onnx(), "tiny", spec()), range(6)))
        assert set(plans) == {plan}

    def test_a_failure_beside_a_success(self, plan):
        """Each build reports its own errors."""

        def attempt(name: str) -> bytes | str:
            broken = graph([spark(name)], ["N", 3])
            try:
                return build_plan(broken if name else tiny_onnx(), "tiny", spec())
            except EngineError as error:
                return str(error)

        names = ["", "left", "", "right", "", "left"]
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(attempt, names))
        for name, answer in zip(names, answers, strict=True):
            assert answer == plan if not name else f"'{name}'" in answer
            assert answer == plan or ("left" in answer) != ("right" in answer)

    def test_fp32_is_not_tf32(self):
        """TensorRT's default rounds the factors of fp32 products to 10 bits after the point."""
        flavour = load_flavour("tensorrt-rtx")
        config = flavour.module.Builder(trt_logger(flavour)).create_builder_config()
        assert config.get_flag(flavour.module.BuilderFlag.TF32)
        plain_fp32(flavour.module, config)
        assert not config.get_flag(flavour.module.BuilderFlag.TF32)

    def test_no_files_are_left(self, tmp_path, monkeypatch):
        for variable in ("TMPDIR", "HOME", "XDG_CACHE_HOME"):
            monkeypatch.setenv(variable, str(tmp_path))
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.chdir(tmp_path)
        assert build_plan(tiny_onnx(), "tiny", spec("sm86"))
        assert list(Path(tmp_path).rglob("*")) == []


class TestTargets:
    def test_all_generations_are_known(self):
        known = known_targets(load_flavour("tensorrt-rtx"))
        assert set(GENERATIONS) <= set(known)
        assert not {"none", "current"} & set(known)

    @pytest.mark.parametrize("target", ["sm70", "sm890", "current", "none", "89", ""])
    def test_unknown_ones(self, target):
        with pytest.raises(EngineError, match=r"does not compile for .*knows .*sm89, sm120"):
            build_plan(tiny_onnx(), "tiny", spec("sm89", target))

    @pytest.mark.parametrize("operator", ["MatMul", "Gemm", "Einsum"])
    def test_turing_takes_no_fp32_products(self, operator):
        details = {"equation": "ni,ij->nj"} if operator == "Einsum" else {}
        nodes = [helper.make_node(operator, ["x", "w"], ["y"], name="product", **details)]
        model = graph(nodes, ["N", 3], w=np.ones((3, 3), np.float32))
        told = refusal(model, spec("sm75", "sm89"))
        assert "Turing (sm75) takes no fp32 matrix products in TensorRT-RTX" in told
        assert "build it with precision fp16" in told
        assert "product" in told
        assert build_plan(model, "tiny", spec("sm75", "sm89", precision="fp16"))

    def test_turing_takes_fp32_convolutions(self):
        nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
        model = graph(
            nodes, ["N", 2, 8, 8], answers=("N", 4, 6, 6), w=np.ones((4, 2, 3, 3), np.float32)
        )
        assert build_plan(model, "tiny", spec("sm75"))


class TestRefusals:
    @pytest.mark.parametrize(
        ("operator", "reason"),
        [("Det", "not supported"), ("Unique", "not supported"), ("Sparkle", "neither ONNX's")],
    )
    def test_operators_that_it_lacks(self, operator, reason):
        domain = "com.example" if operator == "Sparkle" else ""
        node = helper.make_node(operator, ["x"], ["y"], name="odd_one", domain=domain)
        told = refusal(graph([node], ["N", 3, 3], answers=None))
        assert f"node 'odd_one', operator {operator}: " in told
        assert reason in told
        assert "tensorrt-rtx 1." in told

    def test_every_one_is_named(self):
        told = refusal(graph([spark("one", to="z"), spark("two", "z")], ["N", 3]))
        assert told.count("operator Sparkle") == 2
        assert "'one'" in told
        assert "'two'" in told

    def test_a_node_without_a_name(self):
        nodes = [helper.make_node("Relu", ["x"], ["z"]), spark("", "z")]
        assert "node number 1, operator Sparkle" in refusal(graph(nodes, ["N", 3]))

    def test_text(self):
        node = helper.make_node("StringNormalizer", ["x"], ["y"], name="lower")
        told = refusal(graph([node], ["N"], TensorProto.STRING, answers=("N",)))
        assert "'lower'" in told
        assert "StringNormalizer" in told

    def test_bytes_that_are_moved_before_they_are_floats(self):
        node = helper.make_node("Transpose", ["x"], ["y"], name="first", perm=[0, 2, 1])
        told = refusal(graph([node], ["N", 3, 4], UINT8, answers=("N", 4, 3)))
        assert "node 'first', operator Transpose" in told
        assert "UInt8" in told

    @pytest.mark.parametrize(
        "model",
        [b"no network", tiny_onnx()[:-20], tiny_onnx()[:150], b"\x00" * 64, b"", tiny_onnx()[5:]],
        ids=["text", "cut short", "cut shorter", "zeros", "empty", "beheaded"],
    )
    def test_damaged_files(self, model):
        assert "restore the package" in refusal(model)
        assert refusal(model, spec(precision="fp16"))

    def test_no_outputs(self):
        empty = helper.make_model(helper.make_graph([], "empty", [], []))
        assert "0 inputs and 0 outputs" in refusal(empty.SerializeToString())

    def test_a_second_free_axis(self):
        relu = [helper.make_node("Relu", ["x"], ["y"])]
        told = refusal(graph(relu, ["N", 3, "wide"], answers=("N", 3, "wide")))
        assert "input 'x' is (free, 3, free): only the first axis" in told

    def test_a_broken_flavour(self):
        with pytest.raises(EngineError, match="tensorrt"):
            build_plan(tiny_onnx(), "tiny", replace(spec(), flavour="tensorrt"))

    def test_the_next_build_is_unharmed(self, plan):
        refusal(graph([spark("x")], ["N", 3]))
        refusal(tiny_onnx(), spec("sm75"))
        assert build_plan(tiny_onnx(), "tiny", spec()) == plan


class TestProgress:
    def test_it_rises_and_ends(self, plan):
        told: list[tuple[str, int, int]] = []
        given = build_plan(tiny_onnx(), "tiny", spec(), lambda *step: told.append(step))
        assert given == plan
        phases = {phase for phase, _, _ in told}
        assert len(phases) > 3
        assert all(0 <= done <= total for _, done, total in told)
        first, _, steps = told[0]
        outermost = [(done, total) for phase, done, total in told if phase == first]
        assert outermost == [(done, steps) for done in range(len(outermost))]
        assert len(outermost) >= steps

    @pytest.mark.parametrize("after", [0, 5, 40])
    def test_stopping(self, after, capfd):
        asked = []

        def stop() -> bool:
            asked.append(threading.get_ident())
            return len(asked) > after

        with pytest.raises(BuildStopped, match="stopped before its end"):
            build_plan(tiny_onnx(), "tiny", spec(), stop=stop)
        assert len(asked) == after + 1
        assert capfd.readouterr() == ("", "")

    def test_not_stopping(self, plan):
        assert build_plan(tiny_onnx(), "tiny", spec(), stop=lambda: False) == plan

    @pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
    def test_what_a_callback_raises_comes_through(self, error, capfd, plan):
        def progress(phase: str, done: int, total: int) -> None:
            if done:
                raise error

        with pytest.raises(error):
            build_plan(tiny_onnx(), "tiny", spec(), progress)
        assert capfd.readouterr() == ("", "")
        assert build_plan(tiny_onnx(), "tiny", spec()) == plan

    @pytest.mark.skipif(sys.platform == "win32", reason="signals")
    def test_ctrl_c(self):
        def progress(phase: str, done: int, total: int) -> None:
            if done == 2:
                signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            build_plan(tiny_onnx(), "tiny", spec(), progress)

    def test_silence(self, capfd):
        build_plan(tiny_scored_onnx(), "tiny", spec(*GENERATIONS, precision="fp16"))
        with pytest.raises(EngineError):
            build_plan(graph([spark("x")], ["N", 3]), "tiny", spec())
        assert capfd.readouterr() == ("", "")
