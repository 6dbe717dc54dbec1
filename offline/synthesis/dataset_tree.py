"""A rendered data set in the layout of a real one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2

from offline.synthesis.layouts.layout import Job, TreeSettings
from offline.synthesis.layouts.registry import find_layout
from offline.synthesis.portrait import Portrait
from offline.synthesis.tree_truth import FILE, TreeTruth
from offline.worker_life import end_with_parent
from realtime_mer.errors import ConfigError, OutputError

UNFINISHED = ".unfinished.json"
"""What is being written, until it is finished and the truth says so."""
_WORKSHOP = ".partial"

Progress = Callable[[int, int], None]


def make_dataset(
    layout: str,
    out_dir: str | os.PathLike[str],
    settings: TreeSettings | None = None,
    portraits: Sequence[Portrait] | None = None,
    progress: Progress | None = None,
    workers: int = 1,
) -> TreeTruth:
    """Render a data set in the layout of a real one, with its truth in ``truth.json``.

    A run that was stopped goes on where it was when it is called again with the same settings;
    a finished data set gets back the folders that it lacks.

    Parameters
    ----------
    layout
        Name out of ``layouts.registry.LAYOUTS``.
    out_dir
        Made if missing; empty, or a data set of the same settings.
    settings
        How many of whom, how large; the layout's own by default.
    portraits
        Faces that take turns, each subject bent into somebody else; the public-domain astronaut
        by default.
    progress
        Called with (folders done, folders in all).
    workers
        Processes; the result does not depend on it.

    Raises
    ------
    ConfigError
        The layout is not known, or a setting does not fit it.
    OutputError
        The folder holds something else, or cannot be written to.
    """
    kind = find_layout(layout)
    settled = kind.settled(settings or TreeSettings())
    jobs = kind.plan(settled)
    faces = list(portraits) if portraits is not None else [Portrait.astronaut()]
    if not faces:
        raise ConfigError("a data set needs at least one portrait, got none")
    clips = tuple(truth for job in jobs for truth in job.truths)
    truth = TreeTruth(layout, asdict(settled), tuple(face.name for face in faces), clips)
    root = Path(out_dir)
    try:
        _claim(root, truth)
        _write_folders(root, jobs, faces, workers, progress or _silent)
        kind.sheets(root, clips, settled)
        truth.save(root / FILE)
        (root / UNFINISHED).unlink(missing_ok=True)
    except OutputError:
        raise
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"cannot write the data set to {root}: {why}") from error
    return truth


def _silent(done: int, total: int) -> None:
    pass


def _claim(root: Path, truth: TreeTruth) -> None:
    """Take a folder for a data set, or go on with one.

    Raises
    ------
    OutputError
        It holds something else.
    """
    mine = _identity(asdict(truth))
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        found = next((root / name for name in (UNFINISHED, FILE) if (root / name).is_file()), None)
        if found is None:
            raise OutputError(f"{root} is not empty; give an empty or a new folder as --out")
        if _read_identity(found) != mine:
            raise OutputError(
                f"{root} holds another data set, or one of other settings; give another --out"
            )
    if not (root / FILE).is_file():
        (root / UNFINISHED).write_text(json.dumps(mine, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(root / _WORKSHOP, ignore_errors=True)


def _identity(values: dict[str, Any]) -> dict[str, Any]:
    """Return what two runs must share to be the same data set, as JSON gives it back."""
    kept = {name: values[name] for name in ("layout", "settings", "portraits")}
    plain: dict[str, Any] = json.loads(json.dumps(kept))
    return plain


def _read_identity(path: Path) -> dict[str, Any] | None:
    try:
        return _identity(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError):
        return None


def _write_folders(
    root: Path, jobs: Sequence[Job], faces: list[Portrait], workers: int, progress: Progress
) -> None:
    """Write the folders that are missing; each appears when it is complete."""
    missing = [job for job in jobs if not (root / job.folder).is_dir()]
    done = len(jobs) - len(missing)
    progress(done, len(jobs))
    for _ in _results(root, missing, faces, min(workers, len(missing))):
        done += 1
        progress(done, len(jobs))
    shutil.rmtree(root / _WORKSHOP, ignore_errors=True)


def _results(
    root: Path, jobs: Sequence[Job], faces: list[Portrait], workers: int
) -> Iterator[None]:
    """Write folders here or in other processes, and tell of each."""
    if workers <= 1:
        for job in jobs:
            _write_folder(root, job, faces)
            yield
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _set_up, (root, faces)) as pool:
        yield from pool.map(_write_remote, jobs)


def _write_folder(root: Path, job: Job, faces: Sequence[Portrait]) -> None:
    target = root / job.folder
    partial = root / _WORKSHOP / job.folder
    partial.mkdir(parents=True)
    job.write(partial, faces)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial.rename(target)


_SHARED: dict[str, tuple[Path, list[Portrait]]] = {}


def _set_up(root: Path, faces: list[Portrait]) -> None:
    cv2.setNumThreads(1)
    end_with_parent()
    _SHARED["job"] = root, faces


def _write_remote(job: Job) -> None:
    root, faces = _SHARED["job"]
    _write_folder(root, job, faces)
