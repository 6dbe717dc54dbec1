"""Engines: a model package (``card.json`` + ``model.onnx``) and something that runs it.

>>> with open_backend(load_package(folder)) as backend:  # doctest: +SKIP
...     probabilities = backend.infer(batch)
"""

from __future__ import annotations

from collections.abc import Callable

from engines.backend import Backend, DeviceLostError, EngineError
from engines.onnx_backend import OnnxBackend
from engines.package import Card, Package, PackageError, load_package, write_package

__all__ = [
    "Backend",
    "Card",
    "DeviceLostError",
    "EngineError",
    "Package",
    "PackageError",
    "available_engines",
    "load_package",
    "open_backend",
    "write_package",
]

_BACKENDS: dict[str, Callable[[Package], Backend]] = {"onnx": OnnxBackend}


def available_engines() -> tuple[str, ...]:
    """Return the names that ``open_backend`` takes on this machine, best first."""
    return tuple(_BACKENDS)


def open_backend(package: Package, engine: str = "auto") -> Backend:
    """Return an open backend for ``package``; close it, or use it with ``with``.

    Parameters
    ----------
    engine
        ``auto`` for the best one available, or one of ``available_engines()``.

    Raises
    ------
    EngineError
        If the engine is unknown or cannot run the model.
    """
    names = available_engines()
    chosen = names[0] if engine == "auto" else engine
    if chosen not in names:
        raise EngineError(f"engine {engine!r} is not available: choose auto, {', '.join(names)}")
    return _BACKENDS[chosen](package).open()
