"""Read ahead in a thread, so that decoding has a core of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

JOIN_PATIENCE_S = 2.0


class Prefetch(Generic[T], Iterator[T]):
    """Iterate over ``source`` from a background thread through a bounded queue.

    Order is kept and nothing is dropped: a full queue makes the reader wait. What the source
    raises is raised to the consumer, after the items that came before it. The source stays the
    caller's to close::

        with open_source("clip.mp4") as source, Prefetch(source) as frames:
            for frame in frames: ...

    Parameters
    ----------
    source
        Anything iterable; it is iterated by the reader thread only.
    depth
        How many items may wait, at least 1. More smooths out uneven decoding; each waiting
        frame costs its memory (0.9 MB at 640×480), and at a live source up to ``depth`` frames
        of delay when the consumer is too slow.
    """

    def __init__(self, source: Iterable[T], depth: int = 8) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        self.source = source
        self._depth = depth
        self._waiting: deque[T] = deque()
        self._change = threading.Condition()
        self._error: BaseException | None = None
        self._done = False
        self._stopped = False
        self._thread = threading.Thread(target=self._read, name="mer-prefetch", daemon=True)

    def _read(self) -> None:
        try:
            for item in self.source:
                if not self._hand_over(item):
                    break
        except BaseException as error:
            self._error = error
        finally:
            with self._change:
                self._done = True
                self._change.notify_all()

    def _hand_over(self, item: T) -> bool:
        with self._change:
            while len(self._waiting) >= self._depth and not self._stopped:
                self._change.wait()
            if self._stopped:
                return False
            self._waiting.append(item)
            self._change.notify_all()
            return True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        self._start()
        with self._change:
            while not (self._waiting or self._done or self._stopped):
                self._change.wait()
            if self._stopped:
                raise StopIteration
            if self._waiting:
                item = self._waiting.popleft()
                self._change.notify_all()
                return item
            error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def _start(self) -> None:
        if self._thread.ident is None and not self._stopped:
            self._thread.start()

    def close(self) -> None:
        """Stop reading; what still waits is discarded. May be called more than once.

        A reader that hangs in a blocking read (a stream that fell silent) is left to end by
        itself when that read returns; it hands nothing over any more.
        """
        with self._change:
            self._stopped = True
            self._waiting.clear()
            self._change.notify_all()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(JOIN_PATIENCE_S)

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
