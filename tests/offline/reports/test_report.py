from dataclasses import replace

import numpy as np
import pytest

from offline.reports import report
from offline.reports.embedding import Embedding
from offline.reports.pages import pair, percent, points, ratio
from offline.reports.report_training import training_view
from offline.scores.results import Row, metrics_of
from tests.offline.judged_rows import WORDS, Page, a_run, a_trained_run, better, some_rows

PICTURES = dict.fromkeys(report.CAPTIONS, b"")


def page_of(rows, run, pictures=PICTURES):
    return Page(report.render(metrics_of(rows, run), run, pictures, pictures))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.7351, ".735"), (1.0, "1.000"), (0.0, ".000"), (None, "–"), (1.5, "1.500")],
)
def test_shares_are_written_as_the_field_does(value, text):
    assert ratio(value) == text


def test_pairs_lengths_and_points():
    assert pair((0.5, None)) == ".500 / –"
    assert pair(None) == "–"
    assert (percent(0.25), percent(None)) == ("25.00", "0.00")
    assert (points(0.0613), points(-0.0101), points(0.0)) == ("+6.1", "−1.0", "+0.0")


def test_a_run_without_training_says_nothing_of_it():
    page = page_of(some_rows(), a_run())
    assert page.asks_nobody()
    for words in ("How it learnt", "Settings", "Not a result", "What is alike", "Key "):
        assert words not in page.said
    assert "Seeds bootstrap 3" in page.said


def test_a_trained_run_shows_seeds_gap_choices_and_settings():
    rows, run = a_trained_run()
    metrics, page = metrics_of(rows, run), page_of(rows, run)
    assert page.asks_nobody()
    said = page.said
    summary = metrics["seeds_summary"]["UAR"]
    assert f"{ratio(summary['mean'])} ± {ratio(summary['std'])}" in said
    for part in metrics["per_seed"]:
        assert f"{part['seed']} {ratio(part['UF1'])} {ratio(part['UAR'])}" in said
    assert f"UF1 is {100 * metrics['gap']['UF1']:.1f} points higher" in said
    assert f"width:{100 * metrics['train']['UF1']:.2f}%" in page.styles
    assert "Chosen: epochs" in said
    assert "Median 9.5, from 7 to 12, in 2 trainings." in said
    assert "Seeds bootstrap 3; training 0, 1, 2" in said
    assert "Key abc123" in said
    assert "Code 2016f32" in said
    assert '"root": "/data"' in said
    assert "As many as published: 60 samples." in said
    assert f"Mean precision: {ratio(metrics['macro_precision'])}" in said


def test_a_leaky_run_is_stamped_before_anything_else():
    rows, run = a_trained_run(leaky=True, warning=WORDS)
    page = page_of(rows, run)
    body = page.said.partition("Recognition, megc2019")[0]
    assert f"Not a result {WORDS}" in body
    assert "No verdict: this run chose on the subjects" in page.said
    assert "no winner" not in page.said
    assert "run above" not in page.said
    other = page_of(rows, a_run(warning="half of the folds are missing"))
    assert "Warning half of the folds are missing" in other.said
    assert "Not a result" not in other.said


def test_verdicts_and_the_refusal_to_name_a_winner():
    rows = better(some_rows(), 0.5)
    metrics, page = metrics_of(rows, a_run()), page_of(rows, a_run())
    verdicts = [entry["verdict"] for entry in metrics["comparison"]]
    for verdict, words in report.VERDICTS.items():
        assert page.said.count(f" {words}") == verdicts.count(verdict)
    inside = verdicts.count("inside the interval")
    low, high = map(ratio, metrics["interval"]["UF1"])
    assert (
        f"{inside} of {len(verdicts)} published figures lie inside this run's interval, {low} to "
        f"{high}: between them and this run these samples name no winner."
    ) in page.said


def test_one_person_gets_no_verdict():
    rows = [replace(row, dataset="samm", subject="006") for row in some_rows()]
    said = page_of(rows, a_run()).said
    assert "No verdict: there is no interval." in said
    assert "STSTNet†" in said


def test_the_strip_shows_the_interval_and_every_method_in_order():
    metrics = metrics_of(better(some_rows(), 0.5), a_run())
    found = report._published(metrics)
    places = [float(row["place"]) for row in found["rows"]]
    assert places == sorted(places)
    start, width = map(float, found["band"])
    assert 0 < start < float(found["place"]) < start + width < 100
    inside = [start <= place <= start + width for place in places]
    assert inside == [row["verdict"] == "inside: no winner" for row in found["rows"]]


def test_figures_that_are_not_there_are_not_shown():
    some = {name: b"" for name in ("confusion.png", "reliability.png", "subjects.png")}
    page = page_of(some_rows(datasets=("samm",)), a_run(), some)
    assert len(page.links) == 6
    assert "UF1, SAMM" in page.said


def embedding(points_inputs, note):
    return Embedding(points_inputs, None, np.zeros(4, int), ("a",) * 4, np.zeros(4, bool), note)


def test_the_points_come_with_how_to_read_them_or_why_there_are_none():
    shown = page_of(some_rows(), a_run(embedding=embedding(np.zeros((4, 2)), "t-SNE, <seed> 0")))
    assert "t-SNE, <seed> 0. A look at the data, no evidence" in shown.said
    assert "distances between clusters, their sizes and their shapes mean little" in shown.said
    some = {name: b"" for name in PICTURES if name != "tsne.png"}
    run = a_run(embedding=embedding(None, "4 samples: too few"))
    absent = page_of(some_rows(), run, some)
    assert "4 samples: too few." in absent.said
    assert "no evidence" not in absent.said


def test_what_is_undefined_is_a_dash():
    row = Row("1", "smic", "s1", 0, 0, (1.0, 0.0, 0.0))
    run = a_run(seed_rows={0: [row], 1: [row]}, train_confusion=[[0] * 3] * 3)
    said = page_of([row], run).said
    assert "trained on – left out 1.000" in said
    assert "cannot be told: one of them is undefined" in said
    assert "None" not in said
    assert "nan" not in said.replace("finance", "")


@pytest.mark.parametrize(
    ("confusion", "words"),
    [
        ([[9, 0, 0], [0, 9, 0], [0, 0, 9]], "points higher on the samples"),
        ([[0, 9, 0], [9, 0, 0], [9, 0, 0]], "nothing was learnt by heart"),
    ],
)
def test_the_gap_in_words(confusion, words):
    metrics = metrics_of(some_rows(), a_run(train_confusion=confusion))
    assert words in training_view(metrics)["gap"]


def test_the_seeds_in_words():
    rows = some_rows()
    for seed_rows, words in (
        ({0: rows}, "One training seed"),
        ({0: rows, 1: rows}, "nothing in this training is left to chance"),
        (a_trained_run()[1].seed_rows, "chance in training alone"),
    ):
        assert words in training_view(metrics_of(rows, a_run(seed_rows=seed_rows)))["seeds"]


def bars(values, name="epochs"):
    chosen = {str(number): {name: value} for number, value in enumerate(values)}
    (found,) = training_view(metrics_of(some_rows(), a_run(chosen=chosen)))["chosen"]
    return found


def test_what_was_chosen_always_the_same():
    assert bars([20.0] * 68)["words"] == "20 in all 68 trainings."
    assert bars([20.0])["words"] == "20 in 1 training."


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0, 2.0, 5.0],
        [float(value) for value in range(3, 60)],
        [0.01 * 1.4**value for value in range(40)],
        list(np.linspace(0, 1, 50)),
        list(np.linspace(-3, 1, 13)),
    ],
)
def test_bars_hold_every_value_once(values):
    found = bars(values)["bars"]
    assert sum(bar["count"] for bar in found) == len(values)
    assert max(bar["height"] for bar in found) == 64
    assert len({bar["label"] for bar in found}) == len(found) <= 12


def test_bars_of_whole_numbers_say_which():
    found = bars([float(value) for value in range(10, 30)])["bars"]
    assert [bar["label"] for bar in found][:2] == ["10–12", "13–15"]
    assert [bar["count"] for bar in found] == [3] * 6 + [2]
