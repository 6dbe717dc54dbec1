"""The layer over CUDA: its errors without a GPU, its pieces on a stand-in, and on a real GPU."""

import sys

import numpy as np
import pytest

import engines.nvidia.cuda
from engines import DeviceLostError, EngineError
from engines.nvidia.cuda import Gpu, check, find_gpu, load_cuda
from engines.nvidia.cuda_pieces import DeviceBuffer, Graph, PinnedArray, Stream
from tests.engines.nvidia.stand_in_gpu import Error, StandInCuda


def has_gpu() -> bool:
    try:
        find_gpu()
    except EngineError:
        return False
    return True


needs_gpu = pytest.mark.skipif(not has_gpu(), reason="no NVIDIA GPU here")
without_driver = pytest.mark.skipif(
    engines.nvidia.cuda.DRIVER_FILE.exists() or has_gpu(), reason="an NVIDIA driver is here"
)


@pytest.fixture
def cuda() -> StandInCuda:
    return StandInCuda()


@pytest.fixture
def driver_file(tmp_path, monkeypatch):
    path = tmp_path / "version"
    monkeypatch.setattr(engines.nvidia.cuda, "DRIVER_FILE", path)
    return path


# The real cuda-bindings.


@without_driver
def test_real_bindings_without_a_driver_say_so():
    pytest.importorskip("cuda.bindings")
    with pytest.raises(EngineError, match=r"no NVIDIA driver on this machine.*onnxruntime") as told:
        find_gpu()
    assert not isinstance(told.value, DeviceLostError)


def test_real_bindings_have_everything_that_is_used():
    pytest.importorskip("cuda.bindings")
    cuda = load_cuda()
    for name in engines.nvidia.cuda.CudaRuntime.__annotations__:
        assert hasattr(cuda, name), name
    assert cuda.cudaMemcpyKind.cudaMemcpyHostToDevice is not None
    assert cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost is not None
    assert cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal is not None
    names = {error.name for error in cuda.cudaError_t}
    assert names >= engines.nvidia.cuda.LOST
    assert names >= set(engines.nvidia.cuda._ADVICE)
    assert "cudaErrorInsufficientDriver" in names


@without_driver
@pytest.mark.parametrize("make", [Stream, lambda c: DeviceBuffer(c, 8)])
def test_real_errors_are_told_in_cudas_words(make):
    pytest.importorskip("cuda.bindings")
    with pytest.raises(EngineError, match=r"driver version is insufficient.*InsufficientDriver"):
        make(load_cuda())


def test_missing_bindings_are_told(monkeypatch):
    for name in ("cuda.bindings.runtime", "cuda.bindings", "cuda"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EngineError, match=r"pip install 'realtime-mer\[tensorrt\]'.*\[rtx\]"):
        find_gpu()


# Finding the GPU.


def test_gpu_is_described(cuda, driver_file):
    assert find_gpu(0, cuda) == Gpu(0, "Stand-in RTX", "sm89", "13.0", 2**33)
    assert cuda.current == 0


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 2023\n",
            "12.4 (535.104.05)",
        ),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\n",
            "12.4 (580.95.05)",
        ),
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54  x\n", "12.4 (550.54)"),
    ],
)
def test_version_of_the_kernel_module(driver_file, text, driver):
    driver_file.write_text(text)
    assert find_gpu(0, StandInCuda(driver=12040)).driver == driver


def test_no_driver(driver_file):
    with pytest.raises(EngineError, match="no NVIDIA driver on this machine"):
        find_gpu(0, StandInCuda(driver=0))


def test_driver_without_its_library(driver_file):
    driver_file.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  x")
    with pytest.raises(EngineError, match=r"driver 580\.95\.05 is there.*libcuda.*--gpus all"):
        find_gpu(0, StandInCuda(driver=0))


def test_driver_too_old(driver_file):
    cuda = StandInCuda(driver=12040)
    cuda.fail["cudaGetDeviceCount"] = Error.cudaErrorInsufficientDriver
    with pytest.raises(EngineError, match=r"too old: it has CUDA 12\.4,.* need CUDA 13\.0"):
        find_gpu(0, cuda)


def test_no_device_names_the_variable(driver_file, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(EngineError, match=r"shows no GPU.*CUDA_VISIBLE_DEVICES is ''"):
        find_gpu(0, StandInCuda(devices=0))


@pytest.mark.parametrize("index", [-1, 2])
def test_no_such_device(index):
    with pytest.raises(EngineError, match=f"GPU {index}: there are 2, numbered from 0"):
        find_gpu(index, StandInCuda(devices=2))


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (Error.cudaErrorDevicesUnavailable, "holds it alone"),
        (Error.cudaErrorNotPermitted, "rights"),
        (Error.cudaErrorSystemDriverMismatch, "restart the machine"),
        (Error.cudaErrorMemoryAllocation, "memory is full"),
        (Error.cudaErrorUnknown, "nvidia-smi"),
    ],
)
def test_busy_and_forbidden_gpus(cuda, error, advice):
    cuda.fail["cudaSetDevice"] = error
    with pytest.raises(
        EngineError, match=rf"opening GPU 0: words for {error.name}.*{advice}"
    ) as it:
        find_gpu(0, cuda)
    assert not isinstance(it.value, DeviceLostError)  # it was never there


# Checked calls.


def test_check_gives_what_stands_behind_the_code(cuda):
    ok = Error.cudaSuccess
    assert check(cuda, (ok,), "x") is None
    assert check(cuda, (ok, 7), "x") == 7
    assert check(cuda, (ok, 7, 8), "x") == (7, 8)


@pytest.mark.parametrize("error", [error for error in Error if error])
def test_errors_that_end_everything_are_losses(cuda, error):
    lost = {
        "cudaErrorDevicesUnavailable",
        "cudaErrorNoDevice",
        "cudaErrorECCUncorrectable",
        "cudaErrorIllegalAddress",
        "cudaErrorLaunchFailure",
        "cudaErrorSystemDriverMismatch",
        "cudaErrorUnknown",
    }
    with pytest.raises(EngineError, match=rf"copying.*words for {error.name}") as told:
        check(cuda, (error, None), "copying")
    assert isinstance(told.value, DeviceLostError) is (error.name in lost)


# The pieces.


@pytest.mark.parametrize(
    ("shape", "dtype"), [((16, 2, 3), "float32"), ((3,), "float16"), ((2, 5), "uint8")]
)
def test_pinned_array_is_the_memory_itself(cuda, shape, dtype):
    pinned = PinnedArray(cuda, shape, dtype)
    assert pinned.array.shape == shape
    assert pinned.array.dtype == dtype
    assert not pinned.array.any()  # the memory was not clean
    pinned.array[...] = 3
    (memory,) = cuda.host.values()
    assert memory.tobytes() == np.full(shape, 3, dtype).tobytes()


def test_copies_wait_for_the_stream(cuda):
    stream, buffer = Stream(cuda), DeviceBuffer(cuda, 8)
    given, got = PinnedArray(cuda, (8,), "uint8"), PinnedArray(cuda, (8,), "uint8")
    given.array[:] = range(1, 9)
    stream.upload(given, buffer, 4)
    stream.download(buffer, got, 4)
    assert not got.array.any()
    stream.synchronize()
    assert got.array.tolist() == [1, 2, 3, 4, 0, 0, 0, 0]
    with pytest.raises(EngineError, match="copying"):
        stream.upload(given, buffer, 9)


def test_graph_is_recorded_once_and_launched_often(cuda):
    stream, buffer = Stream(cuda), DeviceBuffer(cuda, 2)
    given, got = PinnedArray(cuda, (2,), "uint8"), PinnedArray(cuda, (2,), "uint8")

    def work() -> None:
        stream.upload(given, buffer, 2)
        stream.download(buffer, got, 2)

    graph = Graph(cuda, stream, work)
    stream.synchronize()
    assert not got.array.any()  # recorded, not run
    for value in (5, 6):
        given.array[:] = value
        graph.launch(stream)
        stream.synchronize()
        assert got.array.tolist() == [value, value]
    assert cuda.left()["graphs"] == 1  # the recording itself is freed
    graph.close()
    assert cuda.left()["graphs"] == 0


def _allocate_while_recording(cuda):
    return lambda stream: DeviceBuffer(cuda, 4)


def _raise(cuda):
    def work(stream):
        raise EngineError("not this")

    return work


@pytest.mark.parametrize("bad", [_allocate_while_recording, _raise])
def test_failed_recording_leaves_the_stream_usable(cuda, bad):
    stream, buffer = Stream(cuda), DeviceBuffer(cuda, 1)
    with pytest.raises(EngineError):
        Graph(cuda, stream, lambda: bad(cuda)(stream))
    assert cuda.calls[-1] == "cudaGetLastError"
    given = PinnedArray(cuda, (1,), "uint8")
    stream.upload(given, buffer, 1)
    stream.synchronize()
    assert cuda.left()["graphs"] == 0


@pytest.mark.parametrize(
    "call", ["cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate"]
)
def test_graph_that_cannot_be_made_is_freed(cuda, call):
    stream = Stream(cuda)
    cuda.fail[call] = Error.cudaErrorStreamCaptureUnsupported
    with pytest.raises(EngineError, match="StreamCaptureUnsupported"):
        Graph(cuda, stream, lambda: None)
    assert cuda.left()["graphs"] == 0


@pytest.mark.parametrize("lost", [None, Error.cudaErrorIllegalAddress])
def test_closing_is_idempotent_and_silent(cuda, lost):
    stream = Stream(cuda)
    pieces = [
        Graph(cuda, stream, lambda: None),
        PinnedArray(cuda, (4,), "float32"),
        DeviceBuffer(cuda, 4),
        stream,
    ]
    cuda.lost = lost
    for piece in pieces * 2:
        piece.close()
    frees = ("cudaGraphExecDestroy", "cudaFreeHost", "cudaFree", "cudaStreamDestroy")
    assert [call for call in cuda.calls if call in frees] == list(frees)
    assert not cuda.left() or lost


# A real GPU.


@needs_gpu
def test_real_gpu_is_found():
    gpu = find_gpu()
    assert gpu.index == 0
    assert gpu.name
    assert gpu.capability.startswith("sm")
    assert int(gpu.capability[2:]) >= 50
    assert float(gpu.driver.split()[0]) >= 12
    assert 2**30 <= gpu.memory_bytes <= 2**40


@needs_gpu
def test_real_graph_copies_forth_and_back():
    cuda = load_cuda()
    find_gpu()
    stream, buffer = Stream(cuda), DeviceBuffer(cuda, 4000)
    given = PinnedArray(cuda, (1000,), "float32")
    got = PinnedArray(cuda, (1000,), "float32")

    def work() -> None:
        stream.upload(given, buffer, 4000)
        stream.download(buffer, got, 4000)

    work()
    stream.synchronize()
    graph = Graph(cuda, stream, work)
    given.array[:] = np.arange(1000)
    graph.launch(stream)
    stream.synchronize()
    np.testing.assert_array_equal(got.array, np.arange(1000, dtype=np.float32))
    for piece in (graph, given, got, buffer, stream) * 2:
        piece.close()


@needs_gpu
def test_real_recording_that_fails_leaves_the_stream_usable():
    cuda = load_cuda()
    find_gpu()
    stream, buffer = Stream(cuda), DeviceBuffer(cuda, 4)
    given = PinnedArray(cuda, (1,), "float32")
    with pytest.raises(EngineError):
        Graph(cuda, stream, stream.synchronize)  # waiting cannot be recorded
    stream.upload(given, buffer, 4)
    stream.synchronize()
    for piece in (given, buffer, stream):
        piece.close()
