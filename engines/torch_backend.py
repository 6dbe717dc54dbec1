"""PyTorch: the reference for every package, on the CPU or a GPU of NVIDIA's."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import numpy as np
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
from engines.torch_graph import INSTALL, module_of, read_model

DEVICES = ("cpu", "cuda")
"""Where PyTorch may run."""
_LOST = ("cuda error", "cublas_status", "cudnn_status", "cuda driver")
_SETTINGS = threading.Lock()
"""Held while a call has changed a setting of PyTorch that the whole process shares."""


class TorchBackend(OpenedByWith):
    """Run a model package with PyTorch, its network translated from ``model.onnx``.

    The number of threads and the use of TF32 are settings that all of a process shares. A call
    changes them only if they differ from what it needs, one call at a time, and puts them back.

    Parameters
    ----------
    package
        A verified package; its bytes, not its file, are loaded.
    device
        ``cpu`` or ``cuda``. In fp32 the GPU calculates without TF32, so that it is a reference.
    precision
        ``fp16`` runs the network's half-precision twin; on a CPU that saves no time, it shows
        what rounding does.
    compiled
        With ``torch.compile``: opening takes seconds to minutes, and a new batch size may
        compile again; calls are faster. Needs a C++ compiler.
    threads
        Threads within one operator on the CPU. More is faster for big networks and batches.
    """

    def __init__(
        self,
        package: Package,
        device: str = "cpu",
        precision: str = "fp32",
        compiled: bool = False,
        threads: int = 1,
    ) -> None:
        if device not in DEVICES:
            raise EngineError(f"device {device!r}: choose {' or '.join(DEVICES)}")
        if threads < 1:
            raise EngineError(f"threads must be 1 or more, got {threads}")
        check_precision(precision)
        self.package = package
        self.device = device
        self.precision = precision
        self.compiled = compiled
        self.threads = threads
        self.name = "-".join(
            ["torch", device] + ["fp16"] * (precision == "fp16") + ["compiled"] * compiled
        )
        self._network: Any = None
        self._output: int | None = None

    def open(self) -> Self:
        """Load, translate and, if asked for, compile the network; hold it against the card.

        Raises
        ------
        EngineError
            If PyTorch is not installed, there is no GPU for ``cuda``, the model is damaged or
            has an operator that is not known here, its names, types or shapes are not the
            card's, or it cannot be compiled.
        DeviceLostError
            If CUDA failed.
        """
        if self._network is None:
            torch = _torch()
            _check_device(torch, self.device)
            network, self._output = _load(self.package, self.precision)
            with self._errors(torch):
                network = network.to(self.device)
                self._network = self._compile(torch, network) if self.compiled else network
        return self

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Map (N, *input_shape) of the card's dtype to (N, columns) float32, in the card's order.

        Raises
        ------
        EngineError
            If the backend is not open, or the batch has another shape or dtype or holds numbers
            that are not finite.
        DeviceLostError
            If CUDA failed, or its memory is full.
        """
        if self._network is None:
            raise EngineError(f"{self.name} is not open: call open() or use `with`")
        card = self.package.card
        check_batch(card, batch)
        if not len(batch):
            return np.zeros((0, len(card.columns)), np.float32)
        torch = _torch()
        with self._errors(torch):
            answers = self._run(torch, self._network, batch)
        check_answers(card, answers, len(batch))
        return answers

    def close(self) -> None:
        """Free the network."""
        self._network = None

    def _run(self, torch: Any, network: Any, batch: NDArray[Any]) -> NDArray[np.float32]:
        # PyTorch takes only numbers in this machine's byte order that it may write to.
        given = np.require(batch, batch.dtype.newbyteorder("="), ["C", "W"])
        exact = self.device != "cpu" and self.precision == "fp32"
        with _shared_settings(torch, self.threads, exact), torch.inference_mode():
            answers = network(torch.from_numpy(given).to(self.device))
            if self._output is not None:
                answers = answers[self._output]
            # A copy: an answer may be a part of the batch, or of the network.
            return np.array(answers.float().cpu().numpy())

    def _compile(self, torch: Any, network: Any) -> Any:
        """Return the network compiled for one sample; other batches compile when they come."""
        card = self.package.card
        with warnings.catch_warnings():
            # PyTorch's compiler uses what PyTorch has deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            compiled = torch.compile(network)
            self._run(torch, compiled, np.zeros((1, *card.input_shape), card.input_dtype))
        return compiled

    @contextmanager
    def _errors(self, torch: Any) -> Iterator[None]:
        """Turn what PyTorch raises into our errors."""
        try:
            yield
        except EngineError:
            raise
        except Exception as error:  # compilers raise classes of their own
            text = str(error)
            lost = isinstance(error, (torch.cuda.OutOfMemoryError, torch.AcceleratorError)) or any(
                word in text.lower() for word in _LOST
            )
            kind = DeviceLostError if lost and self.device != "cpu" else EngineError
            raise kind(
                f"{self.name} failed on model {self.package.card.name}: "
                f"{type(error).__name__}: {text}"
            ) from error


def _torch() -> Any:
    """Return PyTorch."""
    try:
        import torch
    except ImportError as error:
        raise EngineError(f"the torch engine needs PyTorch: {INSTALL}") from error
    return torch


def _check_device(torch: Any, device: str) -> None:
    """Raise ``EngineError`` unless PyTorch can run there."""
    if device == "cpu":
        return
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        there = torch.cuda.is_available()
    if not there:
        why = "; ".join(str(each.message) for each in said) or (
            "it finds no NVIDIA GPU with a working driver"
            if torch.version.cuda
            else "it is built for the CPU only"
        )
        raise EngineError(f"PyTorch {torch.__version__} cannot use device cuda: {why}")


def _load(package: Package, precision: str) -> tuple[Any, int | None]:
    """Return the network, and which of its outputs is the card's if it has several."""
    name = package.card.name
    proto = read_model(package.model, name)
    _check_signature(package, proto)
    if precision == "fp16":
        from engines.half import half_precision

        proto = read_model(half_precision(package.model), name)
    outputs = [entry.name for entry in proto.graph.output]
    place = outputs.index(package.card.output_name)
    return module_of(proto, name), place if len(outputs) > 1 else None


def _check_signature(package: Package, proto: Any) -> None:
    """Raise ``EngineError`` unless the model's input and output are the card's."""
    from onnx import TensorProto, helper

    card = package.card
    constants = {each.name for each in proto.graph.initializer}
    entries = {each.name: each for each in proto.graph.input if each.name not in constants}
    check_names(package, entries, [each.name for each in proto.graph.output])
    kind = entries[card.input_name].type.tensor_type
    shape = [
        each.dim_value if each.HasField("dim_value") else each.dim_param or "?"
        for each in kind.shape.dim
    ]
    wanted = helper.np_dtype_to_tensor_dtype(np.dtype(card.input_dtype))
    named = TensorProto.DataType.Name(kind.elem_type).lower()
    check_input(package, shape, named, kind.elem_type == wanted)


@contextmanager
def _shared_settings(torch: Any, threads: int, exact: bool) -> Iterator[None]:
    """Run with so many threads and, if ``exact``, without TF32; put back what was changed."""
    backends = torch.backends
    kinds = (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn) if exact else ()
    if torch.get_num_threads() == threads and all(k.fp32_precision == "ieee" for k in kinds):
        yield
        return
    with _SETTINGS, ExitStack() as after:
        after.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(threads)
        for kind in kinds:
            after.callback(setattr, kind, "fp32_precision", kind.fp32_precision)
            kind.fp32_precision = "ieee"
        yield
