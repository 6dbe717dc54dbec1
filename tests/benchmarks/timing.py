"""Side-by-side timing: everybody takes a turn in every round, so that a busy machine hits all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """What one contestant took, round by round.

    ``samples_us`` is (rounds,) float64, microseconds of one call each, in the order measured.
    """

    samples_us: NDArray[np.float64]

    def percentile_us(self, percent: float) -> float:
        """Return the time that ``percent`` of the calls stayed within."""
        return float(np.percentile(self.samples_us, percent))

    @property
    def median_us(self) -> float:
        """The middle call."""
        return self.percentile_us(50)

    def times_slower_than(self, other: Timing) -> float:
        """Return the median over rounds of this one's time over the other's in the same round.

        Rounds, not medians, are compared: what slowed the machine for a while cancels out.
        """
        return float(np.median(self.samples_us / other.samples_us))


def side_by_side(
    contestants: Mapping[str, Callable[[], object]],
    rounds: int,
    primed: bool = True,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
) -> dict[str, Timing]:
    """Call every contestant once per round and time each call.

    Parameters
    ----------
    contestants
        Name and what to call, which should do the same work over the same memory every time.
    rounds
        Timed rounds, at least 1; one more goes before them untimed. More give steadier medians.
    primed
        Whether an untimed call of the same contestant goes right before each timed one: then
        everybody finds its own data in the caches as far as they fit. Without it everybody finds
        what its neighbour left, as a stage of a pipeline does.
    clock_ns
        A clock that never goes backwards, in nanoseconds.

    Returns
    -------
    dict
        A ``Timing`` for every name. Each round begins with another contestant, so that nobody
        always follows the same neighbour's traces in the caches.
    """
    names = list(contestants)
    samples = {name: np.empty(rounds) for name in names}
    for name in names:
        contestants[name]()
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            call = contestants[name]
            if primed:
                call()
            begin = clock_ns()
            call()
            samples[name][turn] = (clock_ns() - begin) / 1e3
    return {name: Timing(samples[name]) for name in names}
