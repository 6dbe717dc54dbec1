"""What a run that detects action units leaves behind: one row a sample, and what follows from it.

``predictions.csv`` has the columns of every other run. Label and prediction are written as one
digit for each unit, in the order of the protocol's labels: ``000100000000``. They are text: a
spreadsheet that takes them for numbers loses the zeros.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offline.scores.metrics import DRAWS, LEVEL, mean_defined
from offline.scores.result_files import json_ready, render_json, write_together
from offline.scores.result_metrics import bootstrap_seed, told_by
from offline.scores.results import COLUMNS, METRICS, PREDICTIONS, REPORT, Run
from offline.scores.unit_metrics import UnitScores, binary_f1, score_units, unit_interval
from realtime_mer.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from offline.datasets.base import Sample

THRESHOLD = 0.5
"""A unit is predicted where its probability is above this."""


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One sample, judged.

    Attributes
    ----------
    sample_id, dataset, subject
        As in ``Sample``; (dataset, subject) is the person.
    label, prediction
        A digit for each unit in the protocol's order: 1 where it is there.
    probabilities
        One for each unit in the same order, each of its own; they need not sum to 1.
    """

    sample_id: str
    dataset: str
    subject: str
    label: str
    prediction: str
    probabilities: tuple[float, ...]


def judged(sample: Sample, target: ArrayLike, probabilities: ArrayLike) -> UnitRow:
    """Return the row of a sample.

    Parameters
    ----------
    target
        (A,) of 0 and 1: what is there.
    probabilities
        (A,) of what the model says.

    Raises
    ------
    ConfigError
        There is not one probability between 0 and 1 for each unit.
    """
    found: NDArray[np.float64] = np.asarray(probabilities, np.float64)
    wanted = np.asarray(target)
    if found.shape != wanted.shape or not ((found >= 0) & (found <= 1)).all():
        raise ConfigError(
            f"sample {sample.sample_id} needs a probability between 0 and 1 for each of "
            f"{wanted.size} units"
        )
    return UnitRow(
        sample.sample_id, sample.dataset, sample.subject, bits(wanted > THRESHOLD),
        bits(found > THRESHOLD), tuple(found.tolist()),
    )  # fmt: skip


def bits(marks: ArrayLike) -> str:
    """Return (A,) marks as text: ``000100``."""
    return "".join("1" if mark else "0" for mark in np.asarray(marks).tolist())


def render_units(rows: Sequence[UnitRow], units: int) -> str:
    """Return the text of ``predictions.csv``; probabilities are written to the last digit.

    Raises
    ------
    ConfigError
        A row has another number of units.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"p_{number}" for number in range(units))])
    for row in rows:
        if not len(row.probabilities) == len(row.label) == len(row.prediction) == units:
            raise ConfigError(
                f"sample {row.sample_id} has {len(row.label)} labels, {len(row.prediction)} "
                f"predictions and {len(row.probabilities)} probabilities, the protocol {units} "
                "units: give one of each for each unit"
            )
        writer.writerow([*(getattr(row, name) for name in COLUMNS), *row.probabilities])
    return text.getvalue()


def read_units(path: str | os.PathLike[str]) -> list[UnitRow]:
    """Read the rows of a ``predictions.csv`` of action units.

    Raises
    ------
    SourceError
        The file cannot be read, or is none; the message names the row.
    """
    path = Path(path)
    try:
        lines = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8", "surrogateescape"))))
    except (OSError, csv.Error) as error:
        raise SourceError(f"cannot read the predictions {path}: {error}") from error
    units = len(lines[0]) - len(COLUMNS) if lines else 0
    if units < 1 or lines[0] != [*COLUMNS, *(f"p_{number}" for number in range(units))]:
        raise SourceError(f"{path} has other columns than {','.join(COLUMNS)},p_0,…: wrong file?")
    return [_parse(line, units, f"{path}, row {n}") for n, line in enumerate(lines[1:], start=1)]


def _parse(line: Sequence[str], units: int, where: str) -> UnitRow:
    try:
        sample_id, dataset, subject, label, prediction, *numbers = line
        row = UnitRow(sample_id, dataset, subject, label, prediction, tuple(map(float, numbers)))
    except ValueError as error:
        raise SourceError(f"{where}: {error}; write the file anew") from error
    for name, written in (("label", label), ("prediction", prediction)):
        if not re.fullmatch(f"[01]{{{units}}}", written):
            raise SourceError(
                f"{where}: {name} {written!r} must be {units} digits 0 or 1, one for each unit; "
                "was the file saved by a spreadsheet, or is it a run of classes?"
            )
    if len(row.probabilities) != units or not all(0 <= p <= 1 for p in row.probabilities):
        raise SourceError(f"{where}: needs {units} probabilities between 0 and 1")
    return row


def unit_metrics_of(rows: Sequence[UnitRow], run: Run) -> dict[str, Any]:
    """Return the content of ``metrics.json``, JSON-ready: what is undefined is None.

    Everything but what ``run`` holds is computed from ``rows``; ``run.classes`` are the units.

    Raises
    ------
    ConfigError
        The rows do not fit the run's units.
    """
    units, people = run.classes, Counter((row.dataset, row.subject) for row in rows)
    truth, guess = _table(rows, "label", len(units)), _table(rows, "prediction", len(units))
    datasets = np.array([row.dataset for row in rows], dtype=object)
    whole = score_units(truth, guess)
    parts = {
        name: score_units(truth[datasets == name], guess[datasets == name])
        for name in sorted(set(datasets.tolist()))
    }
    groups = [(row.dataset, row.subject) for row in rows]
    interval = unit_interval(groups, truth, guess, seed=bootstrap_seed(run))
    found = _averages(whole, list(parts.values())) | {
        "samples": len(rows),
        "subjects": len(people),
        "classes": list(units),
        "per_unit": _per_unit(whole, units),
        "per_dataset": {
            name: {
                "average": part.average,
                "macro_average": part.macro_average,
                "undefined": part.undefined,
                "samples": part.samples,
                "subjects": sum(person[0] == name for person in people),
                "per_unit": _per_unit(part, units),
            }
            for name, part in parts.items()
        },
        "interval": {
            "AU_average": list(interval),
            "level": LEVEL,
            "draws": DRAWS,
            "over": "subjects",
        },
        "threshold": THRESHOLD,
        **_training(whole, run),
        **told_by(run),
    }
    cleaned: dict[str, Any] = json_ready(found)
    return cleaned


def write_unit_results(
    out_dir: str | os.PathLike[str], rows: Sequence[UnitRow], run: Run
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Write all result files; return the metrics and file name → path.

    Every file is complete before the first one of an earlier run is replaced. Other files in the
    folder, which is made if it is missing, are left alone.

    Raises
    ------
    OutputError
        The folder cannot be written.
    ConfigError
        The rows do not fit the run's units.
    """
    from offline.reports import unit_report
    from offline.reports.drawing import DARK, LIGHT

    metrics = unit_metrics_of(rows, run)
    light, dark = (unit_report.draw(metrics, theme) for theme in (LIGHT, DARK))
    predictions = render_units(rows, len(run.classes))
    contents = {
        PREDICTIONS: predictions.encode("utf-8", "surrogateescape"),
        METRICS: render_json(metrics),
        REPORT: unit_report.render(metrics, run, light, dark).encode(),
        **light,
    }
    return metrics, write_together(out_dir, contents)


def _table(rows: Sequence[UnitRow], column: str, units: int) -> NDArray[np.int64]:
    """Return the digits of a column as (N, units) integers."""
    digits = [getattr(row, column) for row in rows]
    odd = next((each for each in digits if len(each) != units or set(each) - set("01")), None)
    if odd is not None:
        raise ConfigError(f"{column} {odd!r} must be {units} digits 0 or 1, one for each unit")
    return np.array([list(each) for each in digits], dtype=object).reshape(-1, units).astype(int)


def _averages(whole: UnitScores, parts: Sequence[UnitScores]) -> dict[str, Any]:
    """Return the averages over units and over data sets, and how much they leave out."""
    averages = np.array([part.average for part in parts])
    macro = np.array([part.macro_average for part in parts])
    zeros = np.array([part.zeros for part in parts])
    return {
        "AU_average": whole.average,
        "dataset_average": float(mean_defined(averages)),
        "macro": {
            "AU_average": whole.macro_average,
            "dataset_average": float(mean_defined(macro)),
        },
        "zeros": {"AU_average": whole.zeros, "dataset_average": float(mean_defined(zeros))},
        "undefined": {
            "AU_average": whole.undefined,
            "dataset_average": sum(part.undefined for part in parts),
        },
    }


def _training(whole: UnitScores, run: Run) -> dict[str, Any]:
    """Return the AU average of the training samples, and how much better it is than the test's.

    ``run.train_confusion`` holds TP, FP and FN of each unit.
    """
    if run.train_confusion is None:
        return {"train": None, "gap": None}
    hits, false_alarms, misses = np.asarray(run.train_confusion).T
    train = float(mean_defined(binary_f1(hits, false_alarms, misses)))
    return {"train": {"AU_average": train}, "gap": {"AU_average": train - whole.average}}


def _per_unit(scores: UnitScores, units: Sequence[str]) -> Mapping[str, Any]:
    return {
        name: {
            "precision": float(scores.precision[index]),
            "recall": float(scores.recall[index]),
            "F1": float(scores.f1[index]),
            "macro_F1": float(scores.macro_f1[index]),
            "samples": int(scores.hits[index] + scores.misses[index]),
            "predicted": int(scores.hits[index] + scores.false_alarms[index]),
        }
        for index, name in enumerate(units)
    }
