"""One batch size on a GPU: an execution context and the graph that was recorded from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engines.backend import DeviceLostError, EngineError
from engines.nvidia.cuda_pieces import Graph
from engines.nvidia.tensorrt_flavour import listening
from engines.spec import BuildSpec

if TYPE_CHECKING:
    from engines.nvidia.tensorrt_session import TensorRtSession

BATCHES = (1, 2, 4, 8, 16)
"""Batch sizes that are made ready. More waste less on padding and take longer to open."""


class Lane:
    """One batch size: its execution context and, where that can be recorded, its graph."""

    def __init__(
        self, session: TensorRtSession, trt: Any, engine: Any, spec: BuildSpec, size: int
    ) -> None:
        self.session, self.size = session, size
        self.graph: Graph | None = None
        card, stream = session.card, session.stream
        context = _make_context(trt, engine)
        if context is None:
            raise EngineError("TensorRT made no execution context: is the GPU's memory full?")
        profile = _profile(spec, size)
        _need(context.set_optimization_profile_async(profile, stream.handle), f"profile {profile}")
        shape = (size, *card.input_shape)
        _need(context.set_input_shape(card.input_name, shape), f"an input of {shape}")
        for name, buffer in (
            (card.input_name, session.device_in),
            (card.output_name, session.device_out),
        ):
            _need(context.set_tensor_address(name, buffer.address), f"memory for {name!r}")
        context.set_device_memory(session.scratch.address, session.scratch.nbytes)
        told = tuple(context.get_tensor_shape(card.output_name))
        _need(told == (size, len(card.columns)), f"{size} samples: it would answer {told}")
        self.context: Any = context

    def make_ready(self) -> None:
        """Run once, which compiles and settles what is left to, then record."""
        stream = self.session.stream
        self.enqueue()
        stream.synchronize()
        with listening() as heard:
            try:
                self._record()
            except DeviceLostError:
                raise
            except EngineError as error:
                why = "; ".join([str(error), *heard.errors[:1]])
                note = f"batch {self.size} runs without a CUDA graph, a little slower: {why}"
                self.session.notes += (note,)
        self.run()
        stream.synchronize()

    def _record(self) -> None:
        stream = self.session.stream
        capturable = getattr(self.context, "is_stream_capturable", None)
        if capturable is not None and not capturable(stream.handle):
            raise EngineError("it takes memory while it runs, or its shapes depend on data")
        self.graph = Graph(self.session.cuda, stream, self.enqueue)

    def enqueue(self) -> None:
        """Queue copy, network, copy."""
        session, share = self.session, BATCHES[-1] // self.size
        stream, upload = session.stream, session.device_in.nbytes // share
        stream.upload(session.host_in, session.device_in, upload)
        if not self.context.execute_async_v3(stream.handle):
            raise EngineError(f"TensorRT could not run {session.card.name} on {self.size} samples")
        stream.download(session.device_out, session.host_out, session.device_out.nbytes // share)

    def run(self) -> None:
        """Queue the recorded work, or each piece of it."""
        if self.graph is None:
            self.enqueue()
        else:
            self.graph.launch(self.session.stream)

    def close(self) -> None:
        """Free graph and context, in this order."""
        if self.graph is not None:
            self.graph.close()
        self.graph = self.context = None


def _make_context(trt: Any, engine: Any) -> Any:
    """Return an execution context that brings no memory of its own."""
    given = trt.ExecutionContextAllocationStrategy.USER_MANAGED
    kernels = getattr(trt, "DynamicShapesKernelSpecializationStrategy", None)
    if kernels is None:
        return engine.create_execution_context(given)
    # TensorRT-RTX would change kernels behind a recorded graph: compile the final ones at once.
    config = engine.create_runtime_config()
    config.set_execution_context_allocation_strategy(given)
    config.dynamic_shapes_kernel_specialization_strategy = kernels.EAGER
    return engine.create_execution_context(config)


def _profile(spec: BuildSpec, size: int) -> int:
    """Return the first optimisation profile that takes ``size`` samples."""
    for index, (least, _, most) in enumerate(spec.profiles):
        if least <= size <= most:
            return index
    raise EngineError(f"no profile of {spec.profiles} takes {size} samples")


def _need(done: object, what: str) -> None:
    if not done:
        raise EngineError(f"TensorRT did not take {what}")
