import hashlib
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import Package, load_package, open_backend
from offline.mirroring import mirrored
from offline.onnx_fusion import Fusion, check_parity, fuse, fused_model, in_memory
from realtime_mer.errors import ModelError
from realtime_mer.recognizer import default_package
from tests.offline.labelled_maps import base_answers, people, write_base

SCORES = ("brow_raise", "lip_corner_pull")


def some_fusion(columns=(0, 1, 2), prior=0.7, seed=1):
    rng = np.random.default_rng(seed)
    weights = 0.05 * rng.normal(size=(len(columns), 2, 28, 28))
    weights = (weights + mirrored(weights)) / 2
    bias = rng.normal(size=len(columns))
    return Fusion(tuple(columns), prior, weights.astype(np.float32), bias.astype(np.float32))


def run(package, maps, fusion=None):
    if fusion is not None:
        package = in_memory(package.card, fused_model(package.model, package.card, fusion))
    with open_backend(package, "onnx") as backend:
        return backend.infer(maps)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return write_base(tmp_path_factory.mktemp("full"), none=True, scores=SCORES)


@pytest.mark.parametrize("columns", [(0, 1, 2), (0, 2), (2, 0, 1), (1, 2)])
def test_onnx_says_what_numpy_says(full, columns):
    maps = people(4, seed=3)[0]
    fusion = some_fusion(columns)
    before, after = run(full, maps), run(full, maps, fusion)
    np.testing.assert_allclose(before, base_answers(maps, none=True, scores=2), atol=1e-5)
    np.testing.assert_allclose(after, fuse(fusion, before, maps), atol=1e-5)
    np.testing.assert_allclose(after[:, :4].sum(1), 1, atol=1e-5)
    assert np.abs(after[:, columns] - before[:, columns]).max() > 0.05


def test_other_columns_pass_bit_for_bit(full):
    maps = people(3)[0]
    before, after = run(full, maps), run(full, maps, some_fusion((0, 2)))
    np.testing.assert_array_equal(after[:, [1, 3, 4, 5]], before[:, [1, 3, 4, 5]])


def test_the_bundled_model_stays_mirror_symmetric():
    package = load_package(default_package())
    maps = people(3, seed=4)[0]
    columns = [package.card.labels.index(name) for name in ("negative", "positive", "surprise")]
    fusion = some_fusion(columns)
    one, other = (run(package, np.ascontiguousarray(m), fusion) for m in (maps, mirrored(maps)))
    labels = slice(0, len(package.card.labels))
    np.testing.assert_allclose(one[:, labels], other[:, labels], atol=1e-5)
    np.testing.assert_allclose(one, fuse(fusion, run(package, maps), maps), atol=1e-5)


def test_any_number_of_samples(full):
    maps = people(2)[0]
    fusion = some_fusion()
    every = run(full, maps, fusion)
    np.testing.assert_allclose(run(full, maps[:1], fusion), every[:1], atol=1e-6)
    assert run(full, maps[:0], fusion).shape == (0, 6)


def test_nothing_but_the_prior_leaves_the_prior(full):
    maps = people(2)[0]
    nothing = Fusion((0, 1, 2), 1.0, np.zeros((3, 2, 28, 28), np.float32), np.zeros(3, np.float32))
    np.testing.assert_allclose(run(full, maps, nothing), run(full, maps), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda row: sum(row) > 0.01),
    st.integers(0, 1000),
    st.floats(0, 1),
)
def test_fused_answers_stay_distributions(row, seed, prior):
    answer = np.array([row]) / sum(row)
    maps = people(1, each=1, seed=seed)[0]
    fused = fuse(some_fusion((0, 2), prior, seed), answer, maps)
    assert np.isfinite(fused).all()
    assert (fused >= 0).all()
    assert fused.sum() == pytest.approx(1)
    np.testing.assert_array_equal(fused[:, [1, 3]], answer[:, [1, 3]])


def test_a_sure_no_of_the_base_can_be_outvoted(full):
    strong = replace(some_fusion((0, 1)), bias=np.array([0, 40], np.float32))
    maps = np.zeros((1, 2, 28, 28), np.float32)
    assert fuse(strong, np.array([[1.0, 0, 0, 0]]), maps)[0, 1] > 0.9


def test_the_same_fusion_gives_the_same_file(full):
    files = [fused_model(full.model, full.card, some_fusion()) for _ in range(2)]
    assert files[0] == files[1]
    assert hashlib.sha256(files[0]).hexdigest() != full.card.sha256
    onnx.checker.check_model(onnx.load_from_string(files[0]), full_check=True)


def test_a_fusion_must_fit_its_base(full, tmp_path):
    with pytest.raises(ModelError, match="columns"):
        fused_model(full.model, full.card, some_fusion((0, 6)))
    small = Fusion((0, 1), 1.0, np.zeros((2, 2, 4, 4), np.float32), np.zeros(2, np.float32))
    with pytest.raises(ModelError, match="weights"):
        fused_model(full.model, full.card, small)
    old = onnx.load_from_string(full.model)
    old.opset_import[0].version = 11
    with pytest.raises(ModelError, match="opset 11; export it with 13"):
        fused_model(old.SerializeToString(), full.card, some_fusion())


@pytest.mark.parametrize(
    ("columns", "rows", "biases"), [((0,), 1, 1), ((0, 0), 2, 2), ((0, 1), 3, 2), ((0, 1), 2, 3)]
)
def test_a_fusion_must_fit_itself(columns, rows, biases):
    with pytest.raises(ValueError, match="columns"):
        Fusion(columns, 1.0, np.zeros((rows, 2, 28, 28), np.float32), np.zeros(biases, np.float32))


def test_a_difference_is_not_let_pass(full):
    maps = people(2)[0]
    fusion, other = some_fusion(), some_fusion(seed=2)
    package = Package(full.folder, full.card, fused_model(full.model, full.card, fusion))
    assert check_parity(package, fusion, run(full, maps), maps) <= 1e-5
    with pytest.raises(RuntimeError, match="differ"):
        check_parity(package, other, run(full, maps), maps)
