"""A small experiment on a small archive, from the command to the files."""

import csv
import io
import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from offline.bench.executors import here
from offline.commands.experiment_command import experiment_app
from offline.experiments import compared as content
from offline.experiments import registry
from offline.experiments.plan import SMOKE_EPOCHS, RunPlan
from offline.experiments.run import Runner
from offline.experiments.table import MEGC2019, Experiment, rows_of
from offline.models.registry import MODELS
from offline.reports.experiment_report import markdown, table_files
from offline.reports.results_table import read_tables, results_page, systems
from offline.scores.results import read_predictions
from offline.synthesis.tree_truth import FILE
from realtime_mer.errors import ConfigError, SourceError
from tests.offline.small_archive import write_archive

LINES = (
    ("Quoted", "", "0.5 0.4 – – – – – –"),
    ("A | name, \"odd\" <b>", "linear-svm", "0.101 0.2 0.3 – – – – –"),
    ("=Network", "ststnet", "0.9022 0.9018 – – – – – –", "‡", "its code leaks"),
    ("Nobody's", "cropnet_of_tomorrow", "0.6 0.6 – – – – – –"),
    ("Pictures", "lbp_top", "0.5882 0.5785 – – – – – –"),
)  # fmt: skip
TOY = Experiment(
    name="toy_table1",
    title="Toys on an archive",
    paper="Nobody, Nowhere 2000",
    place="table 1",
    setups=(MEGC2019,),
    metrics=("UF1", "UAR"),
    rows=rows_of(MEGC2019.columns, ("UF1", "UAR"), LINES),
    chosen="by nobody",
    notes=("it is a toy",),
)
OPTIONS = ("--dataset", "flow-archive", "--seeds", "1", "--epochs", "1")
RUNS = "runs/flow-archive-megc2019"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return write_archive(tmp_path_factory.mktemp("archive"), each=3)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(registry.EXPERIMENTS, TOY.name, TOY)


def mer(*arguments):
    return CliRunner().invoke(experiment_app, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def made(archive, tmp_path_factory):
    """The folder of a finished run, and what the command said."""
    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.EXPERIMENTS, TOY.name, TOY)
        told = mer(TOY.name, "--root", archive, "--out", out, *OPTIONS)
    return out, told


@pytest.fixture
def table(made):
    return json.loads((made[0] / "table.json").read_text())


def row_of(table, model):
    return next(row for row in table["rows"] if row["model"] == model)


def test_the_table_holds_what_the_runs_say(made, table):
    out, _ = made
    for model in ("linear-svm", "ststnet"):
        metrics = json.loads((out / RUNS / model / "metrics.json").read_text())
        cells = row_of(table, model)["columns"]
        whole = cells["composite"]
        for name in ("UF1", "UAR", "accuracy"):
            assert whole["ours"][name] == metrics[name]
            for part in ("smic", "casme2", "samm"):
                assert cells[part]["ours"][name] == metrics["per_dataset"][part][name]
        assert whole["interval"] == {name: metrics["interval"][name] for name in ("UF1", "UAR")}
        assert whole["samples"] == metrics["samples"] == 18
        assert whole["ours"]["precision"] == metrics["macro_precision"]


def test_further_means_are_those_of_the_rows(made, table):
    from sklearn.metrics import f1_score, precision_score

    rows = read_predictions(made[0] / RUNS / "ststnet" / "predictions.csv")
    labels, said = [row.label for row in rows], [row.prediction for row in rows]
    ours = row_of(table, "ststnet")["columns"]["composite"]["ours"]
    assert ours["F1_weighted"] == pytest.approx(f1_score(labels, said, average="weighted"))
    if len(set(said)) == 3:
        assert ours["precision"] == pytest.approx(precision_score(labels, said, average="macro"))
    precision, recall = ours["precision"], ours["recall"]
    assert ours["F1_of_means"] == pytest.approx(2 * precision * recall / (precision + recall))


def test_rows_without_ours_say_why_and_the_rest_is_run(made, table):
    told = made[1]
    assert told.exit_code == 1, "a row whose data are there could not be run"
    states = {row["label"]: row["state"] for row in table["rows"]}
    assert states == {
        "Quoted": "quoted", LINES[1][0]: "done", "=Network": "done", "Nobody's": "not there",
        "Pictures": "failed",
    }  # fmt: skip
    (line,) = [line for line in told.stderr.splitlines() if line.startswith("mer: lbp_top")]
    assert "needs pictures" in line
    assert row_of(table, "cropnet_of_tomorrow")["reason"] == "its model is not there"


def test_leaks_and_other_samples_stand_beside_the_figures(made, table):
    text = (made[0] / "table.md").read_text()
    assert "=Network ‡" in text
    assert "- ‡ leaks: something was learnt or chosen on the people who were tested." in text
    assert row_of(table, "ststnet")["leaky"]
    assert not row_of(table, "linear-svm")["leaky"]
    assert row_of(table, "linear-svm")["columns"]["composite"]["verdict"] is None
    assert "no verdict: other samples than the published ones" in text
    page = (made[0] / "table.html").read_text()
    assert "<b>" not in page
    assert "no verdict: other samples" in page


def test_the_csv_is_safe_and_complete(made, table):
    text = (made[0] / "table.csv").read_text()
    lines = list(csv.DictReader(io.StringIO(text)))
    assert not any(
        cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line.values()
    )
    (line,) = [
        line for line in lines
        if (line["model"], line["data"], line["metric"]) == ("ststnet", "composite", "UF1")
    ]  # fmt: skip
    cell = row_of(table, "ststnet")["columns"]["composite"]
    assert (line["row"], line["leaky"], line["published"]) == ("'=Network", "yes", "0.9022")
    assert float(line["ours"]) == cell["ours"]["UF1"]
    assert [float(line["low"]), float(line["high"])] == cell["interval"]["UF1"]
    assert {line["row"] for line in lines} == {
        "Quoted", LINES[1][0], "'=Network", "Nobody's", "Pictures",
    }  # fmt: skip


def test_markdown_keeps_its_columns(made):
    lines = [line for line in (made[0] / "table.md").read_text().splitlines() if line[:1] == "|"]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert any("A \\| name" in line and "&lt;b&gt;" in line for line in lines)


def test_stopped_and_run_again_gives_the_same_bytes(made, archive, tmp_path, monkeypatch):
    learnt = []

    def stops(work, jobs, done):
        def once(job, outcome):
            if len(learnt) == 9:
                raise KeyboardInterrupt
            learnt.append(job.split.name)
            done(job, outcome)

        work.learner.learn(work.material, jobs, work.selection, once)

    monkeypatch.setattr("offline.commands.experiment_command.executor", lambda *_: stops)
    told = mer(TOY.name, "--root", archive, "--out", tmp_path, *OPTIONS)
    assert told.exit_code == 130
    assert "run the same command again" in told.stderr
    assert not (tmp_path / "table.json").exists()

    def counts(work, jobs, done):
        learnt.extend(job.split.name for job in jobs)
        here(work, jobs, done)

    monkeypatch.setattr("offline.commands.experiment_command.executor", lambda *_: counts)
    assert mer(TOY.name, "--root", archive, "--out", tmp_path, *OPTIONS).exit_code == 1
    assert len(learnt) == 12, "two models, six subjects, each once"
    for name in table_files(json.loads((made[0] / "table.json").read_text())):
        assert (tmp_path / name).read_bytes() == (made[0] / name).read_bytes()


def test_what_is_finished_is_not_run_again(made, archive, monkeypatch):
    out, _ = made
    stamp = (out / RUNS / "ststnet" / "metrics.json").stat().st_mtime_ns
    plan = RunPlan(archive, "flow-archive", (0,), epochs=1, models=("ststnet",))
    found = Runner(plan, out).compare(TOY)
    assert (out / RUNS / "ststnet" / "metrics.json").stat().st_mtime_ns == stamp
    assert row_of(found, "ststnet")["state"] == "done"
    assert row_of(found, "linear-svm")["state"] == "not asked for"


def test_rendered_data_and_smoke_runs_are_flagged_and_get_no_verdict(
    made, archive, tmp_path, table
):
    (archive / FILE).write_text(json.dumps({"layout": "flow-archive", "settings": {"seed": 0}}))
    try:
        plan = RunPlan(archive, "flow-archive", (0,), smoke=True, models=("linear-svm",))
        found = Runner(plan, tmp_path).compare(TOY)
    finally:
        (archive / FILE).unlink()
    assert found["warnings"] == [content.RENDERED, content.SMOKE]
    assert found["epochs"] == SMOKE_EPOCHS
    (data,) = found["data"]
    assert data["rendered"]
    assert data["recipe"] == ["mer synth dataset --layout flow-archive --seed 0 --out DIR"]
    text = table_files(found)
    for name in ("table.md", "table.html", "table.csv"):
        assert "ays nothing about real micro-expressions" in text[name].decode(), name
    cell = row_of(found, "linear-svm")["columns"]["composite"]
    assert cell["verdict"] is None
    assert cell["no_verdict"] == content.RENDERED
    assert table["warnings"] == []


def test_a_verdict_is_given_where_samples_are_the_published_ones():
    metrics = {
        "UF1": 0.5, "UAR": 0.5, "accuracy": 0.5, "macro_precision": 0.5, "samples": 4,
        "subjects": 2, "classes": ["a"], "per_class": {"a": {"F1": 0.5, "samples": 4}},
        "interval": {"UF1": [0.4, 0.6], "UAR": [0.4, 0.6]}, "leaky": False, "warning": "",
        "published_counts": "matches the published 4 samples",
        "per_dataset": {name: {"UF1": 0.5, "UAR": 0.5, "accuracy": 0.5, "samples": 1}
                        for name in MEGC2019.needs},
    }  # fmt: skip
    plan = RunPlan(None)
    told = {"linear-svm": content.Attempt(metrics), "ststnet": content.Attempt(metrics)}
    found = content.compared(TOY, plan, [content.Made(MEGC2019, "", told, False, ())])
    assert row_of(found, "linear-svm")["columns"]["composite"]["verdict"] == "above"
    leaky = row_of(found, "ststnet")["columns"]["composite"]
    assert (leaky["verdict"], leaky["no_verdict"]) == (None, "the published figure leaks")
    chosen = {**metrics, "leaky": True, "warning": "selected on the test subjects"}
    told = {"linear-svm": content.Attempt(chosen)}
    found = content.compared(TOY, plan, [content.Made(MEGC2019, "", told, False, ())])
    assert "selected on the test subjects" in found["warnings"]
    assert row_of(found, "linear-svm")["columns"]["composite"]["verdict"] is None
    some = {**metrics, "per_dataset": {"casme2": metrics["per_dataset"]["casme2"]}}
    told = {"linear-svm": content.Attempt(some)}
    found = content.compared(TOY, plan, [content.Made(MEGC2019, "", told, False, ())])
    columns = row_of(found, "linear-svm")["columns"]
    assert columns["composite"]["ours"] == {}, "one data set is not the composite"
    assert columns["casme2"]["interval"]["UF1"] == [0.4, 0.6]
    assert columns["smic"]["ours"] == {}


def test_results_are_collected_into_one_page(made, tmp_path):
    out, _ = made
    page = tmp_path / "docs" / "results.md"
    assert mer("results", out, "--out", page).exit_code == 0
    text = page.read_text()
    assert text == results_page(read_tables([out.parent, out]))
    for name in systems():
        (line,) = [line for line in text.splitlines()
                   if line.startswith(f"| {name.replace('_', chr(92) + '_')} |")]  # fmt: skip
        assert "not run" in line or "not there" in line
    assert "1. `mer experiment toy_table1 --root DIR --out OUT --dataset flow-archive" in text
    assert "### Toys on an archive" in text
    line = next(line for line in text.splitlines() if line.startswith("| cnn\\_lstm\\_se |"))
    assert "yes ‡" in line
    assert (
        "UAR 0.93, UF1 0.94, accuracy 0.96 (composite) | megc2019; cnn\\_lstm\\_se, table 5" in line
    )


def test_a_system_that_was_run_shows_its_figures_and_command(table):
    named = json.loads(json.dumps(table).replace('"linear-svm"', '"cropnet"'))
    text = results_page([{**named, "warnings": [content.RENDERED]}])
    line = next(line for line in text.splitlines() if line.startswith("| cropnet |"))
    cell = row_of(named, "cropnet")["columns"]["composite"]
    assert f"{cell['ours']['UF1']:.3f}".removeprefix("0") in line
    assert line.endswith("| 0 | 1 |")
    assert "UF1 0.911, UAR 0.904 (composite) | megc2019; cropnet, table 3 | not told" in line
    assert "**Rendered data: says nothing about real micro-expressions.**" in text
    failed = json.loads(json.dumps(table).replace('"lbp_top"', '"cropnet"'))
    failed["rows"] = [row for row in failed["rows"] if row["state"] == "failed"]
    line = next(
        line for line in results_page([failed]).splitlines() if line.startswith("| cropnet |")
    )
    assert "needs pictures" in line


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "another"}'])
def test_what_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "table.json").write_text(text)
    with pytest.raises(SourceError, match="table"):
        read_tables([tmp_path])
    with pytest.raises(SourceError, match="holds no"):
        read_tables([tmp_path / "nowhere"])


def test_without_a_name_all_are_listed():
    told = mer()
    assert told.exit_code == 0
    for name, experiment in registry.EXPERIMENTS.items():
        assert f"{name}: {experiment.title}" in told.stdout
    assert "not there: cropnet_of_tomorrow" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("toy_tabel",), "nearest: toy_table1"),
        ((TOY.name, "--model", "linear-swm"), "nearest: linear-svm"),
        ((TOY.name, "--selection", "lucky"), "--selection is 'lucky'"),
        ((TOY.name, "--device", "abacus"), "--device is 'abacus'"),
        ((TOY.name, "--dataset", "casme9"), "data set 'casme9' is not known"),
    ],
)
def test_wrong_names_are_refused(archive, tmp_path, arguments, message):
    told = mer(*arguments, "--root", archive, "--out", tmp_path)
    assert told.exit_code == 1
    assert isinstance(told.exception, ConfigError)
    assert message in str(told.exception)
    assert not list(tmp_path.iterdir())


def test_no_data_at_all_is_an_error_and_of_all_experiments_a_remark(archive, tmp_path, monkeypatch):
    told = mer("dstan_table1", "--root", tmp_path, "--out", tmp_path / "out")
    assert isinstance(told.exception, SourceError)
    assert "has no folder smic" in str(told.exception)
    away = replace(registry.EXPERIMENTS["dstan_table1"], name="away")
    monkeypatch.setattr(registry, "EXPERIMENTS", {"away": away, "away2": replace(away, name="b")})
    told = mer("all", "--root", tmp_path, "--out", tmp_path / "out")
    assert told.exit_code == 1, "none of them could be run"
    assert told.stderr.count("mer: left out: ") == 2


def test_all_experiments_have_a_folder_each_and_share_runs(archive, tmp_path, monkeypatch):
    rows = tuple(row for row in TOY.rows if row.model in ("", "linear-svm"))
    both = {name: replace(TOY, name=name, rows=rows) for name in ("one", "two")}
    monkeypatch.setattr(registry, "EXPERIMENTS", both)
    told = mer("all", "--root", archive, "--out", tmp_path, "--dataset", "flow-archive",
               "--seeds", 1)  # fmt: skip
    assert told.exit_code == 0, told.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two", "runs", "inputs"}
    one, two = (json.loads((tmp_path / name / "table.json").read_text()) for name in both)
    assert one["rows"] == two["rows"]
    assert [table["name"] for table in read_tables([tmp_path])] == ["one", "two"]


def test_every_system_of_the_bench_is_in_the_page():
    assert {name for name, entry in MODELS.items() if entry.system} <= set(systems())


def test_markdown_without_intervals(table):
    single = json.loads(json.dumps(table))
    for row in single["rows"]:
        for cell in row["columns"].values():
            cell["interval"] = {name: [None, None] for name in cell["interval"]}
    assert " to " not in markdown(single).split("- Chosen")[0]
