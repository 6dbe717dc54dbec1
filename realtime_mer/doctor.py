"""What this machine can do."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

PACKAGES = (
    "realtime-mer",
    "numpy",
    "numba",
    "av",
    "opencv-contrib-python",
    "mediapipe",
    "onnxruntime",
    "torch",
    "tensorrt",
    "tensorrt-rtx-cu13",
    "cuda-bindings",
    "gradio",
    "ray",
)


def versions(names: tuple[str, ...] = PACKAGES) -> dict[str, str | None]:
    """Return installed versions by distribution name, None for what is missing."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def examine() -> dict[str, object]:
    """Return a JSON-ready description of machine, versions, face model, engines and cameras."""
    import cv2
    import onnxruntime

    from engines import available_engines, survey

    return {
        "machine": {
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "opencv_threads": cv2.getNumThreads(),
        },
        "versions": versions(),
        "face_model": _face_model(),
        "engines": list(available_engines()),
        "engine": _engine(),
        "engines_not_here": {each.engine: each.why for each in survey() if not each.usable},
        "onnxruntime_providers": onnxruntime.get_available_providers(),
        "gpus": gpus(),
        "cameras": sorted(str(p) for p in Path("/dev").glob("video*")),
        "duplicate_opencv": _duplicate_opencv(),
    }


def print_report(console: Console, as_json: bool) -> None:
    """Print ``examine()`` as a table, or as one JSON object on the last line."""
    facts = examine()
    if as_json:
        sys.stdout.write(json.dumps(facts, sort_keys=True) + "\n")
        return
    table = Table(title="mer doctor", show_header=False)
    machine, found = facts["machine"], facts["versions"]
    assert isinstance(machine, dict)
    assert isinstance(found, dict)
    table.add_row("machine", f"{machine['system']}, {machine['cores']} cores")
    for name, number in found.items():
        table.add_row(name, number or "not installed")
    for key in (
        "face_model", "engine", "engines", "engines_not_here", "onnxruntime_providers", "gpus",
        "cameras",
    ):  # fmt: skip
        value = facts[key]
        table.add_row(key.replace("_", " "), escape(_words(value)))
    if facts["duplicate_opencv"]:
        table.add_row("warning", f"two packages provide cv2: {facts['duplicate_opencv']}")
    console.print(table)


def gpus(driver: Path = Path("/proc/driver/nvidia/gpus")) -> list[str]:
    """Return the names of the NVIDIA GPUs that the driver shows."""
    found = []
    for card in sorted(driver.glob("*/information")):
        lines = card.read_text(encoding="utf-8", errors="replace").splitlines()
        found += [line.split(":", 1)[1].strip() for line in lines if line.startswith("Model:")]
    return found


def _words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, dict):
        return "\n".join(f"{key.replace('_', ' ')}: {each}" for key, each in value.items())
    return str(value)


def _engine() -> dict[str, object]:
    """Return what runs the bundled model here, why, and how long one answer takes."""
    from engines import EngineError, PackageError, load_package, open_engine
    from realtime_mer.recognizer import default_package

    try:
        package = load_package(default_package())
        opened = open_engine(package)
        sample = package.samples()[0][:1]
        with opened.backend as backend:
            taken = sorted(_seconds(lambda: backend.infer(sample)) for _ in range(21))
    except (EngineError, PackageError) as error:
        return {"chosen": None, "why": str(error)}
    return {
        "chosen": opened.backend.name,
        "why": opened.reason,
        "ms_of_one_answer": round(1e3 * taken[len(taken) // 2], 3),
    }


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _face_model() -> str:
    """Return which face mesh there is, or what to install."""
    from importlib.util import find_spec

    spec = find_spec("mediapipe")
    if spec is None or spec.origin is None:
        return "missing: pip install mediapipe==0.10.21"
    model = Path(spec.origin).parent / "modules/face_landmark/face_landmark_with_attention.tflite"
    if not model.is_file():
        return "this MediaPipe bundles no face model: pip install mediapipe==0.10.21"
    return "MediaPipe Face Mesh, 478 points, bundled"


def _duplicate_opencv() -> list[str]:
    names = ("opencv-python", "opencv-python-headless", "opencv-contrib-python-headless")
    others = [name for name, number in versions(names).items() if number and name != "python"]
    return [*others, "opencv-contrib-python"] if others else []
