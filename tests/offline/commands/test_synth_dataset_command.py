import pytest
from typer.testing import CliRunner

from offline.commands.synth_command import synth_app
from offline.datasets.registry import open_dataset
from offline.synthesis.layouts.registry import LAYOUTS
from realtime_mer.errors import ConfigError, OutputError


def synth(*arguments):
    done = CliRunner().invoke(synth_app, [str(a) for a in arguments], env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_data_set_is_made_and_told(tmp_path):
    options = ("--subjects", 3, "--clips", 2, "--seed", 7, "--workers", 1)
    done = synth("dataset", "--layout", "flow-archive", "--out", tmp_path, *options)
    assert done.exit_code == 0
    assert f"6 expressions of 3 subjects in the layout of flow-archive: {tmp_path}" in done.stdout
    assert str(tmp_path / "truth.json") in done.stdout
    assert len(open_dataset("flow-archive", tmp_path).samples) == 6
    with pytest.raises(OutputError, match="another data set"):
        synth("dataset", "--layout", "flow-archive", "--out", tmp_path)


def test_layouts_are_listed():
    done = synth("layouts")
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == list(LAYOUTS)
    assert "variants selected, raw, cropped" in done.stdout


def test_an_unknown_layout_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(ConfigError, match="'casme9' is not known"):
        synth("dataset", "--layout", "casme9", "--out", tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["dataset", "--layout", "samm"],
        ["dataset", "--out", "x"],
        ["dataset", "--layout", "samm", "--out", "x", "--clips", "0"],
        ["dataset", "--layout", "samm", "--out", "x", "--workers", "0"],
    ],
)
def test_wrong_usage_ends_with_2(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert synth(*arguments).exit_code == 2
    assert list(tmp_path.iterdir()) == []
