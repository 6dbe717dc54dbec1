import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from engines import load_package, open_backend
from offline import training
from offline.synthesis.flow_maps import Conditions
from realtime_mer.events import EMOTIONS

SMALL = training.TrainSettings(faces=4, maps=48, held_out=12, members=2, epochs=2, batch=16)


def easy_maps(count: int, seed: int = 0):
    """One bright cell a class at its own place, in noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 3
    maps = 0.3 * rng.normal(size=(count, 2, 28, 28)).astype(np.float32)
    for row, label in enumerate(labels):
        maps[row, 1, 4 + 8 * label : 8 + 8 * label, 8:20] -= 3
    return maps, labels


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return training.train_default(folder, SMALL, Conditions(pixels=0.5))


def test_a_trained_package_loads_runs_and_repeats_its_golden_answers(package):
    loaded = load_package(package.folder)
    inputs, outputs = loaded.samples()
    with open_backend(loaded, "onnx") as backend:
        found = backend.infer(inputs)
        one = backend.infer(inputs[:1])
    np.testing.assert_allclose(found, outputs, atol=1e-4)
    np.testing.assert_allclose(one, outputs[:1], atol=1e-4)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert (package.folder / "model.onnx").stat().st_size < 1_000_000


def test_the_card_says_what_it_was_trained_on(package):
    card = load_package(package.folder).card
    assert card.labels == EMOTIONS
    assert card.recipe == "onset_apex_flow"
    assert card.training["settings"]["seed"] == SMALL.seed
    assert "synthetic" in card.training["data"].lower()
    assert "python -m offline.training" in card.training["command"]
    assert card.metrics["held-out synthetic maps"]["samples"] == SMALL.held_out
    assert 0 <= card.metrics["largest difference torch / ONNX Runtime"] < 1e-4
    json.dumps(card.training)


def test_the_same_seed_gives_the_same_network(package, tmp_path):
    again = training.train_default(tmp_path, SMALL, Conditions(pixels=0.5))
    assert again.card.sha256 == package.card.sha256


def test_another_seed_gives_another_network(package):
    maps, labels = easy_maps(48)
    one, other = (
        training.fit(maps, labels, replace(SMALL, seed=seed, epochs=1), 0) for seed in (0, 1)
    )
    assert any((a != b).any() for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_fitting_learns_what_can_be_learnt():
    maps, labels = easy_maps(240)
    net = training.fit(maps, labels, replace(SMALL, epochs=8), 0)
    held_out, truth = easy_maps(60, seed=1)
    with torch.no_grad():
        predicted = net(torch.from_numpy(held_out)).argmax(1).numpy()
    assert training.macro_f1(truth, predicted) > 0.95


def test_mixed_labels_stay_distributions():
    maps, labels = easy_maps(32)
    goal = torch.nn.functional.one_hot(torch.from_numpy(labels), 3).float()
    torch.manual_seed(0)
    flow, mixed = training.augmented(torch.from_numpy(maps), goal, replace(SMALL, mixup=0.4))
    assert flow.shape == maps.shape
    torch.testing.assert_close(mixed.sum(1), torch.ones(32))
    assert ((mixed > 0.05) & (mixed < 0.95)).any()
    assert (mixed >= 0).all()
    _, pure = training.augmented(torch.from_numpy(maps), goal, replace(SMALL, mixup=0.0))
    torch.testing.assert_close(pure, goal)


def test_the_number_of_torch_threads_is_put_back(package):
    assert torch.get_num_threads() >= 1
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        training.train_default(package.folder / "never", replace(SMALL, batch=0))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("truth", "predicted", "expected"),
    [
        ([0, 1, 2], [0, 1, 2], 1.0),
        ([0, 1, 2], [1, 2, 0], 0.0),
        ([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 1, 1], (1 + 2 / 3 + 0) / 3),
        ([0, 0, 0, 1], [0, 0, 1, 1], (0.8 + 2 / 3 + 0) / 3),
    ],
)
def test_macro_f1(truth, predicted, expected):
    assert training.macro_f1(np.array(truth), np.array(predicted)) == pytest.approx(expected)
