"""Results below one folder: found, read, and counted again from their rows.

A *run* is a folder with ``predictions.csv`` and ``metrics.json``, as `mer loso` and `mer evaluate`
write it; a *table* one with the ``table.json`` of `mer experiment`. What is chosen by a visitor is
the name of one that was found, so nothing outside the folder can be asked for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from offline.experiments.compared import FORMAT, RENDERED, SMOKE
from offline.scores.metrics import confusion_matrix, score
from offline.scores.results import METRICS, PREDICTIONS, Row, Run, metrics_of, read_predictions
from offline.synthesis.tree_truth import RENDERED as RENDERED_COUNTS
from realtime_mer.errors import SourceError
from realtime_mer.sources import printable

TABLE = "table.json"
DEEPEST, MOST = 6, 2000
"""Folders below the root that are looked into, and results that are listed."""
PASSED_OVER = ("folds", "inputs")
"""Parts of results that hold none themselves."""
LARGEST_BYTES = 50_000_000
SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Entry:
    """One result in the list.

    Attributes
    ----------
    place
        Where it lies below the root, with slashes; ``.`` for the root itself.
    kind
        ``run`` or ``table``.
    title, dataset, protocol, model
        What it says of itself; a table has no model.
    uf1
        Of a run, counted from its rows; None of a table.
    samples, subjects
        Of a run; 0 of a table.
    rendered, leaky, smoke
        What its figures must not be taken for.
    problem
        Why it cannot be read; empty if it can.
    """

    place: str
    kind: str
    title: str
    dataset: str = ""
    protocol: str = ""
    model: str = ""
    uf1: float | None = None
    samples: int = 0
    subjects: int = 0
    rendered: bool = False
    leaky: bool = False
    smoke: bool = False
    problem: str = ""

    @property
    def words(self) -> str:
        """Everything that a filter looks at, in small letters."""
        marks = [name for name in ("rendered", "leaky", "smoke") if getattr(self, name)]
        told = (self.kind, self.place, self.title, self.dataset, self.protocol, self.model, *marks)
        return " ".join(told).lower()


def find_results(root: Path) -> tuple[Entry, ...]:
    """Return all results below a folder: tables first, then runs, each by place.

    Links are not followed. What cannot be read is listed with its problem.
    """
    found: list[Entry] = []
    for folder, below, names in os.walk(root, followlinks=False):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        below[:] = [
            name
            for name in sorted(below)
            if depth < DEEPEST and name not in PASSED_OVER and not name.startswith(".")
        ]
        place = here.relative_to(root).as_posix()
        if TABLE in names:
            found.append(_table_entry(here, place))
        if PREDICTIONS in names and METRICS in names:
            found.append(_run_entry(here, place))
        if len(found) >= MOST:
            break
    return tuple(sorted(found, key=lambda entry: (entry.kind == "run", entry.place)))


def chosen(entries: Sequence[Entry], text: str) -> tuple[Entry, ...]:
    """Return the results that have every word of ``text`` somewhere in what they say."""
    wanted = text.lower().split()
    return tuple(entry for entry in entries if all(word in entry.words for word in wanted))


def read_run(root: Path, place: str) -> tuple[list[Row], dict[str, Any]]:
    """Return the rows of a run, and all figures counted from them.

    ``differs`` lists what its own ``metrics.json`` says otherwise; only what the rows cannot tell
    (protocol, selection, warnings) is taken from there.

    Raises
    ------
    SourceError
        There is no such run below the root, or it cannot be read.
    """
    folder = confined(root, place)
    told = _metrics(folder / METRICS)
    rows = _rows(folder / PREDICTIONS)
    run = _run(told)
    try:
        counted = metrics_of(rows, run)
    except ValueError as error:
        raise SourceError(f"{_name(folder)}: {error}") from error
    counted["differs"] = [
        name for name in ("UF1", "UAR", "accuracy") if not _same(told.get(name), counted[name])
    ]
    counted["rendered"] = is_rendered(told)
    counted["smoke"] = bool(_settings(told).get("smoke"))
    return rows, counted


def read_table(root: Path, place: str) -> dict[str, Any]:
    """Return the content of a ``table.json``.

    Raises
    ------
    SourceError
        There is none, or it is of another version.
    """
    path = confined(root, place) / TABLE
    table = _json(path)
    if table.get("format") != FORMAT:
        raise SourceError(f"{_name(path)} is no table of mer experiment, or of another version")
    return table


def confined(root: Path, place: str) -> Path:
    """Return the folder of a place below the root, every link followed.

    Raises
    ------
    SourceError
        It lies outside, or is not there: the same words for both.
    """
    try:
        real = (root / place).resolve(strict=True)
        if real.is_dir() and real.is_relative_to(root.resolve()):
            return real
    except (OSError, RuntimeError, ValueError):
        pass
    raise SourceError(f"no result {printable(place)!r} in the folder of results; choose another")


def is_rendered(told: Mapping[str, Any]) -> bool:
    """Return whether a run's figures are of rendered faces."""
    return told.get("published_counts") == RENDERED_COUNTS or told.get("dataset") == "synthetic"


def _run_entry(folder: Path, place: str) -> Entry:
    try:
        told, rows = _metrics(folder / METRICS), _rows(folder / PREDICTIONS)
        classes = len(told["classes"])
        counts = confusion_matrix(
            [row.label for row in rows], [row.prediction for row in rows], classes
        )
    except (SourceError, ValueError) as error:
        return Entry(place, "run", place, problem=str(error))
    model = str(told.get("model", ""))
    return Entry(
        place,
        "run",
        model.partition("@")[0] or place,
        str(told.get("dataset", "")),
        str(told.get("protocol", "")),
        model,
        score(counts).uf1,
        len(rows),
        len({(row.dataset, row.subject) for row in rows}),
        is_rendered(told),
        bool(told.get("leaky")),
        bool(_settings(told).get("smoke")),
    )


def _table_entry(folder: Path, place: str) -> Entry:
    try:
        table = _json(folder / TABLE)
        if table.get("format") != FORMAT:
            raise SourceError(f"{TABLE} is of another version of mer experiment")
        data = table["data"]
        warnings = table["warnings"]
        return Entry(
            place,
            "table",
            str(table["title"]),
            " ".join(str(each["dataset"]) for each in data),
            " ".join(str(each["protocol"]) for each in data),
            rendered=RENDERED in warnings,
            leaky=any(words.startswith("selected") for words in warnings),
            smoke=SMOKE in warnings,
        )
    except (SourceError, KeyError, TypeError, AttributeError) as error:
        return Entry(place, "table", place, problem=str(error) or "cannot be read")


def _run(told: Mapping[str, Any]) -> Run:
    """Return what the rows do not say, as the run itself told it."""
    seeds = told.get("seeds")
    return Run(
        dataset=str(told.get("dataset", "")),
        protocol=str(told.get("protocol", "")),
        classes=tuple(map(str, told["classes"])),
        model=str(told.get("model", "")),
        selection=str(told.get("selection", "")),
        seeds=seeds if isinstance(seeds, dict) else {},
        wall_s=float(told.get("wall_s") or 0),
        leaky=bool(told.get("leaky")),
        warning=str(told.get("warning") or ""),
        settings=_settings(told),
        published_counts=str(told.get("published_counts", "")),
    )


def _settings(told: Mapping[str, Any]) -> Mapping[str, Any]:
    settings = told.get("settings")
    return settings if isinstance(settings, dict) else {}


def _metrics(path: Path) -> dict[str, Any]:
    told = _json(path)
    if not isinstance(told.get("classes"), list) or not told["classes"]:
        raise SourceError(f"{_name(path)} names no classes; run mer loso again")
    return told


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise SourceError(f"{_name(path)} is too large to be one of ours")
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {_name(path)}: {type(error).__name__}") from error
    if not isinstance(value, dict):
        raise SourceError(f"{_name(path)} is no result of ours")
    return value


def _rows(path: Path) -> list[Row]:
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"cannot read {_name(path)}: {error.strerror}") from error
    if status.st_size > LARGEST_BYTES:
        raise SourceError(f"{_name(path)} is too large to be one of ours")
    return list(_read_rows(str(path), status.st_mtime_ns))


@lru_cache(maxsize=256)
def _read_rows(path: str, changed_ns: int) -> tuple[Row, ...]:
    return tuple(read_predictions(path))


def _same(told: Any, counted: float | None) -> bool:
    if told is None or counted is None:
        return told is None and counted is None
    return isinstance(told, int | float) and abs(told - counted) < SAME


def _name(path: Path) -> str:
    return printable(f"{path.parent.name}/{path.name}")
