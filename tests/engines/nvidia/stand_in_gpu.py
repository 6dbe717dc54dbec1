"""A stand-in for hardware: CUDA without a GPU, as far as ``engines`` uses it.

This is no GPU. ``StandInCuda`` keeps "device memory" in numpy buffers and does queued work only
when its stream is waited for, so a missing wait, a wrong address or size, or a freed buffer shows.
It refuses allocations while work is recorded, as CUDA does, and writes down the order of calls.

What a real GPU does is checked by the tests marked "no NVIDIA GPU here" in ``test_cuda.py`` and
``test_tensorrt_backend.py``, on a machine that has one.
"""

import ctypes
from collections import Counter
from collections.abc import Callable
from enum import IntEnum
from types import SimpleNamespace

import numpy as np

Error = IntEnum(
    "Error",
    {
        "cudaSuccess": 0,
        "cudaErrorInvalidValue": 1,
        "cudaErrorMemoryAllocation": 2,
        "cudaErrorInsufficientDriver": 35,
        "cudaErrorDevicesUnavailable": 46,
        "cudaErrorNoDevice": 100,
        "cudaErrorECCUncorrectable": 214,
        "cudaErrorIllegalAddress": 700,
        "cudaErrorLaunchFailure": 719,
        "cudaErrorNotPermitted": 800,
        "cudaErrorSystemDriverMismatch": 803,
        "cudaErrorStreamCaptureUnsupported": 900,
        "cudaErrorStreamCaptureInvalidated": 901,
        "cudaErrorUnknown": 999,
    },
)
OK = (Error.cudaSuccess,)


class _Stream:
    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.work: list[Callable[[], None]] = []
        self.recording: list[Callable[[], None]] | None = None
        self.spoilt = False

    def __int__(self) -> int:
        return self.handle

    def queue(self, work: Callable[[], None]) -> None:
        (self.work if self.recording is None else self.recording).append(work)


class _Graph(int):
    work: list[Callable[[], None]]


class StandInCuda:
    """What ``engines.nvidia.cuda.CudaRuntime`` asks for, on numpy buffers.

    Attributes
    ----------
    calls
        The names of all calls, and of what TensorRT freed, in order.
    copied
        Bytes of every copy that was queued or recorded, in order.
    fail
        Function name → error that its next calls return, until removed.
    lost
        An error that every call but the harmless ones returns from now on, like a lost GPU.
    """

    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice="to", cudaMemcpyDeviceToHost="from")
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal="thread")

    def __init__(self, driver: int = 13000, devices: int = 1) -> None:
        self.driver, self.devices = driver, devices
        self.free_memory = 2**33
        self.calls: list[str] = []
        self.copied: list[int] = []
        self.fail: dict[str, Error] = {}
        self.lost: Error | None = None
        self.current: int | None = None
        self.host: dict[int, np.ndarray] = {}
        self.device: dict[int, np.ndarray] = {}
        self.streams: dict[int, _Stream] = {}
        self.graphs: dict[int, _Graph] = {}
        self.made = 0

    def __getattribute__(self, name: str):
        found = super().__getattribute__(name)
        if not name.startswith("cuda") or not callable(found):
            return found

        def call(*arguments):
            self.calls.append(name)
            if name == "cudaGetErrorString":
                return found(*arguments)
            error = self.fail.get(name) or self.lost
            if error and name not in ("cudaDriverGetVersion", "cudaRuntimeGetVersion"):
                return (error, None)
            return found(*arguments)

        return call

    def left(self) -> Counter:
        """What is not freed yet."""
        kinds = ("host", "device", "streams", "graphs")
        return +Counter({kind: len(getattr(self, kind)) for kind in kinds})

    def _recording(self) -> bool:
        spoilt = [stream for stream in self.streams.values() if stream.recording is not None]
        for stream in spoilt:
            stream.spoilt = True
        return bool(spoilt)

    def _allocate(self, kept: dict[int, np.ndarray], size: int):
        if self._recording():
            return (Error.cudaErrorStreamCaptureUnsupported, None)
        memory = np.full(size, 0xA5, np.uint8)  # never clean
        kept[memory.ctypes.data] = memory
        return (*OK, memory.ctypes.data)

    def _free(self, kept: dict[int, np.ndarray], address: int):
        return OK if kept.pop(address, None) is not None else (Error.cudaErrorInvalidValue,)

    def cudaDriverGetVersion(self):
        return (*OK, self.driver)

    def cudaRuntimeGetVersion(self):
        return (*OK, 13050)

    def cudaGetDeviceCount(self):
        return (*OK, self.devices) if self.devices else (Error.cudaErrorNoDevice, None)

    def cudaGetDeviceProperties(self, device):
        return (
            *OK,
            SimpleNamespace(name=b"Stand-in RTX\0\0", major=8, minor=9, totalGlobalMem=2**33),
        )

    def cudaSetDevice(self, device):
        self.current = device
        return OK

    def cudaMemGetInfo(self):
        return (*OK, self.free_memory, 2**33)

    def cudaGetErrorString(self, error):
        return (*OK, f"words for {error.name}".encode())

    def cudaGetLastError(self):
        return OK

    def cudaStreamCreateWithFlags(self, flags):
        assert flags == 1
        self.made += 1
        stream = self.streams[self.made] = _Stream(self.made)
        return (*OK, stream)

    def cudaStreamSynchronize(self, stream):
        if self._recording():
            return (Error.cudaErrorStreamCaptureUnsupported,)
        work, stream.work = stream.work, []
        for each in work:
            each()
        return OK

    def cudaStreamDestroy(self, stream):
        return OK if self.streams.pop(int(stream), None) else (Error.cudaErrorInvalidValue,)

    def cudaHostAlloc(self, size, flags):
        return self._allocate(self.host, size)

    def cudaFreeHost(self, address):
        return self._free(self.host, address)

    def cudaMalloc(self, size):
        return self._allocate(self.device, size)

    def cudaFree(self, address):
        return self._free(self.device, address)

    def cudaMemcpyAsync(self, to, source, count, kind, stream):
        into, out_of = (self.device, self.host) if kind == "to" else (self.host, self.device)
        if to not in into or source not in out_of:
            return (Error.cudaErrorInvalidValue,)
        if count > len(into[to]) or count > len(out_of[source]):
            return (Error.cudaErrorInvalidValue,)
        self.copied.append(count)
        stream.queue(lambda: ctypes.memmove(to, source, count))
        return OK

    def cudaStreamBeginCapture(self, stream, mode):
        assert mode == "thread"
        stream.recording, stream.spoilt = [], False
        return OK

    def cudaStreamEndCapture(self, stream):
        recorded, stream.recording = stream.recording, None
        if stream.spoilt:
            return (Error.cudaErrorStreamCaptureInvalidated, None)
        return (*OK, self._graph(recorded))

    def _graph(self, work):
        self.made += 1
        graph = self.graphs[self.made] = _Graph(self.made)
        graph.work = work
        return graph

    def cudaGraphInstantiate(self, graph, flags):
        return (*OK, self._graph(graph.work))

    def cudaGraphLaunch(self, graph, stream):
        if int(graph) not in self.graphs:
            return (Error.cudaErrorInvalidValue,)
        stream.work.extend(graph.work)
        return OK

    def cudaGraphExecDestroy(self, graph):
        return OK if self.graphs.pop(int(graph), None) else (Error.cudaErrorInvalidValue,)

    cudaGraphDestroy = cudaGraphExecDestroy
