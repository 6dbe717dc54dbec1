"""A GPU that is lost does not end the stream: another engine goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engines.backend import Backend, DeviceLostError, EngineError, OpenedByWith

logger = logging.getLogger(__name__)


class KeepAlive(OpenedByWith):
    """Answer through ``main`` until its device is lost, from then on through a spare engine.

    The batch that was on its way is answered by the spare, so no answer is missing. For one
    caller at a time, like every backend.

    Parameters
    ----------
    main
        The engine to use.
    spare
        Makes the engine to go on with, such as ONNX Runtime on the CPU; called when it is needed.

    Attributes
    ----------
    name
        Of the engine that answers now.
    package
        What it runs.
    """

    def __init__(self, main: Backend, spare: Callable[[], Backend]) -> None:
        self.name = main.name
        self.package = main.package
        self._active = main
        self._spare: Callable[[], Backend] | None = spare
        self._lost: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing of this run: the active engine's notes, then what was lost."""
        return (*getattr(self._active, "notes", ()), *self._lost)

    def open(self) -> Self:
        """Open the engine.

        Raises
        ------
        EngineError
            It cannot be opened; the spare is not tried.
        """
        self._active.open()
        self.name = self._active.name
        return self

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Map (N, *input_shape) to (N, columns) float32, in the card's order; N may be 0.

        Raises
        ------
        EngineError
            For a bad batch; or the device was lost and the spare failed too.
        """
        try:
            return self._active.infer(batch)
        except DeviceLostError as lost:
            if self._spare is None:
                raise
            return self._go_on(lost, batch)

    def _go_on(self, lost: DeviceLostError, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Put the spare in the place of the lost engine and let it answer."""
        assert self._spare is not None
        name = self.name
        with suppress(Exception):
            self._active.close()
        spare = None
        try:
            spare = self._spare().open()
            answers = spare.infer(batch)
        except Exception as error:  # whatever it is, it is told beside the loss
            if spare is not None:
                with suppress(Exception):
                    spare.close()
            raise EngineError(
                f"{name} was lost ({lost}), and the engine to go on with failed too: {error}"
            ) from error
        self._active, self._spare = spare, None
        self.name = spare.name
        note = f"{name} was lost ({lost}); went on with {spare.name}"
        self._lost += (note,)
        logger.warning("%s", note)
        return answers

    def close(self) -> None:
        """Close the engine that answers now."""
        self._active.close()
