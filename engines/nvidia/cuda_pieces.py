"""What an engine holds on a GPU: a stream, memory on both sides, recorded work.

Each is made by its constructor and freed by ``close``, which may be called twice and never raises:
after the GPU was lost there is nothing left to free.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engines.nvidia.cuda import CudaRuntime, check

NON_BLOCKING = 1
"""A stream that does not wait for the default one (``cudaStreamNonBlocking``)."""


class Stream:
    """A queue of work on the GPU that waits for no other one."""

    def __init__(self, cuda: CudaRuntime) -> None:
        self._cuda = cuda
        made = cuda.cudaStreamCreateWithFlags(NON_BLOCKING)
        self.queue: Any = check(cuda, made, "making a stream")

    @property
    def handle(self) -> int:
        """Its address, as TensorRT takes it."""
        return int(self.queue)

    def upload(self, source: PinnedArray, to: DeviceBuffer, count: int) -> None:
        """Queue a copy of the first ``count`` bytes to the GPU."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._copy(to.address, source.address, count, kind)

    def download(self, source: DeviceBuffer, to: PinnedArray, count: int) -> None:
        """Queue a copy of the first ``count`` bytes from the GPU."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._copy(to.address, source.address, count, kind)

    def _copy(self, to: int, source: int, count: int, kind: Any) -> None:
        check(
            self._cuda,
            self._cuda.cudaMemcpyAsync(to, source, count, kind, self.queue),
            "copying",
        )

    def synchronize(self) -> None:
        """Wait until all that was queued is done; errors of that work come out here."""
        check(self._cuda, self._cuda.cudaStreamSynchronize(self.queue), "running a model")

    def close(self) -> None:
        """Free it; never raises."""
        queue, self.queue = self.queue, None
        if queue is not None:
            with suppress(Exception):
                self._cuda.cudaStreamDestroy(queue)


class DeviceBuffer:
    """``nbytes`` of the GPU's memory."""

    def __init__(self, cuda: CudaRuntime, nbytes: int) -> None:
        self._cuda = cuda
        made = cuda.cudaMalloc(max(1, nbytes))
        self.address = int(check(cuda, made, f"taking {nbytes / 2**20:.1f} MiB of GPU memory"))
        self.nbytes = nbytes

    def close(self) -> None:
        """Free it; never raises."""
        address, self.address = self.address, 0
        if address:
            with suppress(Exception):
                self._cuda.cudaFree(address)


class PinnedArray:
    """An array of zeros in page-locked memory, which the GPU copies from and to by itself.

    Attributes
    ----------
    array
        The memory as ``shape`` of ``dtype``; not to be touched after ``close``.
    """

    def __init__(self, cuda: CudaRuntime, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._cuda = cuda
        nbytes = prod(shape) * np.dtype(dtype).itemsize
        made = cuda.cudaHostAlloc(nbytes, 0)
        self.address = int(check(cuda, made, f"pinning {nbytes / 2**20:.1f} MiB of memory"))
        memory = (ctypes.c_uint8 * nbytes).from_address(self.address)
        self.array: NDArray[Any] = np.frombuffer(memoryview(memory), dtype).reshape(shape)
        self.array[...] = 0

    def close(self) -> None:
        """Free it; never raises."""
        address, self.address = self.address, 0
        if address:
            self.array = np.zeros(0, self.array.dtype)
            with suppress(Exception):
                self._cuda.cudaFreeHost(address)


class Graph:
    """Work that was queued once and is launched again as a whole, with the same addresses.

    Parameters
    ----------
    work
        Queues the work on ``stream``; it is recorded, not run.

    Raises
    ------
    EngineError
        The work cannot be recorded. The stream can be used as before.
    """

    def __init__(self, cuda: CudaRuntime, stream: Stream, work: Callable[[], None]) -> None:
        self._cuda = cuda
        self._ready: Any = None
        # Thread-local: what other threads do with CUDA meanwhile does not spoil the recording.
        mode = cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        check(cuda, cuda.cudaStreamBeginCapture(stream.queue, mode), "recording a graph")
        try:
            work()
        except BaseException:
            self._drop(cuda.cudaStreamEndCapture(stream.queue))
            raise
        ended = cuda.cudaStreamEndCapture(stream.queue)
        try:
            graph = check(cuda, ended, "recording a graph")
            ready = cuda.cudaGraphInstantiate(graph, 0)
            self._ready = check(cuda, ready, "preparing a graph")
        finally:
            self._drop(ended)

    def _drop(self, ended: tuple[Any, ...]) -> None:
        """Free a recording; forget an error that spoilt it, which is told already."""
        with suppress(Exception):
            if ended[1] is not None and int(ended[1]):
                self._cuda.cudaGraphDestroy(ended[1])
        if self._ready is None:
            with suppress(Exception):
                self._cuda.cudaGetLastError()

    def launch(self, stream: Stream) -> None:
        """Queue all of it."""
        check(self._cuda, self._cuda.cudaGraphLaunch(self._ready, stream.queue), "running a model")

    def close(self) -> None:
        """Free it; never raises."""
        ready, self._ready = self._ready, None
        if ready is not None:
            with suppress(Exception):
                self._cuda.cudaGraphExecDestroy(ready)
