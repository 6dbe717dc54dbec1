"""What the comparison of engines is made of, apart: ratios, targets, rounds, who is left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.benchmarks.engine_figures import RATIOS, ratios, targets
from tests.benchmarks.engine_report import cpu_name, plain
from tests.benchmarks.engine_run import Found, strike
from tests.benchmarks.engine_runners import CONTESTANTS, REFERENCE, Contestant, obstacle
from tests.benchmarks.engine_start import Start
from tests.benchmarks.engine_timing import batch_of, rounds_for, time_all
from tests.benchmarks.timing import Timing


def times(*samples: float) -> Timing:
    return Timing(np.array(samples))


def test_ratios_compare_within_rounds_and_only_what_was_timed() -> None:
    timed = {"onnxruntime-cpu/fp32": times(1, 10, 2), "torch-eager/fp32": times(2, 30, 8)}
    assert ratios(timed) == {"onnxruntime_over_torch_eager": 3.0}
    whole = {name: times(1.0) for pair in RATIOS.values() for name in pair}
    assert ratios(whole) == dict.fromkeys(RATIOS, 1.0)


def test_every_pair_is_somebody_who_is_timed() -> None:
    keys = {each.key for each in CONTESTANTS}
    assert {name for pair in RATIOS.values() for name in pair} <= keys


def row_of(model: str, backend: str, **changes: float) -> dict[str, Any]:
    row = {"model": model, "backend": backend, "precision": "fp32", "batch": 1}
    return row | {"p50_ms": 1.0, "p99_ms": 1.5} | changes


def test_targets_that_are_met_and_missed() -> None:
    rows = [row_of("default", "onnxruntime-cpu"), row_of("cropnet", "tensorrt", p99_ms=2.5)]
    found = {
        "cropnet": {"onnxruntime_over_torch_eager": 1.9, "tensorrt_over_torch_eager": 6.0},
        "default": {"onnxruntime_over_torch_eager": 2.1},
    }
    shares = [{"precision": "fp16", "label_agreement": share} for share in (0.995, 1.0)] + [
        {"precision": "fp32", "label_agreement": 0.999}
    ]
    told = {each["name"]: each for each in targets(rows, found, shares, gpu=True)}
    met = {name: each["met"] for name, each in told.items()}
    assert met["onnxruntime over torch eager, cropnet, batch 1"] is False
    assert met["onnxruntime over torch eager, default, batch 1"] is True
    assert met["p50_ms of default, onnxruntime-cpu, batch 1"] is True
    assert met["tensorrt over torch eager on the GPU, cropnet, batch 1"] is True
    assert met["p99_ms of cropnet, tensorrt, batch 1"] is False
    assert met["labels equal to those of torch in fp32, fp16, least of all"] is True
    assert met["labels equal to those of torch in fp32, fp32, least of all"] is False
    assert told["tensorrt over torch compile on the GPU, cropnet, batch 1"] == {
        "name": "tensorrt over torch compile on the GPU, cropnet, batch 1",
        "target": ">= 1.3", "measured": None, "met": None, "why": "not measured in this run",
    }  # fmt: skip


def test_without_a_gpu_its_targets_are_told_all_the_same() -> None:
    told = targets([], {}, [], gpu=False)
    gpu = [each for each in told if "tensorrt" in each["name"]]
    assert len(gpu) == 10
    assert all(each["why"] == "no GPU here" and each["met"] is None for each in gpu)
    assert all(e["why"] == "not measured in this run" for e in told if e not in gpu)


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ((0.001, 0.002), (1000, True)),
        ((0.0001, 0.0001), (2000, True)),
        ((0.019, 0.019, 0.019, 0.019, 0.019, 0.019), (30, True)),
        ((0.3, 0.1), (15, False)),
        ((3.0, 0.001), (7, False)),
    ],
)
def test_rounds_adapt_to_what_a_call_costs(costs, expected) -> None:
    assert rounds_for(dict(zip(CONTESTANTS, costs, strict=False)), 6.0) == expected


def test_a_batch_repeats_samples_where_there_are_too_few() -> None:
    samples = np.arange(3, dtype=np.float32).reshape(3, 1)
    assert batch_of(samples, 5).ravel().tolist() == [0, 1, 2, 0, 1]


class Stub:
    """Answers, or breaks."""

    notes = ()

    def __init__(self, broken: bool = False) -> None:
        self.name, self.broken, self.calls = "stub", broken, 0

    def open(self):
        return self

    def infer(self, batch):
        self.calls += 1
        if self.broken:
            raise RuntimeError("the compiler gave up\nand said more")
        return batch

    def close(self) -> None:
        pass


def test_who_cannot_answer_is_told_and_left_out() -> None:
    good, bad = Stub(), Stub(broken=True)
    opened = {CONTESTANTS[0]: good, CONTESTANTS[1]: bad}
    timings, failed = time_all(opened, np.zeros((1, 2), np.float32), 1.0, 4)
    assert list(timings) == [CONTESTANTS[0]]
    assert len(timings[CONTESTANTS[0]].samples_us) == 4
    assert failed == {CONTESTANTS[1]: "RuntimeError: the compiler gave up"}
    assert bad.calls == 1


def test_rows_of_an_engine_that_another_took_over_from_are_struck() -> None:
    lost, kept = CONTESTANTS[0], REFERENCE
    found = Found()
    found.timings["default", 1] = {lost: times(1), kept: times(3)}
    found.ratios["default"] = {"onnxruntime_over_torch_eager": 3.0}
    found.rows = [row_of("default", lost.backend), row_of("default", kept.backend)]
    strike("default", lost, "another took over", found)
    assert [row["backend"] for row in found.rows] == [kept.backend]
    assert found.ratios["default"] == {}
    assert found.skipped[0]["why"] == "another took over"


def test_a_start_that_failed_has_no_figures() -> None:
    assert Start(why="no").cold_start_ms is None


def test_numbers_that_are_none_become_null() -> None:
    assert plain({"a": float("nan"), "b": (1.5, float("inf"))}) == {"a": None, "b": [1.5, None]}


def test_the_processor_has_a_name(tmp_path) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text("processor : 0\nmodel name\t: Abacus 9000\n")
    assert cpu_name(listing) == "Abacus 9000"
    assert cpu_name(tmp_path / "none")


def test_a_contestant_is_known_by_backend_and_precision() -> None:
    assert Contestant("torch", "fp16").key == "torch/fp16"


def test_compiling_needs_a_compiler(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    (compiled,) = (each for each in CONTESTANTS if each.backend == "torch-compile")
    assert "install g++" in obstacle(compiled)
