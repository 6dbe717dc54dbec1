"""Keep MediaPipe's chatter off the user's terminal without hiding anything else.

MediaPipe's C++ writes information and warnings about its own insides to file descriptor 2 the
first times a graph runs, whatever Python's logging says. ``quiet_stderr`` holds back what is
written there meanwhile, drops the lines known to be chatter, and passes on all the rest.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from realtime_mer.face.mesh import Mesh, MeshDetector

_CHATTER = re.compile(
    rb"INFO: Created TensorFlow Lite "
    rb"|INFO: Initialized TensorFlow Lite "
    rb"|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|WARNING: Logging before InitGoogleLogging\(\)"
    # absl's own format: severity, date, time, thread, file. Errors and fatal ones pass.
    rb"|[IW]\d{4} \d\d:\d\d:\d+\.\d+ +\d+ \w+\.cc:\d+\] "
)

_lock = threading.Lock()
_inside = 0
_held: BinaryIO | None = None
_real = -1


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold file descriptor 2 back while the body runs, then pass on what is no known chatter.

    May be nested and used by several threads at once: the first one in redirects, the last one
    out restores. Costs about 0.1 ms. Does nothing where there is no descriptor 2.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _held, _real
    with _lock:
        _inside += 1
        if _inside > 1:
            return
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        try:
            _real = os.dup(2)
        except OSError:  # closed, as in a daemon
            _real = -1
            return
        _held = tempfile.TemporaryFile(prefix="mer-")  # noqa: SIM115 - closed in _leave
        os.dup2(_held.fileno(), 2)


def _leave() -> None:
    global _inside, _held, _real
    with _lock:
        _inside -= 1
        if _inside or _held is None:
            return
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        os.dup2(_real, 2)
        os.close(_real)
        _real = -1
        with _held as held:
            held.seek(0)
            kept = without_chatter(held.read())
        _held = None
        if kept:
            with suppress(OSError):
                os.write(2, kept)


def without_chatter(text: bytes) -> bytes:
    """Return ``text`` without the lines that MediaPipe is known to write about itself."""
    return b"".join(line for line in text.splitlines(keepends=True) if not _CHATTER.match(line))


class QuietMesh:
    """A detector whose first words are held back: it talks until it has seen a face."""

    def __init__(self, detector: MeshDetector) -> None:
        self._detector = detector
        self._settled = False

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Mesh]:
        """Return the faces of an (H, W, 3) RGB picture, largest first."""
        if self._settled:
            return self._detector.detect(image_rgb)
        with quiet_stderr():
            found = self._detector.detect(image_rgb)
        self._settled = bool(found)
        return found

    def reset(self) -> None:
        """Forget earlier pictures."""
        self._detector.reset()

    def close(self) -> None:
        """Free what the detector holds."""
        self._detector.close()
