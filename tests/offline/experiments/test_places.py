"""Where an experiment finds its data, what it says of them, and the command that repeats it."""

import json
from dataclasses import replace

import pytest

from offline.bench.loso_settings import LosoSettings, learner_of
from offline.experiments.places import chosen_setups, how_rendered, place_of, rendered
from offline.experiments.plan import RunPlan, command_of
from offline.experiments.registry import EXPERIMENTS
from offline.experiments.table import CASME, CASME2, MEGC2019, SMIC
from offline.synthesis.tree_truth import FILE
from offline.tasks.protocols import Task
from realtime_mer.errors import ConfigError, SourceError


def test_data_are_found_by_the_names_of_a_composite(tmp_path):
    plan = RunPlan(tmp_path)
    assert place_of(SMIC, plan, alone=True) == tmp_path
    assert "no folder smic" in place_of(SMIC, plan, alone=False)
    for name in ("CASME2", "SMIC", "SAMM", "casme"):
        (tmp_path / name).mkdir()
    assert place_of(CASME2, plan, alone=False) == tmp_path / "CASME2"
    assert place_of(CASME, plan, alone=False) == tmp_path / "casme"
    assert place_of(MEGC2019, plan, alone=True) == tmp_path
    (tmp_path / "SAMM").rmdir()
    assert "samm" in place_of(MEGC2019, plan, alone=True)
    with pytest.raises(SourceError, match="is no folder"):
        place_of(SMIC, RunPlan(tmp_path / "nowhere"), alone=True)
    table = EXPERIMENTS["dstan_table1"]
    assert chosen_setups(table, replace(plan, dataset="casme")) == (CASME,)
    assert chosen_setups(EXPERIMENTS["cropnet_table3"], replace(plan, dataset="casme3")) == (
        replace(MEGC2019, dataset="casme3"),
    )


def test_a_part_of_a_rendered_composite_is_rendered(tmp_path):
    part = tmp_path / "CASME2"
    part.mkdir()
    assert not rendered(part)
    settings = {"seed": 0, "subjects": 2, "scale": 0.5, "variant": "", "train_copies": False}
    (tmp_path / FILE).write_text(json.dumps({"layout": "composite", "settings": settings}))
    assert rendered(part)
    expected = "mer synth dataset --layout composite --seed 0 --subjects 2 --scale 0.5 --out DIR"
    assert how_rendered(part, tmp_path) == how_rendered(tmp_path, tmp_path) == (expected,)
    assert how_rendered(part, part) == (expected,)
    (tmp_path / FILE).rename(part / FILE)
    assert how_rendered(part, tmp_path) == (f"{expected}/CASME2",)
    assert how_rendered(tmp_path, tmp_path) == (f"{expected}/CASME2",)


def test_the_command_repeats_the_run(tmp_path):
    plan = RunPlan(tmp_path, "smic", (2, 3), "inner", 4, "cuda", True, ("stan",))
    assert command_of("x", plan) == (
        "mer experiment x --root DIR --out OUT --dataset smic --seeds 2 --seed 2 --epochs 4 "
        "--selection inner --device cuda --smoke --model stan"
    )
    assert RunPlan(tmp_path).network_epochs is None


def test_smoke_makes_systems_small_and_leaves_others():
    task = Task("megc2019", ("negative", "positive", "surprise"), (), ())
    for model in ("cropnet", "dstan", "cnn_lstm_se"):
        plain = LosoSettings("composite", None, model)
        assert not learner_of(plain, task).found.smoke
        small = learner_of(replace(plain, smoke=True, epochs=2), task)
        assert small.found.smoke
        assert all(stage.plan.epochs == 2 for stage in small.found.stages(task.labels))
    svm = LosoSettings("composite", None, "linear-svm")
    assert repr(learner_of(svm, task)) == repr(learner_of(replace(svm, smoke=True), task))
    with pytest.raises(ConfigError, match="--epochs is for networks"):
        learner_of(replace(svm, epochs=2), task)
