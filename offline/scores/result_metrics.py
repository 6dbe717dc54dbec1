"""The content of ``metrics.json``: everything that follows from the rows of a run.

All of it is computed from the rows, pooled over folds; only what was set, chosen or counted during
training comes from the run itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from offline.scores.comparison import verdict
from offline.scores.metrics import (
    Scores,
    bootstrap,
    calibrate,
    confusion_matrix,
    mean_defined,
    score,
    score_by,
)
from offline.scores.published import MEGC2019, PROTOCOL, SETS
from offline.scores.result_files import json_ready
from realtime_mer.doctor import versions
from realtime_mer.errors import ConfigError

if TYPE_CHECKING:
    from offline.scores.results import Row, Run

HEADLINES = ("UF1", "UAR", "accuracy")
STAMP = "selected on the test subjects: not a result"
"""What every figure of a leaky run says."""


def metrics_of(rows: Sequence[Row], run: Run) -> dict[str, Any]:
    """Return the content of ``metrics.json``, JSON-ready: what is undefined is None.

    Everything but what ``run`` holds is computed from ``rows``.

    Raises
    ------
    ConfigError
        A class number is none of the run's, or a seed has judged other samples than the rows.
    """
    labels, predictions = [row.label for row in rows], [row.prediction for row in rows]
    classes, groups = len(run.classes), [(row.dataset, row.subject) for row in rows]
    arguments = (labels, predictions, classes)
    whole = score(confusion_matrix(*arguments))
    interval = bootstrap(groups, *arguments, seed=bootstrap_seed(run))
    found = _ratios(whole) | {
        "macro_precision": float(mean_defined(whole.precision)),
        "samples": len(rows),
        "subjects": len(set(groups)),
        "classes": list(run.classes),
        "confusion": whole.confusion.tolist(),
        "per_class": _per_class(whole, run.classes),
        **_parts(rows, groups, classes),
        "interval": {
            "UF1": list(interval.uf1),
            "UAR": list(interval.uar),
            "level": interval.level,
            "draws": interval.draws,
            "over": "subjects",
        },
        "calibration": _calibration(rows, classes),
        **_seeds(rows, run),
        **_training(whole, run),
        **told_by(run),
    }
    cleaned: dict[str, Any] = json_ready(found)
    return cleaned | {"comparison": _comparison(cleaned)}


def bootstrap_seed(run: Run) -> int:
    """Return the seed of the intervals, 0 if none is set."""
    seed = run.seeds.get("bootstrap", 0)
    if not isinstance(seed, int):
        raise ConfigError(f"the seed of the intervals is {seed!r}; give one number")
    return seed


def _parts(
    rows: Sequence[Row], groups: Sequence[tuple[str, str]], classes: int
) -> dict[str, dict[str, Any]]:
    """Return the figures of each data set and of each person."""
    arguments = ([row.label for row in rows], [row.prediction for row in rows], classes)
    of_dataset = score_by([dataset for dataset, _ in groups], *arguments)
    of_person = score_by(groups, *arguments)
    return {
        "per_dataset": {
            name: _ratios(part)
            | {
                "samples": part.samples,
                "subjects": sum(person[0] == name for person in of_person),
                "confusion": part.confusion.tolist(),
            }
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
    }


def _seeds(rows: Sequence[Row], run: Run) -> dict[str, Any]:
    """Return the figures of every training seed on its own, their mean and their spread."""
    known = {(row.dataset, row.sample_id) for row in rows}
    found = []
    for seed, own in sorted(run.seed_rows.items()):
        if {(row.dataset, row.sample_id) for row in own} != known:
            raise ConfigError(f"seed {seed} judged other samples than the run: let it judge all")
        counts = confusion_matrix(
            [row.label for row in own], [row.prediction for row in own], len(run.classes)
        )
        found.append({"seed": seed} | _headlines(score(counts)))
    summary = {name: _spread([entry[name] for entry in found]) for name in HEADLINES}
    return {"per_seed": found, "seeds_summary": summary if found else None}


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    """Return mean and standard deviation (n - 1) of what is defined; None for one value."""
    known = [value for value in values if not math.isnan(value)]
    return {
        "mean": float(np.mean(known)) if known else None,
        "std": float(np.std(known, ddof=1)) if len(known) > 1 else None,
    }


def _training(whole: Scores, run: Run) -> dict[str, Any]:
    """Return how well the training samples were recognised, and how much better than the test's."""
    if run.train_confusion is None:
        return {"train": None, "gap": None}
    train, test = _headlines(score(run.train_confusion)), _headlines(whole)
    return {"train": train, "gap": {name: train[name] - test[name] for name in HEADLINES}}


def told_by(run: Run) -> dict[str, Any]:
    """Return what the run says of itself."""
    return {
        "unreadable": {
            "samples": len(run.unreadable),
            "list": [asdict(sample) for sample in run.unreadable],
        },
        "left_out": [asdict(problem) for problem in run.left_out],
        "dataset": run.dataset,
        "protocol": run.protocol,
        "model": run.model,
        "selection": run.selection,
        "leaky": run.leaky,
        "warning": run.warning or (STAMP if run.leaky else ""),
        "chosen": {fold: dict(values) for fold, values in run.chosen.items()},
        "seeds": {
            name: seed if isinstance(seed, int) else list(seed) for name, seed in run.seeds.items()
        },
        "settings": json.loads(json.dumps(dict(run.settings), default=str)),
        "published_counts": run.published_counts,
        "digest": run.digest,
        "code": run.code,
        "wall_s": round(run.wall_s, 3),
        "versions": {name: number for name, number in versions().items() if number},
    }


def _comparison(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return where each published UF1 lies beside the interval of the same samples.

    Those are all data sets of the composite, or a single one of them; any other mixture has no
    published counterpart. A run that chose on the test subjects, or that has another number of
    samples, gets no verdict.
    """
    present = tuple(metrics["per_dataset"])
    if metrics["protocol"] != PROTOCOL or (
        set(present) != set(SETS) and (len(present) != 1 or present[0] not in SETS)
    ):
        return []
    column = "full" if len(present) > 1 else present[0]
    comparable = not (metrics["leaky"] or metrics["published_counts"].startswith("differs"))
    found = []
    for row in MEGC2019:
        uf1: float = getattr(row, column)[0]
        place = verdict(metrics["interval"]["UF1"], uf1) if comparable else None
        found.append(
            {
                "method": row.method, "UF1": uf1, "note": row.note, "leaky": row.leaky,
                "verdict": place,
            }
        )  # fmt: skip
    return found


def _headlines(scores: Scores) -> dict[str, float]:
    return dict(zip(HEADLINES, (scores.uf1, scores.uar, scores.accuracy), strict=True))


def _ratios(scores: Scores) -> dict[str, Any]:
    return _headlines(scores) | {
        "undefined": {"UF1": scores.undefined_f1, "UAR": scores.undefined_recall}
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
    table: NDArray[np.float64] = np.array([row.probabilities for row in rows], np.float64).reshape(
        len(rows), classes
    )
    found = calibrate([row.label for row in rows], table)
    return {
        "ECE": found.error,
        "log_loss": found.log_loss,
        "bins": len(found.samples),
        "samples": found.samples.tolist(),
        "confidence": found.confidence.tolist(),
        "accuracy": found.accuracy.tolist(),
    }
