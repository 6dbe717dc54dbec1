import io
import json

from rich.console import Console

from realtime_mer import __version__
from realtime_mer.doctor import examine, gpus, print_report, versions


def test_everything_it_says_is_json():
    facts = json.loads(json.dumps(examine()))
    assert facts["versions"]["realtime-mer"] == __version__
    assert facts["versions"]["mediapipe"] == "0.10.21"
    assert facts["face_model"].endswith("bundled")
    assert "CPUExecutionProvider" in facts["onnxruntime_providers"]
    assert facts["machine"]["cores"] >= 1
    assert facts["duplicate_opencv"] == []


def test_missing_packages_are_none():
    assert versions(("no-such-distribution",))["no-such-distribution"] is None


def test_gpus_are_named_as_the_driver_names_them(tmp_path):
    assert gpus(tmp_path / "nothing") == []
    for number, name in enumerate(("NVIDIA A", "NVIDIA B")):
        folder = tmp_path / f"0000:0{number}:00.0"
        folder.mkdir()
        (folder / "information").write_text(f"Model: \t\t {name}\nIRQ: 1\n")
    assert gpus(tmp_path) == ["NVIDIA A", "NVIDIA B"]


def test_the_table_names_every_package():
    console = Console(file=io.StringIO(), width=120)
    print_report(console, as_json=False)
    shown = console.file.getvalue()
    for word in ("mediapipe", "cameras", "engines", "onnx", "gpus", "cores"):
        assert word in shown
