"""A plan at work on a GPU: buffers that stay, and a recorded graph for each batch size.

One execution context for each batch size, because a graph is bound to the state of the context
that it was recorded from; all of them share one piece of scratch memory, because one stream runs
them one after the other (NVIDIA, TensorRT Best Practices, "CUDA Graphs").
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.backend import DeviceLostError, EngineError
from engines.nvidia.cuda import CudaRuntime, check
from engines.nvidia.cuda_pieces import DeviceBuffer, PinnedArray, Stream
from engines.nvidia.tensorrt_flavour import Flavour, listening, trt_logger
from engines.nvidia.tensorrt_lane import BATCHES, Lane
from engines.package import Card, Package
from engines.spec import BuildSpec

_DTYPES = {"FLOAT": "float32", "HALF": "float16", "UINT8": "uint8"}
_NO_ROOM = 2
"""A plan that was refused while less than this many times its size is free had no memory."""


class PlanRefusedError(EngineError):
    """TensorRT does not take a plan, or it is another model's: throw it away."""


class _Closes(Protocol):
    def close(self) -> None: ...


_Part = TypeVar("_Part", bound=_Closes)


class TensorRtSession:
    """A deserialised plan with all that its runs need; nothing is allocated after that.

    Parameters
    ----------
    flavour
        TensorRT or TensorRT-RTX.
    cuda
        The GPU that is current when this is made; the same must be when it runs.
    package
        What the plan was compiled from; the plan is held against its card.
    spec
        What it was compiled for.
    plan
        Bytes that this program compiled itself: TensorRT does not check them for malice.

    Attributes
    ----------
    notes
        Why work could not be recorded, if it could not.
    graphs
        Whether every batch size runs as a recorded graph.

    Raises
    ------
    PlanRefusedError
        The plan is not for this GPU or runtime, damaged, or another model's.
    DeviceLostError
        The GPU went away.
    EngineError
        Another thing is missing, such as GPU memory.
    """

    def __init__(
        self, flavour: Flavour, cuda: CudaRuntime, package: Package, spec: BuildSpec, plan: bytes
    ) -> None:
        self.cuda = cuda
        self.card = package.card
        self.notes: tuple[str, ...] = ()
        self._parts: list[_Closes] = []
        self._lanes: list[Lane] = []
        try:
            self.stream = self._own(Stream(cuda))
            engine = self._engine(flavour, spec, plan)
            self._allocate(engine, spec)
            self._make_lanes(flavour, engine, spec)
        except BaseException:
            self.close()
            raise
        self.graphs = all(lane.graph is not None for lane in self._lanes)

    def _own(self, part: _Part) -> _Part:
        """Keep ``part``; what was made last is freed first."""
        self._parts.append(part)
        return part

    def _engine(self, flavour: Flavour, spec: BuildSpec, plan: bytes) -> Any:
        """Return the engine in ``plan``, held against the card."""
        try:
            runtime = flavour.module.Runtime(trt_logger(flavour))
        except (TypeError, RuntimeError) as error:  # TypeError: it was handed a null pointer
            raise EngineError(
                f"{flavour.name} {flavour.version} does not start: {error}; is the driver new "
                "enough? See nvidia-smi"
            ) from error
        self._own(_Held(runtime))
        # A plan may hold programs for the CPU. Ours do not, so none may run.
        runtime.engine_host_code_allowed = False
        with listening() as heard:
            engine = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            self.stream.synchronize()  # a lost GPU says so here
            free = int(check(self.cuda, self.cuda.cudaMemGetInfo(), "asking for free memory")[0])
            if free < _NO_ROOM * len(plan):
                raise EngineError(
                    f"the GPU has {free / 2**20:.0f} MiB of memory left, too little for a plan of "
                    f"{len(plan) / 2**20:.0f} MiB: close other programs that use it"
                )
            raise PlanRefusedError(
                f"{flavour.name} {flavour.version} refused the plan: {heard.told()}"
            )
        self._own(_Held(engine))
        wrong = mismatch(engine, self.card, spec)
        if wrong:
            raise PlanRefusedError(f"the plan is not model {self.card.name}'s: {wrong}")
        return engine

    def _allocate(self, engine: Any, spec: BuildSpec) -> None:
        """Take all memory, for the largest batch."""
        card, most = self.card, BATCHES[-1]
        answers = _DTYPES[engine.get_tensor_dtype(card.output_name).name]
        reads = (most, *card.input_shape)
        self.host_in = self._own(PinnedArray(self.cuda, reads, card.input_dtype))
        self.host_out = self._own(PinnedArray(self.cuda, (most, len(card.columns)), answers))
        self.device_in = self._own(DeviceBuffer(self.cuda, self.host_in.array.nbytes))
        self.device_out = self._own(DeviceBuffer(self.cuda, self.host_out.array.nbytes))
        self.scratch = self._own(DeviceBuffer(self.cuda, int(engine.device_memory_size_v2)))

    def _make_lanes(self, flavour: Flavour, engine: Any, spec: BuildSpec) -> None:
        """Make every batch size ready."""
        with listening() as heard:
            try:
                for size in BATCHES:
                    lane = Lane(self, flavour.module, engine, spec, size)
                    self._lanes.append(self._own(lane))
                for lane in self._lanes:
                    lane.make_ready()
            except DeviceLostError:
                raise
            except (EngineError, RuntimeError, TypeError) as error:
                why = dict.fromkeys([str(error), *heard.errors])
                raise EngineError(f"{flavour.name} {flavour.version}: {'; '.join(why)}") from error

    def run(self, batch: NDArray[Any], answers: NDArray[np.float32]) -> None:
        """Answer 1 … 16 samples into ``answers``.

        Raises
        ------
        DeviceLostError
            The GPU went away.
        EngineError
            The work could not be queued, or failed.
        """
        count = len(batch)
        lane = next(lane for lane in self._lanes if lane.size >= count)
        self.host_in.array[:count] = batch
        self.host_in.array[count : lane.size] = 0
        try:
            lane.run()
        except EngineError:
            self.stream.synchronize()  # a lost GPU says so here
            raise
        self.stream.synchronize()
        answers[:] = self.host_out.array[:count]

    def close(self) -> None:
        """Free graphs and contexts, then buffers, engine, runtime and stream; never raises."""
        self._lanes.clear()
        with listening():  # what TensorRT says of a lost GPU is told already
            if hasattr(self, "stream"):
                with suppress(Exception):
                    self.stream.synchronize()
            while self._parts:
                with suppress(Exception):
                    self._parts.pop().close()


class _Held:
    """One of TensorRT's objects, which is freed when nobody holds it any more."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def close(self) -> None:
        self.value = None


def mismatch(engine: Any, card: Card, spec: BuildSpec) -> str:
    """Return in what ``engine`` differs from what ``card`` and ``spec`` say, or nothing."""
    names = {engine.get_tensor_name(index) for index in range(engine.num_io_tensors)}
    if names != {card.input_name, card.output_name}:
        return f"it has {sorted(names)}, the card {card.input_name!r} and {card.output_name!r}"
    for name, mode, shape, allowed in (
        (card.input_name, "INPUT", card.input_shape, {card.input_dtype}),
        (card.output_name, "OUTPUT", (len(card.columns),), {"float32", "float16"}),
    ):
        found = tuple(engine.get_tensor_shape(name))
        kind = engine.get_tensor_dtype(name).name
        if engine.get_tensor_mode(name).name != mode or found != (-1, *shape):
            return (
                f"{name!r} is {engine.get_tensor_mode(name).name} {found}, not {mode} (N, {shape})"
            )
        if _DTYPES.get(kind) not in allowed:
            return f"{name!r} holds {kind}, the card says {' or '.join(sorted(allowed))}"
    every = range(engine.num_optimization_profiles)
    shapes = [engine.get_tensor_profile_shape(card.input_name, index) for index in every]
    profiles = tuple(tuple(int(shape[0]) for shape in triple) for triple in shapes)
    if profiles != spec.profiles:
        return f"it was compiled for batches {profiles}, not {spec.profiles}"
    return ""
