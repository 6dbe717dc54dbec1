"""Who is compared: our engines, and PyTorch as people use it, eager and compiled."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engines import EngineError, open_engine, survey
from engines.onnx_backend import OnnxBackend
from realtime_mer.errors import ConfigError

if TYPE_CHECKING:
    from engines.cache import EngineStore
    from tests.benchmarks.engine_models import BenchModel


class Runner(Protocol):
    """Something that answers batches: cheap to make, then open, infer, close."""

    @property
    def name(self) -> str:
        """Which engine answers now."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing of this run."""

    def open(self) -> Self:
        """Load everything from the files."""

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Map a batch in host memory to answers in host memory, finished when it returns."""

    def close(self) -> None:
        """Free it."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to run a model.

    Attributes
    ----------
    backend
        Its name in the tables.
    precision
        What it calculates in.
    engine
        Ours, by its name in ``engines.ENGINES``; empty for a network that was written in PyTorch.
    device
        ``cpu`` or ``cuda``.
    compiled
        Whether ``torch.compile`` compiles it.
    """

    backend: str
    precision: str
    engine: str = ""
    device: str = "cpu"
    compiled: bool = False

    @property
    def key(self) -> str:
        """Backend and precision in one word."""
        return f"{self.backend}/{self.precision}"


REFERENCE = Contestant("torch-eager", "fp32")
"""Whose answers the others are held against: the network as it was written, on the CPU."""
CONTESTANTS = (
    Contestant("onnxruntime-cpu", "fp32", "onnxruntime"),
    Contestant("onnxruntime-cpu", "fp16", "onnxruntime"),
    Contestant("torch", "fp32", "torch"),
    REFERENCE,
    Contestant("torch-compile", "fp32", compiled=True),
    Contestant("tensorrt", "fp32", "tensorrt", "cuda"),
    Contestant("tensorrt", "fp16", "tensorrt", "cuda"),
    Contestant("tensorrt-rtx", "fp32", "tensorrt-rtx", "cuda"),
    Contestant("tensorrt-rtx", "fp16", "tensorrt-rtx", "cuda"),
    Contestant("onnxruntime-cuda", "fp32", "onnxruntime-cuda", "cuda"),
    Contestant("onnxruntime-cuda", "fp16", "onnxruntime-cuda", "cuda"),
    Contestant("torch-eager-cuda", "fp32", device="cuda"),
    Contestant("torch-compile-cuda", "fp32", device="cuda", compiled=True),
)
"""Everybody, in the order of the tables."""
BACKENDS = tuple(dict.fromkeys(each.backend for each in CONTESTANTS))


def chosen(names: tuple[str, ...]) -> tuple[Contestant, ...]:
    """Return those of the backends asked for, all if none; ``ConfigError`` for an unknown one."""
    unknown = [name for name in names if name not in BACKENDS]
    if unknown:
        raise ConfigError(f"--backends {','.join(unknown)}: there are {', '.join(BACKENDS)}")
    return tuple(each for each in CONTESTANTS if not names or each.backend in names)


def obstacle(contestant: Contestant) -> str:
    """Return why it cannot run on this machine; empty if it can."""
    if contestant.engine:
        (probe,) = (each for each in survey() if each.engine == contestant.engine)
        return "" if probe.usable else probe.why
    if contestant.device == "cuda":
        why = torch_gpu_obstacle()
        if why or not contestant.compiled:
            return why
        return "" if find_spec("triton") else "torch.compile needs Triton: pip install triton"
    if contestant.compiled and not _compiler():
        return "torch.compile needs a C++ compiler: install g++, or name one in CXX"
    return ""


def torch_gpu_obstacle() -> str:
    """Return why PyTorch cannot use a GPU; empty if it can."""
    import torch

    if torch.cuda.is_available():
        return ""
    if torch.version.cuda is None:
        return (
            f"PyTorch {torch.__version__} is built without CUDA: install a build with it from "
            "https://pytorch.org"
        )
    return "PyTorch sees no NVIDIA GPU"


def runner(
    contestant: Contestant, model: BenchModel, threads: int, store: EngineStore | None
) -> Runner:
    """Return what runs a model, not yet open."""
    if contestant.engine:
        return _Ours(contestant, model, threads, store)
    return _Native(contestant, model)


def _compiler() -> str | None:
    names = (os.environ.get("CXX", ""), "g++", "clang++")
    return next((path for name in names if name and (path := shutil.which(name))), None)


class _Ours:
    """One of our engines, from the model's package."""

    def __init__(
        self, contestant: Contestant, model: BenchModel, threads: int, store: EngineStore | None
    ) -> None:
        self._contestant, self._model = contestant, model
        self._threads, self._store = threads, store
        self._backend: Any = None

    @property
    def name(self) -> str:
        return str(self._backend.name) if self._backend is not None else self._contestant.key

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(getattr(self._backend, "notes", ()))

    def open(self) -> Self:
        package, precision = self._model.package(), self._contestant.precision
        if self._contestant.engine == "onnxruntime":
            self._backend = OnnxBackend(package, self._threads, precision=precision).open()
        elif self._contestant.engine == "torch":
            from engines.torch_backend import TorchBackend

            self._backend = TorchBackend(package, precision=precision, threads=self._threads).open()
        else:
            opened = open_engine(package, self._contestant.engine, precision, store=self._store)
            self._backend = opened.backend
        return self

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        answers: NDArray[np.float32] = self._backend.infer(batch)
        return answers

    def close(self) -> None:
        if self._backend is not None:
            self._backend.close()


class _Native:
    """A network as it was written, in PyTorch. In fp32 a GPU calculates without TF32."""

    notes: tuple[str, ...] = ()

    def __init__(self, contestant: Contestant, model: BenchModel) -> None:
        self.name = contestant.key
        self._contestant, self._model = contestant, model
        self._call: Any = None

    def open(self) -> Self:
        import torch

        device = self._contestant.device
        if device == "cuda":
            for kind in (torch.backends.cuda.matmul, torch.backends.cudnn.conv):
                kind.fp32_precision = "ieee"
        network = self._model.network().to(device)
        if self._contestant.compiled:
            # Of the ways to compile, this one takes the calls' own cost away by CUDA graphs.
            mode = "reduce-overhead" if device == "cuda" else None
            self._call = torch.compile(network, dynamic=False, mode=mode)
        else:
            self._call = network
        return self

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            answers = self._call(torch.from_numpy(batch).to(self._contestant.device))
            found: NDArray[np.float32] = answers.cpu().numpy()  # waits for the GPU
        return found

    def close(self) -> None:
        self._call = None


def failure(error: Exception) -> str:
    """Return the first line of what went wrong."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if isinstance(error, EngineError) else f"{type(error).__name__}: {lines[0]}"
