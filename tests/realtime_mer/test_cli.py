"""The real program in a process of its own, as a user meets it."""

import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from offline.spotting.spotting_metrics import interval_of, score_clip
from offline.synthesis.truth import Truth
from realtime_mer import __version__
from realtime_mer.sinks import FILES
from realtime_mer.sources import open_source
from tests.realtime_mer.sources.media import write_audio, write_video

COLUMNS = (
    "event_id,segment,face_id,onset_frame,apex_frame,offset_frame,onset_s,apex_s,offset_s,"
    "duration_ms,emotion,confidence,p_negative,p_positive,p_surprise,regions,spot_score,quality,"
    "model,engine,p_none,action_units,au_brow_raise,au_brow_lower,au_lid_tighten,au_nose_wrinkle,"
    "au_upper_lip_raise,au_lip_corner_pull,au_dimple,au_lip_corner_drop,au_chin_raise,au_lips_part"
)
NO_TEXT = os.fsdecode(b"\xff\xfe.mp4")
MER = [sys.executable, "-c", "from realtime_mer.cli import main; main()"]


def mer(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*MER, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"COLUMNS": "100", "TERM": "dumb"},
    )
    # Said on a fresh machine only, and on one that is very busy.
    done.stderr = re.sub(r"mer: compiling kernels, once on this machine …\n", "", done.stderr)
    return done


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    """``mer analyze sample``, once."""
    out = tmp_path_factory.mktemp("out")
    return mer("analyze", "sample", "--out", out), out / "sample"


def test_the_sample_is_analysed_and_the_user_told_where_to_look(analysed):
    done, folder = analysed
    assert done.returncode == 0
    assert "600/600 frames" in done.stdout
    assert f"report: {folder / 'report.html'}" in done.stdout
    assert re.search(r"\d candidates? to look at, [\d.]+ a minute", done.stdout)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


def test_nobody_chatters_on_stderr(analysed):
    assert analysed[0].stderr == ""


def test_the_planted_events_of_the_sample_are_found(analysed, sample):
    rows = list(csv.DictReader((analysed[1] / "events.csv").read_text("utf-8").splitlines()))
    truth = Truth.load(sample.with_suffix(".truth.json"))
    with open_source(sample) as source:
        times = [frame.time_s for frame in source]
    for row in rows:
        for moment in ("onset", "apex", "offset"):
            exact = times[int(row[f"{moment}_frame"])]
            assert float(row[f"{moment}_s"]) == pytest.approx(exact, abs=1 / 60)
    score = score_clip(
        [interval_of(Moments(row)) for row in rows],
        [interval_of(planted) for planted in truth.micro_expressions],
        truth.duration_s,
    )
    assert [true for _, true in score.pairs] == [0, 1, 2]
    assert score.false_positives <= 1
    assert np.abs(score.errors_s[:, 1]).max() < 0.05
    for found, true in score.pairs:
        assert rows[found]["emotion"] == truth.micro_expressions[true].emotion


class Moments:
    def __init__(self, row):
        self.onset_s, self.apex_s, self.offset_s = (
            float(row[f"{moment}_s"]) for moment in ("onset", "apex", "offset")
        )


def test_events_csv_has_the_agreed_columns(analysed):
    assert (analysed[1] / "events.csv").read_text("utf-8").splitlines()[0] == COLUMNS


def test_the_summary_says_how_it_came_about(analysed):
    summary = json.loads((analysed[1] / "summary.json").read_text("utf-8"))
    assert summary["frames"] == 600
    assert summary["measured_fps"] == pytest.approx(60, abs=0.01)
    assert summary["interrupted"] is False
    assert summary["problems"] == []
    assert "Synthetic" in summary["trained_on"]
    assert {"face", "spotting", "frame", "recognition"} <= summary["stages"].keys()
    assert summary["stages"]["frame"]["count"] == 600
    assert {"realtime-mer", "mediapipe", "python"} <= summary["versions"].keys()
    assert summary["alarms_per_minute"] == pytest.approx(
        summary["events"] / summary["analysed_s"] * 60, rel=1e-3
    )
    assert 0 < summary["mesh_runs"] < 600


@pytest.fixture(scope="module")
def bad_inputs(tmp_path_factory):
    """Everything that cannot be analysed, and two good clips of nothing between them."""
    folder = tmp_path_factory.mktemp("in")
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").write_text("no image")
    (folder / "text.mp4").write_text("this is no video\n" * 50)
    (folder / "nothing.mp4").touch()
    write_audio(folder / "sound.wav")
    write_audio(folder / "sound.m4a", "aac")
    no_frames(folder / "zero.mkv")
    write_video(folder / "[bold]50% -x\n'\"$(id).mp4", 2)
    write_video(folder / "bytes.mp4", 1).rename(folder / NO_TEXT)
    write_video(folder / "last.mp4", 1)
    inputs = ["missing.mp4", "empty", "text.mp4", "nothing.mp4", "sound.wav", "sound.m4a"]
    inputs += [
        "zero.mkv",
        "97",
        "gopher://x/y",
        "-",
        "[bold]50% -x\n'\"$(id).mp4",
        NO_TEXT,
        "last.mp4",
    ]
    return mer("analyze", *inputs, "--out", "results", cwd=folder), folder / "results"


def no_frames(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing.mp4", "no such file"),
        ("folder empty", "no images in the folder"),
        ("text.mp4", "not a video"),
        ("nothing.mp4", r"is empty \(0 bytes\)"),
        ("sound.wav", "audio only"),
        ("sound.m4a", "audio only"),
        ("zero.mkv", "no .*(frame|picture)|not a video"),
        ("camera 97", "cannot be opened"),
        ("gopher://x/y", "no gopher streams"),
        ("'-'", "is no input"),
    ],
)
def test_each_bad_input_gets_one_line_that_says_what_to_do(bad_inputs, name, says):
    lines = [line for line in bad_inputs[0].stderr.splitlines() if name in line]
    assert len(lines) == 1, bad_inputs[0].stderr
    assert lines[0].startswith("mer: ")
    assert re.search(says, lines[0])
    assert re.search(r"give|copy|check|record", lines[0])


def test_bad_inputs_do_not_stop_the_good_ones(bad_inputs):
    done, results = bad_inputs
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    names = {"last", "[bold]50% -x\n'\"$(id)", NO_TEXT.removesuffix(".mp4")}
    assert {folder.name for folder in results.iterdir()} == names
    for folder in results.iterdir():
        assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert done.stderr.count("no face was seen") == 3
    assert len(done.stderr.splitlines()) == 13


def test_one_picture_is_a_video_too(bad_inputs):
    summary = json.loads((bad_inputs[1] / "last" / "summary.json").read_text("utf-8"))
    assert (summary["frames"], summary["events"], summary["measured_fps"]) == (1, 0, None)


@pytest.mark.parametrize(
    "arguments",
    [["analyze", "x.mp4", "--bogus"], ["analyze"], ["nonsense"], ["analyze", "x", "--fps", "many"]],
)
def test_wrong_usage_ends_with_2(arguments):
    done = mer(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Usage: mer" in done.stderr


def test_version_and_help():
    assert mer("--version").stdout == f"mer {__version__}\n"
    helped = mer("--help")
    assert helped.returncode == 0
    for command in ("analyze", "bench", "doctor", "synth"):
        assert command in helped.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--floor", "99"], "--floor is 99.0: give a percentage"),
        (["--model", "nowhere"], "cannot read the card"),
        (["--fps", "0"], "fps must be a number above 0"),
    ],
)
def test_bad_settings_are_one_line(sample, tmp_path, arguments, says):
    done = mer("analyze", sample, *arguments, "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_said_before_the_work(sample, tmp_path):
    (tmp_path / "file").touch()
    done = mer("analyze", sample, "--out", tmp_path / "file" / "deeper")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "choose another folder" in done.stderr
    assert "frames" not in done.stdout


def test_ctrl_c_writes_what_was_found_so_far(tmp_path):
    pictures = tmp_path / "long"
    pictures.mkdir()
    grey = np.full((1200, 1600, 3), 128, np.uint8)
    cv2.imwrite(str(pictures / "00000.png"), grey)
    for number in range(1, 4000):
        (pictures / f"{number:05d}.png").symlink_to("00000.png")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*MER, "analyze", str(pictures), "--out", str(tmp_path / "out")],
        stdout=slave,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(slave)
    shown = read_until(master, rb"\b[1-9]\d*/4000")
    process.send_signal(signal.SIGINT)
    drain(master)
    _, errors = process.communicate(timeout=60)
    os.close(master)
    assert process.returncode == 130, (errors, shown)
    assert "stopped; what was found so far is written" in errors
    assert "Traceback" not in errors
    summary = json.loads((tmp_path / "out" / "long" / "summary.json").read_text("utf-8"))
    assert summary["interrupted"] is True
    assert 0 < summary["frames"] < 4000
    assert sorted(p.name for p in (tmp_path / "out" / "long").iterdir()) == sorted(FILES)


def read_until(terminal: int, pattern: bytes) -> bytes:
    shown = b""
    while not re.search(pattern, shown):
        shown += os.read(terminal, 65536)
    return shown


def drain(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # how a pseudo-terminal says that the other end is gone
        pass


def test_a_face_that_goes_and_comes_is_told_in_peace(tmp_path, face_frames):
    away = [np.full((480, 640, 3), 120, np.uint8)] * 30
    pictures = [*face_frames(0, 30), *away, *face_frames(30, 60), *away]
    clip = write_video(tmp_path / "away.mp4", pictures, size=(640, 480), rate=60)
    done = mer("analyze", clip, "--out", tmp_path / "out")
    assert done.returncode == 0
    assert done.stderr == ""
    seen, whole = re.search(r"face seen in ([\d.]+) of ([\d.]+) s", done.stdout).groups()
    assert float(whole) == pytest.approx(2, abs=0.1)
    assert 0.5 < float(seen) < 1.2


def test_a_long_name_leaves_room_for_the_bar(tmp_path):
    clip = write_video(tmp_path / f"{'long' * 50}.mp4", 3)
    done = mer("analyze", clip, "--out", tmp_path / "out")
    assert "3/3 frames" in done.stdout
    assert (tmp_path / "out" / clip.stem / "report.html").is_file()


def test_a_full_disk_behind_stdout_costs_no_results(tmp_path):
    clip = write_video(tmp_path / "x.mp4", 2)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*MER, "analyze", str(clip), "--out", str(tmp_path / "out")],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert sorted(path.name for path in (tmp_path / "out" / "x").iterdir()) == sorted(FILES)


def test_doctor_prints_one_json_object_last():
    done = mer("doctor", "--json")
    assert done.returncode == 0
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["versions"]["realtime-mer"] == __version__
    assert "onnx" in facts["engines"]


def test_an_unknown_comparison_names_those_there_are():
    done = mer("bench", "nonsense")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    for name in ("kernels", "spotting", "stream"):
        assert name in done.stderr
