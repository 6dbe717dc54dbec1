"""The inputs of a task, read once and kept: one small file a sample.

Reading pictures through the tracker takes longer than learning from them. What was read is kept
under a key of the recipe, the sample's own files and the code that reads, and read again when one
of them changes.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.bench.code_version import code_version
from offline.bench.progress import Progress, silent
from offline.datasets.base import ImageClip, Sample
from offline.datasets.inputs import InputReader
from offline.scores.result_files import write_together
from offline.scores.results import Unreadable
from offline.worker_life import end_with_parent
from realtime_mer.errors import SourceError
from realtime_mer.face.quiet import quiet_stderr

BATCH = 8
"""Samples that one process reads at a time."""

Read = tuple[int, NDArray[np.float32] | str]
"""A sample's place, and its input or the reason why there is none."""


def read_inputs(
    samples: Sequence[Sample],
    recipe: str,
    store: Path,
    workers: int = 1,
    progress: Progress = silent,
) -> tuple[dict[int, NDArray[np.float32]], tuple[Unreadable, ...]]:
    """Return the input of each sample that can be read, by place, and those that cannot.

    Parameters
    ----------
    recipe
        What the model reads.
    store
        Folder of what was read before; made if it is missing.
    workers
        Processes that read at the same time.
    progress
        Called with the number of samples done and in all.

    Raises
    ------
    ConfigError
        The samples hold no pictures and the recipe needs some.
    OutputError
        The folder cannot be written.
    """
    paths = [store / f"{_key(sample, recipe)}.npy" for sample in samples]
    found = {place: _kept(path) for place, path in enumerate(paths) if path.is_file()}
    inputs = {place: each for place, each in found.items() if each is not None}
    missing = [place for place in range(len(samples)) if place not in inputs]
    reasons: dict[int, str] = {}
    progress(len(inputs), len(samples))
    for place, answer in _read_all(samples, missing, recipe, workers):
        if isinstance(answer, str):
            reasons[place] = answer
        else:
            inputs[place] = answer
            write_together(store, {paths[place].name: _file_of(answer)})
        progress(len(inputs) + len(reasons), len(samples))
    unreadable = tuple(
        Unreadable(samples[p].sample_id, samples[p].dataset, samples[p].subject, reasons[p])
        for p in sorted(reasons)
    )
    return dict(sorted(inputs.items())), unreadable


def _read_all(
    samples: Sequence[Sample], places: Sequence[int], recipe: str, workers: int
) -> Iterator[Read]:
    if workers <= 1 or len(places) <= BATCH:
        with quiet_stderr():
            yield from _read_some([(place, samples[place]) for place in places], recipe)
        return
    parts = [places[k : k + BATCH] for k in range(0, len(places), BATCH)]
    size = min(workers, len(parts))
    with ProcessPoolExecutor(size, get_context("spawn"), end_with_parent) as pool:
        waiting = [
            pool.submit(_read_part, [(place, samples[place]) for place in part], recipe)
            for part in parts
        ]
        try:
            for done in as_completed(waiting):
                yield from done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _read_part(some: Sequence[tuple[int, Sample]], recipe: str) -> list[Read]:
    with quiet_stderr():
        return list(_read_some(some, recipe))


def _read_some(some: Iterable[tuple[int, Sample]], recipe: str) -> Iterator[Read]:
    with InputReader() as reader:
        for place, sample in some:
            try:
                yield place, reader.read(sample, recipe)
            except SourceError as error:
                yield place, str(error)


def _file_of(values: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def _kept(path: Path) -> NDArray[np.float32] | None:
    try:
        values: NDArray[np.float32] = np.load(path, allow_pickle=False)
    except (OSError, ValueError):
        return None
    return values


def _key(sample: Sample, recipe: str) -> str:
    """Return what the input of a sample depends on, as a file name."""
    source = sample.source
    files = source.frames if isinstance(source, ImageClip) else (source.path,)
    stamps = [_stamp(path) for path in files]
    told = json.dumps([recipe, sample.sample_id, repr(source), stamps, code_version()])
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
