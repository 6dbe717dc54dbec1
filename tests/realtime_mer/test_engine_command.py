"""`mer engine` in a process of its own, and `mer analyze --engine`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engines.opening import _driver_here
from engines.spec import GENERATIONS
from realtime_mer import spotting
from tests.realtime_mer.full_model import write_full
from tests.realtime_mer.test_cli import MER, mer

pytestmark = pytest.mark.slow

VERDICT = str(Path(spotting.__file__).parents[1] / "models" / "verdict")
"""A package of decision trees, which no GPU compiler reads."""

pytest.importorskip("tensorrt_rtx")
without_gpu = pytest.mark.skipif(_driver_here(), reason="there is an NVIDIA driver here")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A store with the bundled model compiled for five generations, and what was said."""
    folder = tmp_path_factory.mktemp("store") / "engines"
    every = ",".join(GENERATIONS)
    return folder, mer("engine", "build", "--for", every, "--cache", folder, "--json")


def last_json(done):
    return json.loads(done.stdout.splitlines()[-1])


def test_the_bundled_model_compiles_for_five_generations(cache):
    _, done = cache
    assert done.returncode == 0, done.stderr
    engines = last_json(done)["engines"]
    assert {target for each in engines for target in each["targets"]} == set(GENERATIONS)
    assert {tuple(each["targets"]): each["precision"] for each in engines}[("sm75",)] == "fp16"
    for each in engines:
        assert each["bytes"] > 100_000
        assert each["verification"] is None
        assert "not yet run" in each["note"]


def test_what_is_compiled_is_listed(cache):
    folder, _ = cache
    facts = last_json(mer("engine", "list", "--cache", folder, "--json"))
    assert [each["state"] for each in facts["engines"]] == ["good", "good"]
    assert facts["folder"] == str(folder)
    shown = mer("engine", "list", "--cache", folder)
    assert shown.returncode == 0
    for word in ("flow-cnn", "sm89", "good", str(folder)):
        assert word in shown.stdout


def test_a_tampered_engine_is_shown_as_such_and_cleared(tmp_path):
    folder = tmp_path / "engines"
    mer("engine", "build", "--for", "sm89", "--cache", folder)
    (plan,) = folder.glob("*/engine.plan")
    plan.write_bytes(plan.read_bytes()[:-1])
    (entry,) = last_json(mer("engine", "list", "--cache", folder, "--json"))["engines"]
    assert entry["state"] not in ("good", "stale")
    cleared = mer("engine", "clear", "--unusable", "--cache", folder)
    assert cleared.stdout.startswith("1 engine removed")
    assert last_json(mer("engine", "list", "--cache", folder, "--json"))["engines"] == []


def test_clearing_one_model_leaves_the_others(tmp_path):
    folder, other = tmp_path / "engines", tmp_path / "other"
    write_full(other)
    for model in ([], [other]):
        done = mer("engine", "build", *model, "--for", "sm89", "--cache", folder)
        assert done.returncode == 0, done.stderr
    assert "1 engine removed" in mer("engine", "clear", "--model", other, "--cache", folder).stdout
    (left,) = last_json(mer("engine", "list", "--cache", folder, "--json"))["engines"]
    assert left["model"] == "flow-cnn"
    assert "1 engine removed" in mer("engine", "clear", "--cache", folder).stdout


def test_verifying_prints_every_engine_of_this_machine():
    done = mer("engine", "verify")
    assert done.returncode == 0, done.stdout
    for word in ("onnxruntime-cpu", "torch-cpu", "agrees", "100.0%", "negative", "cosine"):
        assert word in done.stdout
    facts = last_json(mer("engine", "verify", "--engine", "onnxruntime", "--json"))
    assert [each["engine"] for each in facts["engines"]] == [
        "onnxruntime-cpu",
        "onnxruntime-cpu-fp16",
    ]
    assert facts["engines"][0]["verification"]["label_agreement"] == 1.0


@without_gpu
def test_an_engine_that_cannot_run_here_fails_its_verification():
    done = mer("engine", "verify", "--engine", "tensorrt-rtx", "--precision", "fp32", "--json")
    assert done.returncode == 1
    (only,) = last_json(done)["engines"]
    assert not only["passed"]
    assert "GPU" in only["why"] or "driver" in only["why"]


@pytest.mark.parametrize(("arguments", "words"), [
    (["build", "/nowhere"], "card.json"),
    (["build", VERDICT, "--for", "sm89"], "operator TreeEnsembleClassifier"),
    (["build", "--for", "sm42"], "sm42"),
    (["build", "--engine", "abacus"], "choose"),
    (["build", "--precision", "fp8"], "fp32 or fp16"),
    (["verify", "--engine", "abacus"], "choose"),
    (["clear", "--model", "/nowhere"], "card.json"),
])  # fmt: skip
def test_bad_input_costs_one_line(arguments, words, tmp_path):
    done = mer("engine", *arguments, "--cache", tmp_path / "engines")
    assert done.returncode == 1
    assert done.stderr.startswith("mer: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_a_folder_that_others_can_read_is_refused(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    done = mer("engine", "build", "--for", "sm89", "--cache", tmp_path / "open")
    assert done.returncode == 1
    assert "chmod" in done.stderr


@pytest.mark.parametrize("size_kb", [64])
def test_a_full_disk_during_a_build_is_told_and_leaves_nothing(tmp_path, size_kb):
    folder = tmp_path / "engines"
    limited = f'ulimit -f {size_kb}; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", limited, "bash", *MER, "engine", "build", "--for", "sm89", "--cache",
         str(folder)],
        capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"COLUMNS": "100", "TERM": "dumb"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1
    assert str(folder) in done.stderr
    assert not list(folder.glob("*/engine.plan"))


@pytest.mark.parametrize(("engine", "code"), [("onnxruntime", 0), ("tensorrt-rtx", 1)])
@without_gpu
def test_analyze_takes_an_engine_by_name(tmp_path, engine, code):
    done = mer("analyze", "sample", "--engine", engine, "--out", tmp_path)
    assert done.returncode == code
    if code:
        assert "GPU" in done.stderr or "driver" in done.stderr
        return
    summary = json.loads((tmp_path / "sample" / "summary.json").read_text())
    assert summary["engine"] == "onnxruntime-cpu"
    assert summary["engine_reason"] == "onnxruntime was asked for"
    assert summary["engine_notes"] == []


def test_the_command_needs_neither_torch_nor_tensorrt_to_be_listed():
    program = (
        "import sys\n"
        "for name in ('torch', 'tensorrt', 'tensorrt_rtx', 'cuda', 'onnx'):\n"
        "    sys.modules[name] = None\n"
        "from realtime_mer.cli import main\n"
        "sys.argv = ['mer', 'engine', 'list', '--json']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["engines"] == []
