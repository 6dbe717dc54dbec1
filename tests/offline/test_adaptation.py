import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from engines import load_package, open_backend
from offline.adaptation import (
    BASE,
    EACH_ALONE,
    FOLDS,
    adapt,
    discriminant,
    features,
    fusion_weights,
    inner_folds,
    map_weights,
)
from offline.calibration import temperature
from offline.mirroring import mirrored
from offline.onnx_fusion import fuse
from realtime_mer.errors import ConfigError, ModelError
from realtime_mer.recognizer import default_package
from tests.offline.labelled_maps import people, write_base

WRONG = (0, 2, 1)
"""A base that takes smiles for surprise and surprise for smiles."""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def wrong(tmp_path_factory):
    return write_base(tmp_path_factory.mktemp("wrong"), WRONG)


def answers(package, maps):
    with open_backend(package, "onnx") as backend:
        return backend.infer(maps)


def fused(package, adapted, maps):
    return fuse(adapted.fusion, answers(package, maps), maps)


def groups(owners):
    return [("test", f"{owner:02d}") for owner in owners]


def adapt_to(package, subjects, seed=0, **how):
    maps, labels, owners = people(subjects, **how)
    return adapt(package, maps, labels, groups(owners), seed)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_weights_are_bounded_and_move_one_way(subjects):
    base_weight, real_weight = fusion_weights(subjects)
    base_next, real_next = fusion_weights(subjects + 1)
    assert 0.5 <= base_next <= base_weight <= 1
    assert 0 <= real_weight <= real_next <= 1
    assert 1 <= base_weight + real_weight <= 1.5


def test_weights_at_their_ends():
    assert fusion_weights(0) == fusion_weights(1) == (1.0, 0.0)
    assert fusion_weights(4) == (0.75, 0.5)
    assert fusion_weights(10**6) == pytest.approx((0.5, 1.0), abs=1e-5)


def test_features_are_those_of_the_mirror_image_too():
    maps = people(3)[0]
    rows = features(maps)
    assert rows.shape == (len(maps), 196)
    np.testing.assert_allclose(features(np.ascontiguousarray(mirrored(maps))), rows, atol=1e-7)
    weights = np.random.default_rng(0).normal(size=(3, 196))
    whole = map_weights(weights)
    flat = maps.reshape(len(maps), -1) @ whole.reshape(3, -1).T
    np.testing.assert_allclose(flat, rows @ weights.T, atol=1e-6)
    np.testing.assert_array_equal(mirrored(whole), whole)


def test_the_discriminant_is_like_the_textbook_one():
    """Not equal: scikit-learn shrinks each class on its own, after scaling the features."""
    maps, labels, _ = people(30, seed=2, noise=1.0)
    classes, weights, bias = discriminant(features(maps), labels)
    rows = features(maps)
    textbook = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage="auto", priors=np.full(3, 1 / 3)
    ).fit(rows, labels)
    test = features(people(20, seed=3, noise=1.0)[0])
    ours = test @ weights.T + bias
    theirs = textbook.decision_function(test)
    np.testing.assert_array_equal(classes, [0, 1, 2])
    ours, theirs = (each - each.mean(1, keepdims=True) for each in (ours, theirs))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99
    assert (ours.argmax(1) == theirs.argmax(1)).mean() > 0.95


def test_mirror_images_beside_the_samples_change_nothing():
    maps, labels, _ = people(10)
    both = np.concatenate([maps, mirrored(maps)])
    _, weights, _ = discriminant(features(maps), labels)
    _, again, _ = discriminant(features(both), np.tile(labels, 2))
    assert np.corrcoef(weights.ravel(), again.ravel())[0, 1] > 0.99


def test_a_class_needs_two_samples():
    maps, labels, _ = people(4)
    once = np.flatnonzero(labels == 1)[1:]
    rows, fewer = np.delete(features(maps), once, axis=0), np.delete(labels, once)
    np.testing.assert_array_equal(discriminant(rows, fewer)[0], [0, 2])
    assert discriminant(rows[fewer < 2], fewer[fewer < 2]) is None
    same = np.ones((4, 196))
    _, weights, bias = discriminant(same, np.array([0, 0, 1, 1]))
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(same[:1] @ weights.T + bias, 0, atol=1e-9)


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0, 10.0])
def test_the_temperature_is_found(true):
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(4000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (rng.random((4000, 1)) > chances.cumsum(1)).sum(1)
    assert temperature(true * logits, labels, guess=1.0) == pytest.approx(true, rel=0.15)


def test_the_temperature_without_anything_to_go_by():
    nothing = np.full((5, 3), -np.inf)
    labels = np.arange(5) % 3
    assert temperature(nothing, labels, guess=8.0) == pytest.approx(8)
    assert temperature(nothing[:0], labels[:0], guess=1.0) == 1
    right = np.eye(3)[labels]
    assert temperature(5 * right, labels, guess=1.0, least=1.0) == 1
    assert 0.25 < temperature(right, labels, guess=1.0) < 1
    assert temperature(5 * right[:, ::-1], labels, guess=1.0) > 4


def test_the_temperature_skips_what_was_not_known():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(60, 3)), np.arange(60) % 2
    logits[:, 2] = -np.inf
    odd = np.vstack([logits, [[-np.inf, 3, -np.inf], [-np.inf, 3, 2]]])
    assert temperature(odd, np.append(labels, [1, 0]), 1.0) == temperature(logits, labels, 1.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 70), st.integers(0, 5))
def test_folds_keep_people_together(people_count, seed):
    subjects = np.repeat(np.arange(people_count), 3)
    folds = inner_folds(subjects, seed)
    assert len(np.unique(folds)) == (people_count if people_count <= EACH_ALONE else FOLDS)
    assert len({(a, b) for a, b in zip(subjects, folds, strict=True)}) == people_count


def test_many_clean_samples_outvote_a_wrong_prior(wrong):
    adapted = adapt_to(wrong, 24)
    maps, labels, _ = people(20, seed=8)
    before = (answers(wrong, maps).argmax(1) == labels).mean()
    after = (fused(wrong, adapted, maps).argmax(1) == labels).mean()
    assert before < 0.5 < 0.95 < after
    assert adapted.estimate["prior"]["UF1"] < 0.5
    assert adapted.estimate["fused"]["UF1"] > 0.95
    assert adapted.strength.base_temperature > 2


def test_noise_hardly_moves_a_right_prior(base):
    maps, labels, owners = people(6, seed=1)
    noise = np.random.default_rng(0).normal(size=maps.shape).astype(np.float32)
    adapted = adapt(base, noise, labels, groups(owners))
    test, truth, _ = people(20, seed=8)
    before = (answers(base, test).argmax(1) == truth).mean()
    after = (fused(base, adapted, test).argmax(1) == truth).mean()
    assert after > before - 0.05


def test_two_people_are_estimated_by_the_prior(base):
    """Without one of them there is one, who tells nothing about others."""
    estimate = adapt_to(base, 2).estimate
    assert estimate["real"] == estimate["prior"] == estimate["fused"]


def test_fused_is_as_good_as_the_better_of_the_two(base):
    adapted = adapt_to(base, 8, noise=2.0)
    best = max(adapted.estimate[name]["UF1"] for name in ("prior", "real"))
    assert adapted.estimate["fused"]["UF1"] >= best - 0.05


def test_a_rare_class_counts_like_few_people(base):
    maps, labels, owners = people(12)
    keep = np.sort(np.append(np.flatnonzero(labels != 2), np.flatnonzero(labels == 2)[:3]))
    adapted = adapt(base, maps[keep], labels[keep], groups(owners[keep]))
    assert adapted.strength.subjects == 3
    assert adapt_to(base, 12).strength.subjects == 12


def test_a_class_that_the_data_lack_keeps_the_share_of_the_base(base):
    adapted = adapt_to(base, 6, classes=(0, 2))
    assert adapted.fusion.columns == (0, 2)
    maps = people(4, seed=3)[0]
    before = answers(base, maps)
    np.testing.assert_allclose(fused(base, adapted, maps)[:, 1], before[:, 1], atol=1e-12)


def test_other_labels_and_scores_stay_with_the_base(tmp_path):
    full = write_base(tmp_path, none=True, scores=("brow_raise",))
    adapted = adapt_to(full, 6)
    maps = people(4, seed=3)[0]
    before, after = answers(full, maps), fused(full, adapted, maps)
    np.testing.assert_array_equal(after[:, 3:], before[:, 3:])
    np.testing.assert_allclose(after[:, :4].sum(1), 1, atol=1e-6)


def test_the_order_of_labels_is_the_base_s(base, tmp_path):
    labels = ("surprise", "negative", "positive")
    turned = write_base(tmp_path, (2, 0, 1), labels=labels)
    maps = people(4, seed=3)[0]
    found = fused(turned, adapt_to(turned, 8), maps)
    expected = fused(base, adapt_to(base, 8), maps)
    np.testing.assert_allclose(found, expected[:, [2, 0, 1]], atol=1e-5)


def test_the_same_seed_gives_the_same_fusion(base):
    one, other = (adapt_to(base, EACH_ALONE + 2, seed=3, each=3) for _ in range(2))
    np.testing.assert_array_equal(one.fusion.weights, other.fusion.weights)
    assert (one.strength, one.estimate) == (other.strength, other.estimate)


def test_the_order_of_samples_does_not_matter(base):
    maps, labels, owners = people(6)
    order = np.random.default_rng(0).permutation(len(maps))
    one = adapt(base, maps, labels, groups(owners))
    other = adapt(base, maps[order], labels[order], groups(owners[order]))
    np.testing.assert_allclose(one.fusion.weights, other.fusion.weights, atol=1e-6)
    assert one.estimate == other.estimate


def test_the_bundled_model_can_be_adapted():
    package = load_package(default_package())
    adapted = adapt_to(package, 4)
    assert sorted(adapted.fusion.columns) == sorted(
        package.card.labels.index(name) for name in ("negative", "positive", "surprise")
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": ("negative", "positive", "other")}, "only models that know negative, positi"),
        ({"training": {BASE: "flow-cnn@12345678"}}, "itself adapted, from flow-cnn@12345678"),
    ],
)
def test_other_models_are_refused(tmp_path, changes, said):
    with pytest.raises(ModelError, match=said):
        adapt_to(write_base(tmp_path, **changes), 4)


def test_the_spotter_s_model_is_refused():
    with pytest.raises(ModelError, match="only models of flow maps"):
        adapt_to(load_package(default_package().parent / "verdict"), 4)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (slice(0, 6), "two subjects or more, got 1"),
        (slice(0, 0), "two subjects or more, got 0"),
    ],
)
def test_too_few_people_are_refused(base, rows, said):
    maps, labels, owners = (each[rows] for each in people(3))
    with pytest.raises(ConfigError, match=said):
        adapt(base, maps, labels, groups(owners))


def test_too_few_classes_are_refused(base):
    maps, labels, owners = people(3)
    keep = np.sort(np.append(np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[0]))
    with pytest.raises(ConfigError, match=r"two classes .* got 6 negative, 1 positive, 0 surprise"):
        adapt(base, maps[keep], labels[keep], groups(owners[keep]))


@pytest.mark.parametrize("fault", ["shape", "labels", "count", "nan"])
def test_samples_that_make_no_sense_are_refused(base, fault):
    maps, labels, owners = people(3)
    if fault == "shape":
        maps = maps[:, :1]
    elif fault == "labels":
        labels = labels + 1
    elif fault == "count":
        owners = owners[:-1]
    else:
        maps[0, 0, 0, 0] = np.nan
    with pytest.raises(ConfigError):
        adapt(base, maps, labels, groups(owners))
