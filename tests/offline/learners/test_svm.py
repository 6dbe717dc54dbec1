"""Support vector machines and logistic regression: honest, reproducible, and what they claim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from offline.bench.learning import HONEST, SELECTIONS, Job, Learner, Material, Outcome
from offline.learners.kernel_machines import fit_logistic, fit_svm
from offline.learners.similarities import Similarities, gaussian
from offline.learners.svm import KernelSvm, LinearSvm, Logistic
from offline.mirroring import mirrored
from offline.tasks.splits import Split, leave_one_subject_out
from realtime_mer.errors import ConfigError

LEARNERS = [LinearSvm(), LinearSvm(standardise="features"), KernelSvm(), Logistic()]
PEOPLE, EACH = 9, 6


def material(
    seed: int = 0, noise: float = 1.5, exclusive: bool = True, people: int = PEOPLE
) -> Material:
    """Small maps of three classes, every person with a habit of their own."""
    rng = np.random.default_rng(seed)
    labels = np.arange(people * EACH) % 3
    patterns = np.random.default_rng(99).normal(size=(3, 2, 4, 4))
    maps = patterns[labels] + noise * rng.normal(size=(len(labels), 2, 4, 4))
    owners = np.repeat(np.arange(people), EACH)
    maps += 0.5 * rng.normal(size=(people, 2, 4, 4))[owners]
    targets = np.eye(3, dtype=np.float32)[labels]
    if not exclusive:
        targets[rng.random(len(labels)) < 0.3, 0] = 1
    groups = tuple((("b", "a")[owner % 2], f"{owner:02d}") for owner in owners)
    return Material(maps.astype(np.float32), targets, groups, exclusive)


def jobs_of(made: Material, seed: int = 0) -> list[Job]:
    return [Job(split, seed) for split in leave_one_subject_out(made.groups)]


def learn(learner: Learner, made: Material, jobs: list[Job], selection: str) -> list[Outcome]:
    said: list[Outcome] = []
    order: list[Job] = []

    def done(job: Job, outcome: Outcome) -> None:
        order.append(job)
        said.append(outcome)

    learner.learn(made, jobs, selection, done)
    assert order == jobs
    return said


def same(one: Outcome, other: Outcome) -> bool:
    return (
        np.array_equal(one.test, other.test)
        and np.array_equal(one.train, other.train)
        and one.chosen == other.chosen
    )


# The contract -----------------------------------------------------------------------------------


@pytest.mark.parametrize("learner", LEARNERS, ids=str)
@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("exclusive", [True, False])
def test_answers_are_probabilities_in_the_order_of_the_split(learner, selection, exclusive):
    made = material(exclusive=exclusive)
    job = jobs_of(made)[2]
    [outcome] = learn(learner, made, [job], selection)
    assert outcome.test.shape == (len(job.split.test), 3)
    assert outcome.train.shape == (len(job.split.train), 3)
    for table in (outcome.test, outcome.train):
        assert table.dtype == np.float64
        assert ((table > 0) & (table < 1)).all()
        if exclusive:
            np.testing.assert_allclose(table.sum(1), 1)
    assert set(outcome.chosen) == ({"C", "gamma"} if isinstance(learner, KernelSvm) else {"C"})


@pytest.mark.parametrize("learner", LEARNERS, ids=str)
@pytest.mark.parametrize("exclusive", [True, False])
def test_more_is_known_than_chance(learner, exclusive):
    made = material(exclusive=exclusive, noise=1.0)
    jobs = jobs_of(made)
    right = [
        (outcome.test > 0.5) == (made.targets[job.split.test] > 0.5)
        for job, outcome in zip(jobs, learn(learner, made, jobs, "fixed"), strict=True)
    ]
    assert np.concatenate(right).mean() > 0.85


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(LEARNERS), st.sampled_from(HONEST), st.booleans())
def test_nothing_is_learnt_from_whoever_is_left_out(seed, learner, selection, exclusive):
    made = material(seed, exclusive=exclusive)
    job = jobs_of(made, seed)[seed % PEOPLE]
    rng = np.random.default_rng(seed)
    targets = made.targets.copy()
    targets[job.split.test] = targets[job.split.test][:, rng.permutation(3)]
    inputs = made.inputs.copy()
    inputs[job.split.test[1:]] = rng.normal(size=inputs[job.split.test[1:]].shape)
    [before] = learn(learner, made, [job], selection)
    [after] = learn(learner, replace(made, targets=targets), [job], selection)
    assert same(before, after)
    [moved] = learn(learner, replace(made, inputs=inputs), [job], selection)
    np.testing.assert_allclose(moved.test[0], before.test[0], rtol=1e-9)
    np.testing.assert_allclose(moved.train, before.train, rtol=1e-9)


def test_the_test_fold_is_the_leak():
    """Many values of C, one person: whichever answers that person best is taken."""
    made = material(noise=4.0)
    learner = LinearSvm(c=0.001, grid=(0.001, 0.01, 0.1, 1.0, 10.0, 100.0))
    jobs = jobs_of(made)
    turned = replace(made, targets=made.targets[:, [1, 2, 0]])
    choices = set()
    for job in jobs:
        labels = made.targets.copy()
        labels[job.split.test] = turned.targets[job.split.test]
        [one] = learn(learner, made, [job], "test-fold")
        [other] = learn(learner, replace(made, targets=labels), [job], "test-fold")
        choices |= {(one.chosen["C"], other.chosen["C"])}
    assert any(one != other for one, other in choices)

    def hits(selection: str) -> float:
        said = learn(learner, made, jobs, selection)
        pairs = zip(jobs, said, strict=True)
        return float(
            np.mean(
                [
                    (outcome.test.argmax(1) == made.labels[job.split.test]).mean()
                    for job, outcome in pairs
                ]
            )
        )

    assert hits("test-fold") > max(hits("fixed"), hits("inner"))


@pytest.mark.parametrize("learner", LEARNERS, ids=str)
@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_job_does_not_know_the_others(learner, selection):
    made = material()
    jobs = jobs_of(made)[:2]
    together = learn(learner, made, jobs, selection)
    turned = learn(learner, made, jobs[::-1], selection)[::-1]
    for job, one, other in zip(jobs, together, turned, strict=True):
        [alone] = learn(learner, made, [job], selection)
        assert same(alone, one)
        assert same(alone, other)


def test_the_seed_deals_the_inner_folds():
    made = material(noise=3.0)
    tables = []
    for seed in (0, 0, 1):
        [outcome] = learn(LinearSvm(), made, [jobs_of(made, seed)[0]], "inner")
        tables.append(outcome.test)
    np.testing.assert_array_equal(tables[0], tables[1])
    assert not np.array_equal(tables[0], tables[2])


@pytest.mark.parametrize("learner", LEARNERS, ids=str)
def test_one_person_to_learn_from_is_enough_for_an_answer(learner):
    made = material()
    rows = np.arange(EACH)
    job = Job(Split("others", rows, np.arange(EACH, 3 * EACH)), 0)
    [outcome] = learn(learner, made, [job], "inner")
    assert outcome.chosen["C"] == learner.c
    np.testing.assert_allclose(outcome.test.sum(1), 1)


def test_other_selections_are_refused():
    made = material()
    with pytest.raises(ConfigError, match="give one of fixed, inner, test-fold"):
        learn(LinearSvm(), made, jobs_of(made), "best")


def test_settings_that_make_no_sense_are_refused():
    made = material()
    flat = replace(made, inputs=made.inputs.reshape(len(made.inputs), -1))
    with pytest.raises(ConfigError, match="mirror is for maps"):
        learn(LinearSvm(mirror=True), flat, jobs_of(made), "fixed")
    with pytest.raises(ConfigError, match="give one of none, features"):
        learn(LinearSvm(standardise="maps"), made, jobs_of(made), "fixed")


# Classes and units that cannot be learnt --------------------------------------------------------


@pytest.mark.parametrize("learner", LEARNERS, ids=str)
def test_a_unit_with_one_side_answers_its_base_rate(learner):
    made = material(exclusive=False)
    targets = np.concatenate([made.targets, made.targets[:, :2]], axis=1)
    targets[:, 3], targets[:, 4] = 0, 1
    job = jobs_of(made)[0]
    targets[job.split.test[0], 3:] = [1, 0]
    for selection in SELECTIONS:
        [outcome] = learn(learner, replace(made, targets=targets), [job], selection)
        count = len(job.split.train)
        np.testing.assert_allclose(outcome.test[:, 3], 0.5 / (count + 1))
        np.testing.assert_allclose(outcome.train[:, 4], (count + 0.5) / (count + 1))
        [without] = learn(learner, made, [job], "fixed")
        if selection == "fixed":
            np.testing.assert_allclose(outcome.test[:, :3], without.test, rtol=1e-9)


@pytest.mark.parametrize("learner", LEARNERS, ids=str)
def test_a_class_nobody_shows_has_no_chance(learner):
    made = material()
    for present in ((0, 2), (1,)):
        keep = np.flatnonzero(np.isin(made.labels, present))
        keep = keep[keep >= EACH]
        job = Job(Split("first", keep, np.arange(EACH)), 0)
        for selection in SELECTIONS:
            [outcome] = learn(learner, made, [job], selection)
            absent = [column for column in range(3) if column not in present]
            assert (outcome.test[:, absent] == 0).all()
            np.testing.assert_allclose(outcome.test.sum(1), 1)


# A second derivation ----------------------------------------------------------------------------


@pytest.mark.parametrize("standardise", ["none", "features"])
def test_the_linear_machine_is_the_textbook_s(standardise):
    made, job = material(), jobs_of(material())[3]
    train, test = job.split.train, job.split.test
    rows = made.inputs.reshape(len(made.inputs), -1).astype(np.float64)
    rows = rows - rows[train].mean(0)
    if standardise == "features":
        rows = rows / rows[train].std(0)
    rows = rows / np.sqrt((rows[train] ** 2).sum(1).mean())
    counts = np.bincount(made.labels[train])
    scores = []
    for column in range(3):
        yes = made.labels[train] == column
        share = np.where(yes, 1 / counts[column], 0.5 / counts[made.labels[train]])
        machine = SVC(C=0.3, kernel="linear", tol=1e-6)
        machine.fit(rows[train], yes, sample_weight=share * len(train) / 2)
        scores.append(machine.decision_function(rows[test]))
    alike = Similarities(made.inputs, standardise=standardise).linear(train)
    ours = fit_svm(
        np.ascontiguousarray(alike[np.ix_(train, train)]), made.targets[train] > 0, True, 0.3
    )
    told = ours.scores(alike[np.ix_(test, train)])
    np.testing.assert_allclose(told, np.stack(scores, 1), atol=5e-3)
    [outcome] = learn(LinearSvm(0.3, standardise=standardise), made, [job], "fixed")
    np.testing.assert_array_equal(outcome.test.argmax(1), told.argmax(1))
    gaps, logs = np.diff(told, axis=1), np.diff(np.log(outcome.test), axis=1)
    np.testing.assert_allclose(logs, gaps * (logs / gaps).mean(), rtol=1e-6)


def test_the_gaussian_machine_is_the_textbook_s():
    made, job = material(exclusive=False), jobs_of(material())[3]
    train, test = job.split.train, job.split.test
    rows = made.inputs.reshape(len(made.inputs), -1).astype(np.float64)
    known = rows[train]
    unit = ((known[:, None] - known) ** 2).sum(2).mean()
    [outcome] = learn(KernelSvm(c=1.0, gamma=0.5), made, [job], "fixed")
    for column in range(3):
        machine = SVC(C=1.0, gamma=0.5 / unit, class_weight="balanced", tol=1e-6)
        machine.fit(known, made.targets[train, column])
        told = machine.decision_function(rows[test])
        odds = np.log(outcome.test[:, column] / (1 - outcome.test[:, column]))
        assert np.corrcoef(told, odds)[0, 1] > 0.9999
        sure = np.abs(told) > 0.01
        np.testing.assert_array_equal((told > 0)[sure], (odds > 0)[sure])


@pytest.mark.parametrize("exclusive", [True, False])
def test_logistic_regression_is_the_textbook_s(exclusive):
    made = material(exclusive=exclusive)
    gram = Similarities(made.inputs).linear(np.arange(len(made.inputs)))
    ours = fit_logistic(gram, made.targets > 0, exclusive, 0.3).scores(gram)
    rows = made.inputs.reshape(len(gram), -1).astype(np.float64)
    rows = rows - rows.mean(0)
    rows /= np.sqrt((rows**2).sum(1).mean())
    theirs = LogisticRegression(C=0.3, class_weight="balanced", tol=1e-8, max_iter=1000)
    if exclusive:
        told = theirs.fit(rows, made.labels).decision_function(rows)
        ours, told = (each - each.mean(1, keepdims=True) for each in (ours, told))
    else:
        told = np.stack(
            [theirs.fit(rows, column).decision_function(rows) for column in made.targets.T], 1
        )
    np.testing.assert_allclose(ours, told, atol=2e-3)


# Mirror images ----------------------------------------------------------------------------------


@pytest.mark.parametrize("standardise", ["none", "features"])
@pytest.mark.parametrize("gamma", [None, 0.5])
def test_mirrored_similarities_stand_for_mirrored_copies(standardise, gamma):
    """Learning from every sample and its mirror image, and answering the mean for both."""
    made, rng = material(), np.random.default_rng(1)
    train = np.sort(rng.permutation(len(made.inputs))[:40])
    test = np.setdiff1d(np.arange(len(made.inputs)), train)
    alike = Similarities(made.inputs, True, standardise)
    both = np.stack([made.inputs, mirrored(made.inputs)])
    rows = both.reshape(2, len(made.inputs), -1).astype(np.float64)
    if standardise == "features":
        rows = rows / rows[:, train].reshape(80, -1).std(0)
    known = rows[:, train].reshape(80, -1)
    if gamma is None:
        even = rows.mean(0)[train]
        unit = ((even - even.mean(0)) ** 2).sum(1).mean()
        gram = alike.linear(train)
        machine = SVC(C=0.15, kernel="linear", tol=1e-7)
        known, rows = known / np.sqrt(unit), rows / np.sqrt(unit)
    else:
        single = rows[0, train]
        unit = ((single[:, None] - single) ** 2).sum(2).mean()
        gram = gaussian(alike.distances(train), gamma)
        machine = SVC(C=0.15, gamma=gamma / unit, tol=1e-7)
    present = made.targets[train][:, :1] > 0
    ours = fit_svm(np.ascontiguousarray(gram[np.ix_(train, train)]), present, False, 0.3)
    weight = np.where(present[:, 0], 20 / present.sum(), 20 / (~present).sum())
    machine.fit(known, np.tile(present[:, 0], 2), sample_weight=np.tile(weight, 2))
    told = [machine.decision_function(side[test]) for side in rows]
    np.testing.assert_allclose(
        ours.scores(gram[np.ix_(test, train)])[:, 0], np.mean(told, 0), atol=5e-3
    )


@pytest.mark.parametrize("learner", [LinearSvm, KernelSvm, Logistic])
def test_mirror_images_get_the_same_answer(learner):
    made, job = material(), jobs_of(material())[1]
    inputs = made.inputs.copy()
    inputs[job.split.test] = mirrored(inputs[job.split.test])
    [one] = learn(learner(mirror=True), made, [job], "fixed")
    [other] = learn(learner(mirror=True), replace(made, inputs=inputs), [job], "fixed")
    np.testing.assert_allclose(one.test, other.test, rtol=1e-7)


def test_the_strength_of_motion_is_neither_odd_nor_turned():
    maps = np.arange(2 * 3 * 2 * 4, dtype=np.float32).reshape(2, 3, 2, 4)
    turned = mirrored(maps)
    np.testing.assert_array_equal(turned[:, :2], maps[:, :2, :, ::-1] * [[[-1]], [[1]]])
    np.testing.assert_array_equal(turned[:, 2], maps[:, 2, :, ::-1])


# The unit of C, and inner folds -----------------------------------------------------------------


@pytest.mark.parametrize("learner", LEARNERS, ids=str)
def test_the_unit_of_the_inputs_does_not_matter(learner):
    made, job = material(), jobs_of(material())[1]
    other = replace(made, inputs=made.inputs * np.float32(1024) + np.float32(32))
    [one], [scaled] = (learn(learner, each, [job], "inner") for each in (made, other))
    np.testing.assert_allclose(one.test, scaled.test, atol=2e-3)
    assert one.chosen == scaled.chosen


def test_features_that_never_vary_say_nothing():
    made = material()
    inputs = made.inputs.copy()
    job = jobs_of(made)[0]
    inputs[job.split.train, 0, 0, 0] = 3
    learner = LinearSvm(standardise="features")
    [one] = learn(learner, replace(made, inputs=inputs), [job], "fixed")
    inputs[job.split.test, 0, 0, 0] = 1000
    [other] = learn(learner, replace(made, inputs=inputs), [job], "fixed")
    np.testing.assert_allclose(one.test, other.test)
    still = replace(made, inputs=np.ones_like(inputs))
    for learner in LEARNERS:
        [outcome] = learn(learner, still, [job], "inner")
        assert np.isfinite(outcome.test).all()


def test_what_is_selected_is_what_others_are_told_best_with():
    """Labels that only near neighbours share: a wide kernel cannot, a narrow one can."""
    rng = np.random.default_rng(0)
    owners = np.repeat(np.arange(20), 12)
    places = rng.uniform(-3, 3, (len(owners), 2)).astype(np.float32)
    labels = ((np.floor(places).sum(1) % 2) > 0).astype(int)
    made = Material(
        places, np.eye(2, dtype=np.float32)[labels], tuple(("x", str(owner)) for owner in owners)
    )
    learner = KernelSvm(gamma=0.01, gammas=(0.01, 20.0), grid=(3.0,), c=3.0)
    jobs = jobs_of(made)[:3]
    assert {each.chosen["gamma"] for each in learn(learner, made, jobs, "fixed")} == {0.01}
    assert {each.chosen["gamma"] for each in learn(learner, made, jobs, "inner")} == {20.0}
