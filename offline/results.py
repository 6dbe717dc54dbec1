"""What a run leaves behind: one row a sample, and everything that follows from the rows.

``predictions.csv`` is the result; ``metrics.json``, the figures and ``report.html`` are computed
from its rows, pooled over all folds, and can be computed again from the file.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offline.datasets.base import Problem
from offline.metrics import Scores, bootstrap, calibrate, confusion_matrix, score, score_by
from realtime_mer.doctor import versions
from realtime_mer.errors import ConfigError, OutputError, SourceError

PREDICTIONS, METRICS, REPORT = "predictions.csv", "metrics.json", "report.html"
COLUMNS = ("sample_id", "dataset", "subject", "label", "prediction")
"""Columns before ``p_0`` … ``p_{C-1}``."""


@dataclass(frozen=True, slots=True)
class Row:
    """One sample, judged.

    Attributes
    ----------
    sample_id, dataset, subject
        As in ``Sample``; (dataset, subject) is the person.
    label, prediction
        Class numbers in the protocol's order, from 0.
    probabilities
        One for each class, in the same order, summing to 1.
    """

    sample_id: str
    dataset: str
    subject: str
    label: int
    prediction: int
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A sample of the protocol that could not be judged, and why."""

    sample_id: str
    dataset: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Run:
    """What the rows do not say.

    Attributes
    ----------
    dataset, protocol, classes
        Names; ``classes`` in the order of the class numbers.
    model
        Which model, for instance ``name@sha256-prefix``.
    selection
        How epochs and parameters were chosen, and on whom.
    seeds
        Every seed by name; ``bootstrap`` is the one of the intervals.
    wall_s
        Seconds spent.
    unreadable
        Samples that should have been judged and could not be.
    left_out
        Samples outside the protocol, and what was wrong with the data set.
    trained_on, limits
        The model card's words, empty where there is no card.
    """

    dataset: str
    protocol: str
    classes: tuple[str, ...]
    model: str
    selection: str
    seeds: Mapping[str, int]
    wall_s: float
    unreadable: tuple[Unreadable, ...] = ()
    left_out: tuple[Problem, ...] = ()
    trained_on: str = ""
    limits: str = ""


def render_predictions(rows: Sequence[Row], classes: int) -> str:
    """Return the text of ``predictions.csv``; probabilities are written to the last digit.

    Raises
    ------
    ConfigError
        A row has another number of probabilities than there are classes.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"p_{number}" for number in range(classes))])
    for row in rows:
        if len(row.probabilities) != classes:
            raise ConfigError(
                f"sample {row.sample_id} has {len(row.probabilities)} probabilities, the protocol "
                f"{classes} classes: give one for each class"
            )
        writer.writerow([*(getattr(row, name) for name in COLUMNS), *row.probabilities])
    return text.getvalue()


def read_predictions(path: str | os.PathLike[str]) -> list[Row]:
    """Read the rows of a ``predictions.csv``.

    Raises
    ------
    SourceError
        The file cannot be read, or is none; the message names the line.
    """
    path = Path(path)
    try:
        lines = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8", "surrogateescape"))))
    except (OSError, csv.Error) as error:
        raise SourceError(f"cannot read the predictions {path}: {error}") from error
    classes = len(lines[0]) - len(COLUMNS) if lines else 0
    if not lines or lines[0] != [*COLUMNS, *(f"p_{number}" for number in range(classes))]:
        raise SourceError(f"{path} has other columns than {','.join(COLUMNS)},p_0,…: wrong file?")
    return [_parse(line, classes, f"{path}, row {n}") for n, line in enumerate(lines[1:], start=1)]


def _parse(line: Sequence[str], classes: int, where: str) -> Row:
    try:
        sample_id, dataset, subject, label, prediction, *numbers = line
        row = Row(
            sample_id, dataset, subject, int(label), int(prediction), tuple(map(float, numbers))
        )
    except ValueError as error:
        raise SourceError(f"{where}: {error}; write the file anew") from error
    if not (
        len(row.probabilities) == classes
        and {row.label, row.prediction} <= set(range(classes))
        and all(0 <= p <= 1 for p in row.probabilities)
    ):
        raise SourceError(
            f"{where}: needs classes 0 … {classes - 1} and {classes} probabilities between 0 and 1"
        )
    return row


def metrics_of(rows: Sequence[Row], run: Run) -> dict[str, Any]:
    """Return the content of ``metrics.json``, JSON-ready: what is undefined is None.

    Everything but what ``run`` holds is computed from ``rows``.
    """
    labels, predictions = [row.label for row in rows], [row.prediction for row in rows]
    classes, groups = len(run.classes), [(row.dataset, row.subject) for row in rows]
    arguments = (labels, predictions, classes)
    whole = score(confusion_matrix(*arguments))
    of_dataset = score_by([row.dataset for row in rows], *arguments)
    of_person = score_by(groups, *arguments)
    interval = bootstrap(groups, *arguments, seed=run.seeds.get("bootstrap", 0))
    found = _ratios(whole) | {
        "samples": len(rows),
        "subjects": len(of_person),
        "classes": list(run.classes),
        "confusion": whole.confusion.tolist(),
        "per_class": _per_class(whole, run.classes),
        "per_dataset": {
            name: _ratios(part)
            | {"samples": part.samples, "subjects": sum(person[0] == name for person in of_person)}
            for name, part in sorted(of_dataset.items())
        },
        "per_subject": {
            dataset: {
                subject: {"samples": part.samples, "accuracy": part.accuracy}
                for (of, subject), part in sorted(of_person.items())
                if of == dataset
            }
            for dataset in sorted(of_dataset)
        },
        "interval": {
            "UF1": list(interval.uf1),
            "UAR": list(interval.uar),
            "level": interval.level,
            "draws": interval.draws,
            "over": "subjects",
        },
        "calibration": _calibration(rows, classes),
        "unreadable": {
            "samples": len(run.unreadable),
            "list": [asdict(sample) for sample in run.unreadable],
        },
        "left_out": [asdict(problem) for problem in run.left_out],
        "dataset": run.dataset,
        "protocol": run.protocol,
        "model": run.model,
        "selection": run.selection,
        "seeds": dict(run.seeds),
        "wall_s": round(run.wall_s, 3),
        "versions": {name: number for name, number in versions().items() if number},
    }
    cleaned: dict[str, Any] = _null(found)
    return cleaned


def write_results(
    out_dir: str | os.PathLike[str], rows: Sequence[Row], run: Run
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Write all result files; return the metrics and file name → path.

    Every file is complete before the first one of an earlier run is replaced. Other files in the
    folder, which is made if it is missing, are left alone.

    Raises
    ------
    OutputError
        The folder cannot be written.
    ConfigError
        The rows do not fit the run's classes.
    """
    from offline import figures, report

    out = Path(out_dir)
    metrics = metrics_of(rows, run)
    light, dark = (figures.draw(metrics, theme) for theme in (figures.LIGHT, figures.DARK))
    predictions = render_predictions(rows, len(run.classes))
    contents = {
        PREDICTIONS: predictions.encode("utf-8", "surrogateescape"),
        METRICS: (json.dumps(metrics, indent=2, allow_nan=False) + "\n").encode(),
        REPORT: report.render(metrics, run, light, dark).encode(),
        **light,
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mer-", dir=out) as scratch:
            for name, data in contents.items():
                Path(scratch, name).write_bytes(data)
            for name in contents:
                Path(scratch, name).replace(out / name)
    except OSError as error:
        raise OutputError(
            f"cannot write the results into {out}: {error.strerror or error}; choose a folder that "
            "you may write to"
        ) from error
    return metrics, {name: out / name for name in contents}


def _ratios(scores: Scores) -> dict[str, Any]:
    return {
        "UF1": scores.uf1,
        "UAR": scores.uar,
        "accuracy": scores.accuracy,
        "undefined": {"UF1": scores.undefined_f1, "UAR": scores.undefined_recall},
    }


def _per_class(scores: Scores, classes: Sequence[str]) -> dict[str, Any]:
    return {
        name: {
            "precision": float(scores.precision[index]),
            "recall": float(scores.recall[index]),
            "F1": float(scores.f1[index]),
            "samples": int(scores.confusion[index].sum()),
            "predicted": int(scores.confusion[:, index].sum()),
        }
        for index, name in enumerate(classes)
    }


def _calibration(rows: Sequence[Row], classes: int) -> dict[str, Any]:
    table = np.array([row.probabilities for row in rows], np.float64).reshape(len(rows), classes)
    found = calibrate([row.label for row in rows], table)
    return {
        "ECE": found.error,
        "log_loss": found.log_loss,
        "bins": len(found.samples),
        "samples": found.samples.tolist(),
        "confidence": found.confidence.tolist(),
        "accuracy": found.accuracy.tolist(),
    }


def _null(value: Any) -> Any:
    """Return a JSON-ready value with None for every number that is not finite."""
    if isinstance(value, dict):
        return {key: _null(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_null(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
