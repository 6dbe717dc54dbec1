"""An ONNX network → a plan: the bytes that TensorRT or TensorRT-RTX runs.

TensorRT-RTX compiles for GPUs that are not there; TensorRT compiles for the one that is, trying
kernels on it. Every network is strongly typed: each tensor has the type that the ONNX file gives
it, so the precision is decided by what is parsed and not by a builder flag.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from engines.backend import EngineError
from engines.nvidia.tensorrt_flavour import Flavour, Heard, listening, load_flavour, trt_logger
from engines.spec import BuildSpec


class BuildStopped(EngineError):
    """A build was told to stop before its end."""


def build_plan(
    model: bytes,
    model_name: str,
    spec: BuildSpec,
    progress: Callable[[str, int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> bytes:
    """Compile an ONNX network. It takes a second or so for TensorRT-RTX, minutes for TensorRT.

    The same bytes and spec give the same plan with TensorRT-RTX. Builds may run side by side in
    threads: they leave the interpreter free, and no files.

    Parameters
    ----------
    model
        An ONNX file's bytes, in fp32, weights inside, with a free batch axis or a fixed one.
    model_name
        For messages.
    spec
        What to compile for. In fp16, the network is rewritten first (see ``half_precision``).
        TensorRT ignores ``targets`` and compiles for the GPU that is present.
    progress
        Told the phase, the steps of it that are done and the steps in all. Phases are nested:
        the outermost comes first and ends last.
    stop
        Asked after every step; once it says True, the build ends with ``BuildStopped``.

    Raises
    ------
    BuildStopped
        ``stop`` said so.
    EngineError
        TensorRT is missing, or cannot read or compile the network: names the nodes.
    """
    flavour = load_flavour(spec.flavour)
    if not model:
        raise EngineError(f"model {model_name} is empty: restore the package")
    if spec.precision == "fp16":
        model = _half(model, model_name)
    with listening() as heard:
        builder = _builder(flavour, heard)
        network = _parse(flavour, builder, model, model_name, heard)
        config = builder.create_builder_config()
        plain_fp32(flavour.module, config)
        recordable(flavour.module, config)
        _add_profiles(builder, network, config, model_name, spec)
        if spec.flavour == "tensorrt-rtx":
            _set_targets(flavour, config, spec.targets)
        # Named, for the builder does not keep it alive.
        monitor = _monitor(flavour.module, heard, progress, stop)
        config.progress_monitor = monitor
        plan = builder.build_serialized_network(network, config)
        if plan is None and heard.interrupt is None:
            raise EngineError(_why_no_plan(flavour, model_name, spec, heard))
    return bytes(plan)


def _half(model: bytes, model_name: str) -> bytes:
    from engines.half import half_precision

    try:
        return half_precision(model)
    except EngineError as error:
        raise EngineError(f"model {model_name}, to be made fp16: {error}") from error


def known_targets(flavour: Flavour) -> tuple[str, ...]:
    """Return the generations that this TensorRT-RTX compiles for without a GPU, such as sm80."""
    capabilities = getattr(flavour.module, "ComputeCapability", None)
    names = getattr(capabilities, "__members__", {})
    return tuple(name.lower() for name in names if re.fullmatch(r"SM\d+", name))


def _builder(flavour: Flavour, heard: Heard) -> Any:
    """Return a builder. TensorRT makes none on a machine without a GPU."""
    try:
        return flavour.module.Builder(trt_logger(flavour))
    except (TypeError, RuntimeError) as error:  # TypeError: pybind11 was handed a null pointer
        raise EngineError(
            f"{flavour.name} {flavour.version} cannot compile here: {heard.told()}; it needs an "
            "NVIDIA GPU and a driver that is new enough (see nvidia-smi)"
        ) from error


def _parse(flavour: Flavour, builder: Any, model: bytes, model_name: str, heard: Heard) -> Any:
    """Return the network that ``model`` describes, or name every node that is not understood."""
    trt = flavour.module
    typed = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if typed is None else 1 << int(typed))
    parser = trt.OnnxParser(network, trt_logger(flavour))
    if not parser.parse(model):
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        told = "; ".join(map(_parser_error, errors)) or heard.told()
        raise EngineError(
            f"model {model_name}: {flavour.name} {flavour.version} cannot read it: {told}"
        )
    if not network.num_inputs or not network.num_outputs:
        raise EngineError(
            f"model {model_name} has {network.num_inputs} inputs and {network.num_outputs} "
            "outputs: it is no network, or a damaged file; restore the package"
        )
    return network


def _parser_error(error: Any) -> str:
    """Return one error of the parser in words: which node, which operator, why."""
    code = str(getattr(error.code(), "name", error.code()))
    if code == "MODEL_DESERIALIZE_FAILED":
        return "its bytes are no ONNX file, or a damaged one; restore the package"
    lines = [line.strip() for line in error.desc().splitlines() if line.strip()]
    # Without a driver, asking CUDA anything fails, whatever is wrong with the node.
    reason = "; ".join(line for line in lines if "catchCudaError" not in line)
    if reason == "false":  # all that the parser says of an operator that it knows but lacks
        reason = "the operator is not supported"
    elif "Plugin not found" in reason:
        reason = "the operator is neither ONNX's nor a plugin that is there"
    if not error.node_operator():
        return f"{reason} ({code})"
    node = repr(error.node_name()) if error.node_name() else f"number {error.node()}"
    return f"node {node}, operator {error.node_operator()}: {reason} ({code})"


def plain_fp32(trt: Any, config: Any) -> None:
    """Switch TF32 off: it keeps 10 of the 23 bits that fp32 has after the point."""
    tf32 = getattr(trt.BuilderFlag, "TF32", None)
    if tf32 is not None:
        config.clear_flag(tf32)


def recordable(trt: Any, config: Any) -> None:
    """Have all memory given from outside, so that running the engine can be recorded as a graph."""
    flag = getattr(trt.BuilderFlag, "REQUIRE_USER_ALLOCATION", None)
    if flag is not None:
        config.set_flag(flag)


def _add_profiles(
    builder: Any, network: Any, config: Any, model_name: str, spec: BuildSpec
) -> None:
    """Add one optimisation profile for each of ``spec.profiles``, unless the batch is fixed."""
    shapes = {}
    for index in range(network.num_inputs):
        entry = network.get_input(index)
        shapes[entry.name] = tuple(entry.shape)
        if any(size < 0 for size in shapes[entry.name][1:]):
            raise EngineError(
                f"model {model_name}: input {entry.name!r} is {_words(shapes[entry.name])}: only "
                "the first axis, the batch, may be free; export it with fixed sizes"
            )
    if not any(shape and shape[0] < 0 for shape in shapes.values()):
        return
    for sizes in spec.profiles:
        profile = builder.create_optimization_profile()
        for name, shape in shapes.items():
            free = shape and shape[0] < 0
            profile.set_shape(name, *[(size, *shape[1:]) if free else shape for size in sizes])
        config.add_optimization_profile(profile)


def _words(shape: tuple[int, ...]) -> str:
    return f"({', '.join('free' if size < 0 else str(size) for size in shape)})"


def _set_targets(flavour: Flavour, config: Any, targets: tuple[str, ...]) -> None:
    known = known_targets(flavour)
    unknown = [target for target in targets if target not in known]
    if unknown:
        raise EngineError(
            f"{flavour.name} {flavour.version} does not compile for {', '.join(unknown)}: "
            f"it knows {', '.join(known)}"
        )
    config.num_compute_capabilities = len(targets)
    for index, target in enumerate(targets):
        capability = getattr(flavour.module.ComputeCapability, target.upper())
        config.set_compute_capability(capability, index)


def _monitor(
    trt: Any,
    heard: Heard,
    progress: Callable[[str, int, int], None] | None,
    stop: Callable[[], bool] | None,
) -> Any:
    """Return an object that passes progress on, and on whose word the build goes on or ends.

    What a callback raises is kept in ``heard``, for TensorRT would print it and go on.
    """
    totals: dict[str, int] = {}

    def tell(phase: str, done: int) -> bool:
        if heard.interrupt is not None:
            return False
        try:
            if progress is not None:
                progress(phase, done, totals.get(phase, done))
            if stop is not None and stop():
                heard.interrupt = BuildStopped("the build was stopped before its end")
        except BaseException as error:
            heard.interrupt = error
        return heard.interrupt is None

    class Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            totals[phase] = steps
            tell(phase, 0)

        def step_complete(self, phase: str, step: int) -> bool:
            return tell(phase, step + 1)

        def phase_finish(self, phase: str) -> None:
            totals.pop(phase, None)

    return Monitor()


def _why_no_plan(flavour: Flavour, model_name: str, spec: BuildSpec, heard: Heard) -> str:
    """Say what it means that a build gave no plan."""
    told = heard.told()
    if spec.precision == "fp32" and "SM75" in told and "FP32" in told:
        return (
            f"model {model_name}: Turing (sm75) takes no fp32 matrix products in TensorRT-RTX; "
            f"build it with precision fp16, or leave sm75 out ({told})"
        )
    return (
        f"model {model_name}: {flavour.name} {flavour.version} cannot compile it in "
        f"{spec.precision} for {', '.join(spec.targets)}: {told}"
    )
