"""Engines: a model package (``card.json`` + ``model.onnx``) and something that runs it.

>>> with open_backend(load_package(folder)) as backend:  # doctest: +SKIP
...     probabilities = backend.infer(batch)
"""

from __future__ import annotations

from engines.backend import PRECISIONS, Backend, DeviceLostError, EngineError
from engines.opening import (
    ENGINES,
    Opened,
    Probe,
    available_engines,
    open_backend,
    open_engine,
    survey,
)
from engines.package import Card, Package, PackageError, load_package, write_package

__all__ = [
    "ENGINES",
    "PRECISIONS",
    "Backend",
    "Card",
    "DeviceLostError",
    "EngineError",
    "Opened",
    "Package",
    "PackageError",
    "Probe",
    "available_engines",
    "load_package",
    "open_backend",
    "open_engine",
    "survey",
    "write_package",
]
