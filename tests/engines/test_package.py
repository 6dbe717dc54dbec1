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
