from dataclasses import replace

import numpy as np
import pytest
import torch

from engines import load_package, open_backend
from offline import training
from offline.fitting import FitJob, FitSettings
from offline.models.flow_cnn import LABELS, NETWORKS, SCORES
from offline.synthesis.conditions import Conditions
from offline.training import TrainSettings, train_default

pytestmark = pytest.mark.slow

SMALL = TrainSettings(
    faces=4, maps=48, held_out_faces=2, held_out=160, members=2,
    fit=FitSettings(epochs=1, batch=16),
)  # fmt: skip
QUICK = Conditions(pixels=0.1)


class Interrupted(Exception):
    pass


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def package(tmp_path_factory, told):
    folder = tmp_path_factory.mktemp("model")
    return train_default(folder, SMALL, QUICK, 1, lambda *step: told.append(step))


def test_a_trained_package_loads_runs_and_repeats_its_golden_answers(package):
    loaded = load_package(package.folder)
    inputs, outputs = loaded.samples()
    assert len(inputs) == 12
    with open_backend(loaded, "onnx") as backend:
        found = backend.infer(inputs)
        one = backend.infer(inputs[:1])
    np.testing.assert_allclose(found, outputs, atol=1e-4)
    np.testing.assert_allclose(one, outputs[:1], atol=1e-4)
    np.testing.assert_allclose(found[:, :4].sum(1), 1, atol=1e-5)
    assert found.shape == (12, len(LABELS) + len(SCORES))
    assert 50_000 < (package.folder / "model.onnx").stat().st_size < 1_500_000


def test_nothing_unfinished_is_left(package):
    names = {path.name for path in package.folder.iterdir()}
    assert names == {"card.json", "model.onnx", "samples.npz"}


def test_every_stage_is_told(package, told):
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    drawn = [f"{kind} {what}" for kind in ("held-out", "training") for what in ("faces", "maps")]
    assert stages == [*drawn, "networks"]
    assert ("held-out maps", 160, 160) in told
    assert ("training maps", 48, 48) in told
    assert [done for stage, done, _ in told if stage == "networks"] == [0, 1, 2, 3]


def test_the_same_seed_gives_the_same_network_whatever_the_processes(package, tmp_path):
    again = train_default(tmp_path, SMALL, QUICK, 2)
    assert again.card.sha256 == package.card.sha256
    assert again.card.metrics == package.card.metrics
    assert again.card.training == package.card.training


def test_an_interrupted_run_goes_on_and_ends_the_same(package, tmp_path, monkeypatch):
    def stop(stage, done, total):
        if stage == "networks" and done == 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        train_default(tmp_path, SMALL, QUICK, 1, stop)
    (work,) = tmp_path.iterdir()
    assert work.name.startswith(".unfinished-")
    stored = {path.name for path in work.iterdir()}
    assert {"maps.npz", "held_out.npz", "member-0.pt"} <= stored
    monkeypatch.setattr(training, "draw_maps", None)
    steps = []
    again = train_default(tmp_path, SMALL, QUICK, 1, lambda *step: steps.append(step))
    assert again.card.sha256 == package.card.sha256
    assert steps[0][0] == "networks"
    assert 1 <= steps[0][1] <= 3
    assert not list(tmp_path.glob(".unfinished*"))


def test_other_settings_are_other_work():
    digests = {
        training._digest(settings, conditions)
        for settings, conditions in (
            (SMALL, QUICK),
            (replace(SMALL, seed=1), QUICK),
            (replace(SMALL, fit=replace(SMALL.fit, mixup=0.3)), QUICK),
            (SMALL, Conditions()),
        )
    }
    assert len(digests) == 4


def test_the_linear_member_has_its_share_or_is_not_there(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(training, "Deployed", lambda nets, prior, shares: made.append(
        ([type(net).__name__ for net in nets], prior, shares)) or torch.nn.Identity())  # fmt: skip
    for linear in (0.2, 0.0):
        settings = replace(SMALL, linear=linear)
        kinds = ["cnn"] * 2 + ["linear"] * (linear > 0)
        jobs = [FitJob(tmp_path, settings.fit, 0, kind, tmp_path) for kind in kinds]
        monkeypatch.setattr(FitJob, "network", lambda job: NETWORKS[job.kind]())
        training._deployed(jobs, settings)
    assert made[0] == (["FlowCnn", "FlowCnn", "FlowLinear"], 0.5, [0.4, 0.4, 0.2])
    assert made[1] == (["FlowCnn", "FlowCnn"], 0.5, [0.5, 0.5])


def test_training_and_held_out_maps_share_no_face(monkeypatch, tmp_path):
    drawn = []

    def keep(count, faces, seed, *rest):
        drawn.append((count, [face.gray for face in faces], seed))
        raise Interrupted

    monkeypatch.setattr(training, "draw_maps", keep)
    monkeypatch.setattr(training.Portrait, "astronaut", lambda: None)
    monkeypatch.setattr(training, "draw_faces", lambda count, rng, _: real_faces(count, rng))
    from offline.synthesis.aligned_faces import draw_faces as real_faces

    for name in ("maps.npz", "held_out.npz"):
        with pytest.raises(Interrupted):
            training._draw_once(tmp_path / name, SMALL, QUICK, 1, lambda *_: None)
    (count, faces, seed), (held_out, others, other_seed) = drawn
    assert (count, held_out) == (48, 160)
    assert (len(faces), len(others)) == (4, 2)
    assert seed != other_seed
    assert min(np.abs(a - b).max() for a in faces for b in others) > 5
