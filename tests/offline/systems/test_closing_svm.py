"""A support vector machine inside a network: what it says, and that all of it is in the module."""

import io

import numpy as np
import pytest
import torch
from sklearn.svm import SVC

from offline.systems.closing_svm import SOFTNESS, TEMPERATURE, ClosingSvm


def clouds(classes: int, count: int = 30, spread: float = 0.35, seed: int = 0):
    rng = np.random.default_rng(seed)
    middles = rng.uniform(-1, 1, (classes, 6))
    labels = rng.integers(0, classes, count).astype(np.int64)
    return middles[labels] + spread * rng.normal(size=(count, 6)), labels


def fitted(classes: int, features, labels) -> ClosingSvm:
    machine = ClosingSvm(features.shape[1], classes)
    machine.fit(features, labels)
    return machine


def logits(machine: ClosingSvm, features) -> np.ndarray:
    return machine(torch.from_numpy(features).float()).numpy()


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_where_the_machines_are_sure_it_votes_as_libsvm_does(classes, seed):
    features, labels = clouds(classes, seed=seed)
    machine = fitted(classes, features, labels)
    asked, _ = clouds(classes, 400, 0.6, seed)
    published = SVC(C=1.0, kernel="linear").fit(features, labels)
    margins = machine.margins(torch.from_numpy(asked).float()).numpy()
    ours, theirs = logits(machine, asked).argmax(1), published.predict(asked)
    duels = published.set_params(decision_function_shape="ovo").decision_function(asked)
    # scikit-learn turns the sign of a lone duel: above 0 it speaks for the second class.
    duels = -duels[:, None] if classes == 2 else duels
    np.testing.assert_allclose(margins, duels, atol=0.02)  # LIBSVM stops at 0.001
    votes = np.zeros((len(asked), classes))
    for place, (first, second) in enumerate(machine.pairs):
        np.add.at(votes, (range(len(asked)), np.where(margins[:, place] > 0, first, second)), 1)
    clear = (np.sort(votes, 1)[:, -1] > np.sort(votes, 1)[:, -2]) & (abs(margins) > 0.5).all(1)
    assert clear.sum() > 15
    np.testing.assert_array_equal(ours[clear], theirs[clear])
    assert (ours == theirs).mean() > 0.9


def test_probabilities_of_a_clear_and_of_an_open_duel():
    machine = ClosingSvm(1, 3)
    machine.offsets.copy_(torch.tensor([50.0, 50.0, 0.0]))
    told = torch.softmax(machine(torch.zeros(1, 1)), 1)[0]
    expected = torch.softmax(torch.tensor([2.0, 0.5, 0.5]) / TEMPERATURE, 0)
    torch.testing.assert_close(told, expected)
    machine.offsets.zero_()
    torch.testing.assert_close(machine(torch.zeros(1, 1)), torch.full((1, 3), 1 / TEMPERATURE))


def test_a_small_change_of_features_is_a_small_change_of_the_answer():
    features, labels = clouds(3)
    machine = fitted(3, features, labels)
    asked, _ = clouds(3, 200, 0.6)
    moved = logits(machine, asked + 1e-3) - logits(machine, asked)
    steepest = machine.weights.norm(dim=1).sum().item() / (4 * SOFTNESS * TEMPERATURE)
    assert 0 < abs(moved).max() <= steepest * 1e-3 * 6**0.5 + 1e-5


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_class_that_was_not_taught_loses(missing):
    features, labels = clouds(3)
    known = labels != missing
    machine = fitted(3, features[known], labels[known])
    assert missing not in logits(machine, features).argmax(1)
    alone = fitted(3, features[labels == 1], labels[labels == 1])
    assert (logits(alone, features).argmax(1) == 1).all()


def test_the_state_holds_everything_and_says_whether_it_was_fitted():
    features, labels = clouds(3)
    machine = fitted(3, features, labels)
    file = io.BytesIO()
    torch.save(machine.state_dict(), file)
    file.seek(0)
    fresh = ClosingSvm(6, 3)
    assert not fresh.fitted.any()
    fresh.load_state_dict(torch.load(file, weights_only=True))
    assert fresh.fitted.all()
    np.testing.assert_array_equal(logits(fresh, features), logits(machine, features))
    assert not list(machine.parameters())


def test_more_cost_fits_closer():
    features, labels = clouds(3, spread=0.8)
    hits = []
    for cost in (0.001, 100.0):
        machine = ClosingSvm(6, 3)
        machine.fit(features, labels, cost)
        hits.append((logits(machine, features).argmax(1) == labels).mean())
    assert hits[0] < hits[1]
