"""TensorRT 10 and 11 and TensorRT-RTX, on an NVIDIA GPU."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engines.backend import EngineError, OpenedByWith, check_batch, check_precision
from engines.nvidia.cuda import CudaRuntime, Gpu, check, find_gpu, load_cuda
from engines.nvidia.tensorrt_flavour import Flavour, load_flavour
from engines.nvidia.tensorrt_lane import BATCHES
from engines.nvidia.tensorrt_session import PlanRefusedError, TensorRtSession
from engines.package import Package
from engines.spec import FLAVOURS, BuildSpec


class PlanSource(Protocol):
    """Where compiled engines come from."""

    def plan(self, spec: BuildSpec, package: Package) -> bytes:
        """Return a plan for ``spec``, compiling it if need be; its hash has been checked."""

    def refuse(self, spec: BuildSpec, reason: str) -> None:
        """Throw the plan for ``spec`` away: it was found unusable."""


class TensorRtBackend(OpenedByWith):
    """Run a model package with TensorRT or TensorRT-RTX.

    Opening takes seconds: every batch size in ``BATCHES`` is run and recorded as a CUDA graph. A
    batch is filled up with zeros to the next of these sizes and larger ones are cut in pieces, so
    no call allocates memory on the GPU. Calls from several threads wait for one another.

    Parameters
    ----------
    package
        A verified package.
    flavour
        ``tensorrt`` or ``tensorrt-rtx``.
    precision
        ``fp32`` or ``fp16``, what the plan is compiled in.
    plans
        Gives the plan for the GPU that is found.
    cuda
        What to use instead of cuda-bindings.
    device
        Number of the GPU among the visible ones.
    load
        Imports the flavour.

    Attributes
    ----------
    gpu, spec
        The GPU and the build that were opened last; None before.
    """

    def __init__(
        self,
        package: Package,
        flavour: str = "tensorrt",
        precision: str = "fp32",
        *,
        plans: PlanSource,
        cuda: CudaRuntime | None = None,
        device: int = 0,
        load: Callable[[str], Flavour] = load_flavour,
    ) -> None:
        if flavour not in FLAVOURS:
            raise EngineError(f"engine {flavour!r}: choose {' or '.join(FLAVOURS)}")
        check_precision(precision)
        self.package = package
        self.name = f"{flavour}-{precision}"
        self.gpu: Gpu | None = None
        self.spec: BuildSpec | None = None
        self._flavour, self._precision = flavour, precision
        self._plans, self._device, self._load = plans, device, load
        self._cuda = cuda
        self._session: TensorRtSession | None = None
        self._lock = threading.Lock()

    @property
    def graphs(self) -> bool:
        """Whether it is open and every batch size runs as a recorded CUDA graph."""
        return self._session is not None and self._session.graphs

    @property
    def notes(self) -> tuple[str, ...]:
        """What is slower than it could be, and why."""
        return () if self._session is None else self._session.notes

    def open(self) -> Self:
        """Find the GPU, get a plan for it, load, check and warm it.

        A plan that TensorRT refuses, or that contradicts the card, is thrown away and compiled
        anew, once.

        Raises
        ------
        EngineError
            TensorRT, cuda-bindings, the driver or the GPU is missing or unusable; the model
            cannot be compiled; or the new plan was refused too.
        """
        with self._lock:
            if self._session is None:
                flavour = self._load(self._flavour)
                self._cuda = self._cuda or load_cuda()
                self.gpu = find_gpu(self._device, self._cuda)
                self.spec = self._spec(flavour, self.gpu)
                self._session = self._opened(flavour, self._cuda, self.spec)
        return self

    def _spec(self, flavour: Flavour, gpu: Gpu) -> BuildSpec:
        own = self._flavour == "tensorrt"  # TensorRT-RTX compiles the rest on the GPU it finds
        return BuildSpec(
            self.package.card.sha256,
            self._flavour,
            flavour.version,
            self._precision,
            (gpu.capability,),
            gpu.name if own else "",
            gpu.driver if own else "",
        )

    def _opened(self, flavour: Flavour, cuda: CudaRuntime, spec: BuildSpec) -> TensorRtSession:
        refused: PlanRefusedError | None = None
        for _ in range(2):
            plan = self._plans.plan(spec, self.package)
            try:
                return TensorRtSession(flavour, cuda, self.package, spec, plan)
            except PlanRefusedError as error:
                self._plans.refuse(spec, str(error))
                refused = error
        raise EngineError(
            f"{self.name} cannot run {self.package.model_id}, a new plan was refused too: {refused}"
        ) from refused

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Map (N, *input_shape) of the card's dtype to (N, columns) float32, in the card's order.

        Raises
        ------
        DeviceLostError
            The GPU or its driver went away: close this and open another engine.
        EngineError
            The backend is not open, the batch has another shape or dtype, TensorRT failed, or an
            answer is no finite number.
        """
        card = self.package.card
        check_batch(card, batch)
        answers = np.empty((len(batch), len(card.columns)), np.float32)
        with self._lock:
            session, cuda = self._session, self._cuda
            if session is None or cuda is None:
                raise EngineError(f"{self.name} is not open: call open() or use `with`")
            # CUDA's current GPU belongs to the thread.
            check(cuda, cuda.cudaSetDevice(self._device), "turning to the GPU")
            for begin in range(0, len(batch), BATCHES[-1]):
                piece = slice(begin, begin + BATCHES[-1])
                session.run(batch[piece], answers[piece])
        if not np.isfinite(answers).all():
            raise EngineError(
                f"{self.name} answered values that are no finite numbers with model {card.name}: "
                "choose precision fp32, or another engine"
            )
        return answers

    def close(self) -> None:
        """Free everything on the GPU; never raises."""
        with self._lock:
            session, self._session = self._session, None
            if session is not None and self._cuda is not None:
                with suppress(Exception):
                    self._cuda.cudaSetDevice(self._device)
                session.close()
