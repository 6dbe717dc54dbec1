import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from offline.commands.synth_command import read_portraits, synth_app
from offline.synthesis.truth import Truth
from realtime_mer.errors import ConfigError, OutputError, SourceError
from realtime_mer.sources import open_source


def synth(*arguments):
    done = CliRunner().invoke(synth_app, [str(a) for a in arguments], env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_clip_is_what_was_asked_for(tmp_path):
    options = ("--seed", 3, "--fps", 30, "--duration", 3, "--emotion", "surprise")
    done = synth("clip", "--out", tmp_path, *options)
    truth = Truth.load(tmp_path / "clip-3.truth.json")
    assert done.exit_code == 0
    assert f"{tmp_path / 'clip-3.mp4'}: {truth.frames} frames at 30/s, 1 planted" in done.stdout
    assert [planted.emotion for planted in truth.micro_expressions] == ["surprise"]
    with open_source(tmp_path / "clip-3.mp4") as source:
        times = [frame.time_s for frame in source]
    assert len(times) == truth.frames
    assert times[-1] - times[0] == pytest.approx(truth.duration_s, abs=1e-3)
    again = tmp_path / "again"
    synth("clip", "--out", again, *options)
    assert (again / "clip-3.mp4").read_bytes() == (tmp_path / "clip-3.mp4").read_bytes()


def test_a_suite_varies_and_repeats(tmp_path, monkeypatch):
    """The clips themselves are judged elsewhere; here only which are asked for."""
    asked = []
    monkeypatch.setattr(
        "offline.synthesis.render.write_clip",
        lambda spec, face, path: asked.append((spec, face.name, path.name)),
    )
    assert synth("suite", "--out", tmp_path, "--clips", 3, "--seed", 5).exit_code == 0
    assert synth("suite", "--out", tmp_path, "--clips", 3, "--seed", 5).exit_code == 0
    assert asked[:3] == asked[3:]
    assert [name for _, _, name in asked[:3]] == [f"clip-00{n}.mp4" for n in range(3)]
    assert len({json.dumps(spec.to_dict()) for spec, _, _ in asked}) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["clip"],
        ["clip", "--out", "x", "--fps", "0"],
        ["clip", "--out", "x", "--duration", "1"],
        ["clip", "--out", "x", "--seed", "-1"],
        ["suite", "--out", "x", "--clips", "0"],
        ["nonsense"],
    ],
)
def test_wrong_usage_ends_with_2(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert synth(*arguments).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_emotion_names_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="negative, positive, surprise"):
        synth("clip", "--out", tmp_path / "x", "--emotion", "joy")
    assert not (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="give another --out"):
        synth("clip", "--out", tmp_path / "file" / "x")


def test_portraits_are_read_in_their_colours(tmp_path, face_frames):
    (frame,) = face_frames(0, 1)
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    (face,) = read_portraits([path])
    np.testing.assert_array_equal(face.image_rgb, frame)
    assert face.name == "face.png"


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_a_portrait_that_is_none(tmp_path, content):
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match="cannot read the picture"):
        read_portraits([path])


def test_a_picture_without_a_face(tmp_path):
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((200, 200, 3), 128, np.uint8))
    with pytest.raises(SourceError, match="no face found in grey"):
        read_portraits([path])
