import csv
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, recall_score

from offline.bench.executors import local
from offline.bench.learning import Outcome
from offline.bench.loso import averaged, run_loso
from offline.bench.loso_settings import LosoSettings
from offline.datasets.registry import open_dataset
from offline.scores.results import Row, read_predictions
from offline.synthesis.tree_truth import FILE, RENDERED
from realtime_mer.errors import ConfigError, SourceError
from tests.offline.small_archive import SUBJECTS, write_archive

ROOT = Path(__file__).parents[3]
SEEDS = (0, 1)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return write_archive(tmp_path_factory.mktemp("archive"))


def settings(archive, **changes):
    plain = LosoSettings("flow-archive", archive, "ststnet", seeds=SEEDS, epochs=6)
    return dataclasses.replace(plain, **changes)


@pytest.fixture(scope="module")
def found(archive, tmp_path_factory):
    return run_loso(settings(archive), tmp_path_factory.mktemp("out"))


def test_every_sample_is_judged_once_and_the_files_are_there(found, archive):
    samples = open_dataset("flow-archive", archive).samples
    assert [row.sample_id for row in found.rows] == [sample.sample_id for sample in samples]
    expected = {"predictions.csv", "metrics.json", "report.html", "confusion.png"}
    assert expected <= found.files.keys()
    assert all(path.is_file() for path in found.files.values())


def test_the_metrics_follow_from_the_rows(found):
    rows = read_predictions(found.files["predictions.csv"])
    labels, predictions = [row.label for row in rows], [row.prediction for row in rows]
    metrics = json.loads(found.files["metrics.json"].read_text())
    assert metrics["UF1"] == pytest.approx(f1_score(labels, predictions, average="macro"))
    assert metrics["UAR"] == pytest.approx(recall_score(labels, predictions, average="macro"))
    assert metrics["UF1"] > 0.5, "maps that can be told apart were not"
    assert metrics["seeds"]["training"] == list(SEEDS)
    assert not metrics["leaky"]
    assert len(metrics["per_seed"]) == len(SEEDS)


def test_the_train_side_is_counted_over_all_folds(found):
    counts = np.array(found.metrics["train"]["confusion"]) if "confusion" in found.metrics[
        "train"] else None  # fmt: skip
    samples = len(found.rows)
    if counts is not None:
        assert counts.sum() == len(SEEDS) * (len(SUBJECTS) - 1) * samples
    assert found.metrics["train"]["UF1"] >= found.metrics["UF1"] - 0.1


def test_run_again_learns_nothing_and_says_the_same(found, archive, monkeypatch):
    out = found.files["metrics.json"].parent

    def never(work, jobs, done):
        raise AssertionError("learnt again")

    again = run_loso(settings(archive), out, never)
    assert again.rows == found.rows


def test_more_seeds_go_on_from_those_that_are_there(found, archive, tmp_path):
    out = found.files["metrics.json"].parent
    learnt = []

    def counted(work, jobs, done):
        learnt.extend(job.seed for job in jobs)
        work.learner.learn(work.material, jobs, work.selection, done)

    more = run_loso(settings(archive, seeds=(*SEEDS, 2)), out, counted)
    assert learnt == [2] * len(SUBJECTS)
    assert len(more.metrics["per_seed"]) == 3


def test_another_selection_or_epochs_is_another_digest(found, archive):
    out = found.files["metrics.json"].parent
    other = run_loso(settings(archive, epochs=5), out)
    assert other.metrics["digest"] != found.metrics["digest"]


def test_processes_say_the_same(found, archive, tmp_path):
    shared = run_loso(settings(archive), tmp_path, local(2))
    for one, other in zip(found.rows, shared.rows, strict=True):
        assert one.sample_id == other.sample_id
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_numbers(archive, tmp_path):
    """kill -9 twice while it works, then let it finish: every byte of the rows is the same."""
    command = [
        sys.executable, "-m", "realtime_mer.cli", "loso", "--dataset", "flow-archive",
        "--root", str(archive), "--model", "ststnet", "--seeds", "2", "--epochs", "150",
        "--out",
    ]  # fmt: skip
    environment = {**os.environ, "MER_THREADS": "1"}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for lines in (1, 4):
        with subprocess.Popen(
            [*command, str(broken)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            _wait_for_lines(broken, lines, process)
            process.send_signal(signal.SIGKILL)
        assert not (broken / "predictions.csv").exists(), "it ended before it could be killed"
    assert 4 <= _lines(broken) < 2 * len(SUBJECTS)
    for out in (broken, whole):
        subprocess.run(
            [*command, str(out)], cwd=ROOT, env=environment, check=True, capture_output=True
        )
    assert (broken / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()
    one, other = (json.loads((out / "metrics.json").read_text()) for out in (broken, whole))
    assert {k: v for k, v in one.items() if k != "wall_s"} == {
        k: v for k, v in other.items() if k != "wall_s"
    }


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_says_that_nothing_is_lost(archive, tmp_path, workers):
    command = [
        sys.executable, "-m", "realtime_mer.cli", "loso", "--dataset", "flow-archive",
        "--root", str(archive), "--model", "ststnet", "--seeds", "3", "--epochs", "300",
        "--workers", workers, "--out", str(tmp_path),
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        _wait_for_lines(tmp_path, 1, process)
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does
        told, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told == ""
    assert complaint.splitlines() == [
        f"mer: stopped; what is done is kept in {tmp_path}: run the same command again to go on"
    ]


def _lines(out):
    return sum(path.read_bytes().count(b"\n") for path in (out / "folds").glob("*.jsonl"))


def _wait_for_lines(out, lines, process, patience_s=120):
    begun = time.monotonic()
    while _lines(out) < lines:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() - begun < patience_s
        time.sleep(0.01)


@pytest.mark.parametrize("selection", ["fixed", "inner"])
def test_the_labels_of_the_left_out_subject_change_nothing(archive, tmp_path, selection):
    """Lie about one subject's classes: an honest rule says the same about that subject."""
    lying = tmp_path / "lying"
    write_archive(lying)
    victim = lying / "s01" / "u_test"
    for label, other in (("0", "x"), ("1", "0"), ("x", "1")):
        (victim / label).rename(victim / other)
    shares = {}
    for name, root in (("true", archive), ("lying", lying)):
        plain = settings(root, seeds=(0,), selection=selection)
        result = run_loso(plain, tmp_path / name)
        shares[name] = {r.sample_id: r.probabilities for r in result.rows if r.subject == "s01"}
    assert shares["true"].keys() == shares["lying"].keys()
    for sample, one in shares["true"].items():
        np.testing.assert_allclose(one, shares["lying"][sample], atol=1e-6)


def test_the_leak_is_stamped_everywhere(archive, tmp_path, capsys):
    found = run_loso(settings(archive, seeds=(0,), selection="test-fold"), tmp_path)
    assert found.metrics["leaky"]
    assert "no result" in found.metrics["warning"]
    assert "no result" in found.files["report.html"].read_text()
    assert found.metrics["selection"].startswith("test-fold")
    assert found.metrics["chosen"]


def test_unit_tasks_are_judged_by_unit(tmp_path):
    """Action units are learnt and judged through the same runner."""
    from offline.bench.executors import Work, here
    from offline.bench.learning import Job, Material
    from offline.bench.loso import Prepared, _learn, _run_of, _write_units
    from offline.datasets.base import FlowFile, Sample
    from offline.tasks.protocols import DATASET, Task, splits_of

    rng = np.random.default_rng(0)
    samples, units = [], []
    for dataset in ("casme2", "samm"):
        for number in range(12):
            samples.append(
                Sample(f"{dataset}_{number}", dataset, str(number % 3), "", FlowFile(Path("x")))
            )
            units.append((number % 2,) if number % 3 else (0, 1))
    task = Task(
        "cd6me", ("AU1", "AU2"), (), (), DATASET, False, tuple(zip(samples, units, strict=True))
    )
    inputs = rng.normal(size=(24, 4)).astype(np.float32)
    inputs[:, :2] += 3 * task.targets
    material = Material(inputs, task.targets, task.groups, exclusive=False)
    prepared = Prepared(task, material, (), ())
    from offline.learners.svm import LinearSvm

    jobs = [Job(split, 0) for split in splits_of(task)]
    folds = _learn(
        Work(LinearSvm(), material, "fixed"), jobs, prepared, tmp_path, "d", here,
        lambda stage, done, total: None,
    )  # fmt: skip
    plain = LosoSettings("composite", tmp_path, "linear-svm", "cd6me", (0,))
    result = _write_units(tmp_path, prepared, folds, _run_of(plain, prepared, folds, "d", 1.0))
    assert len(result.rows) == 24
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    hits = [a == b for row in rows for a, b in zip(row["label"], row["prediction"], strict=True)]
    assert len(hits) == 48
    assert np.mean(hits) > 0.8


def test_averaged_joins_by_data_set_and_sample():
    """Two data sets may name a sample alike: it is another one all the same."""
    one = [Row("a", "d", "s", 0, 0, (0.9, 0.1)), Row("a", "e", "s", 1, 0, (0.6, 0.4))]
    other = [Row("a", "e", "s", 1, 1, (0.1, 0.9)), Row("a", "d", "s", 0, 0, (0.7, 0.3))]
    rows = averaged([one, other])
    assert [(row.dataset, row.sample_id) for row in rows] == [("d", "a"), ("e", "a")]
    assert rows[0].probabilities == pytest.approx((0.8, 0.2))
    assert (rows[1].prediction, rows[1].probabilities) == (1, pytest.approx((0.35, 0.65)))


def test_what_does_not_fit_the_model_is_told_before_anything_is_read(archive, tmp_path):
    with pytest.raises(ConfigError, match="--epochs is for networks"):
        run_loso(settings(archive, model="linear-svm"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told_before_anything_is_read(archive, tmp_path):
    command = [
        sys.executable, "-m", "realtime_mer.cli", "loso", "--dataset", "flow-archive",
        "--root", str(archive), "--model", "ststnet", "--device", "cuda", "--out", str(tmp_path),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.startswith("mer: --device is cuda")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_rendered_samples_are_never_called_the_published_ones(archive, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(archive, tree)
    (tree / FILE).write_text("{}")
    metrics = run_loso(settings(tree), tmp_path / "out").metrics
    assert metrics["published_counts"] == RENDERED
    assert {entry["verdict"] for entry in metrics["comparison"]} == {None}


def test_what_cannot_be_run_is_told(archive, tmp_path):
    with pytest.raises(ConfigError, match="--selection is 'best'"):
        settings(archive, selection="best")
    with pytest.raises(ConfigError, match="seeds are"):
        settings(archive, seeds=(1, 1))
    with pytest.raises(ConfigError, match="--epochs is for networks"):
        run_loso(settings(archive, model="linear-svm"), tmp_path)
    with pytest.raises(ConfigError, match="--device is 'tpu'"):
        settings(archive, device="tpu")
    with pytest.raises(ConfigError, match="needs pictures"):
        run_loso(settings(archive, model="lbp_top", epochs=None), tmp_path)
    with pytest.raises(SourceError, match="does not exist"):
        run_loso(settings(archive / "nowhere"), tmp_path)
    one = write_archive(tmp_path / "one", subjects=("sub01",))
    with pytest.raises(ConfigError, match="only"):
        run_loso(settings(one), tmp_path / "out")


def test_an_outcome_can_lack_choices():
    assert Outcome(np.zeros((1, 3)), np.zeros((2, 3))).chosen == {}
