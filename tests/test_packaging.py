"""What the wheel carries, so that an installed copy works as the checkout does."""

import zipfile
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.processes import run_python

ROOT = Path(__file__).parents[1]
CARRIED = [
    "realtime_mer/data/sample.mp4",
    "realtime_mer/data/sample.truth.json",
    "realtime_mer/face/canonical_mesh.npy",
    "realtime_mer/face/mirror_index.npy",
    "realtime_mer/models/default/card.json",
    "realtime_mer/models/default/model.onnx",
    "realtime_mer/models/default/samples.npz",
    "realtime_mer/models/verdict/card.json",
    "realtime_mer/models/verdict/model.onnx",
    "realtime_mer/models/verdict/samples.npz",
    "realtime_mer/sinks/templates/report.css",
    "realtime_mer/sinks/templates/report.html.j2",
    "realtime_mer/sinks/templates/report.js",
    "realtime_mer/spotting/patterns.npy",
    "realtime_mer/py.typed",
    "engines/py.typed",
    "offline/py.typed",
    "offline/commands/synth_command.py",
    "offline/templates/audit.html.j2",
    "offline/templates/page.html.j2",
    "offline/templates/result.html.j2",
    "offline/templates/spotting.html.j2",
    "offline/templates/style.css",
    "offline/templates/units.html.j2",
]
LARGEST = 6_000_000
"""Bytes: a slip that packs videos or weights shows."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    if find_spec("hatchling") is None:
        pytest.skip("hatchling, which builds the wheel, is not installed")
    out = tmp_path_factory.mktemp("wheel")
    code = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    run_python(code, str(out))
    (path,) = out.glob("*.whl")
    assert path.stat().st_size < LARGEST
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.mark.parametrize("name", CARRIED)
def test_the_wheel_carries(wheel, name):
    assert wheel.read(name) == (ROOT / name).read_bytes()


def test_the_wheel_carries_no_tests_and_no_leftovers(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    info = next(top for top in tops if top.endswith(".dist-info"))
    assert tops == {"realtime_mer", "engines", "offline", "demos", info}
    assert not [name for name in wheel.namelist() if name.endswith((".pyc", ".nbi", ".nbc"))]
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


@pytest.mark.parametrize("name", CARRIED)
def test_the_checkout_has_it_too(name):
    assert (ROOT / name).is_file()
    if not name.endswith("py.typed"):
        assert (ROOT / name).stat().st_size > 0


@pytest.mark.parametrize("group", ["realtime_mer.commands", "realtime_mer.benchmarks"])
def test_every_entry_point_leads_somewhere(group):
    entries = [entry for entry in entry_points(group=group)]
    assert len(entries) >= 1
    for entry in entries:
        assert callable(entry.load())


def test_the_sample_is_small():
    assert (ROOT / "realtime_mer/data/sample.mp4").stat().st_size <= 2_000_000
