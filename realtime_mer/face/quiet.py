"""Keep MediaPipe's chatter off the user's terminal without hiding anything else.

MediaPipe's C++ writes information and warnings about its own insides to file descriptor 2 while
its graph starts, from threads of its own, whatever Python's logging says. ``quiet_stderr`` sends
what is written there meanwhile through a filter that drops the lines known to be chatter.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from realtime_mer.face.mesh import Mesh, MeshDetector

_CHATTER = re.compile(
    rb"INFO: (Created|Initialized) TensorFlow Lite "
    rb"|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|WARNING: Logging before InitGoogleLogging\(\)"
    # The format of absl: severity, date, time, thread, file. Errors and fatal ones pass.
    rb"|[IW]\d{4} \d\d:\d\d:\d+\.\d+ +\d+ \w+\.cc:\d+\] "
)
_JOIN_PATIENCE_S = 1.0


def is_chatter(line: bytes) -> bool:
    """Return whether MediaPipe is known to write such a line about itself."""
    return _CHATTER.match(line) is not None


class _Filter:
    """Descriptor 2 led through a pipe; a thread passes on every line that is no chatter."""

    def __init__(self) -> None:
        self._real = os.dup(2)
        self._reading, writing = os.pipe()
        os.dup2(writing, 2)
        os.close(writing)
        self._thread = threading.Thread(target=self._pump, name="mer-quiet", daemon=True)
        self._thread.start()

    def _pump(self) -> None:
        rest = b""
        while block := os.read(self._reading, 65536):
            *lines, rest = (rest + block).split(b"\n")
            self._pass_on(b"".join(line + b"\n" for line in lines if not is_chatter(line)))
        if rest and not is_chatter(rest):
            self._pass_on(rest)
        os.close(self._reading)

    def _pass_on(self, text: bytes) -> None:
        with suppress(OSError):
            while text:
                text = text[os.write(self._real, text) :]

    def close(self) -> None:
        os.dup2(self._real, 2)  # the pipe has no other end to write to: the thread drains it
        self._thread.join(_JOIN_PATIENCE_S)
        if not self._thread.is_alive():  # else a child process holds on to the pipe
            os.close(self._real)


_lock = threading.Lock()
_inside = 0
_filter: _Filter | None = None


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Filter descriptor 2 while the body runs; all that is no known chatter comes through.

    May be nested and used by several threads at once: the first one in sets the filter up, the
    last one out takes it away. Does nothing where there is no descriptor 2.
    """
    global _inside, _filter
    with _lock:
        _inside += 1
        if _inside == 1:
            _flush()
            with suppress(OSError):  # closed, as in a daemon
                _filter = _Filter()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _filter is not None:
                _flush()
                _filter.close()
                _filter = None


def _flush() -> None:
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()


class QuietMesh:
    """A detector kept quiet from its start (or restart) until it has seen a face, or is closed."""

    def __init__(self, detector: MeshDetector) -> None:
        self._detector = detector
        self._quiet: ExitStack | None = None
        self._settled = False

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Mesh]:
        """Return the faces of an (H, W, 3) RGB picture, largest first."""
        if self._settled:
            return self._detector.detect(image_rgb)
        self._hush()
        found = self._detector.detect(image_rgb)
        if found:
            self._settle()
        return found

    def reset(self) -> None:
        """Forget earlier pictures; MediaPipe starts anew and talks again."""
        self._settled = False
        self._hush()
        self._detector.reset()

    def close(self) -> None:
        """Free what the detector holds."""
        try:
            self._detector.close()
        finally:
            self._settle()

    def _hush(self) -> None:
        if self._quiet is None:
            self._quiet = ExitStack()
            self._quiet.enter_context(quiet_stderr())

    def _settle(self) -> None:
        self._settled = True
        if self._quiet is not None:
            self._quiet.close()
            self._quiet = None
