import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from engines import load_package, open_backend
from offline.adapted_package import adapt_to_dataset
from offline.commands.adapt_command import adapt_app
from offline.onnx_fusion import fuse
from realtime_mer.errors import ConfigError, ModelError, OutputError, SourceError
from realtime_mer.recognizer import default_package, open_recognizer
from tests.offline.labelled_maps import bump, people, write_base


def write_archive(root, subjects=4, each=6, classes=(0, 1, 2)):
    """A flow archive: <subject>/u_test/<label>/<name>.png, planes strain, v, u for OpenCV."""
    maps, labels, owners = people(subjects, each, noise=0.2, classes=classes)
    for number, ((u, v), label, owner) in enumerate(zip(maps, labels, owners, strict=True)):
        strain = bump(6, 14, 2.0) + 0.02 * np.hypot(u, v)
        planes = [(255 * (p - p.min()) / (p.max() - p.min())) for p in (strain, v, u)]
        folder = root / f"sub{owner + 1:02d}" / "u_test" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        picture = np.dstack(planes).round().astype(np.uint8)
        assert cv2.imwrite(str(folder / f"sub{owner + 1:02d}_EP{number:02d}.png"), picture)
    return root


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return write_archive(tmp_path_factory.mktemp("archive"))


def adapt(*arguments):
    options = ("--dataset", "flow-archive", *(str(a) for a in arguments))
    done = CliRunner().invoke(adapt_app, options, env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture(scope="module")
def done(archive, tmp_path_factory):
    out = tmp_path_factory.mktemp("adapted") / "model"
    return adapt("--root", archive, "--out", out, "--seed", 3), out


def test_what_is_printed(done):
    printed, out = done
    assert printed.exit_code == 0
    assert "24 samples of 4 subjects: 8 negative, 8 positive, 8 surprise" in printed.stdout
    for name in ("prior", "real", "fused", "UF1", "UAR"):
        assert name in printed.stdout
    assert f"mer analyze VIDEO --model {out}" in printed.stdout


def test_the_package_runs_where_the_base_runs(done):
    _, out = done
    package, base = load_package(out), load_package(default_package())
    inputs, outputs = package.samples()
    with open_backend(package, "onnx") as backend:
        found = backend.infer(inputs)
    np.testing.assert_allclose(found, outputs, atol=1e-5)
    np.testing.assert_array_equal(inputs, base.samples()[0])
    assert (package.card.labels, package.card.recipe) == (base.card.labels, base.card.recipe)
    with open_recognizer(out) as recognizer:
        assert recognizer.model.startswith(f"{base.card.name}-adapted@")


def test_the_card_says_what_was_done_and_names_nobody(done, archive):
    _, out = done
    card, base = load_package(out).card, load_package(default_package())
    training = card.training
    assert training["base"] == base.model_id
    assert (training["dataset"], training["protocol"]) == ("flow-archive", "megc2019")
    assert training["subjects"] == 4
    assert training["samples"] == {"negative": 8, "positive": 8, "surprise": 8}
    assert training["seed"] == 3
    assert training["strength"]["base_weight"] == 0.75
    assert "24 labelled samples of 4 subjects of casme2" in training["data"]
    assert "mer adapt --dataset flow-archive" in training["command"]
    assert card.licence.startswith(base.card.licence)
    assert "weights fitted on casme2: the licence" in card.licence
    assert base.card.limits in card.limits
    scores = card.metrics["leave one subject out"]
    assert set(scores) >= {"protocol", "prior", "real", "fused"}
    text = (out / "card.json").read_text()
    assert str(archive) not in text
    assert str(out) not in text
    assert "sub01" not in text
    json.loads(text)


def test_the_same_data_give_the_same_package(done, archive, tmp_path):
    _, out = done
    again, _, _ = adapt_to_dataset("flow-archive", archive, tmp_path / "again", seed=3)
    assert again.card == load_package(out).card


def test_other_columns_come_through(archive, tmp_path):
    base = write_base(tmp_path / "base", none=True, scores=("brow_raise",))
    package, _, adapted = adapt_to_dataset(
        "flow-archive", archive, tmp_path / "out", model=tmp_path / "base"
    )
    assert (package.card.labels, package.card.scores) == (base.card.labels, ("brow_raise",))
    maps = people(5, seed=7)[0]
    with open_backend(base) as before, open_backend(package) as after:
        one, other = before.infer(maps), after.infer(maps)
    np.testing.assert_array_equal(other[:, 3:], one[:, 3:])
    np.testing.assert_allclose(other, fuse(adapted.fusion, one, maps), atol=1e-5)


def test_a_file_that_is_no_picture_is_told(archive, tmp_path, monkeypatch):
    from offline.datasets.inputs import InputReader

    read = InputReader.read

    def fail_at_first(self, sample, recipe_name):
        if sample.sample_id.endswith("EP00"):
            raise SourceError("cannot read the flow picture; unpack the archive again")
        return read(self, sample, recipe_name)

    monkeypatch.setattr(InputReader, "read", fail_at_first)
    printed = adapt("--root", archive, "--out", tmp_path / "out")
    assert "1 more cannot be read and were left out" in printed.stdout
    assert "sub01_EP00: cannot read the flow picture" in printed.stdout
    assert load_package(tmp_path / "out").card.training["unreadable samples"] == 1


def test_nothing_readable(archive, tmp_path, monkeypatch):
    from offline.datasets.inputs import InputReader

    def fail(self, sample, recipe_name):
        raise SourceError("gone")

    monkeypatch.setattr(InputReader, "read", fail)
    with pytest.raises(SourceError, match=r"none of the 24 samples .* the first: sub01.*: gone"):
        adapt("--root", archive, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_package_is_not_replaced(done, archive):
    _, out = done
    with pytest.raises(OutputError, match="already holds a model package; give another --out"):
        adapt("--root", archive, "--out", out)
    with pytest.raises(OutputError, match="already holds a model package"):
        adapt("--root", archive, "--out", default_package())


def test_an_adapted_model_is_not_adapted_again(done, archive, tmp_path):
    _, out = done
    with pytest.raises(ModelError, match="is itself adapted"):
        adapt("--root", archive, "--out", tmp_path / "out", "--model", out)


def test_where_nothing_can_be_written(archive, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        adapt("--root", archive, "--out", tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (("--model", "nonsense"), ModelError, "nonsense"),
        (("--model", "verdict"), ModelError, "only models of flow maps"),
        (("--protocol", "nonsense"), ConfigError, "nonsense"),
        (("--root", "nowhere"), SourceError, "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said(archive, tmp_path, options, error, said):
    with pytest.raises(error, match=said):
        adapt("--root", archive, "--out", tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()


def test_a_protocol_of_other_classes(archive, tmp_path, monkeypatch):
    from offline.tasks import protocols

    other = protocols.Task("casme2-5", ("happiness", "surprise"), (), ())
    monkeypatch.setattr(protocols, "apply_protocol", lambda *_: other)
    with pytest.raises(ConfigError, match=r"happiness, surprise; only labels among .* --protocol"):
        adapt("--root", archive, "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("shape", "said"),
    [({"subjects": 1}, "two subjects or more, got 1"), ({"classes": (1,)}, "0 negative, 24 posit")],
)
def test_too_little_to_adapt_to(tmp_path, shape, said):
    root = write_archive(tmp_path / "archive", **shape)
    with pytest.raises(ConfigError, match=said):
        adapt("--root", root, "--out", tmp_path / "out")


@pytest.mark.parametrize(
    "options", [(), ("--root", "x"), ("--root", "x", "--out", "y", "--seed=-1")]
)
def test_usage(options):
    assert adapt(*options).exit_code == 2
