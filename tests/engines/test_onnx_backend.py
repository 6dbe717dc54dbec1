from dataclasses import replace

import numpy as np
import pytest

from engines import EngineError, available_engines, open_backend, write_package
from engines.onnx_backend import OnnxBackend
from tests.engines.conftest import (
    SHAPE,
    tiny_card,
    tiny_onnx,
    tiny_reference,
    tiny_scored_reference,
)


def repackaged(tiny, **changes):
    return replace(tiny, card=replace(tiny.card, **changes))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_any_batch_gives_the_reference_probabilities(tiny, count):
    batch = np.random.default_rng(count).normal(size=(count, *SHAPE)).astype(np.float32)
    with OnnxBackend(tiny) as backend:
        found = backend.infer(batch)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, tiny_reference(batch), atol=1e-6)


@pytest.mark.parametrize("name", ["tiny", "scored"])
def test_golden_samples_hold(name, request):
    package = request.getfixturevalue(name)
    inputs, outputs = package.samples()
    with open_backend(package) as backend:
        assert backend.name == "onnxruntime-cpu"
        np.testing.assert_allclose(backend.infer(inputs), outputs, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_scores_stand_behind_the_probabilities(scored, count):
    batch = np.random.default_rng(count).normal(size=(count, *SHAPE)).astype(np.float32)
    with OnnxBackend(scored) as backend:
        found = backend.infer(batch)
    assert found.shape == (count, 4)
    np.testing.assert_allclose(found, tiny_scored_reference(batch), atol=1e-6)


@pytest.mark.parametrize(("name", "scores"), [("tiny", ("smile",)), ("scored", ())])
def test_a_card_with_scores_that_the_network_has_not_is_refused(name, scores, request):
    package = repackaged(request.getfixturevalue(name), scores=scores)
    with (
        OnnxBackend(package) as backend,
        pytest.raises(EngineError, match=f"of {3 + len(scores)} columns"),
    ):
        backend.infer(np.zeros((1, *SHAPE), np.float32))


def test_life_cycle(tiny):
    backend = OnnxBackend(tiny)
    batch = np.zeros((1, *SHAPE), np.float32)
    with pytest.raises(EngineError, match="not open"):
        backend.infer(batch)
    assert backend.open() is backend
    assert backend.open() is backend
    np.testing.assert_allclose(backend.infer(batch), 1 / 3, atol=1e-6)
    backend.close()
    backend.close()
    with pytest.raises(EngineError, match="not open"):
        backend.infer(batch)


@pytest.mark.parametrize(
    "batch",
    [np.zeros((1, *SHAPE)), np.zeros(SHAPE, np.float32), np.zeros((1, 3, 4, 4), np.float32)],
    ids=["float64", "no batch axis", "channels"],
)
def test_a_wrong_batch_says_what_was_wanted(tiny, batch):
    with OnnxBackend(tiny) as backend, pytest.raises(EngineError, match=r"reads \(N, 2, 4, 4\)"):
        backend.infer(batch)


@pytest.mark.parametrize(
    "change", [{"input_name": "image"}, {"output_name": "logits"}, {"input_shape": (2, 4, 5)}]
)
def test_a_card_that_disagrees_with_the_network_is_refused_on_opening(tiny, change):
    with pytest.raises(EngineError, match="the card"):
        OnnxBackend(repackaged(tiny, **change)).open()


def test_a_card_with_other_labels_is_refused(tiny):
    package = repackaged(tiny, labels=("yes", "no"))
    with OnnxBackend(package) as backend, pytest.raises(EngineError, match="answered"):
        backend.infer(np.zeros((1, *SHAPE), np.float32))


def test_a_fixed_batch_axis_is_refused(tmp_path):
    samples = np.zeros((1, *SHAPE), np.float32), np.full((1, 3), 1 / 3, np.float32)
    package = write_package(tmp_path, tiny_card(), tiny_onnx(batch=4), *samples)
    with pytest.raises(EngineError, match="free batch axis"):
        OnnxBackend(package).open()


def test_rubbish_bytes_are_refused(tiny):
    with pytest.raises(EngineError, match="cannot load"):
        OnnxBackend(replace(tiny, model=b"not a network")).open()


def test_engines_are_chosen_by_name(tiny):
    assert "onnx" in available_engines()
    with open_backend(tiny, "onnx") as backend:
        assert backend.infer(np.zeros((2, *SHAPE), np.float32)).shape == (2, 3)
    with pytest.raises(EngineError, match=r"'abacus'.*auto, onnx"):
        open_backend(tiny, "abacus")
    with pytest.raises(EngineError, match="threads"):
        OnnxBackend(tiny, threads=0)
