"""What the times say: how many times quicker one engine is than another; targets, met or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.timing import Timing

EAGER, COMPILED = "torch-eager/fp32", "torch-compile/fp32"
EAGER_GPU, COMPILED_GPU = "torch-eager-cuda/fp32", "torch-compile-cuda/fp32"
RATIOS = {
    "onnxruntime_over_torch_eager": ("onnxruntime-cpu/fp32", EAGER),
    "onnxruntime_over_torch_compile": ("onnxruntime-cpu/fp32", COMPILED),
    "tensorrt_over_torch_eager": ("tensorrt/fp32", EAGER_GPU),
    "tensorrt_over_torch_compile": ("tensorrt/fp32", COMPILED_GPU),
    "tensorrt_fp16_over_torch_eager": ("tensorrt/fp16", EAGER_GPU),
    "tensorrt_fp16_over_torch_compile": ("tensorrt/fp16", COMPILED_GPU),
    "tensorrt_rtx_over_torch_eager": ("tensorrt-rtx/fp32", EAGER_GPU),
    "tensorrt_rtx_over_torch_compile": ("tensorrt-rtx/fp32", COMPILED_GPU),
}
"""Ratio → who is quicker, if it is above 1, than whom."""
JUDGED = ("cropnet", "default")
"""Networks that the targets name."""
LEAST_OF_EAGER, LEAST_OF_EAGER_GPU, LEAST_OF_COMPILED_GPU = 2.0, 5.0, 1.3
MOST_MS = 2.0
LEAST_AGREEMENT = {"fp32": 1.0, "fp16": 0.995}
NO_GPU, NOT_RUN = "no GPU here", "not measured in this run"


def ratios(timings: Mapping[str, Timing]) -> dict[str, float]:
    """Return how many times quicker one is than the other, for every pair that was timed.

    The median over rounds of the ratio within the round: what slowed the machine for a while
    cancels out.

    Parameters
    ----------
    timings
        ``backend/precision`` → times, all of the same run.
    """
    return {
        name: timings[slow].times_slower_than(timings[quick])
        for name, (quick, slow) in RATIOS.items()
        if quick in timings and slow in timings
    }


def targets(
    rows: Sequence[Mapping[str, Any]],
    found: Mapping[str, Mapping[str, float]],
    agreements: Sequence[Mapping[str, Any]],
    gpu: bool,
) -> list[dict[str, Any]]:
    """Return every target with what was measured; None and a reason where nothing was.

    Parameters
    ----------
    rows
        The table's.
    found
        Model → ``ratios`` at batch 1.
    agreements
        Rows of ``engine_agreement``.
    gpu
        Whether this machine has a GPU to run on.
    """
    told = [
        _at_least(f"onnxruntime over torch eager, {model}, batch 1", LEAST_OF_EAGER,
                  found.get(model, {}).get("onnxruntime_over_torch_eager"))
        for model in JUDGED
    ]  # fmt: skip
    told.append(_p_below("p50_ms", "default", "onnxruntime-cpu", rows))
    for flavour in ("tensorrt", "tensorrt_rtx"):
        for rival, least in (("eager", LEAST_OF_EAGER_GPU), ("compile", LEAST_OF_COMPILED_GPU)):
            for model in JUDGED:
                ratio = found.get(model, {}).get(f"{flavour}_over_torch_{rival}")
                name = f"{flavour} over torch {rival} on the GPU, {model}, batch 1"
                told.append(_at_least(name, least, ratio, gpu))
        told.append(_p_below("p99_ms", "cropnet", flavour.replace("_", "-"), rows, gpu))
    for precision, least in LEAST_AGREEMENT.items():
        shares = [a["label_agreement"] for a in agreements if a["precision"] == precision]
        name = f"labels equal to those of torch in fp32, {precision}, least of all"
        told.append(_at_least(name, least, min(shares, default=None)))
    return told


def _at_least(name: str, least: float, measured: float | None, here: bool = True) -> dict[str, Any]:
    met = None if measured is None else measured >= least
    return _told(name, f">= {least:g}", measured, met, here)


def _p_below(
    percentile: str,
    model: str,
    backend: str,
    rows: Sequence[Mapping[str, Any]],
    here: bool = True,
) -> dict[str, Any]:
    own = (model, backend, "fp32", 1)
    times = [
        row[percentile]
        for row in rows
        if (row["model"], row["backend"], row["precision"], row["batch"]) == own
    ]
    measured = times[0] if times else None
    met = None if measured is None else measured < MOST_MS
    name = f"{percentile} of {model}, {backend}, batch 1"
    return _told(name, f"< {MOST_MS:g}", measured, met, here)


def _told(
    name: str, target: str, measured: float | None, met: bool | None, here: bool
) -> dict[str, Any]:
    why = "" if measured is not None else NOT_RUN if here else NO_GPU
    return {"name": name, "target": target, "measured": measured, "met": met, "why": why}
