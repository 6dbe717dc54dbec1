from dataclasses import replace

import numpy as np
import pytest

from engines import Card, write_package
from realtime_mer.errors import ModelError
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import CandidateFrames
from realtime_mer.recognizer import Recognizer, open_recognizer


class Fixed:
    """A backend that always gives the same answer and remembers what it was asked."""

    name = "fixed"

    def __init__(self, answer):
        self.answer, self.batches, self.closed = np.array([answer], np.float32), [], False

    def open(self):
        return self

    def infer(self, batch):
        self.batches.append(batch)
        return self.answer

    def close(self):
        self.closed = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.fixture
def package(tmp_path):
    card = Card(
        name="toy",
        version="1",
        labels=("surprise", "negative", "positive"),
        recipe="onset_apex_flow",
        input_name="flow",
        input_shape=(2, 28, 28),
        input_dtype="float32",
        output_name="probabilities",
        licence="Apache-2.0",
        limits="a toy",
    )
    samples = np.zeros((1, 2, 28, 28), np.float32), np.zeros((1, 3), np.float32)
    return write_package(tmp_path / "toy", card, b"network", *samples)


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 255, (5, 320, 320, 3), dtype=np.uint8)
    return CandidateFrames(crops, np.arange(5) / 50, 1, 3, 4)


def test_probabilities_come_in_the_projects_order(package, frames):
    backend = Fixed([0.5, 0.3, 0.2])
    with Recognizer(package, backend) as recognizer:
        found = recognizer.recognize(frames)
        assert recognizer.model == package.model_id
        assert recognizer.engine == "fixed"
    assert dict(zip(EMOTIONS, found, strict=True)) == pytest.approx(
        {"negative": 0.3, "positive": 0.2, "surprise": 0.5}
    )
    assert sum(found) == pytest.approx(1, abs=1e-12)
    assert backend.batches[0].shape == (1, 2, 28, 28)
    assert backend.closed


def test_other_labels_are_refused(package):
    other = replace(package, card=replace(package.card, labels=("yes", "no", "perhaps")))
    with pytest.raises(ModelError, match="the stream needs negative, positive, surprise"):
        Recognizer(other, Fixed([1, 0, 0]))


def test_an_unknown_recipe_is_refused(package):
    other = replace(package, card=replace(package.card, recipe="onset_apex_flo"))
    with pytest.raises(ModelError, match=r"model toy: recipe 'onset_apex_flo'"):
        Recognizer(other, Fixed([1, 0, 0]))


def test_a_recipe_of_another_shape_is_refused(package, frames):
    other = replace(package, card=replace(package.card, input_shape=(3, 28, 28)))
    with pytest.raises(ModelError, match=r"reads \(3, 28, 28\), its recipe makes \(2, 28, 28\)"):
        Recognizer(other, Fixed([1, 0, 0])).recognize(frames)


def test_a_missing_or_broken_package_is_a_model_error(tmp_path, package):
    with pytest.raises(ModelError, match=r"card\.json"):
        open_recognizer(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="cannot load"):
        open_recognizer(package.folder)
