import json
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from engines import load_package, open_backend
from realtime_mer.errors import ModelError
from realtime_mer.spotting.verdict import RECIPE, bundled_verdict, load_verdict
from realtime_mer.spotting.witnesses import OBJECTIONS

BUNDLED = Path(str(resources.files("realtime_mer") / "models" / "verdict"))
NAMES = list(OBJECTIONS)


def typical() -> np.ndarray:
    return np.array(load_package(BUNDLED).card.training["typical"], np.float32)


def but(**said: float) -> np.ndarray:
    """An ordinary micro-expression, but for what some witnesses say."""
    row = typical()
    for name, value in said.items():
        row[NAMES.index(name)] = value
    return row


def altered(folder: Path, **entries: object) -> Path:
    """Copy the bundled package with other entries in its card; None takes one out."""
    shutil.copytree(BUNDLED, folder)
    card = json.loads((folder / "card.json").read_text())
    for name, value in entries.items():
        card = {**card, name: value}
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def test_the_bundled_package_hears_the_spotters_witnesses() -> None:
    card = load_package(BUNDLED).card
    assert card.recipe == RECIPE
    assert card.training["witnesses"] == NAMES
    assert card.input_shape == (len(NAMES),)
    assert len(card.training["typical"]) == len(NAMES)
    assert "rendered" in card.training["data"].lower()


def test_its_golden_samples_are_reproduced() -> None:
    package = load_package(BUNDLED)
    inputs, outputs = package.samples()
    with open_backend(package, "auto") as backend:
        np.testing.assert_allclose(backend.infer(inputs), outputs, atol=1e-5)
    verdict = load_verdict(BUNDLED)
    found = [verdict.probability(row) for row in inputs]
    np.testing.assert_allclose(found, outputs[:, 1], atol=1e-5)
    assert np.ptp(found) > 0.01


def test_the_bundled_verdict_is_loaded_once() -> None:
    assert bundled_verdict() is bundled_verdict()


@pytest.mark.parametrize("witnesses", [NAMES[:-1], NAMES[::-1], None])
def test_a_model_for_other_witnesses_is_refused(tmp_path: Path, witnesses: object) -> None:
    training = {**load_package(BUNDLED).card.training, "witnesses": witnesses}
    folder = altered(tmp_path / "model", training=training)
    with pytest.raises(ModelError, match=r"train it again with python -m offline\.verdict"):
        load_verdict(folder)


def test_a_model_of_another_recipe_is_refused(tmp_path: Path) -> None:
    folder = altered(tmp_path / "model", recipe="onset_apex_flow")
    with pytest.raises(ModelError, match="train it again"):
        load_verdict(folder)


def test_no_model_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"card\.json"):
        load_verdict(tmp_path)
    folder = altered(tmp_path / "model")
    (folder / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="restore the package"):
        load_verdict(folder)


def test_an_ordinary_micro_expression_is_claimed() -> None:
    assert 0.5 < bundled_verdict().probability(typical()) <= 1


@pytest.mark.parametrize(
    ("objection", "said"),
    [
        ("blink", {"lids": 0.9, "lid": 0.9, "lids_brow": 0.9}),
        ("head motion", {"shift": 4.5, "turn": 3.5}),
        ("slow expression", {"duration": 0.0, "unreturned": 0.5, "astray": 2.0}),
        ("restless", {"restless": 1.0, "stir": 2.0, "beside": 2.0, "shape": 0.3}),
    ],
)
def test_what_speaks_against_a_movement_is_named(objection: str, said: dict[str, float]) -> None:
    verdict = bundled_verdict()
    assert verdict.probability(but(**said)) < verdict.probability(typical())
    assert verdict.objection(but(**said)) == objection


def test_a_movement_with_everything_against_it_is_not_claimed() -> None:
    row = but(restless=1.0, stir=2.0, beside=2.0, shape=0.3, likeness=0.1, coherence=0.2, astray=2)
    assert bundled_verdict().probability(row) < 0.5
    assert bundled_verdict().objection(row) in set(OBJECTIONS.values())
