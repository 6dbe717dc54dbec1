"""Write the whole set of result files into one folder, all of them or none."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from realtime_mer.errors import OutputError
from realtime_mer.events import Analysis
from realtime_mer.sinks import csv_sink, elan, report, summary, vtt
from realtime_mer.sinks.table import rows

FILES = ("events.csv", "events.eaf", "events.vtt", "report.html", "summary.json")
"""Everything that ``write_all`` always writes."""
EXPLAIN = "explain"
"""Folder of ``event_001.jpg`` …: what moved the model's answers, where that was asked for."""

_ADVICE = {
    errno.ENOSPC: "free some space or choose a folder on another disk",
    errno.EDQUOT: "free some space or choose a folder on another disk",
    errno.ENOTDIR: "a part of that path is a file: choose another folder",
    errno.EEXIST: "a file has that name already: choose another folder",
    errno.EISDIR: "a folder has the name of a result file: move it or choose another folder",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.ENOENT: "that folder cannot be made there: choose another one",
}
_ADVICE_ELSE = "choose a folder that you may write to"


def write_all(analysis: Analysis, out_dir: Path) -> dict[str, Path]:
    """Write every result file of one analysis into ``out_dir``; return file name → path.

    The folder is made if it is missing. Files of an earlier run are replaced as a set: either
    all are new or, when something fails, all are as they were. Other files are left alone, those
    in ``EXPLAIN`` that are not called ``event_*.jpg`` too.

    Raises
    ------
    OutputError
        The folder cannot be written; the message says where, why, and what to do.
    TypeError, ValueError
        The analysis holds something that no file can: see ``table.rows``, ``summary_of``.
    """
    out_dir = Path(out_dir)
    contents = _render(analysis, out_dir)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mer-", dir=out_dir) as scratch:
            fresh, old = Path(scratch, "new"), Path(scratch, "old")
            for folder in (fresh, old):
                (folder / EXPLAIN).mkdir(parents=True)
            for name, data in contents.items():
                _write(fresh / name, data)
            if any(name.startswith(EXPLAIN) for name in contents):
                (out_dir / EXPLAIN).mkdir(exist_ok=True)
            _swap(out_dir, fresh, old, tuple(contents))
            with suppress(OSError):
                (out_dir / EXPLAIN).rmdir()  # of an earlier run; stays where anything is in it
    except OSError as error:
        raise _output_error(out_dir, error) from error
    return {name: out_dir / name for name in contents}


def check_writable(out_dir: Path) -> None:
    """Find out before the work whether ``write_all`` will be able to write; leave no trace.

    Raises
    ------
    OutputError
        As ``write_all`` would.
    """
    out_dir = Path(out_dir)
    made: list[Path] = []
    try:
        for folder in (*reversed(out_dir.parents), out_dir):
            if not folder.is_dir():
                folder.mkdir()
                made.append(folder)
        for name in FILES:
            _refuse_folder(out_dir / name)
        with tempfile.NamedTemporaryFile(prefix=".mer-", dir=out_dir) as probe:
            probe.write(b"probe")
    except OSError as error:
        raise _output_error(out_dir, error) from error
    finally:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()


def _render(analysis: Analysis, out_dir: Path) -> dict[str, bytes]:
    table = rows(analysis)
    facts = summary.summary_of(analysis)
    texts = {
        "events.csv": csv_sink.render(table),
        "events.eaf": elan.render(analysis, table, out_dir),
        "events.vtt": vtt.render(analysis.media, table),
        "report.html": report.render(analysis, table, facts),
        "summary.json": summary.render(facts),
    }
    pictures = {
        f"{EXPLAIN}/event_{event_id:03d}.jpg": evidence.explanation
        for event_id, evidence in analysis.evidence.items()
        if evidence.explanation
    }
    return {name: text.encode("utf-8") for name, text in texts.items()} | pictures


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _swap(out_dir: Path, fresh: Path, old: Path, names: tuple[str, ...]) -> None:
    """Move the old set aside and the new one in; undo both if anything stops it."""
    before = [f"{EXPLAIN}/{path.name}" for path in (out_dir / EXPLAIN).glob("event_*.jpg")]
    every = tuple(dict.fromkeys((*names, *before)))
    for name in every:
        _refuse_folder(out_dir / name)
    try:
        for name in every:
            with suppress(FileNotFoundError):
                (out_dir / name).replace(old / name)
        for name in names:
            (fresh / name).replace(out_dir / name)
    except BaseException:
        _restore(out_dir, fresh, old, every)
        raise


def _restore(out_dir: Path, fresh: Path, old: Path, names: tuple[str, ...]) -> None:
    for name in names:
        with suppress(OSError):
            if not (fresh / name).exists():
                (out_dir / name).unlink(missing_ok=True)
            if (old / name).exists():
                (old / name).replace(out_dir / name)


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))


def _output_error(out_dir: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error) or type(error).__name__
    advice = _ADVICE.get(error.errno or 0, _ADVICE_ELSE)
    return OutputError(f"cannot write the results into {str(out_dir)!r}: {reason}; {advice}")
