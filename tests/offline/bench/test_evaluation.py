from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from engines import Card, Package
from offline.bench import evaluation
from offline.bench.evaluation import class_columns, find_package, score
from offline.datasets.base import FlowFile, Sample
from realtime_mer.errors import ConfigError, ModelError, SourceError

LABELS = ("negative", "positive", "surprise")
CARD = Card(
    name="tiny",
    version="1",
    labels=(*LABELS, "none"),
    recipe="onset_apex_flow",
    input_name="flow",
    input_shape=(5,),
    input_dtype="float32",
    output_name="answers",
    licence="Apache-2.0",
    limits="a test model",
    sha256="12345678" * 8,
)
PACKAGE = Package(Path("tiny"), CARD, b"")


@dataclass
class Task:
    """Looks like ``offline.tasks.protocols.Task``."""

    name: str = "megc2019"
    labels: tuple = LABELS
    rows: tuple = ()
    left_out: tuple = ()


class Backend:
    """Answers with its input, and a column of scores behind it; remembers the batches."""

    def __init__(self, extra=1):
        self.sizes, self.extra = [], extra

    def infer(self, batch):
        self.sizes.append(len(batch))
        return batch[:, : 4 + self.extra]


class Reader:
    """Gives each sample the answer that it is to get; an empty answer cannot be read."""

    def __init__(self, answers):
        self.answers, self.recipes = answers, set()

    def read(self, sample, recipe_name):
        self.recipes.add(recipe_name)
        answer = self.answers[sample.sample_id]
        if answer is None:
            raise SourceError(f"no face in {sample.sample_id}.png")
        return np.array([*answer, 0.9][: len(answer) + 1], np.float32)


def a_task(count, **changes):
    rows = tuple(
        (Sample(f"c{n}", "samm", f"{n % 3:03d}", "anger", FlowFile(Path(f"{n}.png"))), n % 3)
        for n in range(count)
    )
    return replace(Task(rows=rows), **changes)


def test_columns_go_by_name_and_the_rest_is_set_aside():
    answers = {"c0": (0.1, 0.2, 0.2, 0.5), "c1": (0, 0, 0, 1), "c2": (0.2, 0.3, 0.5, 0)}
    task = a_task(3, labels=("surprise", "negative", "positive"))
    rows, unreadable = score(task, reader := Reader(answers), PACKAGE, Backend())
    assert unreadable == ()
    assert reader.recipes == {"onset_apex_flow"}
    np.testing.assert_allclose(
        [row.probabilities for row in rows],
        [[0.4, 0.2, 0.4], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.2, 0.3]],
        atol=1e-6,
    )
    assert [row.prediction for row in rows] == [0, 0, 0]
    assert [row.label for row in rows] == [0, 1, 2]
    assert [(row.sample_id, row.dataset, row.subject) for row in rows] == [
        ("c0", "samm", "000"), ("c1", "samm", "001"), ("c2", "samm", "002")
    ]  # fmt: skip
    for row in rows:
        assert sum(row.probabilities) == pytest.approx(1, abs=1e-12)


def test_a_model_without_further_columns():
    card = replace(CARD, labels=LABELS, input_shape=(4,))
    answers = {f"c{n}": tuple(np.eye(3)[n]) for n in range(3)}
    rows, _ = score(a_task(3), Reader(answers), Package(Path("x"), card, b""), Backend(extra=-1))
    assert [row.prediction for row in rows] == [0, 1, 2]


def test_what_cannot_be_read_is_counted_not_dropped():
    answers = {"c0": (1, 0, 0, 0), "c1": None, "c2": (0, 0, 1, 0)}
    seen = []
    rows, unreadable = score(
        a_task(3), Reader(answers), PACKAGE, Backend(), lambda *done: seen.append(done)
    )
    assert [row.sample_id for row in rows] == ["c0", "c2"]
    (left,) = unreadable
    assert (left.sample_id, left.dataset, left.subject) == ("c1", "samm", "001")
    assert left.reason == "no face in c1.png"
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_any_number_of_samples_goes_through_in_order(monkeypatch):
    monkeypatch.setattr(evaluation, "BATCH", 4)
    answers = {f"c{n}": tuple(np.eye(4)[n % 3]) if n != 5 else None for n in range(11)}
    backend = Backend()
    rows, unreadable = score(a_task(11), Reader(answers), PACKAGE, backend)
    assert backend.sizes == [4, 4, 2]
    assert [row.sample_id for row in rows] == [f"c{n}" for n in range(11) if n != 5]
    assert all(row.label == row.prediction for row in rows)
    assert len(unreadable) == 1


@pytest.mark.parametrize("answers", [{}, {"c0": None, "c1": None}])
def test_nothing_to_judge(answers):
    with pytest.raises(SourceError, match=f"none of the {len(answers)} samples"):
        score(a_task(len(answers)), Reader(answers), PACKAGE, Backend())


def test_a_protocol_of_other_classes_names_what_is_missing():
    task = a_task(1, name="casme2-5", labels=("disgust", "surprise", "others"))
    with pytest.raises(ConfigError, match="does not know disgust, others, only negative"):
        class_columns(CARD, task)


@pytest.mark.parametrize("bad", [float("nan"), -0.5, float("inf")])
def test_a_model_that_answers_nonsense(bad):
    with pytest.raises(ModelError, match="tiny@12345678 answers"):
        score(a_task(1), Reader({"c0": (bad, 0.5, 0.5, 0)}), PACKAGE, Backend())


def test_an_input_that_does_not_fit_the_model():
    with pytest.raises(ModelError, match=r"reads \(5,\), its recipe onset_apex_flow makes \(3,\)"):
        score(a_task(1), Reader({"c0": (0.5, 0.5)}), PACKAGE, Backend())


def test_a_package_is_found_by_folder_and_by_name(tmp_path, monkeypatch):
    bundled = find_package("default")
    assert (bundled / "model.onnx").is_file()
    assert find_package(bundled) == bundled
    monkeypatch.chdir(tmp_path)
    Path("default").mkdir()
    assert find_package("default") == bundled
    Path("default/card.json").touch()
    assert find_package("default") == Path("default")


@pytest.mark.parametrize("name", ["nonsense", "", "../models/default"])
def test_a_model_that_is_not_there(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="bundled: default, verdict"):
        find_package(name)
