"""What every engine offers: one life cycle, one way in."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engines.package import Card


class EngineError(ValueError):
    """An engine is unknown, not installed, cannot run the model, or was handed a wrong batch."""


class Backend(Protocol):
    """Something that runs a model package: construct (cheap) → open → infer … → close.

    ``name`` says which engine and device it is, and is written beside every result.
    """

    name: str

    def open(self) -> Self:
        """Load the network; opening twice is harmless. Raises ``EngineError``."""

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Map (N, *input_shape) to (N, columns) float32, in the card's order; N may be 0."""

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


def check_batch(card: Card, batch: NDArray[Any]) -> None:
    """Raise ``EngineError`` unless ``batch`` is (N, *input_shape) of the card's dtype."""
    if batch.shape[1:] != card.input_shape or batch.dtype.name != card.input_dtype:
        raise EngineError(
            f"model {card.name} reads (N, {', '.join(map(str, card.input_shape))}) "
            f"{card.input_dtype}, got {batch.shape} {batch.dtype}"
        )
