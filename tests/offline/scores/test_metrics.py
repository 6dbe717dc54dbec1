import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from offline.scores.metrics import (
    bootstrap,
    calibrate,
    confusion_matrix,
    confusions_by,
    draw_people,
    score,
    score_by,
    uf1_of,
)
from offline.scores.published import MEGC2019
from realtime_mer.errors import ConfigError

# Matrices of STSTNet's published logs (442 samples; rows negative, positive, surprise):
# the PyTorch run, then the MATLAB run, each over all, SMIC, CASME II, SAMM.
PYTORCH = {
    "full": ([[195, 39, 16], [36, 68, 5], [12, 7, 64]], 0.7209, 0.7250, 0.7398),
    "smic": ([[47, 15, 8], [15, 33, 3], [7, 4, 32]], 0.6871, 0.6876, 0.6829),
    "casme2": ([[77, 11, 0], [10, 21, 1], [1, 0, 24]], 0.8304, 0.8304, 0.8414),
    "samm": ([[71, 13, 8], [11, 14, 1], [4, 3, 8]], 0.5993, 0.6145, 0.6992),
}
MATLAB = {
    "full": ([[219, 22, 9], [40, 62, 7], [21, 3, 59]], 0.7353, 0.7186, 0.7692),
    "smic": ([[54, 10, 6], [17, 30, 4], [14, 1, 28]], 0.6801, 0.6703, None),
    "casme2": ([[83, 5, 0], [12, 19, 1], [2, 0, 23]], 0.8382, 0.8190, None),
    "samm": ([[82, 7, 3], [11, 13, 2], [5, 2, 8]], 0.6588, 0.6415, None),
}
ALL = [*PYTORCH.values(), *MATLAB.values()]


def unrolled(confusion):
    """Labels and predictions that give this matrix."""
    counts = np.array(confusion)
    truth, guess = np.indices(counts.shape)
    return [np.repeat(each.ravel(), counts.ravel()).tolist() for each in (truth, guess)]


@pytest.mark.parametrize(("confusion", "uf1", "uar", "accuracy"), ALL)
def test_published_matrices_give_the_published_figures(confusion, uf1, uar, accuracy):
    found = score(confusion_matrix(*unrolled(confusion), 3))
    np.testing.assert_array_equal(found.confusion, confusion)
    assert round(found.uf1, 4) == uf1
    assert round(found.uar, 4) == uar
    assert accuracy is None or round(found.accuracy, 4) == accuracy
    assert (found.undefined_f1, found.undefined_recall) == (0, 0)
    assert found.samples == np.sum(confusion)


@pytest.mark.parametrize("part", MATLAB)
def test_the_uar_that_ststnet_printed_is_its_mean_precision(part):
    (row,) = (row for row in MEGC2019 if row.method == "STSTNet")
    found = score(MATLAB[part][0])
    uf1, uar = getattr(row, part)
    assert row.precision
    assert found.uf1 == pytest.approx(uf1, abs=5.1e-5)
    assert found.precision.mean() == pytest.approx(uar, abs=5.1e-5)
    assert f"{found.uar:.4f}".removeprefix("0") in row.note


@pytest.mark.parametrize("log", [PYTORCH, MATLAB])
def test_the_whole_is_the_sum_of_its_data_sets(log):
    labels, predictions, groups = [], [], []
    for name in ("smic", "casme2", "samm"):
        truth, guess = unrolled(log[name][0])
        labels += truth
        predictions += guess
        groups += [name] * len(truth)
    assert round(score(confusion_matrix(labels, predictions, 3)).uf1, 4) == log["full"][1]
    parts = score_by(groups, labels, predictions, 3)
    assert list(parts) == ["smic", "casme2", "samm"]
    for name, part in parts.items():
        assert (round(part.uf1, 4), round(part.uar, 4)) == log[name][1:3]


def test_the_two_runs_of_ststnet_are_both_of_the_442_samples():
    for log in (PYTORCH, MATLAB):
        assert np.sum(log["full"][0], axis=1).tolist() == [250, 109, 83]
        parts = [np.array(log[name][0]) for name in ("smic", "casme2", "samm")]
        np.testing.assert_array_equal(sum(parts), log["full"][0])
        assert [int(part.sum()) for part in parts] == [164, 145, 133]


@pytest.mark.parametrize("part", MATLAB)
def test_precision_in_the_place_of_recall_is_another_figure(part):
    """Transposed, a matrix keeps its UF1 and changes its UAR: so the slip went unnoticed."""
    right, wrong = score(MATLAB[part][0]), score(np.transpose(MATLAB[part][0]))
    assert wrong.uf1 == pytest.approx(right.uf1)
    assert wrong.uar == pytest.approx(right.precision.mean())
    assert wrong.uar > right.uar + 0.03


def test_the_mean_over_folds_is_another_figure_than_the_pooled_one():
    """What a fold lacks counts as nothing or as 0, and either way the mean is not UF1."""
    groups, labels, predictions = people(4, 40)
    pooled = score(confusion_matrix(labels, predictions, 3)).uf1
    folds = score_by(groups, labels, predictions, 3).values()
    present = np.mean([fold.uf1 for fold in folds])
    fixed = np.mean([np.nan_to_num(fold.f1).mean() for fold in folds])
    assert fixed < present - 0.05
    assert min(abs(present - pooled), abs(fixed - pooled)) > 0.02
    every = {"average": "macro", "zero_division": 0}
    truth, guess, own = np.array(labels), np.array(predictions), [group[1] for group in groups]
    theirs = [
        sk.f1_score(truth[[o == name for o in own]], guess[[o == name for o in own]], **every)
        for name in dict.fromkeys(own)
    ]
    assert present == pytest.approx(np.mean(theirs))


def test_three_ways_to_uf1_agree():
    confusions = np.array([case[0] for case in ALL])
    np.testing.assert_allclose(uf1_of(confusions), [score(each).uf1 for each in confusions])
    labels, predictions = unrolled(confusions[0])
    stacked = confusions_by(["a"] * len(labels), labels, predictions, 3)
    assert stacked[0] == ["a"]
    np.testing.assert_array_equal(stacked[1][0], confusions[0])


def test_people_are_drawn_with_replacement_and_as_many_as_there_are():
    times = draw_people(7, seed=1, draws=50)
    assert times.shape == (50, 7)
    assert (times.sum(1) == 7).all()
    assert times.max() > 1
    np.testing.assert_array_equal(times, draw_people(7, seed=1, draws=50))
    assert draw_people(0, seed=1, draws=3).shape == (3, 0)


@st.composite
def judged(draw):
    classes = draw(st.integers(2, 6))
    number = st.integers(0, classes - 1)
    pairs = draw(st.lists(st.tuples(number, number), min_size=1, max_size=60))
    return classes, [pair[0] for pair in pairs], [pair[1] for pair in pairs]


@given(judged())
def test_scikit_learn_agrees(case):
    classes, labels, predictions = case
    every = {"labels": range(classes), "zero_division": np.nan}
    found = score(confusion_matrix(labels, predictions, classes))
    wanted = sk.confusion_matrix(labels, predictions, labels=range(classes))
    np.testing.assert_array_equal(found.confusion, wanted)
    for ours, theirs in (
        (found.f1, sk.f1_score),
        (found.recall, sk.recall_score),
        (found.precision, sk.precision_score),
    ):
        np.testing.assert_allclose(ours, theirs(labels, predictions, average=None, **every))
    assert found.uf1 == pytest.approx(sk.f1_score(labels, predictions, average="macro", **every))
    assert found.uar == pytest.approx(
        sk.recall_score(labels, predictions, average="macro", **every)
    )
    assert found.accuracy == pytest.approx(sk.accuracy_score(labels, predictions))
    assert found.undefined_recall == classes - len(set(labels))
    assert found.undefined_f1 == classes - len({*labels, *predictions})


def test_a_class_that_never_occurs_is_neither_0_nor_1():
    absent = score([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    assert np.isnan([absent.f1[2], absent.recall[2], absent.precision[2]]).all()
    assert absent.uf1 == pytest.approx((6 / 7 + 8 / 9) / 2)
    assert (absent.undefined_f1, absent.undefined_recall) == (1, 1)
    guessed = score([[3, 0, 1], [0, 4, 0], [0, 0, 0]])
    assert guessed.f1[2] == 0
    assert np.isnan(guessed.recall[2])
    assert guessed.uf1 == pytest.approx((6 / 7 + 1 + 0) / 3)
    assert guessed.uar == pytest.approx((3 / 4 + 1) / 2)
    assert (guessed.undefined_f1, guessed.undefined_recall) == (0, 1)


def test_nothing_at_all_is_undefined():
    nothing = score(confusion_matrix([], [], 3))
    assert np.isnan([nothing.uf1, nothing.uar, nothing.accuracy]).all()
    assert nothing.undefined_f1 == 3
    assert score_by([], [], [], 3) == {}
    found = calibrate([], np.zeros((0, 3)))
    assert np.isnan([found.error, found.log_loss]).all()


@pytest.mark.parametrize(
    ("labels", "predictions"), [([0, 3], [0, 1]), ([0, 1], [0, -1]), ([0], [0, 1]), ([[0]], [[0]])]
)
def test_numbers_that_are_no_classes(labels, predictions):
    with pytest.raises(ConfigError):
        confusion_matrix(labels, predictions, 3)


def people(seed, count, skill=0.7):
    """Clips of some people; how well each is recognised varies from person to person."""
    generator = np.random.default_rng(seed)
    groups, labels, predictions = [], [], []
    for person in range(count):
        sure = np.clip(generator.normal(skill, 0.15), 0, 1)
        for truth in generator.integers(0, 3, generator.integers(1, 12)):
            hit = generator.random() < sure
            groups.append(("samm", f"{person:03d}"))
            labels.append(int(truth))
            predictions.append(int(truth if hit else (truth + generator.integers(1, 3)) % 3))
    return groups, labels, predictions


def test_the_interval_is_seeded_and_holds_the_figure():
    groups, labels, predictions = people(1, 40)
    first = bootstrap(groups, labels, predictions, 3, seed=7)
    assert first == bootstrap(groups, labels, predictions, 3, seed=7)
    assert first != bootstrap(groups, labels, predictions, 3, seed=8)
    whole = score(confusion_matrix(labels, predictions, 3))
    assert first.uf1[0] < whole.uf1 < first.uf1[1]
    assert first.uar[0] < whole.uar < first.uar[1]
    assert (first.groups, first.draws, first.level) == (40, 2000, 0.95)


def test_the_interval_is_what_drawing_people_one_by_one_gives():
    groups, labels, predictions = people(2, 12)
    persons = sorted(set(groups))
    members = {p: [n for n, group in enumerate(groups) if group == p] for p in persons}
    generator = np.random.default_rng(0)
    drawn = []
    for _ in range(1500):
        chosen = generator.integers(0, len(persons), len(persons))
        rows = [n for index in chosen for n in members[persons[index]]]
        truth, guess = np.array(labels)[rows], np.array(predictions)[rows]
        drawn.append(score(confusion_matrix(truth, guess, 3)).uf1)
    found = bootstrap(groups, labels, predictions, 3, draws=6000)
    np.testing.assert_allclose(found.uf1, np.quantile(drawn, [0.025, 0.975]), atol=0.02)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    truth = score(confusion_matrix(*people(999, 20_000)[1:], 3)).uar
    ends = [bootstrap(*people(seed, 40), 3, draws=400).uar for seed in range(100)]
    covered = sum(low <= truth <= high for low, high in ends)
    assert 86 <= covered <= 100


def test_people_are_drawn_not_samples():
    """Ten clips of one person that are all alike tell no more than one."""
    groups, labels, predictions = people(3, 30)
    once = bootstrap(groups, labels, predictions, 3)
    tenfold = bootstrap(groups * 10, labels * 10, predictions * 10, 3)
    np.testing.assert_allclose(tenfold.uf1, once.uf1)


def test_the_same_subject_number_in_two_data_sets_is_two_people():
    groups = [("casme2", "01"), ("samm", "01")]
    assert bootstrap(groups, [0, 1], [0, 1], 2).groups == 2


def test_one_person_has_no_interval():
    found = bootstrap(["a", "a"], [0, 1], [0, 1], 2)
    assert np.isnan([*found.uf1, *found.uar]).all()


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"groups": ["a"]}])
def test_a_bootstrap_of_nonsense(wrong):
    case = {"groups": ["a", "b"], "labels": [0, 1], "predictions": [0, 1], "classes": 2} | wrong
    with pytest.raises(ConfigError):
        bootstrap(**case)


@given(st.integers(0, 10**6))
def test_log_loss_is_scikit_learns(seed):
    generator = np.random.default_rng(seed)
    table = generator.dirichlet([0.3] * 3, 30)
    labels = generator.integers(0, 3, 30)
    wanted = sk.log_loss(labels, table, labels=[0, 1, 2])
    assert calibrate(labels, table).log_loss == pytest.approx(wanted)


def test_the_calibration_error_by_hand():
    table = [[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.5, 0.5]]
    found = calibrate([0, 1, 1, 0], table, bins=5)
    assert found.samples.tolist() == [0, 0, 1, 1, 2]
    np.testing.assert_allclose(found.confidence[2:], [0.5, 0.7, 0.9])
    np.testing.assert_allclose(found.accuracy[2:], [1, 1, 0.5])
    assert found.error == pytest.approx((0.5 + 0.3 + 2 * 0.4) / 4)
    assert np.isnan(found.accuracy[:2]).all()


def test_a_calibrated_model_has_next_to_no_error():
    generator = np.random.default_rng(0)
    table = generator.dirichlet([1, 1, 1], 20_000)
    labels = [generator.choice(3, p=row) for row in table]
    assert calibrate(labels, table).error < 0.02


def test_being_surely_wrong_costs_much_but_not_everything():
    found = calibrate([1], [[1.0, 0.0]])
    assert found.error == 1
    assert 30 < found.log_loss < 40


@pytest.mark.parametrize(
    ("labels", "table"), [([0], [[1.0], [0.0]]), ([0], [0.5]), ([2], [[1, 0]])]
)
def test_probabilities_that_do_not_fit(labels, table):
    with pytest.raises(ConfigError):
        calibrate(labels, table)
