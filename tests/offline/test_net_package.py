import io
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from engines import load_package, open_backend
from offline.adapted_package import Labelled
from offline.bench.learning import Job, Material
from offline.bench.loso import prepare
from offline.bench.loso_settings import LosoSettings
from offline.bench.progress import silent
from offline.commands.train_command import print_trained, train_app
from offline.datasets.registry import open_dataset
from offline.golden_inputs import GOLDEN, MAPS, synthetic_inputs
from offline.mirroring import mirrored
from offline.models.registry import MODELS, PLANES
from offline.net_card import card_of_network
from offline.net_package import (
    EVERYBODY,
    EXPORT,
    TRAINING,
    fit_everybody,
    judging,
    train_package,
)
from offline.nets.learner import NetLearner
from offline.synthesis.tree_truth import FILE
from offline.tasks.protocols import apply_protocol
from offline.tasks.splits import Split
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.errors import ConfigError, OutputError, SourceError
from realtime_mer.events import EMOTIONS
from realtime_mer.recognizer import open_recognizer
from tests.offline.labelled_maps import people
from tests.offline.small_archive import write_archive

pytestmark = pytest.mark.slow

SUBJECTS = ("sub470811", "s470812", "470813", "470814")
"""Names that no other bytes of a package hold by chance."""
SEED, EPOCHS = 3, 2
NETWORKS = [name for name, entry in MODELS.items() if entry.net]
OTHERS = [name for name, entry in MODELS.items() if not entry.net and not entry.system]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    root = write_archive(tmp_path_factory.mktemp("archive"), SUBJECTS)
    (root / SUBJECTS[0] / "u_test" / "note.txt").write_text("no class")
    return root


def train(model, *arguments):
    line = [model, *(str(a) for a in arguments)]
    done = CliRunner().invoke(train_app, line, env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture(scope="module")
def done(archive, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    found = train(
        "ststnet", "--dataset", "flow-archive", "--root", archive, "--out", folder / "model",
        "--seed", SEED, "--epochs", EPOCHS, "--inputs", folder / "inputs",
    )  # fmt: skip
    return found, folder / "model"


@pytest.fixture(scope="module")
def again(archive, tmp_path_factory):
    """The same through the function, told of its stages."""
    stages = []
    found = train_package(
        "ststnet", "flow-archive", archive, tmp_path_factory.mktemp("again"),
        seed=SEED, epochs=EPOCHS, progress=lambda *told: stages.append(told),
    )  # fmt: skip
    return found, stages


def learner_of(model, labels=EMOTIONS, epochs=EPOCHS):
    learner = MODELS[model].learner(labels, True)
    assert isinstance(learner, NetLearner)
    return learner.changed(epochs)


LEARNER = learner_of("ststnet")


def reported(learner, material, seed):
    """What the bench's learner says of what it learnt from, if that is everything."""
    everyone = np.arange(len(material.targets))
    job, said = Job(Split(EVERYBODY, everyone, everyone[:2]), seed), []
    learner.learn(material, [job], "fixed", lambda _, outcome: said.append(outcome.train))
    return said[0]


def test_it_answers_as_the_learner_reports(done, again):
    material = again[0].prepared.material
    expected = reported(learner_of("ststnet"), material, SEED)
    with open_backend(load_package(done[1]), "onnx") as backend:
        found = backend.infer(material.inputs)
        turned = backend.infer(np.ascontiguousarray(mirrored(material.inputs)))
    assert np.abs(found - expected).max() <= 1e-5
    assert np.abs(found - turned).max() <= 1e-5
    assert found.std(0).min() > 1e-3


@pytest.mark.parametrize("model", NETWORKS)
def test_every_network_answers_as_the_learner_reports(model):
    maps, labels, owners = people(6, noise=1.0)
    kept = (labels > 0) | (owners < 2)
    maps, labels, owners = maps[kept], labels[kept], owners[kept]
    if PLANES[MODELS[model].recipe] == 3:
        maps = np.concatenate([maps, np.hypot(maps[:, :1], maps[:, 1:])], 1)
    groups = tuple(("made", str(owner)) for owner in owners)
    material = Material(maps, np.eye(3, dtype=np.float32)[labels], groups)
    learner = learner_of(model, epochs=1)
    module = judging(learner, material, fit_everybody(learner, material, 1)).eval()
    with torch.no_grad():
        found = module(torch.from_numpy(maps)).numpy()
    assert np.abs(found - reported(learner, material, 1)).max() <= 1e-5
    assert np.abs(found - reported(learner, material, 2)).max() > 1e-4


def test_the_same_seed_gives_the_same_bytes(done, again):
    ours, theirs = load_package(done[1]), again[0].package
    assert ours.model == theirs.model
    assert ours.card == theirs.card


def test_the_stages_are_told(again):
    told = again[1]
    assert [stage for stage, *_ in dict.fromkeys(told)][-4:] == [TRAINING] * 2 + [EXPORT] * 2
    assert ("inputs", 24, 24) in told


def test_what_is_printed(done):
    found, out = done
    package = load_package(out)
    assert found.exit_code == 0
    assert "24 samples of 4 subjects: 8 negative, 8 positive, 8 surprise" in found.stdout
    assert "1 take no part in megc2019" in found.stdout
    assert f"{package.model_id}: {out}" in found.stdout
    assert f"Use it: mer analyze VIDEO --model {out}" in found.stdout
    assert "mer loso --model ststnet --dataset flow-archive --root ROOT" in found.stdout


def test_other_classes_are_not_for_the_stream(again):
    package = again[0].package
    card = replace(package.card, labels=("happiness", "disgust", "others"))
    console = Console(file=io.StringIO(), width=200)
    print_trained(replace(again[0], package=replace(package, card=card)), console)
    assert "mer analyze takes models of negative, positive, surprise only" in (
        console.file.getvalue()
    )
    assert "Use it: mer analyze" not in console.file.getvalue()


def test_the_stream_takes_it(done):
    rng = np.random.default_rng(0)
    rest = cv2.GaussianBlur(rng.integers(0, 255, (320, 320, 3), dtype=np.uint8), (0, 0), 3)
    crops = np.stack([np.roll(rest, shift, axis=1) for shift in (0, 0, 1, 2, 1)])
    with open_recognizer(done[1], "onnxruntime") as recognizer:
        found = recognizer.recognize(CandidateFrames(crops, np.arange(5) / 50, 1, 3, 4))
        assert recognizer.model.startswith("ststnet@")
        assert "24 labelled samples of 4 subjects of" in recognizer.trained_on
    assert len(found.probabilities) == len(EMOTIONS)
    assert sum(found.probabilities) == pytest.approx(1, abs=1e-6)
    assert (found.p_none, found.action_units) == (0, {})


def test_the_card_says_what_was_done(done, archive):
    card = load_package(done[1]).card
    training = card.training
    samples = apply_protocol(open_dataset("flow-archive", archive), "megc2019").samples
    assert (card.name, card.labels, card.recipe) == ("ststnet", EMOTIONS, "onset_apex_strain")
    assert (card.input_shape, card.scores) == ((3, 28, 28), ())
    assert (training["dataset"], training["protocol"]) == ("flow-archive", "megc2019")
    assert (training["subjects"], training["seed"], training["epochs"]) == (4, SEED, EPOCHS)
    assert training["samples"] == dict.fromkeys(EMOTIONS, 8)
    assert training["plan"]["epochs"] == EPOCHS
    assert training["plan"]["rate"] == MODELS["ststnet"].learner(EMOTIONS, True).plan.rate
    assert training["sample ids sha256"] == Labelled("", "", samples, ()).digest
    assert training["command"] == (
        "mer train ststnet --dataset flow-archive --root ROOT --protocol megc2019 --seed 3 "
        "--epochs 2 --out PACKAGE"
    )
    assert training["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert "see the terms of the data" in card.licence
    assert "synthetic" in training["golden samples"]
    assert "rendered" not in training["data"]
    assert "mer loso --model ststnet" in card.metrics["estimate of accuracy"]
    assert card.metrics["export"]["max_abs_fp32"] <= 1e-4
    assert not {"UF1", "UAR", "accuracy"} & set(card.metrics)


def test_the_package_names_nobody_and_holds_no_recording(done, archive, again):
    out = done[1]
    assert {path.name for path in out.iterdir()} == {"card.json", "model.onnx", "samples.npz"}
    told = b"".join(path.read_bytes() for path in out.iterdir())
    inputs, outputs = load_package(out).samples()
    told += inputs.tobytes() + outputs.tobytes()
    samples = open_dataset("flow-archive", archive).samples
    names = {*SUBJECTS, *(sample.sample_id for sample in samples), str(archive), str(out)}
    assert len(names) == 4 + 24 + 2
    assert not [name for name in names if name.encode() in told]
    recorded = again[0].prepared.material.inputs
    nearest = np.abs(inputs[:, None] - recorded[None]).max((2, 3, 4)).min()
    assert nearest > 0.1
    assert list((out.parent / "inputs").glob("*.npy"))


def test_golden_samples_are_synthetic_and_engines_are_held_against_them(done):
    package = load_package(done[1])
    inputs, outputs = package.samples()
    np.testing.assert_array_equal(inputs, synthetic_inputs("onset_apex_strain"))
    with open_backend(package, "onnx") as backend:
        np.testing.assert_allclose(backend.infer(inputs), outputs, atol=1e-5)


@pytest.mark.parametrize("recipe", MAPS)
def test_synthetic_inputs_look_like_the_recipe_s(recipe):
    maps = synthetic_inputs(recipe, 6)
    assert maps.shape == (6, PLANES[recipe], 28, 28)
    assert maps.dtype == np.float32
    np.testing.assert_array_equal(maps, synthetic_inputs(recipe, GOLDEN)[:6])
    assert np.abs(maps - synthetic_inputs(recipe, 6, seed=1)).max() > 0.1
    assert (np.sqrt((maps**2).mean((1, 2, 3))) > 0.2).all()
    assert np.abs(maps).max() < 30


def test_weights_may_begin_with_the_bundled_ones_and_faces_be_rendered(tmp_path):
    root = write_archive(tmp_path / "archive", ("sub41", "sub42"))
    (root / FILE).write_text("{}")
    found = train_package("flow_cnn_pretrained", "flow-archive", root, tmp_path / "out", epochs=1)
    card = load_package(tmp_path / "out").card
    assert card.input_shape == (2, 28, 28)
    assert "rendered" in card.training["data"]
    assert "bundled recogniser's weights" in card.training["data"]
    expected = reported(learner_of("flow_cnn_pretrained", epochs=1), found.prepared.material, 0)
    with open_backend(found.package, "onnx") as backend:
        answers = backend.infer(found.prepared.material.inputs)
    assert np.abs(answers - expected).max() <= 1e-5


def test_a_class_that_nobody_shows_is_told(tmp_path, archive):
    root = only(archive, tmp_path / "archive", "01")
    settings = LosoSettings("flow-archive", root, "ststnet", "megc2019", (0,))
    card = card_of_network(settings, prepare(settings, tmp_path / "inputs", silent), LEARNER)
    assert card.labels == EMOTIONS
    assert card.training["samples"] == {"negative": 8, "positive": 8, "surprise": 0}
    assert card.limits.endswith("Never shown, and so hardly ever answered: surprise.")


def only(archive, root, classes):
    """Copy the samples of some classes."""
    for path in archive.glob("*/u_test/*/*.png"):
        if path.parent.name in classes:
            copy = root / path.relative_to(archive)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return root


def test_one_class_is_refused(archive, tmp_path):
    root = only(archive, tmp_path / "archive", "1")
    with pytest.raises(ConfigError, match="all 8 samples that can be read are positive"):
        train_package("ststnet", "flow-archive", root, tmp_path / "out")
    assert not (tmp_path / "out" / "card.json").exists()


@pytest.mark.parametrize("model", OTHERS)
def test_only_networks_become_packages(model, tmp_path):
    """Found out before the data set is looked for."""
    said = rf"model {model} is no single network.*ststnet.*`mer adapt`.*`mer train default`"
    with pytest.raises(ConfigError, match=said):
        train_package(model, "flow-archive", tmp_path / "nothing", tmp_path / "out")
    if model != "default":
        with pytest.raises(ConfigError, match=said):
            train(model, "--dataset", "casme2", "--root", tmp_path, "--out", tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"model": "stsnet"}, ConfigError, "ststnet"),
        ({"protocol": "cd6me"}, ConfigError, "asks about action units.*megc2019"),
        ({"protocol": "megc1999"}, ConfigError, "protocol 'megc1999' is not known"),
        ({"dataset": "casme9"}, ConfigError, "casme9"),
        ({"root": "nothing"}, SourceError, "nothing"),
    ],
)
def test_what_does_not_fit_is_refused(changes, error, said, archive, tmp_path):
    usual = {"model": "ststnet", "dataset": "flow-archive", "root": archive}
    with pytest.raises(error, match=said):
        train_package(**(usual | changes), out_dir=tmp_path / "out")
    assert not (tmp_path / "out" / "card.json").exists()


def test_a_package_is_not_overwritten(done, archive, tmp_path):
    before = {path: path.read_bytes() for path in done[1].iterdir()}
    with pytest.raises(OutputError, match="already holds a model package"):
        train_package("ststnet", "flow-archive", archive, done[1])
    assert {path: path.read_bytes() for path in done[1].iterdir()} == before
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        train_package("ststnet", "flow-archive", tmp_path / "nothing", tmp_path / "file")


@pytest.mark.parametrize(
    "arguments",
    [
        ["ststnet"],
        ["ststnet", "--dataset", "casme2", "--root", "x"],
        ["ststnet", "--dataset", "casme2", "--root", "x", "--out", "y", "--epochs", "0"],
        ["ststnet", "--dataset", "casme2", "--root", "x", "--out", "y", "--seed", "-1"],
        ["stsnet", "--dataset", "casme2", "--root", "x", "--out", "y"],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train(*arguments).exit_code == 2
    assert not list(tmp_path.iterdir())


def test_help_names_every_network_without_loading_torch():
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from offline.commands.train_command import train_app\n"
        "for line in (['--help'], ['ststnet', '--help']):\n"
        "    print(CliRunner().invoke(train_app, line).stdout)\n"
        "assert not {'torch', 'onnx', 'sklearn'} & set(sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    for name in ("default", *NETWORKS, "--protocol"):
        assert name in ran.stdout
    assert "lbp_top" not in ran.stdout
