from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

from engines import Card, load_package, open_backend, write_package
from realtime_mer.errors import ModelError
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import CandidateFrames
from realtime_mer.recognizer import Recognizer, default_package, open_recognizer
from tests.realtime_mer.motion.test_flow import bump, carried, textured


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


def test_the_bundled_model_is_whole_and_repeats_its_golden_answers():
    package = load_package(default_package())
    inputs, outputs = package.samples()
    assert len(inputs) >= 3
    with open_backend(package) as backend:
        np.testing.assert_allclose(backend.infer(inputs), outputs, atol=1e-4)
    assert (package.folder / "model.onnx").stat().st_size < 1_000_000
    assert package.card.licence == "Apache-2.0"
    assert "never saw a real micro-expression" in package.card.limits


def test_an_opened_recogniser_answers_without_delay(frames):
    """Tables are built on opening: 0.5 s the first time, 10 ms or so for an event."""
    with open_recognizer() as recognizer:
        spent = []
        for _ in range(5):
            begin = perf_counter()
            recognizer.recognize(frames)
            spent.append(perf_counter() - begin)
    assert min(spent) > 0
    assert max(spent) < 0.25


def test_the_bundled_model_is_not_sure_of_noise_alone():
    """Sensor noise without motion must not look like a clear expression."""
    rng = np.random.default_rng(1)
    face = textured(7)
    sure = []
    with open_recognizer() as recognizer:
        assert recognizer.model.startswith("flow-cnn@")
        for _ in range(5):
            noisy = np.clip(face + rng.normal(0, 1.0, (5, 320, 320)), 0, 255).astype(np.uint8)
            crops = np.repeat(noisy[..., None], 3, axis=3)
            sure.append(
                max(recognizer.recognize(CandidateFrames(crops, np.arange(5) / 50, 1, 3, 4)))
            )
    assert 1 / 3 < np.mean(sure) < 0.95


@pytest.mark.parametrize(
    ("places", "motion", "emotion"),
    [
        (((102, 70), (217, 70)), ((0, -3), (0, -3)), "surprise"),
        (((102, 212), (217, 212)), ((-2.4, -2.2), (2.4, -2.2)), "positive"),
        (((132, 80), (187, 80)), ((1.5, 2.6), (-1.5, 2.6)), "negative"),
    ],
)
def test_the_bundled_model_tells_brow_raise_lip_pull_and_frown_apart(places, motion, emotion):
    """Motions planted by hand, not by the action units of the training data."""
    image = textured(3)
    u, v = (
        sum(bump(x, y) * way[axis] for (x, y), way in zip(places, motion, strict=True))
        for axis in (0, 1)
    )
    crops = np.stack([image, image, carried(image, u, v), carried(image, u, v)])
    crops = np.repeat(np.clip(crops, 0, 255).astype(np.uint8)[..., None], 3, axis=3)
    with open_recognizer() as recognizer:
        found = recognizer.recognize(CandidateFrames(crops, np.arange(4) / 20, 1, 2, 3))
    assert EMOTIONS[int(np.argmax(found))] == emotion
