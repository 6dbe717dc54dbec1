"""The comparison of folds one after another and together, on two folds."""

from __future__ import annotations

import json

import pytest

from realtime_mer.bench_command import run_benchmark
from realtime_mer.errors import ConfigError

FEW = ("--folds", "2", "--epochs", "1", "--rounds", "1")


def test_the_last_line_is_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    figures = run_benchmark("loso", True, FEW)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told == figures
    assert told["folds"] == 2
    assert told["ratio"] == pytest.approx(told["sequential_s"] / told["stacked_s"], rel=0.05)
    assert told["max_difference"] < 1e-4


def test_a_table_without_json(capsys: pytest.CaptureFixture[str]) -> None:
    run_benchmark("loso", False, FEW)
    assert "sequential_s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (("--model", "linear-svm"), "is no network"),
        (("--folds", "0"), "give 1 or more"),
        (("--rounds", "0"), "give 1 or more"),
        (("--epochs", "0"), "give 1 or more"),
    ],
)
def test_what_cannot_be_measured_is_told(odd: tuple[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        run_benchmark("loso", True, (*FEW, *odd))
