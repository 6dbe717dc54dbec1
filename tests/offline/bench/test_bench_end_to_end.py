"""From rendered faces in the layouts of the real data sets to a judged model, in one go."""

import csv
import json

import pytest
from typer.testing import CliRunner

from offline.commands.loso_command import audit_app, loso_app
from offline.synthesis.dataset_tree import make_dataset
from offline.synthesis.layouts.layout import TreeSettings
from offline.synthesis.tree_truth import RENDERED

PEOPLE, CLIPS = 3, 3
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def composite(tmp_path_factory):
    root = tmp_path_factory.mktemp("composite")
    make_dataset("composite", root, TreeSettings(subjects=PEOPLE, clips=CLIPS, seed=3), workers=2)
    return root


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    root = tmp_path_factory.mktemp("archive")
    make_dataset("flow-archive", root, TreeSettings(subjects=9, clips=5, seed=3), workers=2)
    return root


def run(app, *arguments):
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_the_composite_is_run_from_pictures_to_the_report(composite, tmp_path):
    told = run(
        loso_app, "--dataset", "composite", "--root", composite, "--protocol", "megc2019",
        "--model", "linear-svm", "--seeds", 1, "--workers", 2, "--out", tmp_path,
    )  # fmt: skip
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert metrics["samples"] == len(rows) >= 0.8 * 3 * PEOPLE * CLIPS
    assert metrics["subjects"] == 3 * PEOPLE
    assert set(metrics["per_dataset"]) == {"casme2", "smic", "samm"}
    assert 0.45 < metrics["UF1"] <= 1, "planted expressions were not told apart"
    assert "UF1" in told
    assert metrics["published_counts"] == RENDERED, "rendered faces beside published figures"


def test_the_leak_is_shown_beside_the_honest_rules(archive, tmp_path):
    told = run(
        audit_app, "--dataset", "flow-archive", "--root", archive, "--model", "ststnet",
        "--seeds", 1, "--epochs", 8, "--out", tmp_path,
    )  # fmt: skip
    audit = json.loads((tmp_path / "audit.json").read_text())
    rules = {
        rule: json.loads((tmp_path / rule / "metrics.json").read_text()) for rule in audit_rules()
    }
    assert [rules[rule]["leaky"] for rule in ("fixed", "inner", "test-fold")] == [
        False, False, True,
    ]  # fmt: skip
    assert rules["test-fold"]["accuracy"] >= rules["fixed"]["accuracy"]
    assert audit
    assert "test-fold" in told


def test_action_units_are_judged_over_six_data_sets(tmp_path):
    root = tmp_path / "six"
    for layout in ("casme", "casme2", "samm", "fourdme", "mmew", "casme3"):
        make_dataset(layout, root / layout, TreeSettings(subjects=2, clips=1, seed=3), workers=2)
    out = tmp_path / "out"
    told = run(
        loso_app, "--dataset", "composite", "--root", root, "--protocol", "cd6me",
        "--model", "linear-svm", "--seeds", 1, "--workers", 2, "--out", out,
    )  # fmt: skip
    assert "AU12" in told
    assert "mean over units" in told
    with (out / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["dataset"] for row in rows} == {
        "casme", "casme2", "samm", "fourdme", "mmew", "casme3",
    }  # fmt: skip
    assert all(len(row["label"]) == len(row["prediction"]) == 12 for row in rows)


def audit_rules():
    return ("fixed", "inner", "test-fold")
