"""Agreement with the reference: what passes, what fails, and what is said about it."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engines import EngineError
from engines.onnx_backend import OnnxBackend
from engines.verify import SAME_LABEL, TOLERANCE, compare, require, verify_backend
from tests.engines.conftest import tiny_card

CARD = tiny_card()
SCORED = tiny_card(scores=("smile_left",), output_name="answers")
PRECISIONS = pytest.mark.parametrize("precision", ["fp32", "fp16"])


def rows(*values: tuple[float, ...]) -> np.ndarray:
    return np.array(values, np.float32)


def probabilities(least: int = 1):
    """(N, 3) rows that sum to 1."""
    shape = st.tuples(st.integers(least, 12), st.just(3))
    logits = hnp.arrays(np.float64, shape, elements=st.floats(-5, 5))
    return logits.map(lambda x: (np.exp(x) / np.exp(x).sum(1, keepdims=True)).astype(np.float32))


SPREAD = rows((0.7, 0.2, 0.1), (0.1, 0.8, 0.1), (0.2, 0.1, 0.7), (0.6, 0.3, 0.1))


# -- what passes and what fails -------------------------------------------------------------------


@given(probabilities(), st.sampled_from(["fp32", "fp16"]))
def test_equal_answers_pass(reference, precision):
    found = compare(CARD, reference, reference.copy(), precision)
    assert found.passed()
    assert (found.max_abs, found.mean_abs, found.label_agreement) == (0, 0, 1)
    assert found.cosine == pytest.approx(1, abs=1e-12)
    assert found.samples == len(reference) == sum(n for n, _ in found.per_class.values())
    assert found.clear <= found.samples
    require(found, "tested", precision)


@given(probabilities(), st.permutations(range(3)), st.sampled_from(["fp32", "fp16"]))
def test_swapped_columns_fail(reference, order, precision):
    reference = np.vstack([SPREAD, reference])
    found = compare(CARD, reference, reference[:, order], precision)
    assert found.passed() == (order == [0, 1, 2])


@given(
    probabilities(),
    st.sampled_from([math.nan, math.inf, -math.inf]),
    st.data(),
    st.sampled_from(["fp32", "fp16"]),
)
def test_no_finite_number_fails(reference, wrong, data, precision):
    answers = reference.copy()
    row, column = data.draw(st.integers(0, len(answers) - 1)), data.draw(st.integers(0, 2))
    answers[row, column] = wrong
    found = compare(CARD, reference, answers, precision)
    assert not found.finite
    assert not found.passed()
    assert not found.passed(math.inf)
    assert (found.worst_sample, found.worst_column) == (row, CARD.columns[column])
    assert found.label_agreement == pytest.approx(1 - 1 / len(answers))
    assert found.as_dict()["max_abs"] is None
    with pytest.raises(EngineError, match=f"{CARD.columns[column]}.*sample {row} is no finite"):
        require(found, "tested", precision)


@PRECISIONS
@pytest.mark.parametrize(("share", "passes"), [(0.99, True), (1.01, False)])
def test_both_sides_of_the_tolerance(precision, share, passes):
    answers = SPREAD.astype(np.float64)
    answers[2, 1] += share * TOLERANCE[precision]
    found = compare(CARD, SPREAD, answers, precision)
    assert found.passed() == passes
    assert found.max_abs == pytest.approx(share * TOLERANCE[precision], rel=1e-6)
    assert found.mean_abs == pytest.approx(found.max_abs / SPREAD.size)
    assert (found.worst_column, found.worst_sample) == ("positive", 2)
    assert found.label_agreement == 1
    assert found.passed(2 * TOLERANCE[precision])
    assert not found.passed(0.5 * TOLERANCE[precision])


def test_fp16_may_differ_more_than_fp32():
    answers = SPREAD + rows((0.01, -0.01, 0))
    assert compare(CARD, SPREAD, answers, "fp16").passed()
    assert not compare(CARD, SPREAD, answers, "fp32").passed()


@PRECISIONS
@pytest.mark.parametrize(("margin", "clear"), [(0.9, 0), (1.1, 1)])
def test_ties_are_excused(precision, margin, clear):
    lead = margin * TOLERANCE[precision]
    reference = np.array([(0.4 + lead, 0.4, 0.2 - lead), (0.7, 0.2, 0.1)])
    answers = reference.copy()
    answers[0, :2] = reference[0, 1::-1]
    found = compare(CARD, reference, answers, precision)
    assert found.clear == 1 + clear
    assert found.label_agreement == 0.5
    assert found.clear_label_agreement == (0.5 if clear else 1)
    assert found.passed(math.inf) == (not clear)


@pytest.mark.parametrize(
    ("precision", "wrong", "passes"),
    [("fp32", 0, True), ("fp32", 1, False), ("fp16", 5, True), ("fp16", 6, False)],
)
def test_how_many_clear_labels_may_change(precision, wrong, passes):
    """Of 1,000; each is just clear, and just turned, within 1.5 tolerances."""
    lead = 1.2 * TOLERANCE[precision]
    reference = np.tile([0.4 + lead, 0.4, 0.2 - lead], (1000, 1))
    answers = reference.copy()
    answers[:wrong, 1] += 1.4 * TOLERANCE[precision]
    found = compare(CARD, reference, answers, precision)
    assert found.clear_label_agreement == pytest.approx(1 - wrong / 1000)
    assert found.passed(1.5 * TOLERANCE[precision]) == passes
    assert (found.clear_label_agreement >= SAME_LABEL[precision]) == passes


def test_without_a_clear_sample_the_differences_decide():
    reference = rows((0.4, 0.4, 0.2))
    found = compare(CARD, reference, reference, "fp32")
    assert found.clear == 0
    assert math.isnan(found.clear_label_agreement)
    assert found.as_dict()["clear_label_agreement"] is None
    assert found.passed()
    assert not compare(CARD, reference, reference + 0.01, "fp32").passed()


# -- figures --------------------------------------------------------------------------------------


def test_counts_per_class():
    answers = SPREAD.copy()
    answers[3] = (0.3, 0.6, 0.1)
    found = compare(CARD, SPREAD, answers, "fp32")
    assert found.per_class == {"negative": (2, 0.5), "positive": (1, 1.0), "surprise": (1, 1.0)}
    assert found.label_agreement == found.clear_label_agreement == 0.75
    empty = compare(CARD, SPREAD[:2], SPREAD[:2], "fp32")
    assert empty.per_class["surprise"][0] == 0
    assert empty.as_dict()["per_class"]["surprise"] == {"samples": 0, "agreement": None}


def test_scores_count_in_differences_but_not_in_labels():
    reference = np.hstack([SPREAD, rows((0.9,), (0.9,), (0.0,), (0.9,))])
    answers = reference.copy()
    answers[1, 3] = 0.95
    found = compare(SCORED, reference, answers, "fp32")
    assert (found.label_agreement, found.clear) == (1, 4)
    assert (found.worst_column, found.worst_sample) == ("smile_left", 1)
    assert found.max_abs == pytest.approx(0.05, rel=1e-5)
    assert found.cosine == pytest.approx(
        float(reference[1] @ answers[1])
        / np.linalg.norm(reference[1])
        / np.linalg.norm(answers[1]),
        rel=1e-6,
    )
    assert not found.passed()


def test_cosine_is_the_least_and_knows_zeros():
    right = rows((0.5, 0.5, 0), (1, 0, 0), (0, 0, 0))
    assert compare(CARD, right, right, "fp32").cosine == pytest.approx(1)
    assert compare(CARD, right, rows((0.5, 0.5, 0), (0, 1, 0), (0, 0, 0)), "fp32").cosine == 0
    assert compare(CARD, right, rows((0.5, 0.5, 0), (1, 0, 0), (1, 0, 0)), "fp32").cosine == 0


def test_report_is_json(tiny):
    found = compare(CARD, SPREAD, SPREAD * math.nan, "fp16")
    report = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert report["passed"] is False
    assert report["finite"] is False
    assert report["cosine"] is None
    assert report["precision"] == "fp16"
    assert json.loads(json.dumps(compare(CARD, SPREAD, SPREAD, "fp32").as_dict()))["passed"] is True


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "answers", "told"),
    [
        (np.zeros((0, 3)), np.zeros((0, 3)), "no samples"),
        (SPREAD, SPREAD[:3], "compared were"),
        (SPREAD[:, :2], SPREAD[:, :2], "compared were"),
        (SPREAD, SPREAD[:, :, None], "compared were"),
        (SPREAD * math.nan, SPREAD, "sample 0 is no finite number"),
    ],
)
def test_what_cannot_be_compared(reference, answers, told):
    with pytest.raises(EngineError, match=told):
        compare(CARD, reference, answers, "fp32")


def test_unknown_precision():
    with pytest.raises(EngineError, match="int8"):
        compare(CARD, SPREAD, SPREAD, "int8")


@PRECISIONS
def test_require_tells_figures_and_what_to_do(precision):
    answers = SPREAD.copy()
    answers[2] = (0.15, 0.35, 0.5)
    found = compare(CARD, SPREAD, answers, precision)
    with pytest.raises(EngineError) as raised:
        require(found, "tensorrt-x", precision)
    told = str(raised.value)
    for part in ("tensorrt-x", "'positive'", "sample 2", "0.25", precision, "4 samples"):
        assert part in told
    assert "\n" not in told
    assert ("drift" in told) == (precision == "fp16")


def test_require_tells_of_labels():
    reference = np.tile([0.40012, 0.4, 0.19988], (100, 1))
    answers = reference.copy()
    answers[7, 1] += 0.00015
    answers[:, 0] += 0.00001
    found = replace(compare(CARD, reference, answers, "fp32"), max_abs=9e-5)
    with pytest.raises(EngineError, match=r"99\.00% of 100 clear samples.*'positive' of sample 7"):
        require(found, "tested", "fp32")


# -- backends -------------------------------------------------------------------------------------


def test_a_backend_against_its_golden_samples(tiny, scored):
    for package in (tiny, scored):
        with OnnxBackend(package) as backend:
            found = verify_backend(backend, "fp32")
            assert found.samples == 5
            assert found.passed()
            assert 0 <= found.max_abs < 1e-6
            inputs, outputs = package.samples()
            wrong = verify_backend(backend, "fp32", inputs[::-1].copy(), outputs)
            assert not wrong.passed()


def test_every_batch_profile_is_judged_and_order_is_kept(tiny):
    class Counting(OnnxBackend):
        sizes = ()

        def infer(self, batch):
            self.sizes += (len(batch),)
            return super().infer(batch)

    inputs = np.random.default_rng(3).normal(size=(40, *tiny.card.input_shape)).astype(np.float32)
    with Counting(tiny) as backend:
        whole = backend.infer(inputs)
        backend.sizes = ()
        found = verify_backend(backend, "fp32", inputs, whole)
    assert backend.sizes == (1, 16, 1, 16, 1, 5)
    assert found.samples == 40
    assert found.passed()


def test_a_backend_that_reuses_its_answer_buffer(tiny):
    class Reusing(OnnxBackend):
        buffer = np.zeros((16, 3), np.float32)

        def infer(self, batch):
            self.buffer[: len(batch)] = super().infer(batch)
            return self.buffer[: len(batch)]

    with Reusing(tiny) as backend:
        assert verify_backend(backend, "fp32").passed()


def test_a_backend_is_not_opened_and_inputs_need_a_reference(tiny):
    backend = OnnxBackend(tiny)
    with pytest.raises(EngineError, match="not open"):
        verify_backend(backend, "fp32")
    inputs, outputs = tiny.samples()
    with pytest.raises(EngineError, match="together"):
        verify_backend(backend, "fp32", inputs)
    with backend, pytest.raises(EngineError, match="no samples"):
        verify_backend(backend, "fp32", inputs[:0], outputs[:0])
