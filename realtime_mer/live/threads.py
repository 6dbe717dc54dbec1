"""The thread pools of OpenCV and of numpy's linear algebra, off while a session runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import cv2
from threadpoolctl import threadpool_limits

_lock = threading.Lock()
_inside = 0
_restore = ExitStack()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let OpenCV and BLAS work in the calling threads only while the body runs.

    Pictures and matrices of one frame are small: pools make no step faster, but their threads
    wait busily between two calls and take the core on which frames are decoded. The settings are
    the whole process's, so the first one in changes them and the last one out changes them back.
    """
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _restore.callback(cv2.setNumThreads, cv2.getNumThreads())
            cv2.setNumThreads(1)
            _restore.enter_context(threadpool_limits(1, user_api="blas"))
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _restore.close()
