"""TensorRT's life cycle: on a stand-in for the GPU, and on a real one where there is one."""

import gc
import importlib.util
import threading

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import engines.nvidia.cuda
from engines import EngineError, write_package
from engines.nvidia.tensorrt_lane import BATCHES
from engines.onnx_backend import OnnxBackend
from engines.spec import FLAVOURS, BuildSpec
from engines.tensorrt_backend import TensorRtBackend
from tests.engines.conftest import SHAPE, tiny_card, tiny_onnx, tiny_reference
from tests.engines.nvidia.stand_in_gpu import StandInCuda
from tests.engines.nvidia.stand_in_tensorrt import (
    SCRATCH,
    StandInPlans,
    StandInTensorRt,
    backend_of,
    batch_of,
)
from tests.engines.nvidia.test_cuda import has_gpu, needs_gpu, without_driver

SIZES = [0, 1, 2, 3, 5, 15, 16, 17, 40]
ALLOCATING = {"cudaMalloc", "cudaHostAlloc", "cudaStreamCreateWithFlags", "cudaGraphInstantiate"}


@pytest.fixture(params=["tensorrt", "tensorrt-rtx"])
def flavour(request) -> str:
    return request.param


@pytest.fixture
def cuda(tmp_path, monkeypatch) -> StandInCuda:
    monkeypatch.setattr(engines.nvidia.cuda, "DRIVER_FILE", tmp_path / "version")
    return StandInCuda()


@pytest.fixture
def trt(cuda, flavour) -> StandInTensorRt:
    return StandInTensorRt(cuda, rtx=flavour == "tensorrt-rtx")


def typed_package(folder, dtype: str):
    """The tiny network behind a cast from ``dtype``."""
    model = onnx.load_from_string(tiny_onnx())
    kind = {"float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}[dtype]
    model.graph.input[0].type.tensor_type.elem_type = kind
    model.graph.node[0].input[0] = "cast"
    model.graph.node.insert(0, helper.make_node("Cast", ["flow"], ["cast"], to=TensorProto.FLOAT))
    onnx.checker.check_model(model)
    inputs = (np.random.default_rng(3).random((5, *SHAPE)) * 7).astype(dtype)
    card = tiny_card(input_dtype=dtype)
    reference = tiny_reference(inputs.astype(np.float32))
    return write_package(folder, card, model.SerializeToString(), inputs, reference)


# What is refused before a GPU is asked for.


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"flavour": "openvino"}, "engine 'openvino': choose"), ({"precision": "int8"}, "precision")],
)
def test_bad_choices(tiny, changes, message):
    with pytest.raises(EngineError, match=message):
        TensorRtBackend(tiny, **({"plans": StandInPlans()} | changes))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_name_and_cheap_construction(tiny, flavour, precision):
    backend = TensorRtBackend(tiny, flavour, precision, plans=StandInPlans())
    assert backend.name == f"{flavour}-{precision}"
    assert (backend.spec, backend.gpu, backend.graphs, backend.notes) == (None, None, False, ())
    backend.close()


@without_driver
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_real_module_without_a_gpu_says_so(tiny, flavour):
    module = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}[flavour]
    installed = importlib.util.find_spec(module) is not None
    pytest.importorskip("cuda.bindings")
    message = "no NVIDIA driver on this machine" if installed else "is not installed: pip install"
    plans = StandInPlans()
    with pytest.raises(EngineError, match=message):
        TensorRtBackend(tiny, flavour, plans=plans).open()
    assert not plans.asked


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        ("Runtime", "deserialize_cuda_engine engine_host_code_allowed"),
        (
            "ICudaEngine",
            "create_execution_context device_memory_size_v2 get_tensor_dtype get_tensor_mode "
            "get_tensor_name get_tensor_profile_shape get_tensor_shape num_io_tensors "
            "num_optimization_profiles",
        ),
        (
            "IExecutionContext",
            "execute_async_v3 get_tensor_shape set_device_memory set_input_shape "
            "set_optimization_profile_async set_tensor_address",
        ),
        ("ExecutionContextAllocationStrategy", "USER_MANAGED"),
        ("TensorIOMode", "INPUT OUTPUT"),
        ("DataType", "FLOAT HALF UINT8"),
    ],
)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_real_modules_have_what_is_used(flavour, owner, names):
    trt = pytest.importorskip({"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}[flavour])
    for name in names.split():
        assert hasattr(getattr(trt, owner), name), name


def test_real_rtx_has_what_is_used_besides():
    trt = pytest.importorskip("tensorrt_rtx")
    assert trt.DynamicShapesKernelSpecializationStrategy.EAGER is not None
    for owner, name in (
        (trt.ICudaEngine, "create_runtime_config"),
        (trt.IRuntimeConfig, "set_execution_context_allocation_strategy"),
        (trt.IRuntimeConfig, "dynamic_shapes_kernel_specialization_strategy"),
        (trt.IExecutionContext, "is_stream_capturable"),
    ):
        assert hasattr(owner, name), name


@without_driver
def test_real_runtime_that_refuses_a_plan_is_quoted(tiny, cuda):
    pytest.importorskip("tensorrt_rtx")
    backend = TensorRtBackend(tiny, "tensorrt-rtx", plans=StandInPlans(b"junk" * 100), cuda=cuda)
    with pytest.raises(
        EngineError, match=r"a new plan was refused too: tensorrt-rtx .*: .*magicTag"
    ):
        backend.open()
    assert len(backend._plans.refused) == 2
    assert not cuda.left()


# The life cycle, on the stand-in.


@pytest.mark.parametrize("count", SIZES)
def test_answers_are_the_reference(tiny, trt, count):
    batch = batch_of(count)
    with backend_of(tiny, trt) as backend:
        answers = backend.infer(batch)
        assert backend.graphs
        assert backend.notes == ()
    assert answers.shape == (count, 3)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, tiny_reference(batch), atol=1e-6)


def test_nothing_of_one_batch_stays_in_the_next(tiny, trt):
    with backend_of(tiny, trt) as backend:
        first = backend.infer(batch_of(16, 1))
        kept = first.copy()
        second = backend.infer(batch_of(3, 2))
        assert not backend._session.host_in.array[3:4].any()  # filled up with zeros
    np.testing.assert_array_equal(first, kept)  # a copy, not the pinned memory
    np.testing.assert_allclose(second, tiny_reference(batch_of(3, 2)), atol=1e-6)


def test_strided_batches(tiny, trt):
    batch = batch_of(6)[::2]
    with backend_of(tiny, trt) as backend:
        np.testing.assert_allclose(backend.infer(batch), tiny_reference(batch), atol=1e-6)


def test_scores_are_answered_too(scored, trt):
    inputs, outputs = scored.samples()
    with backend_of(scored, trt) as backend:
        np.testing.assert_allclose(backend.infer(inputs), outputs, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "uint8"])
def test_other_input_types(tmp_path, trt, dtype):
    package = typed_package(tmp_path / dtype, dtype)
    inputs, outputs = package.samples()
    with backend_of(package, trt) as backend:
        np.testing.assert_allclose(backend.infer(inputs), outputs, atol=1e-5)
        with pytest.raises(EngineError, match=dtype):
            backend.infer(inputs.astype(np.float32))


def test_one_context_for_each_graph_and_one_run_before_recording(tiny, trt, cuda):
    with backend_of(tiny, trt):
        for size in BATCHES:
            assert cuda.calls.count(f"execute {size}") == 2  # warm-up and recording
        assert cuda.calls.count("cudaStreamBeginCapture") == len(BATCHES)
        per_sample = (2 * 4 * 4 * 4, 3 * 4)
        assert cuda.copied == [size * part for size in BATCHES for part in per_sample * 2]
        assert sorted(len(memory) for memory in cuda.device.values()) == sorted(
            [16 * 32 * 4, 16 * 3 * 4, SCRATCH]
        )


@pytest.mark.parametrize("recorded", [True, False])
def test_no_allocation_after_opening(tiny, trt, cuda, recorded):
    trt.unclean = set() if recorded else set(BATCHES)
    with backend_of(tiny, trt) as backend:
        cuda.calls.clear()
        for count in SIZES:
            backend.infer(batch_of(count))
    seen = cuda.calls[: cuda.calls.index("cudaFree")]
    assert not ALLOCATING & set(seen)
    assert ("cudaGraphLaunch" in seen) is recorded
    pieces = sum(-(-count // 16) for count in SIZES)
    assert seen.count("cudaStreamSynchronize") == pieces + 1  # and once before closing


def test_everything_is_freed_in_order(tiny, trt, cuda):
    backend = backend_of(tiny, trt).open()
    cuda.calls.clear()
    backend.close()
    backend.close()
    gc.collect()
    assert not cuda.left()
    order = [call for call in cuda.calls if call.startswith(("free", "cudaFree"))]
    contexts = ["free context"] * len(BATCHES)
    buffers = ["cudaFree"] * 3 + ["cudaFreeHost"] * 2
    assert order == [*contexts, *buffers, "free engine", "free runtime"]
    assert cuda.calls[-1] == "cudaStreamDestroy"
    assert cuda.calls.index("cudaGraphExecDestroy") < cuda.calls.index("free context")
    with pytest.raises(EngineError, match="is not open"):
        backend.infer(batch_of(1))


def test_opening_twice_is_harmless_and_reopening_works(tiny, trt, cuda):
    backend = backend_of(tiny, trt).open()
    made = len(cuda.calls)
    assert backend.open() is backend
    assert len(cuda.calls) == made
    backend.close()
    assert not backend.graphs
    with backend.open():
        np.testing.assert_allclose(backend.infer(batch_of(2)), tiny_reference(batch_of(2)), 1e-5)
    assert not cuda.left()


def test_spec_names_this_gpu_for_tensorrt_and_only_the_generation_for_rtx(tiny, trt):
    backend = backend_of(tiny, trt, precision="fp16").open()
    backend.close()
    expected = BuildSpec(
        tiny.card.sha256,
        "tensorrt-rtx" if trt.rtx else "tensorrt",
        trt.__version__,
        "fp16",
        ("sm89",),
        gpu="" if trt.rtx else "Stand-in RTX",
        driver="" if trt.rtx else "13.0",
    )
    assert backend.spec == expected
    assert backend._plans.asked == [expected]
    assert backend.gpu.capability == "sm89"


def test_current_gpu_is_set_in_every_thread(tiny, trt, cuda):
    cuda.devices = 2
    with backend_of(tiny, trt, device=1) as backend:
        cuda.current = 0  # as another thread would find it
        answers = []
        thread = threading.Thread(target=lambda: answers.append(backend.infer(batch_of(2))))
        thread.start()
        thread.join()
        assert cuda.current == 1
    np.testing.assert_allclose(answers[0], tiny_reference(batch_of(2)), atol=1e-6)


# A real GPU.


class BuiltHere:
    """A ``PlanSource`` that compiles each time; the first plan may be a bad one."""

    def __init__(self, first: bytes | None = None) -> None:
        self.first = first
        self.refused: list[str] = []

    def plan(self, spec, package):
        from engines.nvidia.tensorrt_build import build_plan

        if self.first is not None:
            plan, self.first = self.first, None
            return plan
        return build_plan(package.model, package.card.name, spec)

    def refuse(self, spec, reason):
        self.refused.append(reason)


REAL = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            importlib.util.find_spec(module) is None, reason=f"{module} is not installed"
        ),
    )
    for name, module in (("tensorrt", "tensorrt"), ("tensorrt-rtx", "tensorrt_rtx"))
]


@needs_gpu
@pytest.mark.parametrize("real", REAL)
@pytest.mark.parametrize(("precision", "atol"), [("fp32", 1e-5), ("fp16", 5e-3)])
def test_real_engine_answers_as_onnx_runtime(tiny, real, precision, atol):
    with (
        TensorRtBackend(tiny, real, precision, plans=BuiltHere()) as backend,
        OnnxBackend(tiny) as reference,
    ):
        assert backend.graphs, backend.notes
        for count in SIZES:
            batch = batch_of(count, count)
            np.testing.assert_allclose(backend.infer(batch), reference.infer(batch), atol=atol)


@needs_gpu
@pytest.mark.parametrize("real", REAL)
@pytest.mark.parametrize("dtype", ["float16", "uint8"])
def test_real_engine_takes_other_types(tmp_path, real, dtype):
    package = typed_package(tmp_path / dtype, dtype)
    inputs, outputs = package.samples()
    with TensorRtBackend(package, real, plans=BuiltHere()) as backend:
        np.testing.assert_allclose(backend.infer(inputs), outputs, atol=1e-4)


@needs_gpu
@pytest.mark.parametrize("real", REAL)
def test_real_engine_refuses_a_damaged_plan(tiny, real):
    plans = BuiltHere(b"junk" * 1000)
    with TensorRtBackend(tiny, real, plans=plans) as backend:
        np.testing.assert_allclose(backend.infer(batch_of(4)), tiny_reference(batch_of(4)), 1e-4)
    assert len(plans.refused) == 1


@needs_gpu
@pytest.mark.parametrize("real", REAL)
def test_real_engine_opens_again_and_frees_its_memory(tiny, real):
    cuda = engines.nvidia.cuda.load_cuda()
    backend = TensorRtBackend(tiny, real, plans=BuiltHere())
    backend.open().close()
    free = cuda.cudaMemGetInfo()[1]
    for _ in range(5):
        backend.open().close()
    assert free - cuda.cudaMemGetInfo()[1] < 2**26


def test_a_gpu_is_not_missed():
    """The tests of a real GPU run where NVIDIA's driver shows one."""
    if not engines.nvidia.cuda.DRIVER_FILE.exists():
        pytest.skip("no NVIDIA GPU here")
    assert has_gpu()
