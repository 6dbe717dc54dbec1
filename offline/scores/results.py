"""What a run leaves behind: one row a sample, and everything that follows from the rows.

``predictions.csv`` is the result; ``metrics.json``, the figures and ``report.html`` are computed
from its rows, pooled over all folds, and can be computed again from the file. Where a model was
trained, ``predictions_by_seed.csv`` holds what each seed said on its own.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offline.datasets.base import Problem
from offline.scores.result_files import render_json, write_together
from offline.scores.result_metrics import metrics_of
from realtime_mer.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from offline.explain.explain_run import Explanations
    from offline.reports.embedding import Embedding

__all__ = [
    "Row", "Run", "Unreadable", "metrics_of", "read_predictions", "render_by_seed",
    "render_predictions", "write_results",
]  # fmt: skip

PREDICTIONS, METRICS, REPORT = "predictions.csv", "metrics.json", "report.html"
BY_SEED = "predictions_by_seed.csv"
SOMETIMES = (BY_SEED, "confusion_by_dataset.png", "tsne.png", "explained.png", "attention.png")
"""Files that not every run writes; those of an earlier run in the same folder are removed."""
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
        Every seed by name, or several under one; ``bootstrap`` is the one of the intervals.
    wall_s
        Seconds spent.
    unreadable
        Samples that should have been judged and could not be.
    left_out
        Samples outside the protocol, and what was wrong with the data set.
    trained_on, limits
        The model card's words, empty where there is no card.
    seed_rows
        The rows of every training seed on its own, where the run's rows are of the mean of their
        probabilities.
    train_confusion
        (C, C) counts of what the model of every fold says of its own training samples, rows truth.
    leaky, warning
        True where something was chosen on the test subjects; what every output then says.
    chosen
        Fold and seed → what was selected there, by name: ``epochs``, ``C``.
    settings
        The resolved configuration.
    digest, code
        What the run is known by: configuration, data and code; and the code alone.
    published_counts
        How the samples compare with the literature's, in a sentence.
    embedding
        Samples as points of a plane, by likeness.
    explained
        What moved the answers of one fold's network, where that was asked for.
    """

    dataset: str
    protocol: str
    classes: tuple[str, ...]
    model: str
    selection: str
    seeds: Mapping[str, int | Sequence[int]]
    wall_s: float
    unreadable: tuple[Unreadable, ...] = ()
    left_out: tuple[Problem, ...] = ()
    trained_on: str = ""
    limits: str = ""
    seed_rows: Mapping[int, Sequence[Row]] = field(default_factory=dict)
    train_confusion: Sequence[Sequence[int]] | None = None
    leaky: bool = False
    warning: str = ""
    chosen: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    code: str = ""
    published_counts: str = ""
    embedding: Embedding | None = None
    explained: Explanations | None = None


def render_predictions(rows: Sequence[Row], classes: int) -> str:
    """Return the text of ``predictions.csv``; probabilities are written to the last digit.

    Raises
    ------
    ConfigError
        A row has another number of probabilities than there are classes.
    """
    return _table([("", row) for row in rows], classes, [])


def render_by_seed(seed_rows: Mapping[int, Sequence[Row]], classes: int) -> str:
    """Return the text of ``predictions_by_seed.csv``: those columns, and the seed behind them."""
    rows = [(str(seed), row) for seed, own in sorted(seed_rows.items()) for row in own]
    return _table(rows, classes, ["seed"])


def _table(rows: Sequence[tuple[str, Row]], classes: int, more: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"p_{number}" for number in range(classes)), *more])
    for seed, row in rows:
        if len(row.probabilities) != classes:
            raise ConfigError(
                f"sample {row.sample_id} has {len(row.probabilities)} probabilities, the protocol "
                f"{classes} classes: give one for each class"
            )
        behind = [seed] if more else []
        writer.writerow([*(getattr(row, name) for name in COLUMNS), *row.probabilities, *behind])
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
    from offline.reports import drawing, explain_figures, figures, report

    metrics = metrics_of(rows, run)
    light, dark = (
        figures.draw(metrics, theme, run.embedding) for theme in (drawing.LIGHT, drawing.DARK)
    )
    if run.explained is not None:
        light |= explain_figures.draw(run.explained, metrics, drawing.LIGHT)
        dark |= explain_figures.draw(run.explained, metrics, drawing.DARK)
    size = len(run.classes)
    tables = {PREDICTIONS: render_predictions(rows, size)}
    if len(run.seed_rows) > 1:
        tables[BY_SEED] = render_by_seed(run.seed_rows, size)
    contents = {
        **{name: text.encode("utf-8", "surrogateescape") for name, text in tables.items()},
        METRICS: render_json(metrics),
        REPORT: report.render(metrics, run, light, dark).encode(),
        **light,
    }
    return metrics, write_together(out_dir, contents, SOMETIMES)
