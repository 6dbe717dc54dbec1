"""Where folds are learnt: in this process, in several on this machine, or on a Ray cluster."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Protocol

from offline.bench.learning import Done, Job, Learner, Material, Outcome
from offline.worker_life import end_with_parent
from realtime_mer.errors import ConfigError

THREADS = "MER_THREADS"
"""Environment variable: threads that one process may learn with; one for each core if not set."""
PART = 4
"""Jobs that a worker is given at a time. More gives less to and fro, and loses more by a stop."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What there is to learn."""

    learner: Learner
    material: Material
    selection: str


class Executor(Protocol):
    """Learns jobs and reports each when it is ready, in any order."""

    def __call__(self, work: Work, jobs: Sequence[Job], done: Done) -> None:
        """Learn ``jobs`` of ``work``; raises whatever its learner raises."""


def here(work: Work, jobs: Sequence[Job], done: Done) -> None:
    """Learn everything in this process, which may use all cores."""
    work.learner.learn(work.material, jobs, work.selection, done)


def local(workers: int) -> Executor:
    """Return what learns in so many processes of this machine, each with its share of the cores."""
    if workers <= 1:
        return here

    def execute(work: Work, jobs: Sequence[Job], done: Done) -> None:
        parts = parted(jobs, workers)
        threads = max(1, usable_cores() // workers)
        with _pool(min(workers, len(parts)), work, threads) as pool:
            waiting = {pool.submit(_learn_part, part): part for part in parts}
            for ready in as_completed(waiting):
                for job, outcome in zip(waiting[ready], ready.result(), strict=True):
                    done(job, outcome)

    return execute


def parted(jobs: Sequence[Job], workers: int) -> list[Sequence[Job]]:
    """Cut jobs into parts small enough for every worker to get some."""
    size = max(1, min(PART, -(-len(jobs) // workers)))
    return [jobs[begin : begin + size] for begin in range(0, len(jobs), size)]


def learnt(work: Work, jobs: Sequence[Job]) -> list[Outcome]:
    """Return the outcomes of jobs in their order."""
    found: dict[int, Outcome] = {}

    def keep(job: Job, outcome: Outcome) -> None:
        found[id(job)] = outcome

    work.learner.learn(work.material, jobs, work.selection, keep)
    return [found[id(job)] for job in jobs]


@contextmanager
def _pool(workers: int, work: Work, threads: int) -> Iterator[ProcessPoolExecutor]:
    with limited_threads(threads):
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _receive, (work,))
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def usable_cores() -> int:
    """Return how many processor cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def allowed_threads() -> int | None:
    """Return how many threads ``MER_THREADS`` allows; None where it is not set.

    Raises
    ------
    ConfigError
        It is no whole number from 1.
    """
    wanted = os.environ.get(THREADS)
    if not wanted:
        return None
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ConfigError(f"{THREADS} is {wanted!r}; set it to a whole number from 1, or unset it")
    return int(wanted)


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let processes that begin meanwhile use so many threads each, whatever library asks."""
    names = (THREADS, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_received: list[Work] = []


def _receive(work: Work) -> None:
    """Take what all parts share; an interrupt ends a worker at once and without a word."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    end_with_parent()
    _received[:] = [work]


def _learn_part(jobs: Sequence[Job]) -> list[Outcome]:
    return learnt(_received[0], jobs)
