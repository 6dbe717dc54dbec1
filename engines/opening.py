"""Which engine runs a model here: by name, or the quickest of those that answer the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from engines.backend import Backend, EngineError, check_precision
from engines.keep_alive import KeepAlive
from engines.onnx_backend import PROVIDERS, OnnxBackend
from engines.package import Package
from engines.spec import FLAVOURS
from engines.verify import require, verify_backend

if TYPE_CHECKING:
    from engines.cache import EngineStore
    from engines.compiled import Progress

CPU = "onnxruntime"
"""The engine that is there on every machine."""
OLDER_NAMES = {"onnx": CPU, "onnxruntime-cpu": CPU, "torch-cpu": "torch"}
ENGINES = {
    "tensorrt": "NVIDIA TensorRT, compiled for this GPU and driver",
    "tensorrt-rtx": "NVIDIA TensorRT for RTX, compiled for GPU generations ahead of time",
    "onnxruntime-tensorrt": "ONNX Runtime with its TensorRT provider",
    "onnxruntime-cuda": "ONNX Runtime with its CUDA provider",
    CPU: "ONNX Runtime on the CPU",
    "torch-cuda": "PyTorch on the GPU: the reference",
    "torch": "PyTorch on the CPU: the reference",
}
"""Every engine, in the order in which ``auto`` considers them."""
DRIVER = ("/dev/nvidiactl", "/dev/dxg", "/proc/driver/nvidia", "/dev/nvhost-gpu")
"""One of these is there where there is an NVIDIA driver: Linux, WSL, Jetson."""
TRIALS = 15
"""Timed answers of each engine when ``auto`` has a choice. More choose better and start later."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether an engine can run on this machine, and why (not)."""

    engine: str
    usable: bool
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """An open engine.

    Attributes
    ----------
    backend
        Close it when done.
    reason
        Why this one, in one sentence.
    """

    backend: Backend
    reason: str

    @property
    def notes(self) -> tuple[str, ...]:
        """What happened to it since: a lost GPU, and with what it went on."""
        return tuple(getattr(self.backend, "notes", ()))


def available_engines() -> tuple[str, ...]:
    """Return the names that ``open_backend`` takes on this machine, best first."""
    usable = [probe.engine for probe in survey() if probe.usable]
    return (*usable, *(old for old, new in OLDER_NAMES.items() if new in usable and old == "onnx"))


def survey() -> tuple[Probe, ...]:
    """Return what this machine can run, without loading any of it."""
    gpu = _driver_here()
    return tuple(Probe(name, *_usable(name, gpu)) for name in ENGINES)


def _driver_here() -> bool:
    return any(os.path.exists(path) for path in DRIVER)  # noqa: PTH110 (device nodes)


def _usable(name: str, gpu: bool) -> tuple[bool, str]:
    if name == CPU:
        return True, "always there"
    if name.startswith("torch"):
        if find_spec("torch") is None:
            return False, "not installed: pip install 'realtime-mer[offline]'"
        return (True, "PyTorch is installed") if name == "torch" or gpu else (False, _NO_GPU)
    if name.startswith("onnxruntime"):
        import onnxruntime

        if PROVIDERS[name.split("-")[1]] not in onnxruntime.get_available_providers():
            return False, "this ONNX Runtime has no such provider: pip install onnxruntime-gpu"
        return (True, "the provider is there") if gpu else (False, _NO_GPU)
    extra = {"tensorrt": "tensorrt", "tensorrt-rtx": "rtx"}[name]
    if find_spec(name.replace("-", "_")) is None:
        return False, f"not installed: pip install 'realtime-mer[{extra}]'"
    if not gpu:
        ahead = "; it compiles ahead of time all the same" if extra == "rtx" else ""
        return False, _NO_GPU + ahead
    return True, "installed, and there is a driver"


_NO_GPU = "no NVIDIA driver on this machine"


def open_engine(
    package: Package,
    engine: str = "auto",
    precision: str = "auto",
    *,
    store: EngineStore | None = None,
    progress: Progress | None = None,
) -> Opened:
    """Open the engine called ``engine`` for ``package``.

    ``auto`` opens what this machine can run without compiling first: ONNX Runtime on the CPU and,
    where there is a GPU, its GPU providers and the engines that ``mer engine build`` made for this
    model. Those that answer the golden samples as the reference does are timed on them, one
    sample at a time, and the quickest stays.

    A GPU that is lost later does not end the stream: see ``KeepAlive``.

    Parameters
    ----------
    engine
        ``auto`` or a name in ``ENGINES``. A TensorRT engine that is not in the store is compiled.
    precision
        ``fp32``, ``fp16``, or ``auto``: what was compiled, else fp32.
    store
        Where compiled engines are kept; the user's own by default.
    progress
        Told of a compilation: stage, steps done, steps in all.

    Raises
    ------
    EngineError
        The engine is unknown, not here, cannot run the model, or does not answer as it should.
    """
    if precision != "auto":
        check_precision(precision)
    if engine != "auto":
        name = known(engine)
        backend = _make(name, package, _or_fp32(precision), store, progress)
        return Opened(_guarded(backend.open(), package), f"{name} was asked for")
    rivals = list(_rivals(package, precision, store))
    if not rivals:
        spare = OnnxBackend(package, precision=_or_fp32(precision)).open()
        return Opened(spare, _why_cpu(package))
    return _quickest(package, rivals)


def open_backend(package: Package, engine: str = "auto", precision: str = "auto") -> Backend:
    """Return an open backend for ``package``; close it, or use it with ``with``.

    See ``open_engine``, which says besides why it is this one.

    Raises
    ------
    EngineError
        If the engine is unknown or cannot run the model.
    """
    return open_engine(package, engine, precision).backend


def known(engine: str) -> str:
    """Return the engine's full name.

    Raises
    ------
    EngineError
        There is none of that name.
    """
    name = OLDER_NAMES.get(engine, engine)
    if name not in ENGINES:
        here = available_engines()
        elsewhere = ", ".join(each for each in ENGINES if each not in here)
        raise EngineError(
            f"engine {engine!r} is not available: choose auto, {', '.join(here)} (on other "
            f"machines {elsewhere})"
        )
    return name


def _make(
    name: str,
    package: Package,
    precision: str,
    store: EngineStore | None,
    progress: Progress | None,
) -> Backend:
    if name.startswith("onnxruntime"):
        device = "cpu" if name == CPU else name.split("-")[1]
        return OnnxBackend(package, device=device, precision=precision)
    if name.startswith("torch"):
        from engines.torch_backend import TorchBackend

        return TorchBackend(package, "cuda" if name == "torch-cuda" else "cpu", precision)
    from engines.compiled import StoredPlans, compiled_backend

    return compiled_backend(package, name, precision, StoredPlans(store, progress))


def _guarded(backend: Backend, package: Package) -> Backend:
    """Return a backend on a GPU with the CPU behind it."""
    if "cpu" in backend.name:
        return backend
    return KeepAlive(backend, lambda: OnnxBackend(package))


def _rivals(
    package: Package, precision: str, store: EngineStore | None
) -> Iterator[Callable[[], Backend]]:
    """Yield what beside the CPU could run the model without being compiled first."""
    usable = {probe.engine for probe in survey() if probe.usable}
    for flavour in FLAVOURS:
        if flavour in usable:
            from engines.compiled import built_backends

            yield from built_backends(package, flavour, precision, store)
    if "onnxruntime-cuda" in usable:
        yield lambda: OnnxBackend(package, device="cuda", precision=_or_fp32(precision))


def _quickest(package: Package, rivals: list[Callable[[], Backend]]) -> Opened:
    """Open every rival and the CPU, keep the quickest that agrees with the reference."""
    cpu = OnnxBackend(package).open()
    times: dict[str, float] = {cpu.name: _median_s(cpu)}
    best: Backend = cpu
    failed: list[str] = []
    for make in rivals:
        rival = make()
        try:
            rival.open()
            precision = "fp16" if rival.name.endswith("fp16") else "fp32"
            require(verify_backend(rival, precision), rival.name, precision)
            times[rival.name] = _median_s(rival)
        except EngineError as error:
            failed.append(f"{rival.name}: {error}")
            rival.close()
            continue
        slower = rival if times[rival.name] >= times[best.name] else best
        best = rival if slower is best else best
        slower.close()
    told = ", ".join(f"{name} {1e3 * each:.2f} ms" for name, each in sorted(times.items()))
    reason = f"the quickest for one sample: {told}"
    if failed:
        reason += f"; not usable: {'; '.join(failed)}"
    return Opened(_guarded(best, package), reason)


def _median_s(backend: Backend) -> float:
    """Return the median time of one sample's answer."""
    sample = backend.package.samples()[0][:1]
    taken = []
    for _ in range(TRIALS):
        begin = time.perf_counter()
        backend.infer(sample)
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken[TRIALS // 3 :]))


def _why_cpu(package: Package) -> str:
    """Return why nothing but the CPU was considered."""
    if not _driver_here():
        return _NO_GPU
    flavours = {probe.engine: probe for probe in survey() if probe.engine in FLAVOURS}
    if any(probe.usable for probe in flavours.values()):
        return (
            f"no engine is compiled for {package.model_id} and this GPU yet: "
            f"mer engine build {package.folder}"
        )
    return "; ".join(f"{name}: {probe.why}" for name, probe in flavours.items())


def _or_fp32(precision: str) -> str:
    return "fp32" if precision == "auto" else precision
