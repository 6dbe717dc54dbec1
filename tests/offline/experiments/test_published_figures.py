"""The published tables: figures as printed, names that exist, and what fits together in them."""

from decimal import Decimal
from itertools import product

import pytest

from offline.experiments import cnn_lstm_2019_results
from offline.experiments.registry import EXPERIMENTS, find_experiment
from offline.experiments.table import (
    LEAKY,
    MEGC2019,
    METRICS,
    SMIC,
    WHOLE,
    Experiment,
    Published,
    rows_of,
)
from offline.models.registry import MODELS
from offline.scores import published
from offline.scores.metrics import score
from offline.systems.registry import SYSTEMS
from offline.tasks.protocols import PROTOCOLS
from realtime_mer.errors import ConfigError

GOLDEN = {
    "cropnet_table2": (11, 11, "7.469", "48.188"),
    "cropnet_table3": (11, 88, "64.399", "3098.045"),
    "cropnet_table4": (5, 10, "7.624", "41.141"),
    "cropnet_figure5": (6, 2, "1.815", "2.719"),
    "cnn_lstm_2019_results": (1, 3, "2.7135", "5.4197"),
    "cnn_lstm_2019_comparison": (10, 80, "53.4203", "2331.4026"),
    "cnn_lstm_se_table3": (4, 16, "13.4743", "114.8168"),
    "cnn_lstm_se_table5": (4, 12, "11.07", "72.49"),
    "cnn_lstm_se_table6": (2, 6, "5.30", "19.13"),
    "cnn_lstm_se_table7": (2, 16, "14.58", "124.92"),
    "cnn_lstm_se_table8": (12, 96, "74.02", "3866.78"),
    "dstan_table1": (3, 18, "12.184", "119.502"),
    "dstan_table2": (4, 8, "5.498", "25.341"),
    "dstan_table3": (2, 24, "17.73", "222.82"),
    "dstan_table4": (15, 61, "35.27", "1179.41"),
    "vggface_section3": (5, 2, "0.9266", "1.5272"),
    "vggface_section4": (6, 0, "0", "0"),
}
"""Rows, figures, their sum, and their sum weighed by their place: taken when every row had been
compared with the text of its paper by a program."""
HEADLINES = [
    ("cropnet_table3", "ARS + CropNet", "composite", "UF1", "0.911"),
    ("cropnet_table3", "RRS + CropNet", "samm", "UAR", "0.827"),
    ("cropnet_table4", "CropNet + optical flow (TV-L1)", "casme2", "accuracy", "0.669"),
    ("cnn_lstm_2019_comparison", "CNN-LSTM", "casme2", "UF1", "0.9857"),
    ("cnn_lstm_se_table3", "m = 9", "composite", "UF1", "0.8399"),
    ("cnn_lstm_se_table5", "Spatial fusion", "composite", "accuracy", "0.96"),
    ("cnn_lstm_se_table7", "Spatiotemporal fusion", "samm", "UF1", "0.92"),
    ("dstan_table1", "STMN-A", "casme", "F1_of_means", "0.612"),
    ("dstan_table2", "Basic model + LHFN + SA", "casme2", "accuracy", "0.711"),
    ("dstan_table3", "DSTAN-Average", "casme2", "recall", "0.63"),
    ("vggface_section3", "LSTM", "smic", "accuracy", "0.6006"),
]
FAMILIES = ("cropnet", "cnn_lstm", "cnn_lstm_se", "stan", "stmn", "dstan", "vggface")


def printed(experiment):
    return [
        Decimal(value)
        for row in experiment.rows
        for column in experiment.columns
        for value in row.figures.get(column, {}).values()
    ]


@pytest.mark.parametrize("name", GOLDEN)
def test_figures_are_those_of_the_paper(name):
    experiment = EXPERIMENTS[name]
    values = printed(experiment)
    weighed = sum((place * value for place, value in enumerate(values, start=1)), Decimal(0))
    found = (len(experiment.rows), len(values), str(sum(values, Decimal(0))), str(weighed))
    assert found == GOLDEN[name]


@pytest.mark.parametrize(("name", "label", "column", "metric", "value"), HEADLINES)
def test_headlines_stand_where_they_belong(name, label, column, metric, value):
    (row,) = (row for row in EXPERIMENTS[name].rows if row.label == label)
    assert row.figures[column][metric] == value


def test_every_experiment_is_listed_under_its_own_name_and_counted():
    assert set(EXPERIMENTS) == {*GOLDEN, "megc2019_table"}
    assert all(each.name == name for name, each in EXPERIMENTS.items())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_protocols_data_sets_and_models_exist(name):
    experiment = EXPERIMENTS[name]
    for setup in experiment.setups:
        protocol = PROTOCOLS[setup.protocol]
        assert protocol.exclusive
        assert set(setup.needs) == set(protocol.sets)
        assert setup.dataset in {*setup.needs, WHOLE}
    ours = {*MODELS, *SYSTEMS}
    for model in experiment.models:
        assert model in ours or model.startswith(FAMILIES), model
    assert experiment.chosen
    assert set(experiment.metrics) <= set(METRICS)


def test_a_row_of_cnn_lstm_se_leaks_wherever_it_stands():
    rows = [row for each in EXPERIMENTS.values() for row in each.rows]
    for row in rows:
        if row.model.startswith("cnn_lstm_se") or row.model == "capsulenet":
            assert row.leaky, row
        else:
            assert not row.leaky or row.label == "HTNet", row


def test_the_confusion_matrix_of_2019_gives_its_figures_and_not_those_quoted_later():
    found = score(cnn_lstm_2019_results.CONFUSION)
    (row,) = cnn_lstm_2019_results.EXPERIMENT.rows
    figures = {name: float(value) for name, value in row.figures[WHOLE].items()}
    assert found.accuracy == pytest.approx(figures["accuracy"], abs=1e-4)
    assert found.uar == pytest.approx(figures["UAR"], abs=1e-4)
    assert found.uf1 == pytest.approx(figures["UF1"], abs=1e-4)
    quoted = EXPERIMENTS["cnn_lstm_se_table5"].rows[0].figures[WHOLE]
    assert float(quoted["accuracy"]) - found.accuracy > 0.01


def test_f1_of_dstan_is_that_of_the_printed_means():
    for row, column in product(EXPERIMENTS["dstan_table3"].rows, ("smic", "casme", "casme2")):
        figures = {name: float(value) for name, value in row.figures[column].items()}
        precision, recall = figures["precision"], figures["recall"]
        expected = 2 * precision * recall / (precision + recall)
        assert figures["F1_of_means"] == pytest.approx(expected, abs=0.01)


def shares(value, samples):
    """Whether a printed accuracy is a share of hits, rounded or cut."""
    step = 10.0 ** -len(value.partition(".")[2])
    hits = round(float(value) * samples)
    return any(
        -step / 2 - 1e-9 <= count / samples - float(value) < step for count in (hits, hits + 1)
    )


@pytest.mark.parametrize(
    ("name", "column", "samples", "possible"),
    [
        ("dstan_table1", "smic", range(164, 165), True),
        ("dstan_table1", "casme", range(172, 173), True),
        ("dstan_table1", "casme2", range(246, 247), True),
        ("cropnet_table4", "casme2", range(225, 320), False),
        ("cnn_lstm_se_table3", WHOLE, range(100, 909), False),
        ("vggface_section3", "smic", range(164, 165), False),
    ],
)
def test_which_accuracies_are_shares_of_whole_samples(name, column, samples, possible):
    values = [
        row.figures[column]["accuracy"]
        for row in EXPERIMENTS[name].rows
        if "accuracy" in row.figures.get(column, {})
    ]
    assert any(all(shares(value, count) for value in values) for count in samples) == possible


def test_the_published_rows_agree_with_those_of_the_bench():
    own = {row.label: row.figures for row in EXPERIMENTS["megc2019_table"].rows}
    paper = {row.label: row.figures for row in EXPERIMENTS["cropnet_table3"].rows}
    for method in ("RRS + CropNet", "ARS + CropNet"):
        for column, values in paper[method].items():
            assert {name: float(value) for name, value in values.items()} == {
                name: float(value) for name, value in own[method][column].items()
            }
    for row in published.MEGC2019:
        assert float(own[row.method][WHOLE]["UF1"]) == row.full[0]


def test_others_figures_are_cut_not_rounded():
    exact = {row.model: row.figures for row in EXPERIMENTS["cnn_lstm_2019_comparison"].rows}
    for row in EXPERIMENTS["cropnet_table3"].rows:
        if row.model and row.model in exact and row.model != "capsulenet":
            for column, values in row.figures.items():
                for name, value in values.items():
                    cut = exact[row.model][column][name].startswith(value)
                    assert cut != ((row.model, column, name) == ("bi_woof", "samm", "UAR"))


def test_an_unknown_name_lists_the_nearest():
    with pytest.raises(ConfigError, match="cropnet_table3"):
        find_experiment("cropnet_tabel3")


@pytest.mark.parametrize(
    ("label", "figures", "marks"),
    [
        ("a", {"smic": {"UF1": "1.2"}}, ""),
        ("a", {"smic": {"UF2": "0.2"}}, ""),
        ("a", {}, "x"),
    ],
)
def test_rows_that_cannot_be_are_refused(label, figures, marks):
    with pytest.raises(ConfigError, match="a"):
        Published(label, "", figures, marks)


def test_a_line_needs_as_many_figures_as_places():
    with pytest.raises(ConfigError, match="3 figures for 8"):
        rows_of(MEGC2019.columns, ("UF1", "UAR"), (("x", "", "0.1 0.2 0.3"),))
    with pytest.raises(ConfigError, match="samm"):
        Experiment(
            "n", "t", "p", "q", (SMIC,), ("UF1",), (Published("x", "", {"samm": {}}),), "c"
        )  # fmt: skip
    (row,) = rows_of(("smic",), ("UF1", "UAR"), (("x", "m", "0.1 –", LEAKY, "why"),))
    assert row.figures == {"smic": {"UF1": "0.1"}}
    assert row.leaky
    assert row.note == "why"
