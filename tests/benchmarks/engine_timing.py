"""Times of all engines of one model: they take turns in every round, on the same input."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.engine_runners import Contestant, Runner, failure
from tests.benchmarks.timing import Timing, side_by_side

WARM_UP = 3
"""Calls before anything is timed: compilers compile, CUDA graphs are recorded."""
QUICK_S = 0.02
"""If nobody takes longer than this, each call is primed by another (``side_by_side``)."""
LEAST_ROUNDS, LEAST_SLOW_ROUNDS, MOST_ROUNDS = 30, 7, 2000
Timings = dict[Contestant, Timing]


def batch_of(samples: NDArray[Any], size: int) -> NDArray[Any]:
    """Return ``size`` of the samples, from the first again where there are too few."""
    return np.ascontiguousarray(samples[np.arange(size) % len(samples)])


def warmed(
    opened: Mapping[Contestant, Runner], batch: NDArray[Any]
) -> tuple[dict[Contestant, float], dict[Contestant, str]]:
    """Call everybody a few times.

    Returns
    -------
    tuple
        What a call takes, in seconds, and what went wrong with those that cannot answer.
    """
    costs: dict[Contestant, float] = {}
    failed: dict[Contestant, str] = {}
    for contestant, runner in opened.items():
        try:
            for _ in range(WARM_UP):
                begin = time.perf_counter()
                runner.infer(batch)
                costs[contestant] = time.perf_counter() - begin
        except Exception as error:  # torch.compile and drivers raise classes of their own
            costs.pop(contestant, None)
            failed[contestant] = failure(error)
    return costs, failed


def rounds_for(costs: Mapping[Contestant, float], seconds: float) -> tuple[int, bool]:
    """Return how many rounds fit, and whether calls are primed.

    Quick models get 30 rounds and more, slow ones 7 and more, even where that takes longer than
    ``seconds``.
    """
    primed = max(costs.values()) < QUICK_S
    one = sum(costs.values()) * (2 if primed else 1)
    fit = int(seconds / one) if one > 0 else MOST_ROUNDS
    return min(max(fit, LEAST_ROUNDS if primed else LEAST_SLOW_ROUNDS), MOST_ROUNDS), primed


def time_all(
    opened: Mapping[Contestant, Runner], batch: NDArray[Any], seconds: float, rounds: int | None
) -> tuple[Timings, dict[Contestant, str]]:
    """Time everybody on one batch; return also what went wrong with whom.

    Parameters
    ----------
    seconds
        Wall time to spend, about. More gives steadier percentiles.
    rounds
        Exactly so many, whatever they take; None: as many as fit.
    """
    costs, failed = warmed(opened, batch)
    if not costs:
        return {}, failed
    fit, primed = rounds_for(costs, seconds)
    calls = {each.key: (lambda each=each: opened[each].infer(batch)) for each in costs}
    found = side_by_side(calls, rounds or fit, primed)
    return {each: found[each.key] for each in costs}, failed


def row(model: str, contestant: Contestant, batch: int, timing: Timing) -> dict[str, Any]:
    """Return one line of the table."""
    p50, p95, p99 = (timing.percentile_us(percent) / 1e3 for percent in (50, 95, 99))
    return {
        "model": model,
        "backend": contestant.backend,
        "precision": contestant.precision,
        "batch": batch,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "per_s": 1e3 * batch / p50,
        "rounds": len(timing.samples_us),
    }
