import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.datasets.base import Problem
from offline.reports import drawing, figures, report
from offline.scores.results import (
    Row,
    Unreadable,
    metrics_of,
    read_predictions,
    render_predictions,
    write_results,
)
from realtime_mer.errors import ConfigError, OutputError, SourceError
from tests.offline.judged_rows import CLASSES, Page, a_run, a_trained_run, some_rows

KEYS = {
    "UF1", "UAR", "accuracy", "per_dataset", "per_subject", "per_class", "confusion", "classes",
    "interval", "calibration", "seeds", "protocol", "selection", "wall_s", "model", "dataset",
    "samples", "subjects", "undefined", "unreadable", "left_out", "versions", "macro_precision",
    "per_seed", "seeds_summary", "train", "gap", "leaky", "warning", "chosen", "settings",
    "digest", "code", "published_counts", "comparison",
}  # fmt: skip
FILES = {
    "predictions.csv", "metrics.json", "report.html",
    "confusion.png", "confusion_by_dataset.png", "subjects.png", "reliability.png",
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "deep" / "er"
    run = a_run(
        unreadable=(Unreadable("04_2", "samm", "04", "no face in <b>x</b>.jpg"),),
        left_out=(Problem("05 EP09", "dropped", "apex equals onset"),) * 2,
        limits="Never saw <i>anyone</i>.",
        trained_on="Synthetic only.",
    )
    return some_rows(), run, *write_results(out, some_rows(), run)


def test_every_file_is_there_and_nothing_else(written):
    *_, files = written
    assert set(files) == FILES
    folder = files["report.html"].parent
    assert {path.name for path in folder.iterdir()} == FILES


def test_the_predictions_come_back_to_the_last_digit(written):
    rows, *_, files = written
    lines = files["predictions.csv"].read_text().splitlines()
    assert lines[0] == "sample_id,dataset,subject,label,prediction,p_0,p_1,p_2"
    assert len(lines) == 1 + len(rows)
    assert read_predictions(files["predictions.csv"]) == rows


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@given(st.lists(st.tuples(words, words, words), max_size=5))
def test_any_names_come_back(tmp_path_factory, names):
    rows = [Row(*name, 1, 0, (0.1, 0.2, 0.7)) for name in names]
    path = tmp_path_factory.getbasetemp() / "names.csv"
    path.write_bytes(render_predictions(rows, 3).encode("utf-8"))
    assert read_predictions(path) == rows


def test_the_metrics_have_what_was_promised(written):
    rows, _, metrics, files = written
    found = json.loads(files["metrics.json"].read_text())
    assert found == metrics
    assert set(found) == KEYS
    assert found["samples"] == len(rows)
    assert found["subjects"] == len({(row.dataset, row.subject) for row in rows})
    assert found["classes"] == list(CLASSES)
    assert sum(map(sum, found["confusion"])) == len(rows)
    assert set(found["per_dataset"]) == {"casme2", "samm", "smic"}
    for name, part in found["per_dataset"].items():
        assert set(part) == {
            "UF1", "UAR", "accuracy", "samples", "subjects", "undefined", "confusion"
        }  # fmt: skip
        people = found["per_subject"][name]
        assert sum(person["samples"] for person in people.values()) == part["samples"]
        assert len(people) == part["subjects"]
    low, high = found["interval"]["UF1"]
    assert low < found["UF1"] < high
    assert sum(found["calibration"]["samples"]) == len(rows)
    assert found["unreadable"]["samples"] == 1
    assert found["unreadable"]["list"][0]["reason"] == "no face in <b>x</b>.jpg"
    assert found["seeds"] == {"bootstrap": 3}
    assert found["selection"] == "none: nothing was trained"
    assert "numpy" in found["versions"]


def test_the_metrics_follow_from_the_predictions_alone(written):
    _, run, metrics, files = written
    assert metrics_of(read_predictions(files["predictions.csv"]), run) == metrics


def test_what_is_undefined_is_null(tmp_path):
    rows = [Row("1", "smic", "s1", 0, 0, (1.0, 0.0, 0.0))]
    metrics, files = write_results(tmp_path, rows, a_run())
    found = json.loads(files["metrics.json"].read_text(), parse_constant=pytest.fail)
    assert found == metrics
    assert found["interval"]["UF1"] == [None, None]
    assert found["undefined"] == {"UF1": 2, "UAR": 2}
    assert found["per_class"]["positive"]["recall"] is None
    page = files["report.html"].read_text()
    assert "no interval: one subject" in page
    assert "do not compare" in page


def test_the_page_carries_everything_and_asks_nobody(written):
    *_, files = written
    page = Page(text := files["report.html"].read_text())
    assert len(page.links) == 8
    assert page.asks_nobody()
    assert "://" not in text
    said = page.said
    assert "no face in <b>x</b>.jpg" in said
    assert "Never saw <i>anyone</i>." in said
    assert "apex equals onset" in said
    assert "1 of 61 samples" in said


def test_published_figures_stand_beside_the_run_with_their_marks(written):
    _, run, metrics, _ = written
    picture = dict.fromkeys(report.CAPTIONS, b"")
    page = report.render(metrics, run, picture, picture)
    assert "STSTNet†" in page
    assert "HTNet‡" in page
    assert ".735 / .760" in page
    assert f"{metrics['UF1']:.3f}".removeprefix("0") in page
    other = replace(run, protocol="smic-3")
    assert "HTNet" not in report.render(metrics | {"protocol": "smic-3"}, other, picture, picture)


def test_one_data_set_is_not_put_beside_all_three():
    metrics = metrics_of(some_rows(datasets=("samm",)), a_run())
    own = report._published(metrics)["own"]
    assert own[:3] == [None, None, None]
    assert own[3] == (metrics["UF1"], metrics["UAR"])


@pytest.mark.parametrize("theme", [drawing.LIGHT, drawing.DARK])
def test_figures_are_pictures_and_equal_ones_equal(theme):
    metrics = metrics_of(some_rows(), a_run())
    drawn = figures.draw(metrics, theme)
    assert set(drawn) == set(report.CAPTIONS) - {"tsne.png"}
    for png in drawn.values():
        image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        assert min(image.shape[:2]) > 300
        paper = tuple(int(theme.paper[n : n + 2], 16) for n in (5, 3, 1))
        assert tuple(image[2, 2]) == paper
    assert figures.reliability(metrics, theme) == drawn["reliability.png"]


def test_figures_of_many_subjects_many_classes_and_odd_names():
    rows = [Row(str(n), "big$x_", f"$p_{n}", n % 7, n * n % 7, (1 / 7,) * 7) for n in range(200)]
    metrics = metrics_of(rows, a_run(classes=tuple(f"$class_{n}$" for n in range(7))))
    drawn = figures.draw(metrics)
    width = cv2.imdecode(np.frombuffer(drawn["subjects.png"], np.uint8), 0).shape[1]
    assert width <= 16 * drawing.DPI


def test_an_earlier_run_is_replaced_and_other_files_stay(tmp_path):
    (tmp_path / "metrics.json").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    metrics, files = write_results(tmp_path, some_rows(9), a_run())
    assert json.loads(files["metrics.json"].read_text()) == metrics
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == len(FILES) + 1


def test_several_seeds_are_kept_each_on_its_own(tmp_path):
    rows, run = a_trained_run()
    _, files = write_results(tmp_path, rows, run)
    head, *lines = (tmp_path / "predictions_by_seed.csv").read_text().splitlines()
    plain = (tmp_path / "predictions.csv").read_text().splitlines()
    assert head == plain[0] + ",seed"
    assert len(lines) == 3 * len(rows)
    assert [int(line.rpartition(",")[2]) for line in lines] == [0] * 60 + [1] * 60 + [2] * 60
    (tmp_path / "one.csv").write_text(
        "\n".join(line.rpartition(",")[0] for line in [head, *lines[60:120]])
    )
    assert read_predictions(tmp_path / "one.csv") == run.seed_rows[1]
    assert plain[0] == "sample_id,dataset,subject,label,prediction,p_0,p_1,p_2"
    assert set(files) == FILES | {"predictions_by_seed.csv"}


def test_what_an_earlier_run_had_and_this_one_lacks_does_not_stay(tmp_path):
    write_results(tmp_path, *a_trained_run())
    (tmp_path / "notes.txt").write_text("mine")
    rows = some_rows(datasets=("samm",))
    _, files = write_results(tmp_path, rows, a_run())
    assert set(files) == FILES - {"confusion_by_dataset.png"}
    assert {path.name for path in tmp_path.iterdir()} == set(files) | {"notes.txt"}


def test_equal_runs_give_equal_bytes(tmp_path):
    first, second = (write_results(tmp_path / name, *a_trained_run())[1] for name in "ab")
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes(), name


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="choose a folder"):
        write_results(tmp_path / "file", some_rows(3), a_run())


def test_rows_of_another_number_of_classes():
    with pytest.raises(ConfigError, match="2 probabilities"):
        render_predictions([Row("a", "b", "c", 0, 0, (0.5, 0.5))], 3)


HEAD = "sample_id,dataset,subject,label,prediction,p_0,p_1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "other columns"),
        ("a,b\n", "other columns"),
        (HEAD.replace("p_1", "p_2"), "other columns"),
        (HEAD + "\na,b,c,0\n", "row 1"),
        (HEAD + "\na,b,c,0,1,0.5\n", "row 1"),
        (HEAD + "\na,b,c,0,1,0.5,0.5\na,b,c,0,x,0.5,0.5\n", "row 2"),
        (HEAD + "\na,b,c,0,2,0.5,0.5\n", "classes 0 … 1"),
        (HEAD + "\na,b,c,0,1,nan,0.5\n", "between 0 and 1"),
    ],
)
def test_a_file_that_holds_no_predictions(tmp_path, text, reason):
    path = tmp_path / "predictions.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=reason):
        read_predictions(path)


def test_predictions_that_are_not_there(tmp_path):
    with pytest.raises(SourceError, match="cannot read"):
        read_predictions(tmp_path / "none.csv")
