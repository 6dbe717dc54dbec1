import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engines import load_package, open_backend
from offline import default_package
from offline.default_package import export, figures, write_default
from offline.models.flow_cnn import LABELS, PUBLISHED, SCORES, Deployed, FlowCnn
from offline.synthesis.conditions import Conditions
from offline.synthesis.flow_maps import Maps
from offline.training import TrainSettings
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import RECIPES

SETTINGS = TrainSettings(seed=3, members=1, maps=400)


def deployed() -> Deployed:
    torch.manual_seed(0)
    net = Deployed([FlowCnn().eval()], 0.5, 1.25)
    return net.eval().requires_grad_(False)


def held_out(count: int = 40) -> Maps:
    rng = np.random.default_rng(0)
    groups = rng.random((count, 10, 2)).astype(np.float32)
    groups[rng.random(groups.shape) < 0.5] = 0
    return Maps(
        rng.normal(size=(count, 2, 28, 28)).astype(np.float32),
        np.arange(count, dtype=np.int64) % 4,
        groups,
        np.arange(count) % 3 == 0,
    )


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    return write_default(folder, deployed(), SETTINGS, Conditions(), held_out())


def test_the_card_is_complete(package):
    card = load_package(package.folder).card
    assert card.sha256 == package.card.sha256
    assert json.loads(json.dumps(package.card.training)) == card.training
    assert card.name == "flow-cnn"
    assert card.version == default_package.VERSION
    assert card.labels == (*EMOTIONS, "none") == LABELS
    assert card.scores == SCORES
    assert len(card.scores) == 20
    assert card.recipe in RECIPES
    assert card.input_shape == (2, 28, 28)
    assert card.licence == "Apache-2.0"
    assert "real" in card.limits
    training = card.training
    assert training["settings"]["seed"] == 3
    assert training["settings"]["fit"]["epochs"] == SETTINGS.fit.epochs
    assert training["conditions"]["archive"] == Conditions().archive
    assert training["command"] == "mer train default --out DIR --seed 3 --maps 400 --members 1"
    assert training["class balance behind prior"] == dict(zip(EMOTIONS, PUBLISHED, strict=True))
    assert training["temperature"] == 1.25
    assert training["data"].lower().startswith("synthetic only")
    for entry in ("real data", "intended use", "generator", "torch", "numpy", "python"):
        assert training[entry], entry
    json.dumps([training, card.metrics], allow_nan=False)


def test_the_figures_stand_beside_how_the_maps_were_read(package):
    found = package.card.metrics
    readings = found["held-out synthetic maps"]
    assert set(readings) == {"read as the stream reads", "read as a flow archive"}
    assert readings["read as the stream reads"]["maps"] == 26
    assert readings["read as a flow archive"]["maps"] == 14
    for reading in readings.values():
        for kind in ("three", "four"):
            assert 0 <= reading[f"expected calibration error of {kind}"] <= 1
        assert 0 <= reading["UF1 of three classes"] <= 1
    assert 0 <= found["largest difference torch / ONNX Runtime"] < 1e-4


def test_the_network_answers_as_torch_does(package):
    maps = held_out()
    inputs, outputs = package.samples()
    np.testing.assert_array_equal(inputs, maps.flow[:12])
    with torch.no_grad():
        expected = deployed()(torch.from_numpy(maps.flow)).numpy()
    np.testing.assert_allclose(outputs, expected[:12], atol=1e-6)
    with open_backend(load_package(package.folder), "onnx") as backend:
        np.testing.assert_allclose(backend.infer(maps.flow), expected, atol=1e-4)
        np.testing.assert_allclose(backend.infer(maps.flow[:1]), expected[:1], atol=1e-4)


def test_the_export_repeats_byte_for_byte_and_names_no_path():
    one, two = export(deployed()), export(deployed())
    assert one == two
    for word in (str(Path.cwd()), "site-packages", ".py"):
        assert word.encode() not in one


def test_a_network_that_exports_wrongly_is_refused(monkeypatch, tmp_path):
    torch.manual_seed(1)
    wrong = export(Deployed([FlowCnn().eval()], 0.0, 0.1).eval())
    monkeypatch.setattr(default_package, "export", lambda net: wrong)
    with pytest.raises(RuntimeError, match="torch and ONNX Runtime differ by"):
        write_default(tmp_path, deployed(), SETTINGS, Conditions(), held_out())


def test_figures_of_answers_that_are_right():
    maps = held_out()
    answers = np.full((40, 24), 0.01, np.float32)
    answers[np.arange(40), maps.labels] = 0.97
    answers[:, 4:] = maps.groups.reshape(40, 20)
    found = figures(answers, maps, np.ones(40, bool))
    assert found["maps"] == 40
    assert found["UF1 of three classes"] == 1
    assert found["none found"] == 1
    assert found["expressions called none"] == 0
    assert found["expected calibration error of four"] == pytest.approx(0.03, abs=1e-3)
    assert found["expected calibration error of three"] == pytest.approx(0.02, abs=2e-3)
    areas = found["action-unit groups, area under ROC"]
    assert set(areas) == set(SCORES)
    assert set(areas.values()) == {1.0}


def test_figures_of_answers_that_are_wrong():
    maps = held_out()
    answers = np.full((40, 24), 0.01, np.float32)
    answers[np.arange(40), (maps.labels + 1) % 4] = 0.97
    answers[:, 4:] = 1 - maps.groups.reshape(40, 20)
    found = figures(answers, maps, np.ones(40, bool))
    assert found["none found"] == 0
    assert found["expressions called none"] == pytest.approx(1 / 3, abs=1e-3)
    assert found["expected calibration error of four"] == pytest.approx(0.97, abs=1e-3)
    assert set(found["action-unit groups, area under ROC"].values()) == {0.0}


def test_scores_that_never_vary_have_no_area():
    maps = held_out()
    maps.groups[:, 0, 0] = 0
    maps.groups[:, 0, 1] = 1
    answers = np.full((40, 24), 0.25, np.float32)
    areas = figures(answers, maps, np.ones(40, bool))["action-unit groups, area under ROC"]
    assert {"brow_raise_right", "brow_raise_left"} == set(SCORES) - set(areas)


@pytest.mark.parametrize("label", [0, 3])
def test_what_never_occurs_has_no_figure(label):
    """Without maps of no expression, or with nothing else, the card must still be JSON."""
    maps = held_out()
    maps.labels[:] = label
    answers = np.full((40, 24), 0.25, np.float32)
    found = figures(answers, maps, np.ones(40, bool))
    assert found["maps"] == 40
    json.dumps(found, allow_nan=False)


def test_scores_that_know_nothing_have_half_the_area():
    """Ties count half, whatever the order of the maps."""
    answers = np.full((40, 24), 0.25, np.float32)
    areas = figures(answers, held_out(), np.ones(40, bool))["action-unit groups, area under ROC"]
    assert set(areas.values()) == {0.5}
