"""Clips made ahead in the background, so that nobody waits for the next face."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from demos.eye_game import Game, Trial

Clip = TypeVar("Clip")
KEPT = 48
"""Clips held in memory, a fifth of a megabyte each; the longest unused go first."""


class ClipBank(Generic[Clip]):
    """Clips by trial, for all visitors; safe to use from several threads.

    Parameters
    ----------
    make
        Renders a trial.
    finish
        What is to be done with a clip once it can be shown, when there is time.
    kept
        See ``KEPT``. Fewer save memory; below two for each visitor, clips are made again.
    """

    def __init__(
        self,
        make: Callable[[Trial], Clip],
        finish: Callable[[Clip], object] | None = None,
        kept: int = KEPT,
    ) -> None:
        self._make = make
        self._finish = finish
        self._kept = kept
        self._lock = threading.Lock()
        self._worker: ThreadPoolExecutor | None = None
        self._clips: OrderedDict[Trial, Future[Clip]] = OrderedDict()
        self._fresh: Game | None = None

    def prepare(self, trial: Trial) -> None:
        """Have a clip made ahead; returns at once."""
        with self._lock:
            self._queued(trial)

    def take(self, trial: Trial) -> Clip:
        """Return a clip; waits only if it is not ready.

        One that waits in the queue behind others is made here and now instead.
        """
        with self._lock:
            future = self._queued(trial)
            own: Future[Clip] | None = None
            if future.cancel():
                own = self._clips[trial] = Future()
        if own is None:
            return future.result()
        try:
            own.set_result(self._made(trial))
        except BaseException as error:
            own.set_exception(error)
            with self._lock:
                self._clips.pop(trial, None)
            raise
        return own.result()

    def warm_up(self) -> None:
        """Have the first clip of the next visitor made ahead."""
        with self._lock:
            if self._fresh is None:
                self._fresh = Game(secrets.randbits(31))
                self._queued(self._fresh.trial())

    def new_game(self) -> Game:
        """Return a new game, whose first clip is ready if ``warm_up`` had the time."""
        self.warm_up()
        with self._lock:
            game, self._fresh = self._fresh, None
        return game or Game(secrets.randbits(31))

    def close(self) -> None:
        """Stop making clips."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.shutdown(wait=True, cancel_futures=True)

    def _made(self, trial: Trial) -> Clip:
        clip = self._make(trial)
        with self._lock:
            if self._finish is not None and self._worker is not None:
                self._worker.submit(self._finish, clip)
        return clip

    def _queued(self, trial: Trial) -> Future[Clip]:
        future = self._clips.get(trial)
        if future is None or future.cancelled() or (future.done() and future.exception()):
            if self._worker is None:
                self._worker = ThreadPoolExecutor(1, thread_name_prefix="mer-eye")
            future = self._clips[trial] = self._worker.submit(self._made, trial)
        self._clips.move_to_end(trial)
        while len(self._clips) > self._kept:
            self._clips.popitem(last=False)[1].cancel()
        return future
