"""Worker processes that do not outlive the one that made them."""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess


def end_with_parent() -> None:
    """Let this worker end once its parent is gone, even by ``kill -9``: give it to every pool.

    A worker waits for work on a pipe that its fellows hold open too; without this it would wait,
    with all its memory, for ever.
    """
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
