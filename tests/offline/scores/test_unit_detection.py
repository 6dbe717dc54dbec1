import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.datasets.base import FlowFile, Problem, Sample
from offline.reports import drawing, unit_report
from offline.scores.published import CD6ME, SSSNET_UNITS
from offline.scores.results import Row, Run, Unreadable, read_predictions, render_predictions
from offline.scores.unit_detection import (
    UnitRow,
    bits,
    judged,
    read_units,
    render_units,
    unit_metrics_of,
    write_unit_results,
)
from offline.tasks.protocols import UNITS
from realtime_mer.errors import ConfigError, OutputError, SourceError

NAMES = tuple(f"AU{unit}" for unit in UNITS)
FILES = {"predictions.csv", "metrics.json", "report.html", "units.png"}

# Samples with each unit in every data set of CD6ME, and how many samples there are.
POSITIVES = {
    "casme": (189, [23, 17, 70, 0, 1, 4, 40, 3, 9, 23, 14, 13]),
    "casme2": (256, [26, 22, 130, 2, 13, 39, 13, 16, 34, 27, 16, 25]),
    "casme3": (860, [153, 128, 274, 44, 8, 27, 50, 10, 15, 193, 6, 20]),
    "fourdme": (267, [46, 54, 102, 8, 25, 89, 1, 2, 53, 4, 6, 11]),
    "mmew": (300, [50, 41, 109, 70, 10, 47, 8, 38, 37, 17, 6, 11]),
    "samm": (159, [6, 18, 23, 10, 3, 46, 5, 6, 28, 13, 4, 6]),
}


def a_run(**changes):
    known = {
        "dataset": "composite",
        "protocol": "cd6me",
        "classes": NAMES,
        "model": "tiny@12345678",
        "selection": "fixed: 200 epochs",
        "seeds": {"bootstrap": 3, "training": [45, 46]},
        "wall_s": 1.23456,
    }
    return Run(**(known | changes))


def some_rows(count=80, datasets=("casme", "samm"), units=12):
    generator = np.random.default_rng(0)
    return [
        judged(
            Sample(
                f"{n % 9}_clip{n}", datasets[n % len(datasets)], str(n % 9), "", FlowFile(Path("x"))
            ),
            generator.random(units) < 0.3,
            generator.random(units),
        )
        for n in range(count)
    ]


def constant_rows(answer):
    """Rows with the published number of samples for every unit, and always the same answer."""
    generator = np.random.default_rng(0)
    rows = []
    for dataset, (samples, positives) in POSITIVES.items():
        truth = np.stack(
            [generator.permutation(samples) < positive for positive in positives], axis=1
        )
        rows += [
            UnitRow(f"{n}", dataset, str(n % 20), bits(row), answer * 12, (float(answer),) * 12)
            for n, row in enumerate(truth)
        ]
    return rows


def test_saying_yes_to_everything_gives_the_published_figures():
    found = unit_metrics_of(constant_rows("1"), a_run())
    assert found["samples"] == 2031
    totals = [part["samples"] for part in found["per_unit"].values()]
    assert totals == [304, 280, 708, 134, 60, 252, 117, 75, 176, 277, 52, 86]
    (published,) = (row for row in CD6ME if row.method.startswith("Constant"))
    assert round(found["AU_average"], 3) == published.au_average == 0.178
    assert round(found["dataset_average"], 3) == published.dataset_average == 0.178
    assert found["zeros"]["AU_average"] == found["AU_average"]
    assert found["undefined"] == {"AU_average": 0, "dataset_average": 0}
    assert found["per_dataset"]["casme"]["per_unit"]["AU5"]["F1"] == 0


def test_saying_no_to_everything_earns_nothing():
    found = unit_metrics_of(constant_rows("0"), a_run())
    assert found["AU_average"] == 0
    assert found["undefined"] == {"AU_average": 0, "dataset_average": 1}
    assert found["per_dataset"]["casme"]["per_unit"]["AU5"]["F1"] is None
    assert found["interval"]["AU_average"] == [0, 0]


def test_the_published_units_of_the_best_have_the_published_mean():
    (best,) = (row for row in CD6ME if row.method == "SSSNet")
    assert len(SSSNET_UNITS) == len(UNITS)
    assert round(float(np.mean(SSSNET_UNITS)), 3) == best.au_average


def test_metrics_follow_from_the_rows():
    rows = some_rows()
    found = unit_metrics_of(rows, a_run())
    truth = np.array([[int(digit) for digit in row.label] for row in rows])
    guess = np.array([[p > 0.5 for p in row.probabilities] for row in rows])
    f1 = [
        2 * (t & g).sum() / (t.sum() + g.sum())
        for t, g in zip(truth.T.astype(bool), guess.T, strict=True)
    ]
    assert found["AU_average"] == pytest.approx(np.mean(f1))
    assert [part["F1"] for part in found["per_unit"].values()] == pytest.approx(f1)
    parts = found["per_dataset"]
    assert list(parts) == ["casme", "samm"]
    means = [part["average"] for part in parts.values()]
    assert found["dataset_average"] == pytest.approx(np.mean(means))
    assert (found["samples"], found["subjects"]) == (80, 18)
    low, high = found["interval"]["AU_average"]
    assert low < found["AU_average"] < high
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    shuffled = [rows[n] for n in np.random.default_rng(1).permutation(len(rows))]
    again = unit_metrics_of(shuffled, a_run())
    assert again["per_unit"] == found["per_unit"]


def test_the_gap_to_the_training_samples():
    run = a_run(classes=("AU1", "AU2"), train_confusion=[[4, 0, 0], [1, 1, 1]])
    found = unit_metrics_of(some_rows(units=2), run)
    assert found["train"]["AU_average"] == 0.75
    assert found["gap"]["AU_average"] == pytest.approx(0.75 - found["AU_average"])
    assert unit_metrics_of(some_rows(), a_run())["gap"] is None


def test_nothing_judged():
    found = unit_metrics_of([], a_run())
    assert found["AU_average"] is None
    assert found["dataset_average"] is None


probability = st.floats(0, 1)


@given(
    st.integers(1, 5).flatmap(
        lambda units: st.lists(
            st.tuples(
                st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1),
                st.lists(st.booleans(), min_size=units, max_size=units),
                st.lists(probability, min_size=units, max_size=units),
            ),
            min_size=1,
            max_size=5,
        )
    )
)
def test_rows_come_back_as_they_were(tmp_path_factory, drawn):
    rows = [
        judged(Sample(name, "casme", "01", "", FlowFile(Path("x"))), truth, probabilities)
        for name, truth, probabilities in drawn
    ]
    path = tmp_path_factory.mktemp("rows") / "predictions.csv"
    path.write_text(render_units(rows, len(drawn[0][1])), encoding="utf-8", newline="")
    assert read_units(path) == rows


def test_the_columns_are_those_of_every_run():
    (line,) = render_units([UnitRow("a", "samm", "1", "010", "001", (0.5, 0.25, 1.0))], 3).split(
        "\n"
    )[1:-1]
    assert line == "a,samm,1,010,001,0.5,0.25,1.0"
    classes = render_predictions([Row("a", "samm", "1", 0, 0, (1.0, 0.0, 0.0))], 3)
    assert render_units([], 3).strip() == classes.split("\n")[0]


def test_half_is_no():
    sample = Sample("a", "samm", "1", "", FlowFile(Path("x")))
    row = judged(sample, [1, 0, 1], [0.5, 0.5000001, 1])
    assert (row.label, row.prediction) == ("101", "011")


@pytest.mark.parametrize("probabilities", [[0.5], [0.5, 1.1], [0.5, float("nan")], [-0.1, 0.2]])
def test_what_is_no_probability(probabilities):
    sample = Sample("clip", "samm", "1", "", FlowFile(Path("x")))
    with pytest.raises(ConfigError, match="clip needs a probability"):
        judged(sample, [1, 0], probabilities)


HEADER = "sample_id,dataset,subject,label,prediction,p_0,p_1,p_2\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "other columns"),
        ("sample_id,dataset,subject,label,prediction\n", "other columns"),
        (HEADER.replace("p_1", "p_7"), "other columns"),
        (HEADER + "a,samm,1,100,1,.5,.5,.5\n", "row 1: prediction '1' must be 3 digits"),
        (HEADER + "a,samm,1,100,001,.5,.5,.5\na,samm,1,2,1,.5,.5,.5\n", "row 2: .*spreadsheet"),
        (HEADER + "a,samm,1,102,001,.5,.5,.5\n", "digits 0 or 1"),
        (HEADER + "a,samm,1,100,001,.5,.5,1.5\n", "between 0 and 1"),
        (HEADER + "a,samm,1,100,001,.5,.5,nan\n", "between 0 and 1"),
        (HEADER + "a,samm,1,100,001,.5,.5\n", "3 probabilities"),
        (HEADER + "a,samm,1,100,001,.5,.5,x\n", "row 1: could not convert"),
        (HEADER + "a,samm\n", "row 1: not enough"),
    ],
)
def test_a_damaged_file(tmp_path, text, said):
    path = tmp_path / "predictions.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=said):
        read_units(path)


def test_no_file(tmp_path):
    with pytest.raises(SourceError, match="cannot read the predictions"):
        read_units(tmp_path / "none.csv")


def test_runs_of_classes_and_of_units_are_not_taken_for_each_other(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_text(render_units(some_rows(), 12))
    with pytest.raises(SourceError, match="needs classes"):
        read_predictions(path)
    path.write_text(render_predictions([Row("a", "samm", "1", 0, 0, (1.0, 0.0, 0.0))], 3))
    with pytest.raises(SourceError, match="a run of classes"):
        read_units(path)


def test_rows_that_do_not_fit_the_run():
    rows = some_rows(units=11)
    with pytest.raises(ConfigError, match="must be 12 digits"):
        unit_metrics_of(rows, a_run())
    with pytest.raises(ConfigError, match="has 11 labels"):
        render_units(rows, 12)


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.said, self.sources = "", []

    def handle_data(self, data):
        self.said += data

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "srcset", "href")]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("units") / "deep" / "er"
    run = a_run(
        unreadable=(Unreadable("04_2", "samm", "04", "no face in <b>x</b>.jpg"),),
        left_out=(Problem("05 EP09", "dropped", "no action unit that can be read"),) * 2,
        leaky=True,
        warning="chosen on the test subjects: not a result",
        published_counts="differs from the published 2031 samples: 80 samples of 18 subjects",
    )
    return run, *write_unit_results(out, some_rows(), run)


def test_every_file_is_there_and_nothing_else(written):
    _, metrics, files = written
    assert set(files) == FILES
    (folder,) = {path.parent for path in files.values()}
    assert {path.name for path in folder.iterdir()} == FILES
    assert json.loads(files["metrics.json"].read_text()) == metrics
    assert read_units(files["predictions.csv"]) == some_rows()


def test_the_report_needs_nothing_else_and_tells_everything(written):
    _, metrics, files = written
    reader = Reader()
    page = files["report.html"].read_text()
    reader.feed(page)
    said = " ".join(reader.said.split())
    assert all(source.startswith("data:image/png") for source in reader.sources)
    assert "--accent" in page
    for text in (
        "SSSNet", ".405", "no face in <b>x</b>.jpg", "2 × no action unit that can be read",
        "1 of 81 samples", "AU17", "chosen on the test subjects", "80 samples of 18 subjects",
        f"{metrics['AU_average']:.3f}".removeprefix("0"),
    ):  # fmt: skip
        assert text in said


def test_other_protocols_are_not_put_beside_cd6me(written):
    run, metrics, _ = written
    picture = {unit_report.UNITS: b""}
    page = unit_report.render(metrics | {"protocol": "mine"}, run, picture, picture)
    assert "SSSNet" not in page
    assert "SSSNet" in unit_report.render(metrics, replace(run, leaky=False), picture, picture)


@pytest.mark.parametrize("theme", [drawing.LIGHT, drawing.DARK])
def test_the_figure_is_a_picture_and_equal_ones_equal(theme):
    for metrics in (
        unit_metrics_of(some_rows(), a_run()),
        unit_metrics_of(constant_rows("0"), a_run()),
        unit_metrics_of([], a_run(classes=("AU$1_",))),
    ):
        drawn = unit_report.draw(metrics, theme)
        assert set(drawn) == {"units.png"}
        image = cv2.imdecode(np.frombuffer(drawn["units.png"], np.uint8), cv2.IMREAD_COLOR)
        assert min(image.shape[:2]) > 300
        assert unit_report.draw(metrics, theme) == drawn


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="choose a folder"):
        write_unit_results(tmp_path / "file", some_rows(), a_run())
    assert (tmp_path / "file").read_text() == "mine"
