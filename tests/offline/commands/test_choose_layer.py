"""Which layer looks at the face: measured, chosen, told."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from offline.commands import choose_layer_command
from offline.commands.choose_layer_command import choose_layer_app, read_faces, spread
from offline.datasets.base import Dataset, Sample, VideoClip
from offline.reports.layer_choice_report import montage, table_of
from offline.systems import layer_choice
from offline.systems.layer_choice import (
    EYES,
    PARTS,
    UNTRAINED,
    Recognising,
    _chosen,
    _masks,
    _over_the_crop,
    _score,
)
from offline.systems.resnet50 import ResNet50
from realtime_mer.errors import SourceError
from realtime_mer.face.topology import CROP, canonical_crop_xy

TINY = (8, (1, 1, 1, 1))


def tiny(weights="", seed=0, encoder=None):
    torch.manual_seed(seed)
    return Recognising(ResNet50(*TINY), nn.Linear(256, 5)).eval()


def faces(count=3):
    return np.random.default_rng(0).random((count, 3, 224, 224), np.float32)


def test_the_parts_lie_where_they_should_and_do_not_overlap():
    masks = _masks()
    assert tuple(masks) == PARTS
    assert np.sum(list(masks.values()), axis=0).max() == 1
    for name, centre in zip(EYES, (473, 468), strict=True):
        x, y = canonical_crop_xy()[centre].round().astype(int)
        assert masks[name][y, x]
    left, right = (np.argwhere(masks[name])[:, 1].mean() for name in EYES)
    assert left > right  # the subject's left


@pytest.mark.parametrize("part", PARTS)
def test_a_map_on_one_part_is_wholly_expressive(part):
    maps = (_masks()[part] / _masks()[part].sum()).astype(np.float32)[None]
    score = _score("layer1.0", maps, 7)
    assert score.expressive == pytest.approx(1, abs=1e-4)
    assert score.parts[part] == pytest.approx(1, abs=1e-4)
    assert score.gain > 2
    assert score.error == 0


def test_maps_on_nothing_and_everything():
    even = np.full((2, CROP, CROP), CROP**-2.0, np.float32)
    assert _score("layer1.0", even, 7).gain == pytest.approx(1, abs=1e-3)
    corner = np.zeros((2, CROP, CROP), np.float32)
    corner[:, :9, :9] = 1 / 81
    score = _score("layer1.0", corner, 7)
    assert (score.expressive, score.face, score.gain) == (0, 0, 0)
    assert not _over_the_crop(torch.zeros(1, 7, 7)).any()
    np.testing.assert_allclose(_over_the_crop(torch.rand(3, 7, 7)).sum((1, 2)), 1, atol=1e-3)


def scored(layer, expressive, error):
    none = np.zeros((1, CROP, CROP), np.float32)
    return layer_choice.LayerScore(layer, expressive, 1.0, error, 1.0, {}, 1, none)


def test_of_equals_the_deepest_is_chosen_but_not_a_worse_one():
    scores = (scored("a", 0.2, 0.1), scored("b", 0.6, 0.05), scored("c", 0.56, 0.01))
    assert _chosen((*scores, scored("d", 0.5, 0.2))) == "c"
    assert _chosen((*scores, scored("d", 0.5, 0.2))[:2]) == "b"


def test_every_layer_is_measured():
    choice = layer_choice.choose_layer(tiny(), faces(), trained=False)
    names = [each.layer for each in choice.scores]
    assert names == ["conv1", "layer1.0", "layer2.0", "layer3.0", "layer4.0"]
    assert choice.chosen in names
    assert choice.warning == UNTRAINED
    learnt = [each.learnt for each in choice.scores]
    assert learnt == sorted(learnt, reverse=True)
    for each in choice.scores:
        assert each.maps.shape == (3, CROP, CROP)
        assert 0 <= each.expressive <= 1
        assert sum(each.parts.values()) == pytest.approx(each.expressive, abs=1e-6)
    lines = table_of(choice)
    assert len(lines) == 6
    assert sum("begin here" in line for line in lines) == 1
    assert layer_choice.choose_layer(tiny(), faces(1)).warning == ""


def test_a_layer_that_looks_at_the_mouth_is_recognised():
    """A network that reads nothing but red, on pictures whose mouths alone are."""
    net = tiny()
    for each in net.parameters():
        each.data.abs_()  # more red is more of everything behind
    net.encoder.mean_bgr.zero_()
    net.encoder.conv1.weight.data.zero_()
    net.encoder.conv1.weight.data[:, 2, 3, 3] = 1
    pictures = np.zeros((2, 3, 224, 224), np.float32)
    pictures[:, 0] = cv2.resize(_masks()["mouth"].astype(np.float32), (224, 224))
    choice = layer_choice.choose_layer(net, pictures)
    first = choice.scores[0]
    assert first.parts["mouth"] > 0.85
    assert first.parts["mouth"] > 0.95 * first.expressive
    pictures[:, 0] = cv2.flip(pictures[0, 0], 0)  # now on the forehead
    assert layer_choice.choose_layer(net, pictures).scores[0].parts["mouth"] < 0.05


def test_a_file_without_identities_explains_the_strongest_channel():
    net = Recognising(ResNet50(*TINY), None).eval()
    assert layer_choice.choose_layer(net, faces(2)).scores[-1].maps.any()


def test_the_montage_is_a_picture_and_repeats():
    choice = layer_choice.choose_layer(tiny(), faces(2), trained=False)
    data = montage(choice, faces(2))
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[0] > picture.shape[1] > 300
    assert data == montage(choice, faces(2))


# The command ------------------------------------------------------------------------------------


def sample_of(subject, number, clip):
    source = VideoClip(clip, 1.6, 1.9, 2.1)
    return Sample(f"{subject}_{number}", "drawn", subject, "positive", source)


def test_people_take_turns():
    samples = [sample_of(f"s{k // 5}", k, Path("x")) for k in range(20)]
    order = spread(samples, 0)
    assert sorted(each.sample_id for each in order) == sorted(s.sample_id for s in samples)
    for begin in range(0, 20, 4):
        assert len({each.subject for each in order[begin : begin + 4]}) == 4
    assert spread(samples, 0) == order
    assert spread(samples, 1) != order


@pytest.fixture
def run(monkeypatch, sample, tmp_path):
    def command(*arguments, clips=1):
        found = tuple(sample_of(f"s{k}", k, sample) for k in range(clips))
        lost = (sample_of("gone", 0, tmp_path / "none.mp4"),)
        data = Dataset("drawn", tmp_path, lost + found)
        monkeypatch.setattr("offline.datasets.registry.open_dataset", lambda *_: data)
        monkeypatch.setattr(layer_choice, "recognising", tiny)
        given = ("--dataset", "drawn", "--root", tmp_path, "--out", tmp_path / "out", *arguments)
        done = CliRunner().invoke(choose_layer_app, [str(each) for each in given])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return command


def test_the_command_tells_and_writes(run, tmp_path):
    done = run("--faces", 2)
    assert done.exit_code == 0
    told = json.loads((tmp_path / "out" / "layers.json").read_text())
    assert told["samples"] == ["s0_0"]
    assert told["unreadable"] == ["gone_0"]
    assert told["warning"] == UNTRAINED
    assert told["weights"] == ""
    assert f"Learn from {told['retrain_from']} on" in done.stdout
    assert "mean nothing" in done.stdout
    assert "1 samples could not be read" in done.stdout
    assert told["layers"][0]["layer"] == "conv1"
    assert (tmp_path / "out" / "layers.png").stat().st_size > 1000


def test_learnt_weights_are_believed(run, tmp_path):
    done = run("--weights", tmp_path / "resnet50_ft.npz")
    told = json.loads((tmp_path / "out" / "layers.json").read_text())
    assert "WARNING" not in done.stdout
    assert (told["warning"], told["weights"]) == ("", "resnet50_ft.npz")


def test_nothing_to_look_at_is_told(tmp_path):
    with pytest.raises(SourceError, match="not one of 1 samples"):
        read_faces([sample_of("gone", 0, tmp_path / "none.mp4")], 3, lambda *_: None)


@pytest.mark.parametrize("arguments", [["--faces", "0"], ["--seed", "-1"]])
def test_options_that_make_no_sense_are_usage(run, arguments):
    assert run(*arguments).exit_code == 2


def test_the_published_size_is_looked_into(tmp_path):
    assert choose_layer_command.RECIPE == "face_apex"
    with torch.device("meta"):
        net = layer_choice.recognising()
    assert len(net.encoder.cuts()) == 18
