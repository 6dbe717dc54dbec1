"""The bundled package, and one that fails, asked why."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import load_package
from offline.explain.package_explainer import PackageExplainer, open_explainer
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.errors import ModelError
from realtime_mer.face.topology import CROP
from realtime_mer.recognizer import default_package


@pytest.fixture(scope="module")
def package():
    return load_package(default_package())


@pytest.fixture(scope="module")
def explain(package):
    return open_explainer(package)


@pytest.fixture(scope="module")
def frames():
    crops = np.full((4, CROP, CROP, 3), 128, np.uint8)
    return CandidateFrames(crops, np.arange(4) / 30, 0, 2, 3)


def test_every_sample_of_the_package_is_explained(package, explain, frames):
    samples, answers = package.samples()
    labels = package.card.labels
    for sample, answer in zip(samples[:6], answers[:6], strict=True):
        told = explain(frames, sample)
        picture = cv2.imdecode(np.frombuffer(told.picture, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape[0] >= CROP
        assert labels[int(answer[: len(labels)].argmax())] in told.words


def test_hot_places_are_within_the_frame_that_the_model_reads(package, explain, frames):
    told = explain(frames, package.samples()[0][0])
    picture = cv2.imdecode(np.frombuffer(told.picture, np.uint8), cv2.IMREAD_COLOR)[:CROP, :CROP]
    changed = np.abs(picture.astype(int) - 128).max(2) > 12
    assert changed.any()
    assert not changed[:40].any(), "above the frame of the eyes"
    assert not changed[:, :50].any()


@settings(max_examples=10)
@given(st.integers(0, 2**31))
def test_any_input_gets_words(package, explain, frames, seed):
    sample = np.random.default_rng(seed).normal(size=(2, 28, 28)).astype(np.float32)
    told = explain(frames, sample)
    assert told.words.endswith(".")
    assert "nan" not in told.words


def test_nothing_moved_is_no_error(explain, frames):
    told = explain(frames, np.zeros((2, 28, 28), np.float32))
    assert told.words


def test_a_package_of_vectors_is_refused(package):
    from dataclasses import replace

    flat = replace(package, card=replace(package.card, input_shape=(1568,)))
    with pytest.raises(ModelError, match="leave --explain out"):
        PackageExplainer(flat)
