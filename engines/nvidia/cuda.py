"""The little of CUDA that an engine needs, with errors that say what to do.

Everything goes through ``CudaRuntime``, which ``cuda.bindings.runtime`` of NVIDIA's cuda-bindings
(12.6 or later) is. Its functions return an error code first, then what was asked for.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from engines.backend import DeviceLostError, EngineError

DRIVER_FILE = Path("/proc/driver/nvidia/version")
"""Where the Linux kernel module says its version; not there under WSL and without a driver."""
Call = Callable[..., tuple[Any, ...]]
"""A function of CUDA: an error code, then what was asked for."""
LOST = frozenset(
    {
        "cudaErrorInitializationError",
        "cudaErrorDevicesUnavailable",
        "cudaErrorIncompatibleDriverContext",
        "cudaErrorPriorLaunchFailure",
        "cudaErrorNoDevice",
        "cudaErrorDeviceUninitialized",
        "cudaErrorECCUncorrectable",
        "cudaErrorNvlinkUncorrectable",
        "cudaErrorContained",
        "cudaErrorIllegalAddress",
        "cudaErrorLaunchTimeout",
        "cudaErrorContextIsDestroyed",
        "cudaErrorAssert",
        "cudaErrorHardwareStackError",
        "cudaErrorIllegalInstruction",
        "cudaErrorMisalignedAddress",
        "cudaErrorInvalidAddressSpace",
        "cudaErrorInvalidPc",
        "cudaErrorLaunchFailure",
        "cudaErrorTensorMemoryLeak",
        "cudaErrorSystemNotReady",
        "cudaErrorSystemDriverMismatch",
        "cudaErrorMpsConnectionFailed",
        "cudaErrorMpsRpcFailure",
        "cudaErrorMpsClientTerminated",
        "cudaErrorExternalDevice",
        "cudaErrorUnknown",
    }
)
"""Errors after which this process gets nothing more from the GPU (CUDA Runtime API, cudaError_t:
"this leaves the process in an inconsistent state")."""
_ADVICE = {
    "cudaErrorNoDevice": "the NVIDIA driver shows no GPU to this process",
    "cudaErrorDevicesUnavailable": "it is busy, or another process holds it alone: see nvidia-smi",
    "cudaErrorDeviceAlreadyInUse": "another process holds it alone: see nvidia-smi",
    "cudaErrorNotPermitted": "this user may not use it: check the rights of /dev/nvidia*",
    "cudaErrorOperatingSystem": "this user may not use it: check the rights of /dev/nvidia*",
    "cudaErrorMemoryAllocation": "its memory is full: see nvidia-smi",
    "cudaErrorInitializationError": "a forked process cannot use CUDA: start it by spawn",
    "cudaErrorSystemDriverMismatch": "the driver was updated: restart the machine",
    "cudaErrorSystemNotReady": "its system services are not running: see nvidia-smi",
}


class CudaRuntime(Protocol):
    """What is used of ``cuda.bindings.runtime``; every answer begins with an error code."""

    cudaMemcpyKind: Any
    cudaStreamCaptureMode: Any
    cudaDriverGetVersion: Call
    cudaRuntimeGetVersion: Call
    cudaGetDeviceCount: Call
    cudaGetDeviceProperties: Call
    cudaSetDevice: Call
    cudaMemGetInfo: Call
    cudaGetErrorString: Call
    cudaGetLastError: Call
    cudaStreamCreateWithFlags: Call
    cudaStreamSynchronize: Call
    cudaStreamDestroy: Call
    cudaHostAlloc: Call
    cudaFreeHost: Call
    cudaMalloc: Call
    cudaFree: Call
    cudaMemcpyAsync: Call
    cudaStreamBeginCapture: Call
    cudaStreamEndCapture: Call
    cudaGraphInstantiate: Call
    cudaGraphLaunch: Call
    cudaGraphExecDestroy: Call
    cudaGraphDestroy: Call


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that this process may use.

    Attributes
    ----------
    index
        Its number among the visible ones, from 0.
    name
        Such as ``NVIDIA GeForce RTX 4070``.
    capability
        Compute capability, such as ``sm89``.
    driver
        The CUDA that the driver offers and, where Linux tells, the driver's own version, such as
        ``13.0 (580.95.05)``.
    memory_bytes
        All of its memory.
    """

    index: int
    name: str
    capability: str
    driver: str
    memory_bytes: int


def load_cuda() -> CudaRuntime:
    """Import cuda-bindings.

    Raises
    ------
    EngineError
        It is not installed or does not load.
    """
    try:
        return cast(CudaRuntime, importlib.import_module("cuda.bindings.runtime"))
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineError(
            f"cuda-bindings cannot be imported ({error}): pip install 'realtime-mer[tensorrt]' or "
            "'realtime-mer[rtx]'"
        ) from error


def check(cuda: CudaRuntime, result: tuple[Any, ...], doing: str) -> Any:
    """Return what stands behind the error code in ``result``, if any.

    Raises
    ------
    DeviceLostError
        The GPU is gone for this process, see ``LOST``.
    EngineError
        Another CUDA error.
    """
    error = result[0]
    if int(error) == 0:
        return result[1] if len(result) == 2 else result[1:] or None
    name, text = _told(cuda, error)
    if name in LOST:
        raise DeviceLostError(f"the GPU was lost while {doing}: {text} ({name})")
    raise EngineError(f"CUDA failed while {doing}: {text} ({name})")


def find_gpu(index: int = 0, cuda: CudaRuntime | None = None) -> Gpu:
    """Return the GPU with this number after making sure that this process may use it.

    That makes CUDA's context on it, which takes a tenth of a second the first time and some
    hundred megabytes of its memory until the process ends.

    Parameters
    ----------
    index
        Its number among those that ``CUDA_VISIBLE_DEVICES`` lets through, from 0.
    cuda
        What to ask instead of cuda-bindings.

    Raises
    ------
    EngineError
        cuda-bindings is not installed; there is no driver, or it is too old; there is no such GPU;
        it is busy or forbidden.
    """
    cuda = cuda or load_cuda()
    release = _release()
    driver = _driver(cuda, release)
    count = int(_asked(cuda, cuda.cudaGetDeviceCount(), "counting the GPUs", driver))
    if not 0 <= index < count:
        raise EngineError(f"GPU {index}: there are {count}, numbered from 0{_visible()}")
    asking = f"opening GPU {index}"
    found = _asked(cuda, cuda.cudaGetDeviceProperties(index), asking, driver)
    _asked(cuda, cuda.cudaSetDevice(index), asking, driver)
    name = found.name
    return Gpu(
        index,
        name.decode(errors="replace").rstrip("\0") if isinstance(name, bytes) else str(name),
        f"sm{found.major}{found.minor}",
        f"{driver} ({release})" if release else driver,
        int(found.totalGlobalMem),
    )


def _driver(cuda: CudaRuntime, release: str) -> str:
    """Return the CUDA version of the driver, or say that there is none."""
    error, version = cuda.cudaDriverGetVersion()[:2]
    if int(error) == 0 and version:
        return _version(version)
    if release:
        raise EngineError(
            f"the NVIDIA driver {release} is there, but its library libcuda does not load: install "
            "the whole driver; start a container with --gpus all"
        )
    raise EngineError(
        "no NVIDIA driver on this machine: install one, or choose the engine onnxruntime"
    )


def _asked(cuda: CudaRuntime, result: tuple[Any, ...], doing: str, driver: str) -> Any:
    """Return what was asked for; a refusal before anything runs is no loss of the GPU."""
    if int(result[0]) == 0:
        return result[1] if len(result) > 1 else None
    name, text = _told(cuda, result[0])
    if name == "cudaErrorInsufficientDriver":
        version = int(cuda.cudaRuntimeGetVersion()[1] or 0)
        raise EngineError(
            f"the NVIDIA driver is too old: it has CUDA {driver}, the installed cuda-bindings need "
            f"CUDA {version // 1000}.0 or later: update the driver"
        )
    advice = _ADVICE.get(name, "see nvidia-smi")
    raise EngineError(f"CUDA failed while {doing}: {text} ({name}): {advice}{_visible()}")


def _told(cuda: CudaRuntime, error: Any) -> tuple[str, str]:
    """Return the error's name and CUDA's own words for it."""
    with suppress(Exception):
        text = cuda.cudaGetErrorString(error)[1]
        return error.name, text.decode() if isinstance(text, bytes) else str(text)
    return str(getattr(error, "name", error)), f"error {int(error)}"


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _release() -> str:
    """Return the version of the driver's kernel module, such as ``580.95.05``, or nothing."""
    try:
        text = DRIVER_FILE.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"\b\d{3}\.\d+(?:\.\d+)*\b", text)
    return found.group() if found else "of unknown version"


def _visible() -> str:
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if chosen is None else f"; CUDA_VISIBLE_DEVICES is {chosen!r}"
