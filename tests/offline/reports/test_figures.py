import cv2
import numpy as np
import pytest

from offline.reports import figures
from offline.reports.audit_figure import audit_figure
from offline.reports.audit_report import AuditRow
from offline.reports.drawing import DARK, LIGHT, STAMP
from offline.reports.embedding import Embedding
from offline.scores.results import metrics_of
from tests.offline.judged_rows import WORDS, a_run, some_rows

NAMES = {
    "confusion.png", "confusion_by_dataset.png", "subjects.png", "reliability.png", "tsne.png",
}  # fmt: skip


def points(features=True, held_out=3):
    generator = np.random.default_rng(0)
    inputs, made = generator.normal(size=(2, 60, 2))
    rows = some_rows()
    return Embedding(
        inputs,
        made if features else None,
        np.array([row.label for row in rows]),
        tuple(row.dataset for row in rows),
        np.arange(60) < held_out,
        "t-SNE",
    )


def picture(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def pixels(png, colour):
    """How many pixels are of just this colour."""
    wanted = [int(colour[n : n + 2], 16) for n in (5, 3, 1)]
    return int((picture(png) == wanted).all(-1).sum())


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_figure_of_a_leaky_run_is_stamped(theme):
    rows = some_rows()
    clean = figures.draw(metrics_of(rows, a_run()), theme, points())
    leaky = figures.draw(metrics_of(rows, a_run(leaky=True, warning=WORDS)), theme, points())
    assert set(clean) == set(leaky) == NAMES
    for name in NAMES:
        assert pixels(leaky[name], theme.warn) > 100, name
        assert pixels(clean[name], theme.warn) == 0, name
        assert STAMP.encode() in leaky[name]
        assert b"not a result" not in clean[name]


def test_any_other_warning_is_written_too_in_as_many_lines_as_it_takes():
    words = "half of the folds are missing, " * 9
    png = figures.confusion(metrics_of(some_rows(), a_run(warning=words)))
    assert pixels(png, LIGHT.warn) > 100
    red = (picture(png) == [int(LIGHT.warn[n : n + 2], 16) for n in (5, 3, 1)]).all(-1)
    assert not red[:, [0, 1, 2, -3, -2, -1]].any()


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_figures_are_the_same_twice(theme):
    metrics = metrics_of(some_rows(), a_run())
    assert figures.draw(metrics, theme, points()) == figures.draw(metrics, theme, points())


def test_one_data_set_has_no_matrices_by_data_set():
    metrics = metrics_of(some_rows(datasets=("samm",)), a_run())
    assert "confusion_by_dataset.png" not in figures.draw(metrics)
    assert "tsne.png" not in figures.draw(metrics)


def test_many_data_sets_take_several_lines():
    three = figures.confusion_by_dataset(metrics_of(some_rows(), a_run()))
    rows = some_rows(datasets=("a", "b", "c", "d$"))
    four = figures.confusion_by_dataset(metrics_of(rows, a_run()))
    assert picture(four).shape[0] > 1.7 * picture(three).shape[0]
    assert picture(four).shape[1] == picture(three).shape[1]


def test_one_or_two_panels_of_points():
    metrics = metrics_of(some_rows(), a_run())
    two, one = (figures.tsne(points(features), metrics) for features in (True, False))
    assert picture(two).shape[1] > 1.8 * picture(one).shape[1]


def test_rings_are_for_those_held_out_only():
    metrics = metrics_of(some_rows(), a_run())
    some, none, all_of_them = (figures.tsne(points(held_out=n), metrics) for n in (3, 0, 60))
    assert pixels(some, LIGHT.ink) > pixels(none, LIGHT.ink) + 50
    assert none == all_of_them


def test_points_have_the_colour_of_their_class():
    metrics = metrics_of(some_rows(), a_run())
    png = figures.tsne(points(), metrics)
    for colour in LIGHT.kinds[:3]:
        assert pixels(png, colour) > 20
    assert pixels(png, LIGHT.kinds[3]) == 0


def test_an_embedding_that_shows_nothing_is_not_drawn():
    nothing = Embedding(None, None, np.zeros(3, int), ("a",) * 3, np.zeros(3, bool), "too few")
    assert "tsne.png" not in figures.draw(metrics_of(some_rows(), a_run()), LIGHT, nothing)


def test_the_picture_of_an_audit_is_stamped_where_one_run_leaks():
    rows = some_rows()
    honest, leaky = (metrics_of(rows, a_run(leaky=leaky)) for leaky in (False, True))
    fair = [AuditRow("fixed", honest), AuditRow("inner", honest)]
    assert b"not a result" not in audit_figure(fair)
    assert b"test-fold: " + STAMP.encode() in audit_figure([*fair, AuditRow("test-fold", leaky)])
