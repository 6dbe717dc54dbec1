"""What keeps a frame from waiting for others: no thread pools, short turns, no large sweeps."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import cv2
from threadpoolctl import threadpool_limits

TURN_S = 0.0005
"""Longest turn of a thread that another waits for; Python's 5 ms are a frame at 200 frames/s."""


class _WholeProcess:
    """A setting of the whole process: the first one in makes it, the last one out undoes it."""

    def __init__(self, make: Callable[[ExitStack], None]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._inside = 0
        self._undo = ExitStack()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._make(self._undo)
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._undo.close()


def _without_pools(undo: ExitStack) -> None:
    undo.callback(cv2.setNumThreads, cv2.getNumThreads())
    cv2.setNumThreads(1)
    undo.enter_context(threadpool_limits(1, user_api="blas"))


def _promptly(undo: ExitStack) -> None:
    undo.callback(sys.setswitchinterval, sys.getswitchinterval())
    sys.setswitchinterval(TURN_S)
    gc.collect()
    gc.freeze()
    undo.callback(gc.unfreeze)


_ONE_THREAD_EACH, _PROMPT_TURNS = _WholeProcess(_without_pools), _WholeProcess(_promptly)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let OpenCV and BLAS work in the calling threads only while the body runs.

    Pictures and matrices of one frame are small: pools make no step faster, but their threads
    wait busily between two calls and take the core on which frames are decoded.
    """
    with _ONE_THREAD_EACH():
        yield


@contextmanager
def prompt_turns() -> Iterator[None]:
    """Let threads take turns sooner, and keep what is loaded now out of garbage sweeps.

    A sweep over the objects of all libraries takes longer than many frames last, and they live as
    long as the process anyway.
    """
    with _PROMPT_TURNS():
        yield
