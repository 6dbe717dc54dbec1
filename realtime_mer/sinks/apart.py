"""Write result files from a process of its own, so that a live stream does not wait for pages.

Making a report is long work in Python, and two threads of one process take turns at that. Here the
caller hands an ``Analysis`` to a child process and its thread sleeps until the files are there.
"""

from __future__ import annotations

import errno
import json
import os
import pickle
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from realtime_mer.errors import OutputError
from realtime_mer.events import Analysis
from realtime_mer.sinks import elan, report, summary, vtt
from realtime_mer.sinks.table import rows

LENGTH = struct.Struct("<Q")
NICENESS = 10
"""The child steps back where the stream needs the processor."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


def replace_file(path: Path, data: bytes) -> None:
    """Replace one file's content, so that it is the old or the new one whatever happens.

    Raises
    ------
    OutputError
        It cannot be written; the old one is still there.
    """
    scratch = path.with_name(f".mer-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            scratch.unlink()
        advice = "free some space" if error.errno in _FULL else "see that it can be written to"
        why = error.strerror or type(error).__name__
        raise OutputError(f"cannot write {str(path)!r}: {why}; {advice}") from error


def write_set(analysis: Analysis, folder: Path) -> None:
    """Write everything but ``events.csv``, each file whole, the small ones first.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    table = rows(analysis)
    facts = summary.summary_of(analysis)
    replace_file(folder / "summary.json", summary.render(facts).encode())
    replace_file(folder / "events.vtt", vtt.render(analysis.media, table).encode())
    replace_file(folder / "events.eaf", elan.render(analysis, table, folder).encode())
    replace_file(folder / "report.html", report.render(analysis, table, facts).encode())


class ApartWriter:
    """``write_set`` in a child process, which is started when it is first needed.

    Not for several threads at once. The child ends with ``close``, and with its parent, however
    that ends.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def __call__(self, analysis: Analysis, folder: Path) -> None:
        """Write the set and wait until it is there.

        Raises
        ------
        OutputError
            A file cannot be written, or the child ended; the next call starts another.
        RuntimeError
            Anything else went wrong in the child; the text quotes it.
        """
        said = self._ask(pickle.dumps((analysis, folder), pickle.HIGHEST_PROTOCOL))
        if said["kind"] == OutputError.__name__:
            raise OutputError(said["text"])
        if said["kind"]:
            raise RuntimeError(f"{said['kind']} while writing into {folder}: {said['text']}")

    def _ask(self, question: bytes) -> dict[str, str]:
        child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        with suppress(BrokenPipeError):
            child.stdin.write(LENGTH.pack(len(question)))
            child.stdin.write(question)
            child.stdin.flush()
            line = child.stdout.readline()
            if line:
                answer: dict[str, str] = json.loads(line)
                return answer
        self.close()
        raise OutputError("the process that writes the report has ended; it is started again")

    def _start(self) -> subprocess.Popen[bytes]:
        # A session of its own: the terminal's Ctrl-C is for the parent to answer.
        self._child = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        return self._child

    def close(self) -> None:
        """End the child, after what it is writing now."""
        child, self._child = self._child, None
        if child is None:
            return
        with suppress(OSError):
            child.communicate()


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk as well; not every file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the parent closes the pipe, or dies."""
    while len(head := questions.read(LENGTH.size)) == LENGTH.size:
        (size,) = LENGTH.unpack(head)
        question = questions.read(size)
        if len(question) < size:
            return
        said = {"kind": "", "text": ""}
        try:
            # From our own parent through a pipe that nobody else has.
            write_set(*pickle.loads(question))
        except Exception as error:
            said = {"kind": type(error).__name__, "text": str(error)}
        answers.write(json.dumps(said).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    with suppress(OSError):
        os.nice(NICENESS)
    _serve(sys.stdin.buffer, sys.stdout.buffer)
