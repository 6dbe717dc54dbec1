"""The latency book: how long each stage took, in memory that does not grow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

_LOW_S, _HIGH_S, _PER_DECADE = 1e-6, 100.0, 40
_EDGES = np.logspace(-6, 2, 8 * _PER_DECADE + 1)


class LatencyBook:
    """Histograms of durations on a logarithmic scale: 40 bins a decade, so within 6 %."""

    def __init__(self) -> None:
        self._counts: dict[str, NDArray[np.int64]] = {}
        self._total_s: dict[str, float] = {}

    def add(self, stage: str, seconds: float) -> None:
        """Note one duration."""
        if stage not in self._counts:
            self._counts[stage] = np.zeros(len(_EDGES) + 1, np.int64)
            self._total_s[stage] = 0.0
        at = int(np.floor((np.log10(max(seconds, _LOW_S)) + 6) * _PER_DECADE)) + 1
        self._counts[stage][min(at, len(_EDGES))] += 1
        self._total_s[stage] += seconds

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Note how long the body takes."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - begin)

    def percentile_ms(self, stage: str, percent: float) -> float:
        """Return a percentile in milliseconds, NaN for a stage that never ran."""
        counts = self._counts.get(stage)
        if counts is None or counts.sum() == 0:
            return float("nan")
        reached = np.searchsorted(np.cumsum(counts), percent / 100 * counts.sum())
        upper = _EDGES[min(int(reached), len(_EDGES) - 1)]
        return float(upper / 10 ** (0.5 / _PER_DECADE) * 1e3)

    def table(self) -> dict[str, dict[str, float]]:
        """Return ``{stage: {count, total_s, p50_ms, p95_ms, p99_ms}}``."""
        return {
            stage: {
                "count": int(counts.sum()),
                "total_s": round(self._total_s[stage], 4),
                **{f"p{p}_ms": round(self.percentile_ms(stage, p), 4) for p in (50, 95, 99)},
            }
            for stage, counts in self._counts.items()
        }
