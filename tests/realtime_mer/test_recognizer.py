from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

from engines import Card, write_package
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.errors import ModelError
from realtime_mer.events import ACTION_UNIT_GROUPS, EMOTIONS, NONE
from realtime_mer.recognizer import Recognizer, open_recognizer
from tests.realtime_mer.full_model import write_full


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
    assert dict(zip(EMOTIONS, found.probabilities, strict=True)) == pytest.approx(
        {"negative": 0.3, "positive": 0.2, "surprise": 0.5}
    )
    assert sum(found.probabilities) == pytest.approx(1, abs=1e-12)
    assert found.p_none == 0
    assert found.action_units == {}
    assert backend.batches[0].shape == (1, 2, 28, 28)
    assert backend.closed


def test_candidates_that_wait_together_are_asked_about_at_once(tmp_path, frames):
    rng = np.random.default_rng(1)
    waiting = [
        replace(frames, crops_rgb=rng.integers(0, 255, (5, 320, 320, 3), dtype=np.uint8))
        for _ in range(3)
    ]
    with open_recognizer(engine="onnxruntime") as recognizer:
        batches, infer = [], recognizer._backend.infer
        recognizer._backend.infer = lambda batch: batches.append(len(batch)) or infer(batch)
        together = recognizer.recognize_all(waiting)
        assert batches == [3]
        alone = [recognizer.recognize(each) for each in waiting]
        assert recognizer.recognize_all([]) == []
        assert batches == [3, 1, 1, 1]
    for one, other in zip(together, alone, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
        assert one.p_none == pytest.approx(other.p_none, abs=1e-5)


def test_the_engine_that_answers_is_named_also_after_a_change(package, frames):
    backend = Fixed([0.5, 0.3, 0.2])
    backend.notes = ()
    recognizer = Recognizer(package, backend, "it was asked for")
    assert (recognizer.engine, recognizer.engine_reason) == ("fixed", "it was asked for")
    assert recognizer.engine_notes == ()
    backend.name, backend.notes = "spare", ("fixed was lost",)
    recognizer.recognize(frames)
    assert (recognizer.engine, recognizer.engine_notes) == ("spare", ("fixed was lost",))


def with_card(package, **changes):
    return replace(package, card=replace(package.card, **changes))


@pytest.mark.parametrize(
    ("answer", "shares", "p_none"),
    [
        ([0.2, 0.4, 0.1, 0.3], (0.5, 1 / 6, 1 / 3), 0.4),
        ([0.5, 0.0, 0.25, 0.25], (0.25, 0.25, 0.5), 0.0),
        ([0.0, 1.0, 0.0, 0.0], (1 / 3, 1 / 3, 1 / 3), 1.0),
        ([0.1, 0.2, 0.05, 0.15], (0.5, 1 / 6, 1 / 3), 0.4),
    ],
    ids=["softmax", "surely one of them", "surely none", "not quite summing to 1"],
)
def test_none_of_these_stands_beside_what_it_is_given_that_it_is_one(
    package, frames, answer, shares, p_none
):
    card = with_card(package, labels=("surprise", NONE, "positive", "negative"))
    found = Recognizer(card, Fixed(answer)).recognize(frames)
    assert found.probabilities == pytest.approx(shares)
    assert found.p_none == pytest.approx(p_none)


def test_action_units_are_read_by_name_right_before_left(package, frames):
    scores = ("dimple_left", "brow_raise_right", "dimple_right", "brow_raise_left")
    card = with_card(package, scores=scores)
    backend = Fixed([0.5, 0.3, 0.2, 0.75, 0.25, 0.0, 1.0])
    found = Recognizer(card, backend).recognize(frames)
    assert found.probabilities == pytest.approx((0.3, 0.2, 0.5))
    assert found.action_units == {"brow_raise": (0.25, 1.0), "dimple": (0.0, 0.75)}
    assert list(found.action_units) == ["brow_raise", "dimple"]


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (("wink_left", "wink_right"), "wink_left, wink_right"),
        (("dimple_left",), "dimple_left"),
        (("dimple_left", "dimple_right", "dimple"), "dimple"),
    ],
    ids=["unknown", "one side", "no side"],
)
def test_other_scores_are_refused(package, scores, said):
    with pytest.raises(ModelError, match=f"toy gives the scores {said}; the stream reads"):
        Recognizer(with_card(package, scores=scores), Fixed([1, 0, 0]))


def test_a_network_with_everything_runs_from_its_file_to_the_answer(tmp_path, frames):
    with open_recognizer(write_full(tmp_path / "full"), "onnx") as recognizer:
        found = recognizer.recognize(frames)
    assert sum(found.probabilities) == pytest.approx(1)
    assert found.p_none == pytest.approx(0.25)
    assert list(found.action_units) == list(ACTION_UNIT_GROUPS)
    right, left = found.action_units["lips_part"]
    assert right == pytest.approx(1 / (1 + np.exp(-18)), abs=1e-6)
    assert left == pytest.approx(1 / (1 + np.exp(-19)), abs=1e-6)


@pytest.mark.parametrize("label", ["perhaps", "None"])
def test_a_fourth_label_is_none_or_refused(package, label):
    with pytest.raises(ModelError, match="and takes none besides"):
        Recognizer(with_card(package, labels=(*EMOTIONS, label)), Fixed([1, 0, 0, 0]))


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
