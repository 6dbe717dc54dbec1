"""``report.html`` of a benchmark: one self-contained page, readable in light and in dark."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from offline.reports import explain_figures
from offline.reports.other_protocols import other_protocol
from offline.reports.pages import counted, environment, percent, pictures, ratio, seeds_in_words
from offline.reports.report_training import training_view
from offline.scores.published import MEGC2019, PROTOCOL, SETS

if TYPE_CHECKING:
    from offline.scores.results import Run

CAPTIONS = {
    "confusion.png": "Confusion matrix: samples, and their share of each true class.",
    "reliability.png": "Reliability: on the dashed line, what is called 80 % sure is right eight "
    "times in ten. Below, how often the model was so sure.",
    "confusion_by_dataset.png": "The same for the samples of each data set; their number is behind "
    "its name.",
    "subjects.png": "Samples of every subject, and how many of them were recognised.",
    "tsne.png": "Every point is a sample: colour is its true class, shape its data set. Neighbours "
    "resemble each other. Ringed: people that this network never learnt from.",
}
VERDICTS = {"inside the interval": "inside: no winner", "above": "run above", "below": "run below"}
"""What is said of each ``comparison.Verdict``."""
FAR = ("above", "below")
NAMES = {"smic": "SMIC", "casme2": "CASME II", "samm": "SAMM"}
_MARGIN = 0.02
"""UF1 left free at both ends of the strip."""


def render(
    metrics: Mapping[str, Any], run: Run, light: Mapping[str, bytes], dark: Mapping[str, bytes]
) -> str:
    """Return the page's text.

    Parameters
    ----------
    metrics
        What ``results.metrics_of`` returned for ``run``.
    light, dark
        The figures as PNG by file name, for either colour scheme.
    """
    settings = metrics["settings"]
    return (
        environment()
        .get_template("result.html.j2")
        .render(
            metrics=metrics,
            run=run,
            leaky=metrics["leaky"],
            warning=metrics["warning"],
            pictures=pictures(CAPTIONS | explain_figures.CAPTIONS, light, dark),
            training=training_view(metrics),
            published=_published(metrics),
            others=other_protocol(metrics),
            embedding=run.embedding,
            explained=run.explained,
            seeds=seeds_in_words(metrics["seeds"]),
            settings=json.dumps(settings, indent=2, ensure_ascii=False) if settings else "",
            left_out=counted(problem.reason for problem in run.left_out),
            problems=run.left_out,
        )
    )


def _published(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return this run's row and the literature's, None under any other protocol."""
    if metrics["protocol"] != PROTOCOL:
        return None
    parts: Mapping[str, Any] = metrics["per_dataset"]
    some_only = set(parts) < set(SETS)
    own = [None if some_only else metrics, *(parts.get(name) for name in SETS)]
    verdicts = {entry["method"]: entry["verdict"] for entry in metrics["comparison"]}
    places, band = _strip(metrics)
    return {
        "own": [entry and (entry["UF1"], entry["UAR"]) for entry in own],
        "rows": [
            {
                "method": row.method + row.marks,
                "pairs": [row.full, *(getattr(row, name) for name in SETS)],
                "note": row.note,
                "place": places.get(row.method),
                "verdict": VERDICTS.get(verdicts.get(row.method) or "", ""),
                "far": verdicts.get(row.method) in FAR,
            }
            for row in sorted(MEGC2019, key=lambda row: row.full[0])
        ],
        "scale": NAMES.get("".join(parts), "all three"),
        "band": band,
        "place": places.get(""),
        "sentence": _sentence(metrics),
    }


def _strip(metrics: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, str] | None]:
    """Return where each method's UF1 lies on a strip, in percent of it, and the run's interval.

    The run itself goes by the empty name.
    """
    found = {entry["method"]: entry["UF1"] for entry in metrics["comparison"]}
    low, high = metrics["interval"]["UF1"]
    if not found or low is None:
        return {}, None
    found[""] = metrics["UF1"]
    start, end = min(low, *found.values()) - _MARGIN, max(high, *found.values()) + _MARGIN
    places = {name: percent((uf1 - start) / (end - start)) for name, uf1 in found.items()}
    return places, (percent((low - start) / (end - start)), percent((high - low) / (end - start)))


def _sentence(metrics: Mapping[str, Any]) -> str:
    """Say what may be said of this run beside the published figures, and no more."""
    beside = metrics["comparison"]
    if not beside:
        return ""
    if metrics["leaky"]:
        return "No verdict: this run chose on the subjects that it was tested on."
    if metrics["published_counts"].startswith("differs"):
        return "No verdict: these are not the samples of the published figures."
    low, high = metrics["interval"]["UF1"]
    if low is None:
        return "No verdict: there is no interval."
    inside = sum(entry["verdict"] == "inside the interval" for entry in beside)
    return (
        f"{inside} of {len(beside)} published figures lie inside this run's interval, "
        f"{ratio(low)} to {ratio(high)}: between them and this run these samples name no winner. "
        "A figure outside it has an interval of its own, about as wide; one that leaks (‡) is on "
        "another scale."
    )
