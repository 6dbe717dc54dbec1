"""The content of ``table.json``: a published table with our figures beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offline.experiments.plan import RunPlan, command_of
from offline.experiments.table import MARKS, METRICS, WHOLE, Experiment, Published, Setup
from offline.models.registry import MODELS
from offline.scores.comparison import verdict
from offline.scores.result_metrics import HEADLINES

FORMAT = "mer experiment table 1"
RENDERED = "rendered data: says nothing about real micro-expressions"
SMOKE = "smoke run: small systems and few epochs, which says nothing of the systems"
DONE, FAILED, UNASKED = "done", "failed", "not asked for"
QUOTED, NOT_THERE, NO_DATA = "quoted", "not there", "no data"
STATES = {
    UNASKED: "not asked for",
    NO_DATA: "its data are not there",
    NOT_THERE: "its model is not there",
    QUOTED: "no model of ours stands for it",
}
"""Why a row has no figures of ours."""
BOUNDS = ("UF1", "UAR")
"""What has an interval."""


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """A run of one model: the content of its ``metrics.json``, or the reason why there is none."""

    metrics: Mapping[str, Any] | None
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What was run of one setup.

    Attributes
    ----------
    setup
        Data set and protocol.
    missing
        Why nothing could be run, empty where something could.
    attempts
        Model → its run.
    rendered, recipe
        Whether the data are rendered, and the commands that do so.
    """

    setup: Setup
    missing: str
    attempts: Mapping[str, Attempt]
    rendered: bool
    recipe: tuple[str, ...]


def compared(experiment: Experiment, plan: RunPlan, made: Sequence[Made]) -> dict[str, Any]:
    """Return the content of ``table.json``; what is undefined is None."""
    return {
        "format": FORMAT,
        "name": experiment.name,
        "title": experiment.title,
        "source": experiment.source,
        "chosen": experiment.chosen,
        "notes": list(experiment.notes),
        "metrics": list(experiment.metrics),
        "marks": {
            mark: words
            for mark, words in MARKS.items()
            if any(mark in row.marks for row in experiment.rows)
        },
        "warnings": _warnings(plan, made),
        "command": command_of(experiment.name, plan),
        "seeds": list(plan.seeds),
        "selection": plan.selection,
        "epochs": plan.network_epochs,
        "smoke": plan.smoke,
        "data": [_data(each) for each in made],
        "rows": [_row(row, plan, made) for row in experiment.rows],
    }


def _warnings(plan: RunPlan, made: Sequence[Made]) -> list[str]:
    leaks = [
        attempt.metrics["warning"]
        for each in made
        for attempt in each.attempts.values()
        if attempt.metrics and attempt.metrics["leaky"]
    ]
    said = [RENDERED] * any(each.rendered for each in made) + [SMOKE] * plan.smoke
    return said + leaks[:1]


def _data(made: Made) -> dict[str, Any]:
    runs = [attempt.metrics for attempt in made.attempts.values() if attempt.metrics]
    first = runs[0] if runs else None
    return {
        "dataset": made.setup.dataset,
        "protocol": made.setup.protocol,
        "missing": made.missing,
        "rendered": made.rendered,
        "recipe": list(made.recipe),
        "samples": first and first["samples"],
        "subjects": first and first["subjects"],
        "classes": first and first["classes"],
        "published_counts": first["published_counts"] if first else "",
    }


def _row(row: Published, plan: RunPlan, made: Sequence[Made]) -> dict[str, Any]:
    """Return a row: what the paper prints, and ours for every column that could be run."""
    cells: dict[str, Any] = {}
    reasons: list[str] = []
    states: list[str] = []
    for each in made:
        attempt = each.attempts.get(row.model)
        states.append(_state(row, each, attempt, plan))
        if attempt and attempt.reason:
            reasons.append(attempt.reason)
        for column in each.setup.columns:
            cells[column] = _cell(row, column, each, attempt, plan)
    state = next(name for name in (DONE, FAILED, *STATES) if name in states)
    return {
        "label": row.label,
        "model": row.model,
        "marks": row.marks,
        "leaky": row.leaky,
        "note": row.note,
        "state": state,
        "reason": "; ".join(dict.fromkeys(reasons)) or STATES.get(state, ""),
        "columns": cells,
    }


def _state(row: Published, made: Made, attempt: Attempt | None, plan: RunPlan) -> str:
    if not row.model:
        return QUOTED
    if row.model not in MODELS:
        return NOT_THERE
    if not plan.wants(row.model):
        return UNASKED
    if made.missing or attempt is None:
        return NO_DATA
    return DONE if attempt.metrics else FAILED


def _cell(
    row: Published, column: str, made: Made, attempt: Attempt | None, plan: RunPlan
) -> dict[str, Any]:
    printed = dict(row.figures.get(column, {}))
    metrics = attempt.metrics if attempt else None
    whole = metrics is not None and _is_whole(column, made.setup, metrics)
    ours = _figures(metrics, column, whole) if metrics else {}
    interval = {name: metrics["interval"][name] for name in BOUNDS} if metrics and whole else {}
    why_not = _why_not(row, made, metrics, plan)
    said = ""
    if "UF1" in printed and interval and not why_not:
        said = verdict(interval["UF1"], float(printed["UF1"]))
    return {
        "printed": printed,
        "published": {name: float(value) for name, value in printed.items()},
        "ours": ours,
        "interval": interval,
        "samples": _samples(metrics, column, whole),
        "verdict": said or None,
        "no_verdict": why_not if ours and printed else "",
    }


def _is_whole(column: str, setup: Setup, metrics: Mapping[str, Any]) -> bool:
    """Return whether a column is about all samples of a run.

    That of a composite is not, where the run has some of its data sets alone.
    """
    if column == WHOLE:
        return not set(metrics["per_dataset"]) < set(setup.needs)
    return setup.columns == (column,) or set(metrics["per_dataset"]) == {column}


def _figures(metrics: Mapping[str, Any], column: str, whole: bool) -> dict[str, float | None]:
    if whole:
        return {name: _figure(metrics, name) for name in METRICS}
    part = metrics["per_dataset"].get(column)
    return {name: part[name] for name in HEADLINES} if part and column != WHOLE else {}


def _figure(metrics: Mapping[str, Any], name: str) -> float | None:
    """Return one of ``METRICS`` for all samples of a run; None where it is undefined."""
    precision: float | None = metrics["macro_precision"]
    recall: float | None = metrics["UAR"]
    if name in HEADLINES:
        value: float | None = metrics[name]
        return value
    if name == "precision":
        return precision
    if name == "recall":
        return recall
    if name == "F1_of_means":
        if precision is None or recall is None or precision + recall == 0:
            return None
        return 2 * precision * recall / (precision + recall)
    parts = [part for part in metrics["per_class"].values() if part["samples"]]
    if any(part["F1"] is None for part in parts):
        return None
    weighed: float = sum(part["F1"] * part["samples"] for part in parts)
    samples: int = sum(part["samples"] for part in parts)
    return weighed / samples


def _samples(metrics: Mapping[str, Any] | None, column: str, whole: bool) -> int | None:
    if metrics is None:
        return None
    found = metrics if whole else metrics["per_dataset"].get(column)
    return found["samples"] if found else None


def _why_not(row: Published, made: Made, metrics: Mapping[str, Any] | None, plan: RunPlan) -> str:
    """Return why nothing may be said of ours beside the paper's figure; empty if it may."""
    if made.rendered:
        return RENDERED
    if plan.smoke:
        return SMOKE
    if metrics and metrics["leaky"]:
        return "ours was chosen on the people who were tested"
    if metrics and metrics["published_counts"].startswith("differs"):
        return "other samples than the published ones"
    return "the published figure leaks" if row.leaky else ""
