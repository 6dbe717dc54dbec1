import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from offline.scores.unit_metrics import binary_f1, score_units, unit_interval
from realtime_mer.errors import ConfigError


def tables(seed, samples=60, units=5, rare=0.2):
    generator = np.random.default_rng(seed)
    truth = generator.random((samples, units)) < rare
    guess = np.where(generator.random((samples, units)) < 0.7, truth, ~truth)
    return truth.astype(int), guess.astype(int)


@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from([0.02, 0.2, 0.6]))
def test_scikit_learn_agrees(seed, samples, rare):
    truth, guess = tables(seed, samples, rare=rare)
    found = score_units(truth, guess)
    for ours, theirs in (
        (found.f1, f1_score),
        (found.precision, precision_score),
        (found.recall, recall_score),
    ):
        wanted = [theirs(t, g, zero_division=np.nan) for t, g in zip(truth.T, guess.T, strict=True)]
        np.testing.assert_allclose(ours, wanted)
    zeros = f1_score(truth, guess, average="macro", zero_division=0)
    assert found.zeros == pytest.approx(zeros)
    macro = [f1_score(t, g, average="macro") for t, g in zip(truth.T, guess.T, strict=True)]
    np.testing.assert_allclose(found.macro_f1, macro)
    assert found.macro_average == pytest.approx(np.mean(macro))
    undefined = (~truth.any(0) & ~guess.any(0)).sum()
    assert found.undefined == undefined
    assert found.samples == samples
    assert np.isnan(found.average) == (undefined == 5)


def test_what_neither_occurs_nor_is_predicted_is_left_out_of_the_mean():
    found = score_units([[1, 0, 0], [0, 0, 0]], [[1, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(found.f1, [1, np.nan, 0])
    assert found.average == 0.5
    assert found.zeros == pytest.approx(1 / 3)
    assert found.macro_f1.tolist() == pytest.approx([1, 1, 1 / 3])
    assert found.undefined == 1


def test_nothing_at_all():
    found = score_units(np.zeros((0, 3)), np.zeros((0, 3)))
    assert np.isnan([found.average, found.zeros, found.macro_average]).all()
    assert (found.samples, found.undefined) == (0, 3)


def test_f1_by_hand():
    np.testing.assert_allclose(binary_f1([3, 0], [1, 0], [2, 0]), [6 / 9, np.nan])


def persons(seed, count=30):
    truth, guess = tables(seed, samples=count * 4)
    return [("casme", str(n % count)) for n in range(len(truth))], truth, guess


def test_the_interval_is_seeded_and_holds_the_figure():
    groups, truth, guess = persons(1)
    low, high = unit_interval(groups, truth, guess, seed=3)
    assert (low, high) == unit_interval(groups, truth, guess, seed=3)
    assert (low, high) != unit_interval(groups, truth, guess, seed=4)
    assert low < score_units(truth, guess).average < high


def test_the_interval_is_what_drawing_people_one_by_one_gives():
    groups, truth, guess = persons(2, count=12)
    members = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    names, generator, drawn = list(members), np.random.default_rng(0), []
    for _ in range(1500):
        chosen = [names[n] for n in generator.integers(0, len(names), len(names))]
        places = [place for name in chosen for place in members[name]]
        drawn.append(score_units(truth[places], guess[places]).average)
    found = unit_interval(groups, truth, guess, draws=6000)
    np.testing.assert_allclose(found, np.quantile(drawn, [0.025, 0.975]), atol=0.02)


def test_people_without_any_unit_do_not_break_the_interval():
    truth = [[1], [0], [0], [0]]
    low, high = unit_interval([("a", str(n)) for n in range(4)], truth, truth)
    assert (low, high) == (1, 1)
    nothing = np.zeros((4, 2))
    assert np.isnan(unit_interval([("a", str(n)) for n in range(4)], nothing, nothing)).all()


def test_one_person_has_no_interval():
    assert np.isnan(unit_interval(["a", "a"], [[1], [0]], [[1], [0]])).all()
    assert np.isnan(unit_interval([], np.zeros((0, 2)), np.zeros((0, 2)))).all()


@pytest.mark.parametrize(
    ("labels", "predictions"),
    [([[0, 2]], [[0, 1]]), ([0, 1], [0, 1]), ([[0, 1]], [[0]]), ([[0.5]], [[1]])],
)
def test_tables_that_do_not_fit(labels, predictions):
    with pytest.raises(ConfigError):
        score_units(labels, predictions)


def test_an_interval_of_nonsense():
    with pytest.raises(ConfigError, match="1 groups for 2 labels"):
        unit_interval(["a"], [[1], [0]], [[1], [0]])
    with pytest.raises(ConfigError, match="draws is 0"):
        unit_interval(["a", "b"], [[1], [0]], [[1], [0]], draws=0)
