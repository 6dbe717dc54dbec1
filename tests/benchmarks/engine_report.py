"""What a run on engines writes: the machine's facts, a JSON file, and a table beside it."""

from __future__ import annotations

import json
import math
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engines import EngineError
from realtime_mer.doctor import versions
from realtime_mer.errors import OutputError

PACKAGES = (
    "realtime-mer", "numpy", "onnx", "onnxruntime", "onnxruntime-gpu", "torch", "triton",
    "tensorrt", "tensorrt-rtx-cu13", "tensorrt-rtx-cu12", "cuda-bindings",
)  # fmt: skip


def machine(threads: int) -> dict[str, Any]:
    """Return what the figures were measured on, JSON-ready."""
    gpu = gpu_facts()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "gpu": gpu.get("name"),
        "gpu_capability": gpu.get("capability"),
        "driver": gpu.get("driver"),
        "versions": {name: number for name, number in versions(PACKAGES).items() if number},
    }


def gpu_facts() -> dict[str, str]:
    """Return name, capability and driver of the GPU; ``why`` if there is none to use."""
    from engines.nvidia.cuda import find_gpu

    try:
        gpu = find_gpu()
    except EngineError as error:
        return {"why": str(error)}
    return {"name": gpu.name, "capability": gpu.capability, "driver": gpu.driver}


def cpu_name(listing: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name as Linux gives it."""
    try:
        lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def write(figures: Mapping[str, Any], folder: Path, command: str) -> tuple[Path, Path]:
    """Write ``<date>-<gpu or cpu>.json`` and ``.md``; a number is added rather than overwrite.

    Raises
    ------
    OutputError
        The folder cannot be written to.
    """
    facts = figures["machine"]
    name = re.sub(r"[^a-z0-9]+", "-", str(facts["gpu"] or facts["cpu"]).lower()).strip("-")
    stem = f"{facts['date'][:10]}-{name}"
    text = json.dumps(plain(figures), indent=1) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            own = stem if number == 1 else f"{stem}-{number}"
            paths = folder / f"{own}.json", folder / f"{own}.md"
            if not any(path.exists() for path in paths):
                break
            number += 1
        paths[0].write_text(text, encoding="utf-8")
        paths[1].write_text(markdown(figures, command, paths[0].name), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"--out {folder}: cannot write there: {error}") from error
    return paths


def plain(value: Any) -> Any:
    """Return it ready for JSON: numbers that are not finite as None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def markdown(figures: Mapping[str, Any], command: str, data: str) -> str:
    """Return the figures as a page of tables."""
    facts = figures["machine"]
    parts = [
        f"# Engines on {facts['gpu'] or facts['cpu']}, {facts['date'][:10]}",
        f"```\n{command}\n```",
        f"Everything is in [{data}]({data}); how to read it, in [README.md](README.md).",
        "## Machine",
        _table(("", ""), [(key, _words(value)) for key, value in facts.items()]),
        "## Targets",
        _table(
            ("target", "wanted", "measured", "met"),
            [(t["name"], t["target"], _number(t["measured"]), _met(t)) for t in figures["targets"]],
        ),
        "## Times",
        _rows(figures["rows"]),
        "## Times quicker, batch 1",
        _table(
            ("model", "ratio", "times"),
            [
                (model, name, _number(value))
                for model, found in figures["ratios"].items()
                for name, value in found.items()
            ],
        ),
    ]
    parts += _optional(figures)
    return "\n\n".join(parts) + "\n"


def _optional(figures: Mapping[str, Any]) -> list[str]:
    parts = []
    if figures["agreement"]:
        columns = (
            "model", "backend", "precision", "samples", "label_agreement", "clear",
            "clear_label_agreement", "max_abs", "reference_hits",
        )  # fmt: skip
        lines = [[_number(each[name]) for name in columns] for each in figures["agreement"]]
        parts += ["## Agreement with torch in fp32", _table(columns, lines)]
    if figures["verified"]:
        lines = [
            [each["model"], each["engine"], "agrees" if each["passed"] else each["why"]]
            for each in figures["verified"]
        ]
        parts += ["## Golden samples", _table(("model", "engine", "verdict"), lines)]
    for name, title in (("skipped", "Not measured"), ("notes", "Notes")):
        if figures[name]:
            left = ("model", "backend", "precision", "why")
            lines = [[each[column] for column in left] for each in figures[name]]
            parts += [f"## {title}", _table(left, lines)]
    return parts


def _rows(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = (
        "model", "backend", "precision", "batch", "p50_ms", "p95_ms", "p99_ms", "per_s", "rounds",
        "cold_start_ms", "memory_mb", "gpu_memory_mb",
    )  # fmt: skip
    return _table(columns, [[_number(row[name]) for name in columns] for row in rows])


def _table(columns: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    shown = [columns, ["---"] * len(columns), *lines]
    return "\n".join("| " + " | ".join(_cell(each) for each in line) + " |" for line in shown)


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return "" if value is None else str(value)


def _met(target: Mapping[str, Any]) -> str:
    if target["met"] is None:
        return str(target["why"])
    return "yes" if target["met"] else "no"


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    return "none" if value is None else str(value)
