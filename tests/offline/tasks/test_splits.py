from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.tasks.splits import (
    Split,
    inner_folds,
    inner_split,
    leave_one_dataset_out,
    leave_one_subject_out,
)
from realtime_mer.errors import ConfigError

# Negative, positive and surprise samples of every subject of MEGC2019, as published.
MEGC2019 = {
    "casme2": """01:2/1/0 02:5/1/3 03:4/0/1 04:2/0/0 05:0/1/5 06:1/1/2 07:5/0/0 08:1/0/0 09:5/5/0
        11:4/0/0 12:5/2/4 13:0/2/0 14:0/3/0 15:1/1/1 16:1/2/0 17:23/7/1 19:3/3/5 20:2/0/0 21:1/0/0
        22:2/0/0 23:7/1/0 24:2/0/1 25:3/0/2 26:9/2/0""",
    "samm": """006:9/0/2 007:1/5/2 009:3/0/1 010:4/0/0 011:13/7/0 012:2/0/1 013:6/0/0 014:2/7/1
        015:2/0/1 016:2/1/2 017:3/0/1 018:2/0/1 019:0/1/0 020:2/2/0 021:2/0/0 022:3/2/0 023:1/0/0
        024:1/0/0 026:9/0/0 028:1/0/2 030:3/0/0 031:1/0/0 032:4/0/0 033:4/1/0 034:3/0/0 035:7/0/1
        036:1/0/0 037:1/0/0""",
    "smic": """s01:3/2/1 s02:0/1/5 s03:22/11/6 s04:10/4/5 s05:1/0/1 s06:2/0/2 s08:9/4/0 s09:0/1/3
        s11:3/3/1 s12:0/8/1 s13:0/10/0 s14:3/2/5 s15:1/1/2 s18:2/0/5 s19:0/1/1 s20:14/3/5""",
}
PEOPLE = {
    (dataset, entry.split(":")[0]): [int(n) for n in entry.split(":")[1].split("/")]
    for dataset, table in MEGC2019.items()
    for entry in table.split()
}


def composite():
    """Person and class of 442 samples, shuffled."""
    samples = [
        (person, label)
        for person, counts in PEOPLE.items()
        for label, count in enumerate(counts)
        for _ in range(count)
    ]
    np.random.default_rng(3).shuffle(samples)
    return [(str(d), str(s)) for (d, s), _ in samples], np.array([int(n) for _, n in samples])


def drawn_groups():
    person = st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2", "3", "4"]))
    return st.lists(person, min_size=1, max_size=40)


def test_the_composite_has_the_published_size():
    groups, labels = composite()
    assert np.bincount(labels).tolist() == [250, 109, 83]
    assert Counter(dataset for dataset, _ in groups) == {"smic": 164, "casme2": 145, "samm": 133}
    assert len(set(groups)) == 68
    present = Counter(sum(n > 0 for n in counts) for counts in PEOPLE.values())
    assert present == {1: 23, 2: 29, 3: 16}


def test_every_subject_of_the_composite_is_left_out_once():
    groups, labels = composite()
    splits = leave_one_subject_out(groups)
    assert len(splits) == 68
    assert [split.name for split in splits] == ["/".join(person) for person in sorted(PEOPLE)]
    for split in splits:
        person = tuple(split.name.split("/"))
        assert np.bincount(labels[split.test], minlength=3).tolist() == PEOPLE[person]
        assert len(split.train) + len(split.test) == 442
    assert sum(len(split.test) for split in splits) == 442


@given(drawn_groups())
def test_a_dictionary_of_sets_says_the_same(groups):
    for splits, key in (
        (leave_one_subject_out(groups), lambda group: group),
        (leave_one_dataset_out(groups), lambda group: group[0]),
    ):
        places = {}
        for place, group in enumerate(groups):
            places.setdefault(key(group), set()).add(place)
        assert [set(split.test.tolist()) for split in splits] == [
            places[name] for name in sorted(places)
        ]
        for split in splits:
            assert set(split.train.tolist()) == set(range(len(groups))) - set(split.test.tolist())
            assert (np.diff(split.train) > 0).all()
            assert (np.diff(split.test) > 0).all()
            assert split.train.dtype == split.test.dtype == np.int64
            people = [{groups[place] for place in side} for side in (split.train, split.test)]
            assert not people[0] & people[1]


def test_names_that_only_look_alike_are_two_people():
    splits = leave_one_subject_out([("a", "b/c"), ("a/b", "c"), ("a", "b/c")])
    assert [split.test.tolist() for split in splits] == [[0, 2], [1]]


def test_the_same_subject_of_two_data_sets_is_two_people():
    splits = leave_one_subject_out([("samm", "01"), ("casme2", "01")])
    assert [(s.name, s.test.tolist()) for s in splits] == [("casme2/01", [1]), ("samm/01", [0])]


def test_nobody():
    assert leave_one_subject_out([]) == leave_one_dataset_out([]) == ()


def training_side(groups):
    splits = leave_one_subject_out(groups)
    return splits[len(splits) // 2].train


def keep_apart(groups, train, fit, validation):
    assert sorted([*fit.tolist(), *validation.tolist()]) == sorted(train.tolist())
    assert not {groups[place] for place in fit} & {groups[place] for place in validation}
    for side in (fit, validation):
        assert side.dtype == np.int64
        assert (np.diff(side) > 0).all()


@given(drawn_groups(), st.integers(0, 5), st.floats(0.05, 0.95))
def test_an_inner_split_parts_people_and_data_sets_in_proportion(groups, seed, share):
    train = training_side(groups)
    people = {groups[place] for place in train}
    if len(people) < 2:
        with pytest.raises(ConfigError, match="two people or more"):
            inner_split(groups, train, seed, share)
        return
    fit, validation = inner_split(groups, train, seed, share)
    keep_apart(groups, train, fit, validation)
    chosen = {groups[place] for place in validation}
    assert len(chosen) == min(max(1, round(share * len(people))), len(people) - 1)
    for dataset, number in Counter(dataset for dataset, _ in people).items():
        exact = number * len(chosen) / len(people)
        assert abs(sum(person[0] == dataset for person in chosen) - exact) < 1


def test_an_inner_split_of_the_composite():
    groups, _ = composite()
    train = leave_one_subject_out(groups)[0].train
    fit, validation = inner_split(groups, train, seed=0)
    people = Counter(dataset for dataset, _ in {groups[place] for place in validation})
    assert people == {"casme2": 5, "samm": 5, "smic": 3}
    again = inner_split(groups, train[::-1], seed=0)
    np.testing.assert_array_equal(again[0], fit)
    others = [tuple(inner_split(groups, train, seed)[1]) for seed in range(8)]
    assert len(set(others)) == 8
    assert {groups[p] for each in others for p in each} < {groups[p] for p in train}


def test_everyone_is_drawn_about_equally_often():
    groups = [("a", str(n)) for n in range(10)] + [("b", str(n)) for n in range(5)]
    train = np.arange(len(groups))
    drawn = Counter(p for seed in range(600) for p in inner_split(groups, train, seed)[1].tolist())
    assert all(80 < drawn[place] < 160 for place in train)


@given(drawn_groups(), st.integers(0, 5), st.integers(2, 6))
def test_inner_folds_validate_everyone_once(groups, seed, folds):
    train = training_side(groups)
    people = {groups[place] for place in train}
    if len(people) < 2:
        with pytest.raises(ConfigError, match="two people or more"):
            inner_folds(groups, train, seed, folds)
        return
    found = inner_folds(groups, train, seed, folds)
    assert len(found) == min(folds, len(people))
    for fit, validation in found:
        keep_apart(groups, train, fit, validation)
        assert len(validation)
        assert len(fit)
    everyone = np.concatenate([validation for _, validation in found])
    assert sorted(everyone.tolist()) == train.tolist()
    count = Counter(groups[place] for place in train)
    for dataset in {dataset for dataset, _ in people}:
        held = [sum(groups[p][0] == dataset for p in validation) for _, validation in found]
        largest = max(count[person] for person in people if person[0] == dataset)
        assert max(held) - min(held) <= largest


def test_inner_folds_of_the_composite_are_of_equal_size():
    groups, _ = composite()
    train = leave_one_subject_out(groups)[0].train
    sizes = [len(validation) for _, validation in inner_folds(groups, train, seed=1)]
    assert max(sizes) - min(sizes) <= 8
    first, again, other = (inner_folds(groups, train, seed) for seed in (1, 1, 2))
    same = [np.array_equal(a[1], b[1]) for a, b in zip(first, again, strict=True)]
    assert all(same)
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("share", [0, 1, -0.5, 2])
def test_a_share_that_is_none(share):
    with pytest.raises(ConfigError, match="share"):
        inner_split([("a", "1"), ("a", "2")], [0, 1], 0, share)


def test_folds_that_are_none():
    with pytest.raises(ConfigError, match="folds is 1"):
        inner_folds([("a", "1"), ("a", "2")], [0, 1], 0, folds=1)


def test_a_split_is_only_its_arrays():
    split = Split("a/1", np.array([1]), np.array([0]))
    assert (split.name, split.train.tolist(), split.test.tolist()) == ("a/1", [1], [0])
