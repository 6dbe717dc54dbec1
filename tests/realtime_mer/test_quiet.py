import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.face.quiet import QuietMesh, is_chatter, quiet_stderr

CHATTER = (
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "W0000 00:00:1795253610.478052   21979 inference_feedback_manager.cc:114] Feedback\n"
)


@pytest.mark.parametrize("line", CHATTER.splitlines())
def test_chatter_is_known(line):
    assert is_chatter(line.encode())


@pytest.mark.parametrize(
    "line",
    [
        "E0000 00:00:1795253610.478052   21979 calculator_graph.cc:887] broken",
        "F0000 00:00:1795253610.478052   21979 check.cc:1] fatal",
        "WARNING realtime_mer: ours",
        "INFO: of somebody else",
        "mer: no such file",
        "",
    ],
)
def test_what_matters_is_not(line):
    assert not is_chatter(line.encode())


def test_everything_else_comes_through_in_order(capfd):
    with quiet_stderr(), quiet_stderr():
        os.write(2, f"one\n{CHATTER}two\n".encode())
        os.write(2, b"three\n")
        os.write(2, b"no newline at the end")
    os.write(2, b"\nafter\n")
    assert capfd.readouterr().err == "one\ntwo\nthree\nno newline at the end\nafter\n"


def test_more_than_a_pipe_holds(capfd):
    text = b"x" * 99 + b"\n"
    with quiet_stderr():
        for _ in range(3000):
            os.write(2, text)
    assert len(capfd.readouterr().err) == 300_000


def test_no_descriptor_is_left_open(capfd):
    before = open_descriptors()
    for _ in range(20):
        with quiet_stderr():
            pass
    assert open_descriptors() == before


def open_descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_an_error_in_the_body_restores_stderr(capfd):
    with pytest.raises(RuntimeError), quiet_stderr():
        raise RuntimeError
    os.write(2, CHATTER.encode())
    assert capfd.readouterr().err == CHATTER


def test_works_without_a_stderr():
    code = "import os; os.close(2)\nfrom realtime_mer.face.quiet import quiet_stderr\n"
    code += "with quiet_stderr(): print('done')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"done\n"


class Talker:
    """Chatters on every picture and sees a face from the third on."""

    def __init__(self):
        self.calls, self.closed = 0, False

    def detect(self, image_rgb):
        os.write(2, CHATTER.encode())
        self.calls += 1
        return ["face"] if self.calls >= 3 else []

    def reset(self):
        os.write(2, CHATTER.encode())
        self.calls = 0

    def close(self):
        self.closed = True


def test_a_detector_is_quiet_until_it_has_seen_a_face(capfd):
    mesh = QuietMesh(Talker())
    picture = np.zeros((4, 4, 3), np.uint8)
    for _ in range(3):
        mesh.detect(picture)
        os.write(2, b"ours\n")
    assert mesh.detect(picture) == ["face"]
    assert capfd.readouterr().err == "ours\n" * 3 + CHATTER
    mesh.close()


def test_a_restart_is_quiet_too(capfd):
    mesh = QuietMesh(Talker())
    picture = np.zeros((4, 4, 3), np.uint8)
    for _ in range(3):
        mesh.detect(picture)
    mesh.reset()
    os.write(2, b"ours\n")
    for _ in range(3):
        mesh.detect(picture)
    mesh.reset()
    mesh.close()
    assert capfd.readouterr().err == "ours\n"


def test_closing_ends_the_quiet(capfd):
    talker = Talker()
    mesh = QuietMesh(talker)
    mesh.detect(np.zeros((4, 4, 3), np.uint8))
    mesh.close()
    os.write(2, CHATTER.encode())
    assert talker.closed
    assert capfd.readouterr().err == CHATTER
