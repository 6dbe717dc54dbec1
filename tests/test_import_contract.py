"""Imports run one way, and the stream needs nothing that only training needs."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import engines
import realtime_mer
from tests.processes import run_python

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "sklearn", "skimage", "onnx", "gradio", "ray")


def stream_modules() -> list[str]:
    return sorted(
        module.name
        for package in (realtime_mer, engines)
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    )


def test_the_layers_hold():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


def test_the_stream_imports_nothing_that_only_training_needs():
    names = stream_modules()
    assert len(names) > 40
    code = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    code += f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    code += "print([n for n in sys.modules if n.split('.')[0] in ('offline', 'demos')])"
    assert run_python(code) == ["[]", "[]"]


def test_analysing_a_clip_loads_no_torch(tmp_path):
    code = (
        "import sys\nfrom importlib import resources\n"
        "from realtime_mer.analysis import analyze_file\n"
        "clip = resources.files('realtime_mer') / 'data' / 'sample.mp4'\n"
        "count = []\n"
        "analyze_file(clip, on_frame=lambda *_: count.append(1), stop=lambda: len(count) > 140)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert run_python(code) == ["[]"]


def test_mer_synth_needs_torch_for_nothing():
    assert run_python(
        "import sys, offline.commands.synth_command\nprint('torch' in sys.modules)"
    ) == ["False"]


@pytest.mark.parametrize(
    "name", ["realtime_mer", "realtime_mer.cli", "offline.commands.synth_command"]
)
def test_the_command_line_starts_light(name):
    loaded = run_python(
        f"import sys, {name}\n"
        "print([n for n in ('cv2', 'mediapipe', 'numba', 'av') if n in sys.modules])"
    )
    assert loaded == ["[]"]
