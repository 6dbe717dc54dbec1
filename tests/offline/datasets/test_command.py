import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from offline.datasets.command import datasets_app
from offline.datasets.registry import DATASETS
from realtime_mer.errors import ConfigError
from tests.offline.datasets import trees


def run(*arguments):
    done = CliRunner().invoke(datasets_app, [str(argument) for argument in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture
def smic(tmp_path):
    trees.smic(tmp_path)
    trees.smic_clip(tmp_path, "s11_ne_01", 1, 9, camera="VIS")
    return tmp_path


def test_json_counts_what_is_annotated(smic):
    told = json.loads(run("describe", "smic", "--root", smic, "--json").stdout)
    assert (told["samples"], told["subjects"]) == (3, 2)
    assert told["classes"] == {"negative": 1, "positive": 1, "surprise": 1}
    assert [problem["where"] for problem in told["problems"]] == ["VIS"]
    assert told["problems"][0]["action"] == "dropped"


def test_a_protocol_counts_its_own_classes(tmp_path):
    trees.casme2(tmp_path)
    arguments = ("describe", "casme2", "--root", tmp_path, "--protocol")
    told = json.loads(run(*arguments, "megc2019", "--json").stdout)
    assert told["classes"] == {"negative": 1, "positive": 1, "surprise": 0}
    assert "positive  1" in run(*arguments, "megc2019").stdout
    with pytest.raises(ConfigError, match="smic-3 is for smic"):
        run(*arguments, "smic-3")


def test_the_table_is_readable(smic):
    lines = run("describe", "smic", "--root", smic).stdout.splitlines()
    assert "  samples   3" in lines
    assert "  surprise  1" in lines
    assert lines[-1].startswith("dropped: VIS: 1 clips")


def test_the_list_names_every_data_set():
    shown = run("list").stdout
    assert all(name in shown for name in DATASETS)
    assert "samm-5" in shown
    assert list(json.loads(run("list", "--json").stdout)["datasets"]) == list(DATASETS)


def test_the_command_is_light_to_import():
    code = (
        "import sys, offline.datasets.command as _; "
        "print([m for m in ('cv2', 'numpy', 'openpyxl', 'mediapipe', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
