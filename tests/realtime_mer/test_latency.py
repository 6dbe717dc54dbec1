import math

import numpy as np
import pytest

from realtime_mer.latency import LatencyBook


@pytest.mark.parametrize("percent", [50, 95, 99])
def test_percentiles_are_within_six_percent(percent: float) -> None:
    rng = np.random.default_rng(0)
    seconds = rng.lognormal(-6, 1, 5000)
    book = LatencyBook()
    for value in seconds:
        book.add("face", float(value))
    true = float(np.percentile(seconds, percent)) * 1e3
    assert book.percentile_ms("face", percent) == pytest.approx(true, rel=0.07)


def test_extremes_are_kept_and_the_unknown_is_nan() -> None:
    book = LatencyBook()
    book.add("x", 0.0)
    book.add("x", 1e6)
    assert book.table()["x"]["count"] == 2
    assert math.isnan(book.percentile_ms("y", 50))
