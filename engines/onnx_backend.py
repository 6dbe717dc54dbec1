"""ONNX Runtime on the CPU: the reference engine, there on every machine."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines.backend import EngineError, check_batch
from engines.package import Package

PROVIDER = "CPUExecutionProvider"
_ORT_TYPES = {"float32": "tensor(float)", "float16": "tensor(float16)", "uint8": "tensor(uint8)"}


class OnnxBackend:
    """Run a model package with ONNX Runtime on the CPU.

    Parameters
    ----------
    package
        A verified package; its bytes, not its file, are loaded.
    threads
        Threads within one operator. More is faster for big networks and batches; the stream's
        tiny networks are fastest with 1, which also leaves the other cores to the face mesh.
    """

    name = "onnxruntime-cpu"

    def __init__(self, package: Package, threads: int = 1) -> None:
        if threads < 1:
            raise EngineError(f"threads must be 1 or more, got {threads}")
        self.package = package
        self.threads = threads
        self._session: ort.InferenceSession | None = None

    def open(self) -> Self:
        """Load the network and hold its input and output against the card.

        Raises
        ------
        EngineError
            If ONNX Runtime cannot load the model, or its names, types or shapes are not the
            card's.
        """
        if self._session is None:
            session = _load(self.package, self.threads)
            _check_signature(self.package, session)
            self._session = session
        return self

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Map (N, *input_shape) of the card's dtype to (N, columns) float32, in the card's order.

        Raises
        ------
        EngineError
            If the backend is not open or the batch has another shape or dtype.
        """
        if self._session is None:
            raise EngineError(f"{self.name} is not open: call open() or use `with`")
        card = self.package.card
        check_batch(card, batch)
        if not len(batch):
            return np.zeros((0, len(card.columns)), np.float32)
        (answers,) = self._session.run([card.output_name], {card.input_name: batch})
        if answers.shape != (len(batch), len(card.columns)):
            raise EngineError(
                f"model {card.name} answered {answers.shape} to {len(batch)} samples of "
                f"{len(card.columns)} columns: export it with a free batch axis"
            )
        return np.asarray(answers, np.float32)

    def close(self) -> None:
        """Free the network."""
        self._session = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _load(package: Package, threads: int) -> ort.InferenceSession:
    """Return a session on the CPU, with ONNX Runtime's own errors turned into ours."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(package.model, options, providers=[PROVIDER])
    except (
        Exception
    ) as error:  # ONNX Runtime raises classes of its own, without a common public root
        raise EngineError(
            f"{package.folder}: ONNX Runtime {ort.__version__} cannot load the model: {error}"
        ) from error


def _check_signature(package: Package, session: ort.InferenceSession) -> None:
    """Raise ``EngineError`` unless the session's input and output are the card's."""
    card = package.card
    entries = {entry.name: entry for entry in session.get_inputs()}
    outputs = {entry.name: entry for entry in session.get_outputs()}
    if set(entries) != {card.input_name} or card.output_name not in outputs:
        raise EngineError(
            f"{package.folder}: the card names input {card.input_name!r} and output "
            f"{card.output_name!r}, the model has {sorted(entries)} and {sorted(outputs)}"
        )
    entry = entries[card.input_name]
    if (
        entry.type != _ORT_TYPES[card.input_dtype]
        or tuple(entry.shape[1:]) != card.input_shape
        or isinstance(entry.shape[0], int)
    ):
        raise EngineError(
            f"{package.folder}: the card says (N, {', '.join(map(str, card.input_shape))}) "
            f"{card.input_dtype} with a free batch axis, the model reads {entry.shape} {entry.type}"
        )
