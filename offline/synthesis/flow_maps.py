"""Synthetic onset→apex flow maps: action units move pixels, an estimator reads them back.

A map goes the way of a real one: a face, a displacement field, a camera with noise and
compression, an imperfect alignment or none, an optical flow, then the recipe's scaling. Half of
the maps are read as the stream reads them, half as the field's flow archives were made
(``flow_readings``); what an estimator gets wrong on skin without texture it gets wrong here too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.synthesis.aligned_faces import Face
from offline.synthesis.conditions import Conditions
from offline.synthesis.flow_readings import (
    field_as_archive,
    field_as_stream,
    read_as_archive,
    read_as_stream,
)
from offline.synthesis.skin_motion import SkinMotion, draw_expression, draw_nothing
from offline.synthesis.snapshots import draw_head, on_face, photograph_pair
from offline.worker_life import end_with_parent
from realtime_mer.events import EMOTIONS, NONE

Float = NDArray[np.float32]
LABELS = (*EMOTIONS, NONE)
CHUNK = 100
"""Maps drawn from one random stream: results do not depend on the number of processes."""


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """Labelled flow maps.

    Attributes
    ----------
    flow
        (N, 2, 28, 28) float32, as the recipe ``onset_apex_flow`` makes them.
    labels
        (N,) int64 positions in ``LABELS``.
    groups
        (N, 10, 2) float32: which ``ACTION_UNIT_GROUPS`` are there, the subject's (right, left).
    archive
        (N,) bool: read as an archive's.
    """

    flow: Float
    labels: NDArray[np.int64]
    groups: Float
    archive: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, rows: slice) -> Maps:
        """Return some of the maps."""
        return Maps(self.flow[rows], self.labels[rows], self.groups[rows], self.archive[rows])

    def save(self, path: Path) -> None:
        """Write a .npz file in one go: an interrupted write leaves none."""
        partial = path.with_suffix(".partial")
        columns = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        with partial.open("wb") as file:
            np.savez(file, **columns)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Maps:
        """Read what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(**{entry.name: stored[entry.name] for entry in fields(cls)})


def draw_maps(
    count: int,
    faces: Sequence[Face],
    seed: int,
    conditions: Conditions | None = None,
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Maps:
    """Draw labelled maps, the three emotions equally often.

    Parameters
    ----------
    count
        How many.
    faces
        Whom they show, drawn at random.
    seed
        Equal seeds give equal maps, whatever the number of processes.
    processes
        One for each core by default; 1 draws here.
    progress
        Called with the number of maps of every finished chunk.
    """
    conditions = conditions or Conditions()
    processes = processes or os.cpu_count() or 1
    sizes = [min(CHUNK, count - start) for start in range(0, count, CHUNK)]
    jobs = [(size, seed, number) for number, size in enumerate(sizes)]
    parts = []
    for part in _results(jobs, list(faces), conditions, min(processes, len(jobs))):
        parts.append(part)
        if progress is not None:
            progress(len(part))
    return Maps(
        **{
            entry.name: np.concatenate([getattr(part, entry.name) for part in parts])
            for entry in fields(Maps)
        }
    )


def draw_map(
    label: str, archive: bool, face: Face, rng: np.random.Generator, conditions: Conditions
) -> tuple[Float, Float]:
    """Draw one map (2, 28, 28) and its action-unit groups (10, 2) of one of ``LABELS``."""
    draw = draw_nothing if label == NONE else _expression(label)
    skin = draw(face, rng, conditions)
    head = draw_head(rng, conditions, loose=archive)
    if rng.random() >= conditions.pixels:
        if archive:
            return field_as_archive(on_face(skin.field + head, rng), rng), skin.groups
        return field_as_stream(skin.field, rng), skin.groups
    rest, peak = photograph_pair(face.gray, skin.field, head, rng, conditions)
    if archive:
        return read_as_archive(rest, peak, rng), skin.groups
    return read_as_stream(rest, peak), skin.groups


def _expression(label: str) -> Callable[[Face, np.random.Generator, Conditions], SkinMotion]:
    return lambda face, rng, conditions: draw_expression(label, face, rng, conditions)


def _results(
    jobs: list[tuple[int, int, int]], faces: list[Face], conditions: Conditions, processes: int
) -> Iterator[Maps]:
    """Yield the chunks in order, drawn here or by other processes."""
    if processes <= 1:
        for job in jobs:
            yield _draw_chunk(job, faces, conditions)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), _set_up, (faces, conditions)) as pool:
        yield from pool.map(_draw_remote, jobs)


_SHARED: dict[str, tuple[list[Face], Conditions]] = {}


def _set_up(faces: list[Face], conditions: Conditions) -> None:
    cv2.setNumThreads(1)
    end_with_parent()
    _SHARED["job"] = faces, conditions


def _draw_remote(job: tuple[int, int, int]) -> Maps:
    return _draw_chunk(job, *_SHARED["job"])


def _draw_chunk(job: tuple[int, int, int], faces: list[Face], conditions: Conditions) -> Maps:
    size, seed, number = job
    rng = np.random.default_rng([seed, number])
    labels = np.arange(size) % len(EMOTIONS)
    labels[rng.random(size) < conditions.nothing] = len(EMOTIONS)
    archive = rng.random(size) < conditions.archive
    drawn = [
        draw_map(LABELS[label], bool(old), faces[int(rng.integers(len(faces)))], rng, conditions)
        for label, old in zip(labels, archive, strict=True)
    ]
    flow, groups = (np.stack(each) for each in zip(*drawn, strict=True))
    return Maps(flow, labels.astype(np.int64), groups, archive)
