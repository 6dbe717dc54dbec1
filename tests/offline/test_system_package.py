"""A published system in its small size, trained on everybody and written as a package."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from engines import load_package, open_backend
from offline import net_package
from offline.bench.learning import Job
from offline.bench.loso import prepare
from offline.commands.train_command import train_app
from offline.golden_inputs import CLIPS, GREYS, golden_clips
from offline.net_package import EVERYBODY, EXPORT, TRAINING, train_package
from offline.synthesis.aligned_clips import aligned_clip, rendered_inputs
from offline.systems import registry
from offline.systems.learner import SystemLearner
from offline.systems.weights import WEIGHTS, read_weights, sha256_of
from offline.tasks.splits import Split
from realtime_mer.errors import ConfigError, ModelError
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import RECIPES
from realtime_mer.recognizer import open_recognizer
from tests.offline.small_archive import write_archive

pytestmark = pytest.mark.slow

MODEL, SEED, EPOCHS = "cropnet", 2, 2


@functools.cache
def pictures():
    return rendered_inputs("ars", 6, seed=40)


@pytest.fixture(scope="module")
def patched(tmp_path_factory):
    """The small size, and an archive's people and labels beside rendered pictures."""
    small = registry.SYSTEMS[MODEL].changed(smoke=True)

    def prepared(settings, store, tell, readers=1):
        found = prepare(replace(settings, model="ststnet", epochs=None), store, tell, readers)
        places = np.array([EMOTIONS.index(label) for _, label in named(found.task)])
        inputs = pictures()[places + 3 * (np.arange(len(places)) % 2)]
        return replace(found, material=replace(found.material, inputs=inputs))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.SYSTEMS, MODEL, small)
        patch.setattr(net_package, "prepare", prepared)
        yield write_archive(tmp_path_factory.mktemp("archive"), ("s1", "s2", "s3"))


def named(task):
    return [(sample, task.labels[number]) for sample, number in task.rows]


@pytest.fixture(scope="module")
def trained(patched, tmp_path_factory):
    told = []
    out = tmp_path_factory.mktemp("trained") / "model"
    found = train_package(
        MODEL, "flow-archive", patched, out, seed=SEED, epochs=EPOCHS,
        progress=lambda *each: told.append(each),
    )  # fmt: skip
    return found, told


def test_it_answers_as_the_learner_reports(trained):
    found, _ = trained
    material = found.prepared.material
    everyone = np.arange(len(material.targets))
    said = []
    SystemLearner(MODEL, EMOTIONS).changed(EPOCHS).learn(
        material, [Job(Split(EVERYBODY, everyone, everyone[:1]), SEED)], "fixed",
        lambda _, outcome: said.append(outcome.train),
    )  # fmt: skip
    with open_backend(load_package(found.package.folder), "onnx") as backend:
        answers = backend.infer(material.inputs)
    assert np.abs(answers - said[0]).max() <= 1e-4
    assert answers.std(0).min() > 1e-3


def test_the_card_says_what_was_done(trained):
    card = trained[0].package.card
    assert (card.name, card.labels, card.recipe) == (MODEL, EMOTIONS, "ars")
    assert (card.input_name, card.input_shape) == ("input", (3, 320, 320))
    assert card.training["epochs"] == EPOCHS
    assert card.training["plan"]["classifier"]["optimiser"] == "adamp"
    assert "smoke=True" in card.training["system"]
    assert card.training["data"].startswith("System cropnet, learnt from 18 labelled samples of 3")
    assert "painted faces" in card.training["golden samples"]


def test_golden_samples_are_rendered_and_small(trained):
    package = trained[0].package
    inputs, _ = package.samples()
    assert inputs.shape == (CLIPS, 3, 320, 320)
    np.testing.assert_array_equal(inputs, golden_clips("ars"))
    np.testing.assert_allclose(inputs * GREYS, np.rint(inputs * GREYS), atol=1e-3)
    assert (package.folder / "samples.npz").stat().st_size < 20e6
    exact = RECIPES["ars"](aligned_clip(EMOTIONS[0], 0))
    assert np.abs(inputs[0] - exact).max() <= 0.51 / GREYS


def test_the_stages_are_told(trained):
    told = list(dict.fromkeys(trained[1]))
    assert (f"{TRAINING}: classifier", EPOCHS, EPOCHS) in told
    assert told[-1] == (EXPORT, 1, 1)


def test_the_stream_takes_it(trained):
    with open_recognizer(trained[0].package.folder, "onnxruntime") as recognizer:
        found = recognizer.recognize(aligned_clip("surprise", 5))
    assert sum(found.probabilities) == pytest.approx(1, abs=1e-5)


def test_another_training_begins_with_its_weights(trained, patched, tmp_path):
    folder = trained[0].package.folder
    line = (
        MODEL, "--dataset", "flow-archive", "--root", patched, "--out", tmp_path / "next",
        "--epochs", 1, "--start", folder,
    )  # fmt: skip
    done = CliRunner().invoke(train_app, [str(each) for each in line], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.exception
    card = load_package(tmp_path / "next").card
    assert sha256_of(folder) in card.training["data"]
    before, after = (read_weights(place)[0] for place in (folder, tmp_path / "next"))
    assert before.keys() == after.keys()
    assert not np.array_equal(before["classes.weight"], after["classes.weight"])


def test_weights_that_are_not_the_cards_are_refused(trained, tmp_path):
    folder = trained[0].package.folder
    for name in ("card.json", "model.onnx", WEIGHTS):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert sha256_of(tmp_path) == sha256_of(folder)
    (tmp_path / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes() + b" ")
    with pytest.raises(ModelError, match="not the file that the card records"):
        sha256_of(tmp_path)


def test_only_systems_begin_with_a_file(tmp_path):
    with pytest.raises(ConfigError, match=r"--start is for systems.*ststnet is none"):
        train_package(
            "ststnet", "flow-archive", tmp_path, tmp_path / "out", start=tmp_path / "weights"
        )


def test_a_start_that_is_not_there_is_told_before_the_work(tmp_path):
    with pytest.raises(ModelError, match="cannot read weights"):
        train_package(
            MODEL, "flow-archive", tmp_path / "no", tmp_path / "out", start=tmp_path / "weights"
        )
