import hashlib
import json

import numpy as np
import pytest

from engines import PackageError, load_package, write_package
from tests.engines.conftest import SHAPE, tiny_card, tiny_onnx, tiny_reference


def test_a_written_package_reads_back_equal(tiny):
    loaded = load_package(tiny.folder)
    assert loaded == tiny
    assert loaded.card.sha256 == hashlib.sha256(tiny_onnx()).hexdigest()
    assert loaded.model_id == f"tiny@{loaded.card.sha256[:8]}"
    inputs, outputs = loaded.samples()
    assert inputs.shape == (5, *SHAPE)
    np.testing.assert_array_equal(outputs, tiny_reference(inputs))
    assert sorted(path.name for path in tiny.folder.iterdir()) == [
        "card.json",
        "model.onnx",
        "samples.npz",
    ]


def test_scores_are_read_back_behind_the_labels(scored):
    loaded = load_package(scored.folder)
    assert loaded == scored
    assert loaded.card.scores == ("smile_left",)
    assert loaded.card.columns == ("negative", "positive", "surprise", "smile_left")
    assert loaded.samples()[1].shape == (5, 4)


def test_a_card_from_before_there_were_scores_still_reads(tiny):
    path = tiny.folder / "card.json"
    card = json.loads(path.read_text())
    assert card.pop("scores") == []
    path.write_text(json.dumps(card))
    assert load_package(tiny.folder) == tiny
    assert tiny.card.columns == tiny.card.labels


def test_one_flipped_bit_in_the_network_is_refused(tiny):
    path = tiny.folder / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(PackageError, match="SHA-256"):
        load_package(tiny.folder)


@pytest.mark.parametrize("name", ["card.json", "model.onnx"])
def test_a_missing_file_is_named(tiny, name):
    (tiny.folder / name).unlink()
    with pytest.raises(PackageError, match=name):
        load_package(tiny.folder)


def test_a_card_with_missing_and_unknown_entries_says_which(tiny):
    path = tiny.folder / "card.json"
    card = json.loads(path.read_text())
    del card["recipe"]
    card["colour"] = "blue"
    path.write_text(json.dumps(card))
    with pytest.raises(PackageError, match=r"missing entries \['recipe'\], unknown \['colour'\]"):
        load_package(tiny.folder)


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"name": "tiny"}', "\x00"])
def test_a_card_that_is_no_card_is_refused(tiny, text):
    (tiny.folder / "card.json").write_text(text)
    with pytest.raises(PackageError, match=r"card\.json"):
        load_package(tiny.folder)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../up"},
        {"labels": ("one",)},
        {"labels": ("one", "one")},
        {"scores": ("smile", "smile")},
        {"scores": ("positive",)},
        {"input_shape": ()},
        {"input_shape": (2, 0)},
        {"input_dtype": "complex64"},
    ],
)
def test_a_card_that_makes_no_sense_is_refused(change):
    with pytest.raises(PackageError, match=f"card: {next(iter(change))}"):
        tiny_card(**change)


def test_samples_that_contradict_the_card_are_refused(tmp_path):
    inputs = np.zeros((2, 1, 4, 4), np.float32)
    with pytest.raises(PackageError, match="golden samples"):
        write_package(tmp_path, tiny_card(), b"", inputs, np.zeros((2, 3), np.float32))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("columns", [3, 5])
def test_samples_have_a_column_for_every_score(tmp_path, columns):
    samples = np.zeros((2, *SHAPE), np.float32), np.zeros((2, columns), np.float32)
    with pytest.raises(PackageError, match=r"golden samples: .*outputs \(N, 4\)"):
        write_package(tmp_path, tiny_card(scores=("smile",)), b"", *samples)


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_scores_lie_between_0_and_1(tmp_path, score):
    outputs = np.array([[0.2, 0.3, 0.5, score]], np.float32)
    inputs = np.zeros((1, *SHAPE), np.float32)
    with pytest.raises(PackageError, match="between 0 and 1"):
        write_package(tmp_path, tiny_card(scores=("smile",)), b"", inputs, outputs)


def test_pickled_samples_are_not_unpickled(tiny):
    np.savez(tiny.folder / "samples.npz", inputs=np.array([{}], dtype=object), outputs=np.zeros(1))
    with pytest.raises(PackageError, match="golden samples"):
        tiny.samples()


def test_missing_or_broken_samples_are_reported(tiny):
    (tiny.folder / "samples.npz").write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(PackageError, match="golden samples"):
        tiny.samples()
    (tiny.folder / "samples.npz").unlink()
    with pytest.raises(PackageError, match="golden samples"):
        tiny.samples()
