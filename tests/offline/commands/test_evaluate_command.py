"""``mer evaluate`` from the command line to the files, on a flow archive made on the spot."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from engines import load_package
from offline.bench.evaluation import evaluate, find_package
from offline.commands.evaluate_command import evaluate_app
from offline.scores.results import Run, metrics_of, read_predictions
from realtime_mer.errors import ConfigError, ModelError, OutputError, SourceError
from tests.processes import run_python

CLIPS = {
    "sub01": ["0 EP02_01f", "2 EP03_02"],
    "sub02": ["1 EP01_01", "0 EP09_02", "0 EP09_05"],
    "s01": ["0 s01_ne_01", "1 s01_po_01"],
    "006": ["2 006_1_2", "0 006_1_3", "1 006_2_1"],
}
COUNT = sum(map(len, CLIPS.values()))


def planes(seed):
    """u, v and strain of a smooth random motion, each from 0 to 255."""
    generator = np.random.default_rng(seed)
    u, v = (cv2.GaussianBlur(generator.normal(size=(28, 28)), (0, 0), 3) for _ in range(2))
    (uy, ux), (vy, vx) = np.gradient(u), np.gradient(v)
    strain = np.sqrt(ux**2 + vy**2 + 0.5 * (uy + vx) ** 2)
    return [cv2.normalize(each, None, 0, 255, cv2.NORM_MINMAX).round() for each in (u, v, strain)]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    root = tmp_path_factory.mktemp("archive")
    for subject, clips in CLIPS.items():
        for number, clip in enumerate(clips):
            label, name = clip.split()
            folder = root / subject / "u_test" / label
            folder.mkdir(parents=True, exist_ok=True)
            u, v, strain = planes(len(subject) * 100 + number)
            picture = np.stack([strain, v, u], axis=2).astype(np.uint8)
            cv2.imwrite(str(folder / f"{subject}_{name} .png"), picture)
    return root


def mer_evaluate(*arguments):
    done = CliRunner().invoke(evaluate_app, [str(a) for a in arguments], env={"COLUMNS": "140"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def on(archive, out, *more):
    return mer_evaluate("--dataset", "flow-archive", "--root", archive, "--out", out, *more)


@pytest.fixture(scope="module")
def run(archive, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "run"
    done = on(archive, out, "--model", "default", "--protocol", "megc2019", "--seed", 4)
    metrics = json.loads((out / "metrics.json").read_text())
    return SimpleNamespace(done=done, out=out, metrics=metrics)


def test_the_rows_are_those_of_the_archive(run):
    assert run.done.exit_code == 0
    path = run.out / "predictions.csv"
    head = path.read_text().splitlines()[0]
    assert head == "sample_id,dataset,subject,label,prediction,p_0,p_1,p_2"
    rows = read_predictions(path)
    wanted = {
        (subject, f"{subject}_{clip.split()[1]}", int(clip[0]))
        for subject, clips in CLIPS.items()
        for clip in clips
    }
    assert {(row.subject, row.sample_id, row.label) for row in rows} == wanted
    assert {row.dataset for row in rows} == {"casme2", "smic", "samm"}
    for row in rows:
        assert sum(row.probabilities) == pytest.approx(1)
        assert row.prediction == int(np.argmax(row.probabilities))


def test_the_metrics_say_what_was_done(run):
    found = run.metrics
    assert (found["dataset"], found["protocol"]) == ("flow-archive", "megc2019")
    assert found["classes"] == ["negative", "positive", "surprise"]
    assert (found["samples"], found["subjects"]) == (COUNT, len(CLIPS))
    assert found["seeds"] == {"bootstrap": 4}
    assert found["selection"] == "none: nothing was trained"
    assert found["model"] == load_package(find_package("default")).model_id
    assert found["unreadable"] == {"samples": 0, "list": []}
    assert found["wall_s"] > 0


def test_the_metrics_follow_from_the_rows(run):
    keys = ("dataset", "protocol", "model", "selection", "seeds", "wall_s")
    known = {key: run.metrics[key] for key in keys}
    again = metrics_of(
        read_predictions(run.out / "predictions.csv"),
        Run(**known, classes=tuple(run.metrics["classes"])),
    )
    assert again | {"left_out": run.metrics["left_out"]} == run.metrics


def test_what_is_printed_is_what_was_written(run):
    said = run.done.stdout
    for part in (run.metrics, *run.metrics["per_dataset"].values()):
        assert f"{part['accuracy']:.3f}" in said
    low, high = run.metrics["interval"]["UF1"]
    assert f"{low:.3f}–{high:.3f}" in said
    for name in ("predictions.csv", "metrics.json", "report.html", "confusion.png"):
        assert str(run.out / name) in said
        assert (run.out / name).is_file()


def test_the_report_speaks_of_this_run(run):
    page = (run.out / "report.html").read_text()
    assert f"{run.metrics['model']} on flow-archive" in page
    assert "STSTNet†" in page
    assert "What the model says about itself" in page


def test_equal_runs_give_equal_rows_and_the_protocol_may_be_left_to_the_data_set(
    run, archive, tmp_path
):
    seen = []
    found = evaluate(
        find_package("default"), "flow-archive", archive, tmp_path,
        progress=lambda *done: seen.append(done),
    )  # fmt: skip
    first, second = (folder / "predictions.csv" for folder in (run.out, tmp_path))
    assert first.read_bytes() == second.read_bytes()
    assert found.metrics["protocol"] == "megc2019"
    assert list(found.rows) == read_predictions(second)
    assert seen[-1] == (COUNT, COUNT)
    assert found.files["report.html"] == tmp_path / "report.html"


def test_a_sample_without_a_readable_picture_is_counted(archive, tmp_path, monkeypatch):
    from offline.datasets.inputs import InputReader

    read = InputReader.read

    def sometimes(self, sample, recipe):
        if sample.sample_id == "006_006_1_2":
            raise SourceError("no face in [bold]006_1_2[/bold]")
        return read(self, sample, recipe)

    monkeypatch.setattr(InputReader, "read", sometimes)
    done = on(archive, tmp_path)
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["samples"] == COUNT - 1
    assert found["unreadable"]["samples"] == 1
    (left,) = found["unreadable"]["list"]
    assert left["sample_id"] == "006_006_1_2"
    assert "[bold]" in left["reason"]
    assert "1 samples could not be judged" in done.stdout
    assert "no face in [bold]006_1_2[/bold]" in (tmp_path / "report.html").read_text()


def untouched(folder):
    return not (folder / "new").exists()


def test_a_root_that_is_not_there(tmp_path):
    with pytest.raises(SourceError, match="nowhere"):
        on(tmp_path / "nowhere", tmp_path / "new")
    assert untouched(tmp_path)


def test_a_root_that_holds_no_archive(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError):
        on(tmp_path / "empty", tmp_path / "new")
    assert untouched(tmp_path)


def test_an_unknown_data_set_names_the_known_ones(archive, tmp_path):
    with pytest.raises(ConfigError, match="flow-archive"):
        mer_evaluate("--dataset", "casme9", "--root", archive, "--out", tmp_path / "new")
    assert untouched(tmp_path)


def test_an_unknown_model_names_the_bundled_ones(archive, tmp_path):
    with pytest.raises(ModelError, match="default"):
        on(archive, tmp_path / "new", "--model", "nonsense")
    assert untouched(tmp_path)


def test_a_damaged_model(archive, tmp_path):
    shutil.copytree(find_package("default"), tmp_path / "model")
    (tmp_path / "model" / "model.onnx").write_bytes(b"none")
    with pytest.raises(ModelError, match="SHA-256"):
        on(archive, tmp_path / "new", "--model", tmp_path / "model")
    assert untouched(tmp_path)


def test_an_unknown_protocol(archive, tmp_path):
    with pytest.raises(ConfigError, match="megc2019"):
        on(archive, tmp_path / "new", "--protocol", "megc1999")
    assert untouched(tmp_path)


def test_a_protocol_whose_classes_the_model_lacks(archive, tmp_path, monkeypatch):
    from offline.tasks import protocols

    real = protocols.apply_protocol
    monkeypatch.setattr(
        protocols,
        "apply_protocol",
        lambda data, name: replace(real(data, name), labels=("disgust", "positive", "surprise")),
    )
    with pytest.raises(ConfigError, match="does not know disgust"):
        on(archive, tmp_path / "new")
    assert untouched(tmp_path)


def test_out_is_a_file(archive, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError):
        on(archive, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments", [[], ["--dataset", "casme2"], ["--dataset", "x", "--root", "x", "--out", "x", "y"]]
)
def test_wrong_usage_ends_with_2(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert mer_evaluate(*arguments).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_help_is_quick_and_needs_nothing_heavy():
    code = (
        "import sys, offline.commands.evaluate_command\n"
        "print([n for n in ('cv2', 'matplotlib', 'jinja2', 'mediapipe', 'torch', 'onnxruntime')"
        " if n in sys.modules])"
    )
    assert run_python(code) == ["[]"]


def test_an_evaluation_needs_no_torch(archive, tmp_path):
    code = (
        "import sys\nfrom offline.bench.evaluation import evaluate\n"
        f"evaluate('default', 'flow-archive', {str(archive)!r}, {str(tmp_path)!r})\n"
        "print([n for n in ('torch', 'sklearn') if n in sys.modules])"
    )
    assert run_python(code) == ["[]"]
