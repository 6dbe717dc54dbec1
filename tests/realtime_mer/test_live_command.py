"""`mer live` in a process of its own, replaying the bundled clip."""

import csv
import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from realtime_mer.live_command import LiveOptions, free_folder
from realtime_mer.sinks import FILES
from realtime_mer.sources import open_source
from tests.realtime_mer.test_cli import MER, drain, mer, read_until

pytestmark = pytest.mark.slow

EVENT = re.compile(r"^#(\d+) \w+ [\d.]+  ([\d.]+)–", re.MULTILINE)
SLACK_S = 2.0
"""What a busy machine may add to the second that a power cut may cost."""


def table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "events.csv").read_text("utf-8").splitlines()))


def begin(*arguments: object, **how: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*MER, "live", *map(str, arguments)],
        text=True,
        env=os.environ | {"COLUMNS": "100", "LINES": "50"},
        **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how),
    )


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """``mer live sample --speed inf --out``, once."""
    out = tmp_path_factory.mktemp("out")
    done = mer("live", "sample", "--speed", "inf", "--out", out, "--alarms-per-minute", 30)
    return done, out / "sample"


def test_a_replay_gives_the_files_of_an_analysis(watched, sample):
    done, folder = watched
    assert done.returncode == 0
    assert done.stderr == ""
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    rows = table(folder)
    assert len(rows) >= 2
    with open_source(sample) as source:
        times = [frame.time_s for frame in source]
    assert float(rows[0]["apex_s"]) == pytest.approx(times[int(rows[0]["apex_frame"])], abs=1 / 60)
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    assert summary["frames"] == 600
    assert summary["interrupted"] is False
    assert summary["live"] | {"reason": ""} == {
        "state": "ended",
        "reason": "",
        "captured": 600,
        "processed": 600,
        "declared_drops": 0,
        "undeclared_drops": 0,
        "segments": 1,
        "reconnects": 0,
    }
    assert summary["settings"]["live"]["speed"] == "inf"
    assert summary["settings"]["spotter"]["budget"]["per_minute"] == 30
    assert {"signal", "event", "face"} <= summary["stages"].keys()


def test_without_a_terminal_it_speaks_in_lines(watched):
    done, folder = watched
    lines = done.stdout.splitlines()
    assert "sample.mp4 ended" in lines
    assert [int(number) for number, _ in EVENT.findall(done.stdout)] == [
        int(row["event_id"]) for row in table(folder)
    ]
    assert re.fullmatch(r"\d candidates? to look at, [\d.]+ a minute", lines[-2])
    assert lines[-1] == f"report: {folder / 'report.html'}"
    assert "\x1b" not in done.stdout


def test_what_was_seen_live_is_never_overwritten(watched, tmp_path):
    _, folder = watched
    assert free_folder(folder.parent, "sample") == folder.parent / "sample-2"
    assert free_folder(tmp_path, "camera0") == tmp_path / "camera0"


def test_without_out_nothing_is_written(tmp_path):
    done = mer("live", "sample", "--speed", "inf", "--duration", 2.5, cwd=tmp_path)
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert EVENT.findall(done.stdout)
    assert "report" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("missing.mp4",), "missing.mp4"),
        (("97",), "camera 97"),
        (("gopher://x/y",), "gopher"),
        (("",), "no source"),
        (("sample", "--alarms-per-minute", "0"), "alarms per minute"),
        (("sample", "--duration", "-1"), "--duration"),
        (("sample", "--speed", "0"), "speed"),
        (("sample", "--preview"), "--preview needs a display"),
        (("sample", "--model", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path, monkeypatch, arguments, told):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    done = mer("live", *arguments, "--out", "out", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1, done.stderr
    assert told in lines[0]
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    done = mer("live", "sample", "--out", tmp_path / "file")
    assert done.returncode == 1
    assert "cannot write the results" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_writes_everything_and_says_so(tmp_path, number):
    process = begin("sample", "--loop", "--out", tmp_path)
    said = read_lines(process, EVENT)
    process.send_signal(number)
    more, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "stopped; what was found is written" in errors
    assert "Traceback" not in errors
    folder = tmp_path / "sample"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert len(table(folder)) == len(EVENT.findall(said + more))
    assert json.loads((folder / "summary.json").read_text("utf-8"))["interrupted"] is True


def read_lines(process: subprocess.Popen[str], pattern: re.Pattern[str]) -> str:
    said = ""
    while not pattern.search(said):
        line = process.stdout.readline()
        assert line, process.stderr.read()
        said += line
    return said


def test_a_power_cut_costs_the_last_second_at_most(tmp_path):
    """Kill it as nothing can be caught, at an odd moment; what was said before is on disk."""
    process = begin("sample", "--loop", "--speed", 2, "--out", tmp_path)
    heard: list[tuple[float, int]] = []

    def listen() -> None:
        for line in process.stdout:
            if found := EVENT.search(line):
                heard.append((time.monotonic(), int(found[1])))

    listener = threading.Thread(target=listen)
    listener.start()
    end_s = time.monotonic() + 90
    while (len(heard) < 3 or time.monotonic() - heard[0][0] < SLACK_S + 1) and (
        time.monotonic() < end_s
    ):
        threading.Event().wait(0.05)
    killed_s = time.monotonic()
    process.kill()
    process.communicate()
    listener.join()
    folder = tmp_path / "sample"
    kept = {int(row["event_id"]) for row in table(folder)}
    due = {number for said_s, number in heard if said_s < killed_s - SLACK_S}
    assert due
    assert due <= kept
    json.loads((folder / "summary.json").read_text("utf-8"))
    for name in ("report.html", "events.eaf", "events.vtt"):
        assert (folder / name).stat().st_size > 0
    left = {path.name.removeprefix(".mer-") for path in folder.iterdir()}
    assert left == set(FILES)  # at most a file that was being written, hidden


def test_on_a_terminal_there_is_a_dashboard(tmp_path):
    master, slave = pty.openpty()
    process = begin("sample", "--loop", stdout=slave)
    os.close(slave)
    shown = read_until(master, rb"well seen").decode()
    process.send_signal(signal.SIGINT)
    reader = threading.Thread(target=drain, args=(master,))
    reader.start()
    _, errors = process.communicate(timeout=60)
    reader.join()
    os.close(master)
    assert process.returncode == 130, errors
    assert "fps captured" in shown
    assert "frame to signal" in shown
    assert "Traceback" not in errors


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path):
    process = begin("sample", "--loop", "--out", tmp_path)
    read_lines(process, re.compile("running"))
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert sorted(path.name for path in (tmp_path / "sample").iterdir()) == sorted(FILES)


def test_a_full_disk_behind_stdout_costs_no_results(tmp_path):
    with Path("/dev/full").open("w") as full:
        process = begin("sample", "--loop", "--out", tmp_path, stdout=full)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert sorted(path.name for path in (tmp_path / "sample").iterdir()) == sorted(FILES)


def test_the_options_are_those_of_the_command():
    done = mer("live", "--help")
    told = set(re.findall(r"--([a-z-]+)", done.stdout))
    names = {name.replace("_", "-").removesuffix("-s") for name in LiveOptions.__slots__}
    assert names <= told
