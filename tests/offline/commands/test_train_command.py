import functools

import pytest
from typer.testing import CliRunner

from engines import load_package
from offline import training
from offline.commands.train_command import train_app
from offline.fitting import FitSettings
from offline.synthesis.conditions import Conditions


def train(*arguments):
    done = CliRunner().invoke(train_app, [str(a) for a in arguments], env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_the_options_reach_the_training(tmp_path, monkeypatch):
    asked = []

    class Made:
        model_id = "flow-cnn@12345678"

    def fake(out, settings, conditions, processes, tell):
        asked.append((out, settings, conditions, processes))
        tell("training maps", 10, 100)
        tell("training maps", 100, 100)
        return Made

    monkeypatch.setattr(training, "train_default", fake)
    out = tmp_path / "new" / "model"
    options = ("--seed", 4, "--processes", 1, "--maps", 5000, "--members", 2)
    done = train("default", "--out", out, *options)
    assert done.exit_code == 0
    assert f"flow-cnn@12345678: {out}" in done.stdout
    folder, settings, conditions, processes = asked[0]
    assert folder == out
    assert out.is_dir()
    assert (settings.seed, settings.maps, settings.held_out, settings.members) == (4, 5000, 500, 2)
    assert conditions is None
    assert processes == 1
    train("default", "--out", out)
    assert asked[1][1] == training.TrainSettings()
    assert asked[1][3] is None
    train("default", "--out", out, "--maps", 400)
    assert asked[2][1].held_out == 200


def test_a_small_model_is_trained(tmp_path, monkeypatch):
    small = functools.partial(
        training.TrainSettings, faces=2, held_out_faces=2, fit=FitSettings(epochs=1, batch=64)
    )
    real = training.train_default
    monkeypatch.setattr(
        training,
        "train_default",
        lambda out, settings, _, *rest: real(
            out,
            small(seed=settings.seed, maps=120, held_out=160, members=settings.members),
            Conditions(pixels=0),
            *rest,
        ),
    )
    done = train("default", "-o", tmp_path, "--processes", 1, "--maps", 400, "--members", 1)
    assert done.exit_code == 0
    package = load_package(tmp_path)
    assert f"{package.model_id}: {tmp_path}" in done.stdout
    assert package.card.training["settings"]["members"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["default"],
        ["default", "--out", "x", "--maps", "10"],
        ["default", "--out", "x", "--members", "0"],
        ["default", "--out", "x", "--members", "33"],
        ["default", "--out", "x", "--processes", "0"],
        ["default", "--out", "x", "--seed", "-1"],
        ["nonsense"],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train(*arguments).exit_code == 2
    assert not list(tmp_path.iterdir())
