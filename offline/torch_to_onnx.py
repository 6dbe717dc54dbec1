"""A torch module becomes one ONNX file, the same on every machine."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from engines import EngineError
from offline.exported_graph import tidied
from offline.nets.aligned import aligned

OPSET = 18
"""What torch's exporter writes without converting; everything named here reads it.

ONNX Runtime 1.20, TensorRT 10 and 11 and TensorRT-RTX do. A higher one brings our operators
nothing and shuts out older engines.
"""
BATCH = "N"
"""Name of the free batch axis."""
_HARMLESS = (
    (FutureWarning, r".*isinstance\(treespec, LeafSpec\).*"),
    (FutureWarning, "_check_is_size will be removed.*"),
    (UserWarning, r"(?s)The tensor attributes? .*_flat_weights.* assigned during export.*"),
)
"""Warnings that torch's exporter gives about itself and about its own recurrent layers."""
_ADVICE = {
    "GuardOnDataDependentSymNode": "its way through the code depends on the values that it sees; "
    "choose with torch.where or by shapes",
    "ConstraintViolationError": "it takes one number of samples only; use x.shape[0] or -1 where "
    "it names one",
    "DispatchError": "ONNX has no such operator; calculate it from others",
}
"""What to do about an error of torch's exporter, by the name of its class."""


def export_module(
    module: nn.Module,
    input_shape: tuple[int, ...],
    *,
    input_name: str = "input",
    output_name: str = "answers",
    dtype: str = "float32",
) -> bytes:
    """Return the module as one ONNX file: weights inside, batch axis free, simplified.

    The module is exported as it answers in evaluation and stays as it is. Equal weights give
    equal bytes: nothing in the file tells of the machine.

    Parameters
    ----------
    input_shape
        Of one sample, without the batch axis.
    dtype
        Of the input: float32, float16 or uint8.

    Raises
    ------
    EngineError
        If torch cannot export the module, such as when what it calculates depends on the values
        it sees, or its answer is not one tensor with the batch as its first axis.
    """
    return export_outputs(module, input_shape, (output_name,), input_name=input_name, dtype=dtype)


def export_outputs(
    module: nn.Module,
    input_shape: tuple[int, ...],
    output_names: tuple[str, ...],
    *,
    input_name: str = "input",
    dtype: str = "float32",
) -> bytes:
    """Do the same for a module that answers with a tuple, each tensor with its batch first.

    Raises
    ------
    EngineError
        As ``export_module``; also if there are more or fewer tensors than names.
    """
    name = type(module).__name__
    example = torch.zeros(2, *input_shape, dtype=getattr(torch, dtype))
    try:
        still = aligned(module)
        with _quiet(), torch.no_grad():
            free = ({0: torch.export.Dim(BATCH)},)
            program = torch.export.export(still, (example,), dynamic_shapes=free, strict=False)
            exported = torch.onnx.export(
                program,
                dynamo=True,
                dynamic_shapes=free,
                opset_version=OPSET,
                input_names=[input_name],
                output_names=list(output_names),
                optimize=True,
                verbose=False,
            )
    # Torch raises classes without a common root for what it cannot export, and whatever the
    # module itself raises.
    except Exception as error:
        raise EngineError(f"cannot export the model {name}: {_reason(error)}") from error
    assert exported is not None
    proto = exported.model_proto
    _check_outputs(proto, name, len(output_names))
    return tidied(proto, exporter_version())


def exporter_version() -> str:
    """Return torch's version without how it was built: 2.13.0+cpu writes the same file."""
    return str(torch.__version__).partition("+")[0]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's exporter from reporting on itself; what goes wrong it raises all the same."""
    logger = logging.getLogger("torch")
    quieted = [logger, logging.getLogger("torch.onnx"), logging.getLogger("torch.fx")]
    levels = [each.level for each in quieted]
    try:
        for each in quieted:
            each.setLevel(logging.CRITICAL)
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            for category, message in _HARMLESS:
                warnings.filterwarnings("ignore", message, category)
            yield
    finally:
        for each, level in zip(quieted, levels, strict=True):
            each.setLevel(level)


def _reason(error: BaseException) -> str:
    """Return what to do about it, if that is known, and the first line that torch wrote."""
    chain = [error]
    while (earlier := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(earlier)
    known = [each for each in chain if type(each).__name__ in _ADVICE]
    first = (known or chain)[-1]
    lines = [line.strip() for line in str(first).splitlines() if line.strip()]
    advice = _ADVICE.get(type(first).__name__, type(first).__name__)
    return f"{advice} ({lines[0] if lines else 'no reason given'})"


def _check_outputs(proto: Any, name: str, wanted: int) -> None:
    if len(proto.graph.output) != wanted:
        asked = "one, of all columns" if wanted == 1 else str(wanted)
        raise EngineError(
            f"the model {name} answers {len(proto.graph.output)} tensors: return {asked}"
        )
    for output in proto.graph.output:
        sizes = [size.dim_param or size.dim_value for size in output.type.tensor_type.shape.dim]
        if sizes[:1] != [BATCH]:
            raise EngineError(
                f"the model {name} answers {sizes}, not one row a sample: the first axis is the "
                "batch, use x.shape[0] or -1 where it names a number of samples"
            )
