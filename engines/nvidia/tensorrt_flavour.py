"""TensorRT and TensorRT-RTX: the same interface in two modules, loaded when one is needed."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from engines.backend import EngineError
from engines.spec import FLAVOURS

MODULES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
"""The module of each flavour."""
EXTRAS = {"tensorrt": "tensorrt", "tensorrt-rtx": "rtx"}
OLDEST = {"tensorrt": (10, 12), "tensorrt-rtx": (1, 0)}
"""The first release that is understood: before 10.12, networks were not strongly typed alone."""

_LOG = logging.getLogger("engines.tensorrt")
_LOG.addHandler(logging.NullHandler())  # else Python prints what no program asked for


@dataclass(frozen=True, slots=True)
class Flavour:
    """One of the two TensorRTs, loaded.

    Attributes
    ----------
    name
        One of ``FLAVOURS``.
    module
        The imported module; both have the same classes.
    version
        Such as ``1.7.1.116``.
    """

    name: str
    module: Any = field(repr=False)
    version: str


@dataclass(slots=True, eq=False)
class Heard:
    """What TensorRT said while somebody listened.

    Attributes
    ----------
    errors
        Its error messages, first one first.
    interrupt
        What was raised in the meantime, such as Ctrl-C: TensorRT itself would swallow it.
    """

    errors: list[str] = field(default_factory=list)
    interrupt: BaseException | None = None

    def told(self) -> str:
        """Return the error messages in one line, each once."""
        lines = (" ".join(error.split()) for error in self.errors)
        return "; ".join(dict.fromkeys(lines)) or "it did not say why"


def installed_flavours() -> tuple[str, ...]:
    """Return which of ``FLAVOURS`` are installed, without loading them: it takes microseconds."""
    return tuple(name for name in FLAVOURS if _installed(MODULES[name]))


def load_flavour(name: str) -> Flavour:
    """Import TensorRT or TensorRT-RTX. It takes a quarter of a second and 150 MB the first time.

    Raises
    ------
    EngineError
        ``name`` is none of ``FLAVOURS``, it is not installed, does not load, or is too old.
    """
    if name not in FLAVOURS:
        raise EngineError(f"engine {name!r}: choose {' or '.join(FLAVOURS)}")
    module, install = MODULES[name], f"pip install 'realtime-mer[{EXTRAS[name]}]'"
    if not _installed(module):
        raise EngineError(f"{name} is not installed: {install}")
    try:
        loaded = import_module(module)
        version = str(loaded.__version__)
        loaded.Builder, loaded.Runtime, loaded.ILogger  # noqa: B018 (are they there?)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise EngineError(
            f"{name} is installed, but does not load: {type(error).__name__}: {error}; "
            f"install it anew: {install}"
        ) from error
    if _numbers(version) < OLDEST[name]:
        oldest = ".".join(map(str, OLDEST[name]))
        raise EngineError(f"{name} {version} is too old, {oldest} or later is needed: {install}")
    return Flavour(name, loaded, version)


def trt_logger(flavour: Flavour) -> Any:
    """Return the logger that every builder, parser and runtime of ``flavour`` gets.

    It forwards to Python's ``logging``, under ``engines.tensorrt``; errors that somebody listens
    to (see ``listening``) come as details there, for they end up in a message of ours. There is
    one for each flavour and it is never freed: TensorRT keeps a pointer to the first it is given.
    """
    with _LOCK:
        if flavour.module not in _LOGGERS:
            _LOGGERS[flavour.module] = _make_logger(flavour.module)
        return _LOGGERS[flavour.module]


@contextmanager
def listening() -> Iterator[Heard]:
    """Collect the errors that TensorRT logs while this thread is within.

    TensorRT swallows what is raised in code that it calls. Left without an exception, this raises
    it again, so Ctrl-C during a long build ends the build and the program.
    """
    heard, before = Heard(), getattr(_LISTENER, "heard", None)
    _LISTENER.heard = heard
    try:
        yield heard
    except Exception:
        if heard.interrupt is not None:
            raise heard.interrupt from None
        raise
    finally:
        _LISTENER.heard = before
    if heard.interrupt is not None:
        raise heard.interrupt


_LOCK = threading.Lock()
_LOGGERS: dict[Any, Any] = {}
_LISTENER = threading.local()


def _make_logger(trt: Any) -> Any:
    """Return an object of a class that can exist only once ``trt`` is loaded."""
    severity = trt.ILogger.Severity
    details = (severity.VERBOSE, severity.INFO)

    class Logger(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, level: Any, message: str) -> None:
            heard: Heard | None = getattr(_LISTENER, "heard", None)
            try:
                if level in details:
                    _LOG.debug("%s", message)
                elif level == severity.WARNING:
                    _LOG.info("%s", message)
                elif heard is None:
                    _LOG.error("%s", message)
                else:
                    heard.errors.append(message)
                    _LOG.info("%s", message)
            except BaseException as error:
                if heard is None:
                    raise
                heard.interrupt = heard.interrupt or error

    return Logger()


def _installed(module: str) -> bool:
    """Whether ``module`` can be imported; a mere folder of its name does not count."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: 10.13.2.6 → (10, 13, 2, 6)."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found.group().split(".")) if found else ()
