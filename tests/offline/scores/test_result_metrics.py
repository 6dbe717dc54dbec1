import json
import statistics

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from offline.scores.published import MEGC2019
from offline.scores.result_metrics import STAMP
from offline.scores.results import Row, metrics_of
from realtime_mer.errors import ConfigError
from tests.offline.judged_rows import WORDS, a_run, a_trained_run, better, some_rows


def derived(truth, guess):
    """UF1, UAR and accuracy, as another library counts them."""
    return {
        "UF1": pytest.approx(f1_score(truth, guess, average="macro")),
        "UAR": pytest.approx(recall_score(truth, guess, average="macro")),
        "accuracy": pytest.approx(accuracy_score(truth, guess)),
    }


def columns(rows):
    return [row.label for row in rows], [row.prediction for row in rows]


def test_every_seed_is_scored_on_its_own():
    rows, run = a_trained_run()
    found = metrics_of(rows, run)
    assert [part["seed"] for part in found["per_seed"]] == [0, 1, 2]
    for part in found["per_seed"]:
        assert part == {"seed": part["seed"]} | derived(*columns(run.seed_rows[part["seed"]]))
    for name, part in found["seeds_summary"].items():
        values = [each[name] for each in found["per_seed"]]
        assert part["mean"] == pytest.approx(statistics.mean(values))
        assert part["std"] == pytest.approx(statistics.stdev(values))
    assert {name: found[name] for name in ("UF1", "UAR", "accuracy")} == derived(*columns(rows))


def test_one_seed_has_no_spread():
    rows = some_rows()
    found = metrics_of(rows, a_run(seed_rows={5: rows}))
    assert [part["seed"] for part in found["per_seed"]] == [5]
    assert found["seeds_summary"]["UF1"] == {"mean": found["UF1"], "std": None}
    nothing = metrics_of(rows, a_run())
    assert (nothing["per_seed"], nothing["seeds_summary"]) == ([], None)


@pytest.mark.parametrize("other", [some_rows(59), some_rows(datasets=("samm",)), []])
def test_a_seed_that_judged_other_samples(other):
    with pytest.raises(ConfigError, match="seed 4 judged other samples"):
        metrics_of(some_rows(), a_run(seed_rows={4: other}))


def test_training_and_the_gap_to_the_test():
    rows, run = a_trained_run()
    found = metrics_of(rows, run)
    counts = np.array(run.train_confusion)
    truth, guess = (np.repeat(side.ravel(), counts.ravel()) for side in np.indices(counts.shape))
    assert found["train"] == derived(truth, guess)
    assert set(found["gap"]) == set(found["train"])
    for name, gap in found["gap"].items():
        assert gap == pytest.approx(found["train"][name] - found[name])
    untrained = metrics_of(rows, a_run())
    assert (untrained["train"], untrained["gap"]) == (None, None)


def test_the_mean_precision_is_not_the_uar():
    rows = better(some_rows(), 0.4)
    found = metrics_of(rows, a_run())
    wanted = precision_score(*columns(rows), average="macro")
    assert found["macro_precision"] == pytest.approx(wanted)
    assert found["macro_precision"] != pytest.approx(found["UAR"], abs=1e-3)
    per_class = [part["precision"] for part in found["per_class"].values()]
    assert found["macro_precision"] == pytest.approx(statistics.mean(per_class))


def test_the_counts_of_the_data_sets_add_up():
    found = metrics_of(some_rows(), a_run())
    parts = [part["confusion"] for part in found["per_dataset"].values()]
    assert np.sum(parts, axis=0).tolist() == found["confusion"]
    rows = [row for row in some_rows() if row.dataset == "samm"]
    assert np.trace(found["per_dataset"]["samm"]["confusion"]) == sum(
        row.label == row.prediction for row in rows
    )


def test_what_is_undefined_is_none():
    row = Row("1", "smic", "s1", 0, 0, (1.0, 0.0, 0.0))
    nothing = [[0] * 3] * 3
    found = metrics_of([row], a_run(seed_rows={0: [row]}, train_confusion=nothing))
    assert found["train"] == found["gap"] == {"UF1": None, "UAR": None, "accuracy": None}
    assert {entry["verdict"] for entry in found["comparison"]} == {"no interval"}
    empty = metrics_of([], a_run(seed_rows={0: [], 1: []}))
    assert empty["seeds_summary"]["UF1"] == {"mean": None, "std": None}
    assert empty["macro_precision"] is None
    for each in (found, empty):
        assert json.loads(json.dumps(each, allow_nan=False)) == each


def test_what_the_run_says_is_kept():
    rows, run = a_trained_run()
    found = metrics_of(rows, run)
    assert found["chosen"] == run.chosen
    assert found["settings"] == {"root": "/data", "seeds": [0, 1, 2], "epochs": None}
    assert (found["digest"], found["code"]) == ("abc123", "2016f32")
    assert found["published_counts"] == run.published_counts
    assert found["seeds"] == {"bootstrap": 3, "training": [0, 1, 2]}
    assert (found["leaky"], found["warning"]) == (False, "")
    assert json.loads(json.dumps(found)) == found


def test_a_leaky_run_says_so_in_its_own_words_or_in_ours():
    rows = some_rows()
    own = metrics_of(rows, a_run(leaky=True, warning=WORDS))
    assert (own["leaky"], own["warning"]) == (True, WORDS)
    assert metrics_of(rows, a_run(leaky=True))["warning"] == STAMP
    assert own["comparison"]
    assert {entry["verdict"] for entry in own["comparison"]} == {None}


def test_the_seed_of_the_intervals_is_one_number():
    with pytest.raises(ConfigError, match="give one number"):
        metrics_of(some_rows(), a_run(seeds={"bootstrap": [0, 1]}))


def test_each_published_figure_gets_a_verdict_by_the_interval():
    rows = better(some_rows(), 0.5)
    found = metrics_of(rows, a_run())
    low, high = found["interval"]["UF1"]
    assert [entry["method"] for entry in found["comparison"]] == [row.method for row in MEGC2019]
    for entry, row in zip(found["comparison"], MEGC2019, strict=True):
        assert set(entry) == {"method", "UF1", "note", "leaky", "verdict"}
        assert (entry["UF1"], entry["leaky"], entry["note"]) == (row.full[0], row.leaky, row.note)
        wanted = "inside the interval" if low <= row.full[0] <= high else "above"
        assert entry["verdict"] == ("below" if row.full[0] > high else wanted)
    assert len({entry["verdict"] for entry in found["comparison"]}) > 1


def test_only_the_same_samples_are_compared():
    one = metrics_of(some_rows(datasets=("samm",)), a_run())["comparison"]
    assert [entry["UF1"] for entry in one] == [row.samm[0] for row in MEGC2019]
    assert metrics_of(some_rows(datasets=("samm", "smic")), a_run())["comparison"] == []
    assert metrics_of(some_rows(datasets=("mmew",)), a_run())["comparison"] == []
    assert metrics_of(some_rows(), a_run(protocol="smic-3"))["comparison"] == []
