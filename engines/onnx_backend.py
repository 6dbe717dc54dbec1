"""ONNX Runtime: on the CPU the engine that is there on every machine; on a GPU if asked for."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines.backend import (
    DeviceLostError,
    EngineError,
    OpenedByWith,
    check_answers,
    check_batch,
    check_input,
    check_names,
    check_precision,
)
from engines.package import Package

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
"""Execution providers by the device that a user names."""
_LOST = ("cuda failure", "cuda error", "cudaerror", "cublas failure", "cudnn failure")
_ORT_TYPES = {"float32": "tensor(float)", "float16": "tensor(float16)", "uint8": "tensor(uint8)"}


class OnnxBackend(OpenedByWith):
    """Run a model package with ONNX Runtime.

    Parameters
    ----------
    package
        A verified package; its bytes, not its file, are loaded.
    threads
        Threads within one operator. More is faster for big networks and batches; the stream's
        tiny networks are fastest with 1, which also leaves the other cores to the face mesh.
    device
        A name in ``PROVIDERS``. The GPU ones need ``onnxruntime-gpu`` in the place of
        ``onnxruntime``, and what they do not know runs on the CPU.
    precision
        ``fp16`` runs the network's half-precision twin; on a CPU that saves no time, it shows
        what rounding does.
    """

    def __init__(
        self, package: Package, threads: int = 1, device: str = "cpu", precision: str = "fp32"
    ) -> None:
        if threads < 1:
            raise EngineError(f"threads must be 1 or more, got {threads}")
        if device not in PROVIDERS:
            raise EngineError(f"device {device!r}: choose {', '.join(PROVIDERS)}")
        check_precision(precision)
        self.package = package
        self.threads = threads
        self.device = device
        self.precision = precision
        self.name = f"onnxruntime-{device}" + ("-fp16" if precision == "fp16" else "")
        self._session: ort.InferenceSession | None = None

    def open(self) -> Self:
        """Load the network and hold its input and output against the card.

        Raises
        ------
        EngineError
            If ONNX Runtime cannot load the model, does so without the provider that was asked
            for, or the model's names, types or shapes are not the card's.
        """
        if self._session is None:
            session = _load(self.package, self.threads, self.device, self.precision)
            _check_provider(session, self.device)
            _check_signature(self.package, session)
            self._session = session
        return self

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Map (N, *input_shape) of the card's dtype to (N, columns) float32, in the card's order.

        Raises
        ------
        EngineError
            If the backend is not open, or the batch has another shape or dtype or holds numbers
            that are not finite.
        DeviceLostError
            If CUDA failed.
        """
        if self._session is None:
            raise EngineError(f"{self.name} is not open: call open() or use `with`")
        card = self.package.card
        check_batch(card, batch)
        if not len(batch):
            return np.zeros((0, len(card.columns)), np.float32)
        try:
            (answers,) = self._session.run([card.output_name], {card.input_name: batch})
        except Exception as error:  # ONNX Runtime's own classes have no common public root
            lost = self.device != "cpu" and any(word in str(error).lower() for word in _LOST)
            kind = DeviceLostError if lost else EngineError
            raise kind(f"{self.name} failed on model {card.name}: {error}") from error
        check_answers(card, answers, len(batch))
        return np.asarray(answers, np.float32)

    def close(self) -> None:
        """Free the network."""
        self._session = None


def _load(package: Package, threads: int, device: str, precision: str) -> ort.InferenceSession:
    """Return a session, with ONNX Runtime's own errors turned into ours."""
    available = ort.get_available_providers()
    if PROVIDERS[device] not in available:
        raise EngineError(
            f"this ONNX Runtime {ort.__version__} has no {PROVIDERS[device]}, only "
            f"{', '.join(available)}: pip uninstall onnxruntime && pip install onnxruntime-gpu"
        )
    model = package.model
    if precision == "fp16":
        from engines.half import half_precision

        model = half_precision(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    wanted = [PROVIDERS[device]] if device == "cpu" else [PROVIDERS[device], PROVIDERS["cpu"]]
    try:
        session = ort.InferenceSession(model, options, providers=wanted)
    except Exception as error:  # as above
        raise EngineError(
            f"{package.folder}: ONNX Runtime {ort.__version__} cannot load model "
            f"{package.card.name}: {error}"
        ) from error
    session.disable_fallback()
    return session


def _check_provider(session: ort.InferenceSession, device: str) -> None:
    """Raise ``EngineError`` where ONNX Runtime fell back to another provider without a word."""
    used = session.get_providers()
    if used[0] != PROVIDERS[device]:
        raise EngineError(
            f"ONNX Runtime was asked for {PROVIDERS[device]} and took {used[0]}: its libraries or "
            "the driver did not load (`mer doctor` says what is there); choose engine onnxruntime "
            "for the CPU"
        )


def _check_signature(package: Package, session: ort.InferenceSession) -> None:
    """Raise ``EngineError`` unless the session's input and output are the card's."""
    entries = {entry.name: entry for entry in session.get_inputs()}
    check_names(package, entries, [entry.name for entry in session.get_outputs()])
    entry = entries[package.card.input_name]
    same = entry.type == _ORT_TYPES[package.card.input_dtype]
    check_input(package, entry.shape, entry.type, same)
