"""The kernel comparison: its clockwork on a fake clock, its figures on two rounds."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from tests.benchmarks.kernels import ars_opencv, ars_opencv_tuned, main, noise_clip
from tests.benchmarks.timing import Timing, side_by_side


def test_every_contestant_has_a_turn_in_every_round() -> None:
    log: list[str] = []
    calls = {name: (lambda name=name: log.append(name)) for name in "abc"}
    ticks = itertools.count(0, 2000)
    timings = side_by_side(calls, rounds=3, primed=False, clock_ns=lambda: next(ticks))
    assert "".join(log) == "abc" + "abc" + "bca" + "cab"
    for timing in timings.values():
        assert timing.samples_us.tolist() == [2.0, 2.0, 2.0]


def test_priming_calls_once_more_outside_the_clock() -> None:
    log: list[str] = []

    def clock_ns() -> int:
        log.append("t")
        return 0

    side_by_side({"a": lambda: log.append("a")}, rounds=2, clock_ns=clock_ns)
    assert "".join(log) == "a" + 2 * "atat"


def test_ratios_compare_within_rounds() -> None:
    quick, slow = Timing(np.array([1.0, 10.0, 2.0])), Timing(np.array([2.0, 20.0, 5.0]))
    assert slow.times_slower_than(quick) == 2.0
    assert quick.median_us == 2.0
    assert slow.percentile_us(100) == 20.0


def test_opencv_contestants_do_the_same_work() -> None:
    start = np.zeros((2, 2, 3), np.uint8)
    key = np.full((5, 2, 2, 3), 200, np.uint8)
    for chain in (ars_opencv, ars_opencv_tuned):
        assert (chain(start, key) == 1000 % 256).all()
    assert noise_clip()[1].shape == (5, 320, 320, 3)


def test_figures_are_json_and_plausible() -> None:
    figures = json.loads(json.dumps(main(["--rounds", "2"])))
    for name in ("ars_us", "memcpy_us", "numpy_us", "opencv_us", "rrs_us", "sliding_us"):
        assert 1 < figures[name] < 1e6, name
    assert figures["ars_us"] < figures["numpy_us"]
    assert figures["sliding_us"] < figures["sliding_numpy_us"]
    with pytest.raises(SystemExit):
        main(["--rounds", "many"])
