"""What every engine offers: one life cycle, one way in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engines.package import Card, Package

PRECISIONS = ("fp32", "fp16")
"""What an engine calculates in. fp16 is about twice as fast on a GPU, and rounds to 3 digits."""


class EngineError(ValueError):
    """An engine is unknown, not installed, cannot run the model, or was handed a wrong batch."""


class DeviceLostError(EngineError):
    """The GPU, or its driver, went away while an engine was open: open another engine."""


class Backend(Protocol):
    """Something that runs a model package: construct (cheap) → open → infer … → close.

    Attributes
    ----------
    name
        Which engine, device and precision it is, such as ``onnxruntime-cpu`` or
        ``tensorrt-fp16``; written beside every result.
    package
        What it runs.
    """

    name: str
    package: Package

    def open(self) -> Self:
        """Load the network; opening twice is harmless. Raises ``EngineError``."""

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Map (N, *input_shape) to (N, columns) float32, in the card's order; N may be 0.

        Raises ``EngineError`` for a batch that ``check_batch`` refuses or a backend that is not
        open, ``DeviceLostError`` if the device went away.
        """

    def close(self) -> None:
        """Free the network; closing twice is harmless."""

    def __enter__(self) -> Self:
        """Open."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""


class OpenedByWith:
    """What every engine shares: ``with`` opens and closes it."""

    def open(self) -> Self:
        """Load the network."""
        raise NotImplementedError

    def close(self) -> None:
        """Free the network."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def check_names(package: Package, inputs: Iterable[str], outputs: Iterable[str]) -> None:
    """Raise ``EngineError`` unless a model's input and output are called as the card says."""
    card, reads, answers = package.card, sorted(inputs), sorted(outputs)
    if reads != [card.input_name] or card.output_name not in answers:
        raise EngineError(
            f"{package.folder}: the card names input {card.input_name!r} and output "
            f"{card.output_name!r}, the model has {reads} and {answers}"
        )


def check_input(package: Package, shape: Sequence[int | str], kind: str, same_kind: bool) -> None:
    """Raise ``EngineError`` unless a model reads what the card says.

    Parameters
    ----------
    shape
        Of its input; a free axis is no number.
    kind, same_kind
        Its element type in the engine's words, and whether that is the card's.
    """
    card = package.card
    free = bool(shape) and not isinstance(shape[0], int)
    if not same_kind or tuple(shape[1:]) != card.input_shape or not free:
        raise EngineError(
            f"{package.folder}: the card says (N, {', '.join(map(str, card.input_shape))}) "
            f"{card.input_dtype} with a free batch axis, the model reads {shape} {kind}"
        )


def check_answers(card: Card, answers: NDArray[Any], count: int) -> None:
    """Raise ``EngineError`` unless ``answers`` are (count, columns)."""
    if answers.shape != (count, len(card.columns)):
        raise EngineError(
            f"model {card.name} answered {answers.shape} to {count} samples of "
            f"{len(card.columns)} columns: export it with a free batch axis"
        )


def check_batch(card: Card, batch: NDArray[Any]) -> None:
    """Raise ``EngineError`` unless ``batch`` is (N, *input_shape), of the card's dtype, finite."""
    if batch.shape[1:] != card.input_shape or batch.dtype.name != card.input_dtype:
        raise EngineError(
            f"model {card.name} reads (N, {', '.join(map(str, card.input_shape))}) "
            f"{card.input_dtype}, got {batch.shape} {batch.dtype}"
        )
    if batch.dtype.kind == "f" and not _finite(batch):
        bad = ~np.isfinite(batch)
        rows = np.flatnonzero(bad.reshape(len(batch), -1).any(1))
        raise EngineError(
            f"model {card.name} was handed {int(bad.sum())} values that are no finite numbers, in "
            f"sample {', '.join(map(str, rows[:5]))} of {len(batch)}: leave such samples out"
        )


def _finite(batch: NDArray[Any]) -> bool:
    # One pass that allocates nothing: a sum that is finite had finite parts.
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(batch.sum(dtype=np.float64))) or bool(np.isfinite(batch).all())


def check_precision(precision: str) -> None:
    """Raise ``EngineError`` for a precision that is none of ``PRECISIONS``."""
    if precision not in PRECISIONS:
        raise EngineError(f"precision {precision!r}: choose {' or '.join(PRECISIONS)}")
