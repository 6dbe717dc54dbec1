import numpy as np
import pytest

from offline.reports.embedding import embed
from realtime_mer.errors import ConfigError


def material(count=40, width=6):
    generator = np.random.default_rng(1)
    labels = np.arange(count) % 2
    inputs = generator.normal(size=(count, 2, width)) + 8 * labels[:, None, None]
    return inputs.astype(np.float32), labels


def laid_out(inputs, labels, features=None, seed=0, **more):
    count = len(labels)
    return embed(inputs, features, labels, ["samm"] * count, np.arange(count) < 4, seed, **more)


def apart(points, labels):
    """Share of samples whose nearest neighbour is of their class."""
    distances = ((points[:, None] - points[None]) ** 2).sum(-1)
    np.fill_diagonal(distances, np.inf)
    return (labels[distances.argmin(1)] == labels).mean()


def test_what_is_alike_lies_together_and_the_rest_is_kept():
    inputs, labels = material()
    found = laid_out(inputs, labels, inputs[:, 0], who="samm/006")
    assert found.points_inputs.shape == found.points_features.shape == (40, 2)
    assert apart(found.points_inputs, labels) == 1
    assert apart(found.points_features, labels) == 1
    np.testing.assert_array_equal(found.classes, labels)
    assert found.datasets == ("samm",) * 40
    assert found.held_out.sum() == 4
    assert found.note == "t-SNE, perplexity 13, seed 0; ringed: samm/006, not learnt from"


def test_equal_seeds_give_equal_points():
    inputs, labels = material()
    first, again, other = (laid_out(inputs, labels, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.points_inputs, again.points_inputs)
    assert first.points_features is None
    assert "seed 4" in other.note


@pytest.mark.parametrize("count", [5, 6])
def test_few_samples_are_enough(count):
    found = laid_out(*material(count))
    assert np.isfinite(found.points_inputs).all()


@pytest.mark.parametrize("count", [0, 1, 4])
def test_too_few_samples_are_told(count):
    found = laid_out(*material(count))
    assert found.points_inputs is None
    assert f"{count} samples: too few" in found.note


def test_inputs_that_are_all_alike_are_told():
    _, labels = material()
    found = laid_out(np.ones((40, 3)), labels)
    assert found.points_inputs is None
    assert "alike" in found.note
    inputs, labels = material()
    found = laid_out(inputs, labels, np.zeros((40, 7)))
    assert found.points_inputs is not None
    assert found.points_features is None
    assert "the network says the same of all" in found.note


@pytest.mark.parametrize("width", [1, 200])
def test_any_number_of_values_will_do(width):
    inputs, labels = material(12, width)
    found = laid_out(inputs[:, 0], labels, inputs[:, 1])
    assert np.isfinite(found.points_inputs).all()
    assert np.isfinite(found.points_features).all()


def test_lengths_that_differ_and_values_that_are_none():
    inputs, labels = material()
    with pytest.raises(ConfigError, match="one of each"):
        laid_out(inputs, labels, inputs[:5])
    inputs[3, 0, 0] = np.nan
    with pytest.raises(ConfigError, match="not finite"):
        laid_out(inputs, labels)
