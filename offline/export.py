"""A torch module becomes an ONNX file, and a model package that is known to answer the same."""

from __future__ import annotations

import copy
import logging
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engines import Card, EngineError, Package, write_package
from engines.onnx_backend import OnnxBackend
from offline.exported_attention import export_attention
from offline.nets.answering import Answering
from offline.torch_to_onnx import OPSET, export_module, exporter_version

__all__ = ["Answering", "Parity", "export_module", "parity", "write_model"]

Float = NDArray[np.float32]

TOLERANCE = 1e-4
"""Largest difference between torch and ONNX Runtime in single precision, in any column."""
HALF_TOLERANCE = 0.01
"""Largest difference in half precision that goes without a warning."""
HALF_AGREEMENT = 0.995
"""Least share of equal labels in half precision that goes without a warning."""
GOLDEN = 64
"""Samples kept in a package. More check an engine more thoroughly, and take space and time."""
AT_ONCE = 16
"""Samples that torch and ONNX Runtime answer at once."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parity:
    """How near ONNX Runtime's answers are to torch's. JSON-ready by ``dataclasses.asdict``.

    Attributes
    ----------
    samples
        How many were compared.
    opset, exporter
        What was exported, and by which torch.
    max_abs_fp32, max_abs_fp16
        Largest difference in any column of any sample. Those of half precision are None if the
        model has no such twin.
    label_agreement_fp32, label_agreement_fp16
        Share of samples with the same label. Labels that torch tells apart by no more than
        ``TOLERANCE`` count as the same.
    cosine_fp32, cosine_fp16
        Least over the samples; 1 is the same direction.
    note
        Why there is no twin in half precision; usually empty.
    """

    samples: int
    opset: int
    exporter: str
    max_abs_fp32: float
    label_agreement_fp32: float
    cosine_fp32: float
    max_abs_fp16: float | None
    label_agreement_fp16: float | None
    cosine_fp16: float | None
    note: str = ""


def parity(package: Package, inputs: NDArray[Any], reference: Float) -> Parity:
    """Compare ONNX Runtime on the CPU, in both precisions, with torch's answers.

    Parameters
    ----------
    inputs, reference
        (N, *input_shape) and (N, columns), N at least 1.

    Raises
    ------
    EngineError
        If ONNX Runtime cannot run the model.
    """
    labels = len(package.card.labels)
    single = _compared(_answers(package, inputs, "fp32"), reference, labels)
    half: tuple[float, float, float] | tuple[None, None, None] = (None, None, None)
    note = ""
    try:
        half = _compared(_answers(package, inputs, "fp16"), reference, labels)
    except EngineError as error:
        note = str(error)
    return Parity(
        samples=len(inputs),
        opset=OPSET,
        exporter=f"torch {exporter_version()}",
        max_abs_fp32=single[0],
        label_agreement_fp32=single[1],
        cosine_fp32=single[2],
        max_abs_fp16=half[0],
        label_agreement_fp16=half[1],
        cosine_fp16=half[2],
        note=note,
    )


def write_model(
    out_dir: str | os.PathLike[str], module: nn.Module, card: Card, inputs: NDArray[Any]
) -> Package:
    """Export a module, compare it with torch, and write its package with golden samples.

    Parameters
    ----------
    module
        Answers as ``card`` promises: (N, columns) float32, probabilities first (``Answering``).
        What its attention weighs is exported besides, see ``offline.exported_attention``.
    card
        Its ``metrics["export"]`` becomes the ``Parity`` and its ``attention`` the names of what
        is weighed; the other figures stay.
    inputs
        (N, *input_shape) of the card's dtype: typical samples, N at least 1. All are compared,
        and up to ``GOLDEN`` are kept, of every label that torch sees in them.

    Raises
    ------
    EngineError
        If the module cannot be exported or does not answer as the card says, or if ONNX Runtime
        differs from torch by more than ``TOLERANCE`` or in a label. Nothing is written then.
    PackageError
        If the samples contradict the card.
    """
    expected = _torch_answers(module, card, inputs)
    model = export_module(
        module,
        card.input_shape,
        input_name=card.input_name,
        output_name=card.output_name,
        dtype=card.input_dtype,
    )
    found = parity(Package(Path(out_dir), card, model), inputs, expected)
    _judge(card, found)
    looks = export_attention(module, card, inputs)
    card = replace(card, metrics={**card.metrics, "export": asdict(found)}, attention=looks.names)
    kept = _golden(expected[:, : len(card.labels)].argmax(1))
    return write_package(out_dir, card, model, inputs[kept], expected[kept], looks.model)


def _torch_answers(module: nn.Module, card: Card, inputs: NDArray[Any]) -> Float:
    """Return what the module answers in evaluation, held against the card."""
    if not len(inputs) or inputs.shape[1:] != card.input_shape or inputs.dtype != card.input_dtype:
        raise EngineError(
            f"model {card.name}: need one or more samples "
            f"({', '.join(map(str, card.input_shape))}) {card.input_dtype} to compare, "
            f"got {inputs.shape} {inputs.dtype}"
        )
    still = copy.deepcopy(module).eval()
    try:
        with torch.no_grad():
            parts = [still(part) for part in torch.from_numpy(inputs).split(AT_ONCE)]
    except RuntimeError as error:
        raise EngineError(f"model {card.name}: torch cannot run it: {error}") from error
    answers: Float = torch.cat(parts).numpy()
    if answers.shape != (len(inputs), len(card.columns)) or answers.dtype != np.float32:
        raise EngineError(
            f"model {card.name} answers {answers.shape} {answers.dtype}, its card says "
            f"({len(inputs)}, {len(card.columns)}) float32"
        )
    sums = answers[:, : len(card.labels)].sum(1)
    if not ((answers >= 0) & (answers <= 1)).all() or np.abs(sums - 1).max() > 1e-3:
        raise EngineError(
            f"model {card.name} does not answer with probabilities of {len(card.labels)} labels "
            "that sum to 1 and scores between 0 and 1: wrap it in Answering"
        )
    return answers


def _answers(package: Package, inputs: NDArray[Any], precision: str) -> Float:
    with OnnxBackend(package, precision=precision) as backend:
        parts = [
            backend.infer(inputs[first : first + AT_ONCE])
            for first in range(0, len(inputs), AT_ONCE)
        ]
    return np.concatenate(parts)


def _compared(found: Float, reference: Float, labels: int) -> tuple[float, float, float]:
    """Return largest difference, agreement of labels, least cosine."""
    if not np.isfinite(found).all():
        return float("inf"), 0.0, -1.0
    known = reference[:, :labels]
    chosen = np.take_along_axis(known, found[:, :labels].argmax(1)[:, None], 1)[:, 0]
    one, other = found.astype(np.float64), reference.astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosine = (one * other).sum(1) / np.maximum(lengths, np.finfo(np.float64).tiny)
    return (
        float(np.abs(one - other).max()),
        float((chosen >= known.max(1) - TOLERANCE).mean()),
        float(cosine.min()),
    )


def _judge(card: Card, found: Parity) -> None:
    """Raise for single precision, warn for half precision."""
    if found.max_abs_fp32 > TOLERANCE or found.label_agreement_fp32 < 1:
        raise EngineError(
            f"model {card.name}: torch and ONNX Runtime differ by {found.max_abs_fp32:.1e} "
            f"(allowed {TOLERANCE:.0e}) and agree in {found.label_agreement_fp32:.1%} of "
            f"the labels of {found.samples} samples: the export is wrong"
        )
    if found.max_abs_fp16 is None or found.label_agreement_fp16 is None:
        _log.warning("model %s has no half precision: %s", card.name, found.note)
    elif found.max_abs_fp16 > HALF_TOLERANCE or found.label_agreement_fp16 < HALF_AGREEMENT:
        _log.warning(
            "model %s in half precision differs by %.1e and agrees in %.1f %% of the labels: "
            "run it in fp32",
            card.name,
            found.max_abs_fp16,
            100 * found.label_agreement_fp16,
        )


def _golden(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which samples are kept, rising: as many of each label as there is room for."""
    ranks = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        own = labels == label
        ranks[own] = np.arange(own.sum())
    order = np.lexsort((labels, ranks))
    return np.sort(order[:GOLDEN])
