"""A lock between threads and processes that dies with its holder, even at kill -9."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def hold(
    path: Path, *, shared: bool = False, waiting: Callable[[], None] | None = None
) -> Iterator[None]:
    """Hold the lock file ``path``, made if need be, for the time of a ``with``.

    Taking it twice in one thread waits for ever.

    Parameters
    ----------
    shared
        Whether other shared holders are welcome: for readers.
    waiting
        Called once, before waiting, if somebody else holds it.

    Raises
    ------
    OSError
        If the file cannot be made, or its file system knows no locks.
    """
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    descriptor = None
    while descriptor is None:
        descriptor = os.open(path, _OPEN | os.O_CREAT, 0o600)
        try:
            waiting = _take(descriptor, mode, waiting)
            kept = _is_at(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        if not kept:  # removed while we waited: the next comer would lock another file
            os.close(descriptor)
            descriptor = None
    try:
        yield
    finally:
        os.close(descriptor)


def remove_if_free(path: Path) -> None:
    """Remove the lock file ``path`` unless somebody holds it."""
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(descriptor, path):
            path.unlink()
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _take(
    descriptor: int, mode: int, waiting: Callable[[], None] | None
) -> Callable[[], None] | None:
    """Lock; return what is still to be called at the next wait."""
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        return waiting
    except BlockingIOError:
        if waiting is not None:
            waiting()
    fcntl.flock(descriptor, mode)
    return None


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one at ``path``."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False
