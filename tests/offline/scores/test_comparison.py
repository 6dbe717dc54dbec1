import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.scores.comparison import paired_difference, verdict
from offline.scores.metrics import Interval, bootstrap, confusion_matrix, score
from offline.scores.results import Row
from realtime_mer.errors import ConfigError


def row(number, subject, label, prediction, dataset="samm"):
    return Row(f"{subject}_{number}", dataset, subject, label, prediction, (1 / 3,) * 3)


def runs(seed, people=25, better=0.1):
    """Two runs on the same samples; the first is right more often, for the same reasons."""
    generator = np.random.default_rng(seed)
    first, second = [], []
    for person in range(people):
        hardness = generator.normal(0, 0.15)
        for number in range(generator.integers(2, 9)):
            label = int(generator.integers(3))
            luck = generator.random()
            for rows, skill in ((first, 0.6 + better), (second, 0.6)):
                guess = label if luck < skill - hardness else (label + 1) % 3
                rows.append(row(number, f"{person:02d}", label, guess))
    return first, second


def uf1(rows):
    return score(confusion_matrix([r.label for r in rows], [r.prediction for r in rows], 3)).uf1


@pytest.mark.parametrize(
    ("own", "published", "said"),
    [
        ((0.70, 0.80), 0.75, "inside the interval"),
        ((0.70, 0.80), 0.70, "inside the interval"),
        ((0.70, 0.80), 0.80, "inside the interval"),
        ((0.70, 0.80), 0.69, "above"),
        ((0.70, 0.80), 0.81, "below"),
        ([0.70, 0.80], 0.81, "below"),
        ([None, None], 0.75, "no interval"),
        ((float("nan"), float("nan")), 0.75, "no interval"),
        (Interval((0.70, 0.80), (0.1, 0.2), 68, 2000), 0.15, "above"),
    ],
)
def test_no_winner_inside_the_interval(own, published, said):
    assert verdict(own, published) == said


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_there_is_one_verdict_and_its_mirror_image(one, other, published):
    low, high = sorted((one, other))
    mirrored = {"above": "below", "below": "above", "inside the interval": "inside the interval"}
    assert verdict((-high, -low), -published) == mirrored[verdict((low, high), published)]


def test_the_difference_is_of_the_pooled_figures_and_joined_by_sample():
    first, second = runs(0)
    difference, (low, high) = paired_difference(first, second, 3, seed=1)
    assert difference == pytest.approx(uf1(first) - uf1(second))
    assert 0 < low < difference < high
    shuffled = [second[place] for place in np.random.default_rng(0).permutation(len(second))]
    assert paired_difference(first, shuffled, 3, seed=1) == (difference, (low, high))
    turned = paired_difference(second, first, 3, seed=1)
    assert turned.difference == pytest.approx(-difference)
    assert paired_difference(first, second, 3, seed=2).interval != (low, high)


def test_pairs_tell_more_than_two_intervals():
    first, second = runs(2)
    _, (low, high) = paired_difference(first, second, 3, seed=0)
    wide = [
        bootstrap(
            [r.subject for r in rows], [r.label for r in rows], [r.prediction for r in rows], 3
        ).uf1
        for rows in (first, second)
    ]
    assert high - low < min(end[1] - end[0] for end in wide)
    assert verdict(wide[0], uf1(second)) == "inside the interval"
    assert low > 0


def test_the_interval_is_what_drawing_people_one_by_one_gives():
    first, second = runs(2, people=12)
    members = {}
    for place, each in enumerate(first):
        members.setdefault(each.subject, []).append(place)
    names, generator, drawn = list(members), np.random.default_rng(0), []
    for _ in range(1500):
        chosen = [names[n] for n in generator.integers(0, len(names), len(names))]
        places = [place for name in chosen for place in members[name]]
        drawn.append(uf1([first[p] for p in places]) - uf1([second[p] for p in places]))
    found = paired_difference(first, second, 3, seed=0, draws=6000)
    np.testing.assert_allclose(found.interval, np.quantile(drawn, [0.025, 0.975]), atol=0.02)


def test_a_run_is_no_better_than_itself():
    rows, _ = runs(3)
    assert paired_difference(rows, rows, 3, seed=0) == (0, (0, 0))


def test_one_person_has_no_interval():
    rows = [row(n, "01", n % 3, 0) for n in range(6)]
    found = paired_difference(rows, rows, 3, seed=0)
    assert found.difference == 0
    assert np.isnan(found.interval).all()


def test_the_same_id_in_two_data_sets_is_two_samples():
    first = [row(0, "01", 0, 0, "casme"), row(0, "01", 1, 1, "casme2")]
    second = [row(0, "01", 1, 0, "casme2"), row(0, "01", 0, 0, "casme")]
    assert paired_difference(first, second, 2, seed=0).difference > 0


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ([row(0, "01", 0, 0)], "1 samples are in one of the two runs only"),
        ([row(0, "01", 0, 0), row(1, "01", 2, 1)], "same protocol"),
        ([row(0, "01", 0, 0), row(1, "01", 1, 1), row(1, "01", 1, 1)], "second run .* twice"),
    ],
)
def test_runs_that_do_not_fit_together(second, said):
    first = [row(0, "01", 0, 0), row(1, "01", 1, 1)]
    with pytest.raises(ConfigError, match=said):
        paired_difference(first, second, 3, seed=0)


def test_nothing_to_compare():
    with pytest.raises(ConfigError, match="no samples"):
        paired_difference([], [], 3, seed=0)
