"""What a spotting run leaves behind: intervals, the challenges' files, figures and a report.

Everything is computed from the rows of ``spot_rows`` and the annotations, so figures can be
computed again without watching a video.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offline.datasets.base import Problem
from offline.datasets.long_videos import KINDS, MICRO
from offline.scores.result_files import json_ready, render_json, write_together
from offline.spotting.judged_videos import Judged, Watched, judge
from offline.spotting.megc_log import render_log, render_submission
from offline.spotting.megc_spotting import (
    Counts,
    pooled,
    score_apexes,
    score_classes,
    spot_then_recognise,
)
from offline.spotting.spot_tables import log_rows, render_intervals, submitted
from offline.spotting.spotting_metrics import MIN_IOU, pool
from realtime_mer.doctor import versions
from realtime_mer.events import EMOTIONS, NONE

INTERVALS, LOG, SUBMISSION = "intervals.csv", "megc_log.txt", "submission.csv"
METRICS, REPORT = "metrics.json", "report.html"
MICRO_ONLY = (
    "The spotter is causal and proposes micro-expressions only. It makes no macro predictions: "
    "every true macro-expression counts as missed, in 'macro' and in 'overall'."
)
CLASSES: Mapping[str, str] = dict.fromkeys(
    ("negative", "anger", "contempt", "disgust", "fear", "sadness", "repression"), "negative"
) | {"positive": "positive", "happiness": "positive", "surprise": "surprise"}
"""Word of a sheet → one of ``EMOTIONS``; all others are no class, and left out of STRS."""


@dataclass(frozen=True, slots=True)
class SpotRun:
    """What the rows do not say.

    Attributes
    ----------
    dataset, model, engine
        Names.
    settings
        The spotter's.
    program
        Stands for the program's files.
    videos, limit, workers
        Videos in the data set, how many were wanted, processes at once.
    wall_s
        Seconds this call took; watching may have been done by earlier ones.
    problems
        What was wrong with the data set.
    trained_on
        The model card's words, empty where there are none.
    """

    dataset: str
    model: str
    engine: str
    settings: Mapping[str, Any]
    program: str
    videos: int
    limit: int | None
    workers: int
    wall_s: float
    problems: tuple[Problem, ...] = ()
    trained_on: str = ""


def metrics_of(judged: Sequence[Judged], run: SpotRun) -> dict[str, Any]:
    """Return the content of ``metrics.json``, JSON-ready: what is undefined is None."""
    metrics = {
        "dataset": run.dataset,
        "model": run.model,
        "engine": run.engine,
        "notes": [MICRO_ONLY],
        "min_iou": MIN_IOU,
        **_watching(judged, run),
        **_scores(judged),
        "per_subject": _per_subject(judged),
        "problems": [asdict(problem) for problem in run.problems],
        "settings": {"spotter": dict(run.settings)},
        "seeds": {},
        "versions": {name: number for name, number in versions().items() if number},
        "program": run.program,
    }
    cleaned: dict[str, Any] = json_ready(metrics)
    return cleaned


def _watching(judged: Sequence[Judged], run: SpotRun) -> dict[str, Any]:
    """Return what was watched, what could not be, and how long it took."""
    rows = [each.watched.row for each in judged if each.watched.row]
    silent = [each.watched for each in judged if each.watched.row is None]
    return {
        "videos": len(judged),
        "videos_in_data_set": run.videos,
        "limit": run.limit,
        "subjects": len({each.video.group for each in judged}),
        "frames": sum(row.frames for row in rows),
        "unseen_s": round(sum(row.unseen_s for row in rows), 4),
        "unwatched": {
            "videos": len(silent),
            "list": [{"vid": each.video.video_id, "reason": each.reason} for each in silent],
        },
        "remarks": [{"vid": row.video, "remark": remark} for row in rows for remark in row.remarks],
        "time": {
            "wall_s": round(run.wall_s, 3),
            "watching_s": round(sum(row.wall_s for row in rows), 3),
            "workers": run.workers,
        },
    }


def _scores(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return everything that is counted."""
    counts = {kind: pooled(each.counts(kind) for each in judged) for kind in KINDS}
    score = pool(each.micro for each in judged)
    apexes = score_apexes((each.found, each.truth) for each in judged)
    recognised = _recognised(judged)
    strs = spot_then_recognise(counts[MICRO].f1, recognised["F1_A"])
    errors = {
        f"{moment}_{what}_ms": getattr(score, f"{moment}_{what}_ms")
        for moment in ("onset", "apex", "offset")
        for what in ("error", "bias")
    }
    return {
        **{kind: _ratios(each) for kind, each in counts.items()},
        "overall": _ratios(pooled(counts.values())),
        "minutes": score.minutes,
        "false_alarms_per_minute": score.false_alarms_per_minute,
        "ASR": apexes.asr,
        "ASR_inclusive": apexes.asr_inclusive,
        "MAE_frames": apexes.mae,
        "STRS": strs,
        "apex": asdict(apexes),
        "matched": _matched(judged) | errors,
        "recognition": recognised | {"F1_S": counts[MICRO].f1, "STRS": strs},
    }


def write_spotting(
    out: Path, watched: Sequence[Watched], run: SpotRun
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Write all result files; return the metrics and file name → path.

    Every file is complete before the first one of an earlier run is replaced.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    from offline.reports import spot_report

    judged = [judge(each) for each in watched]
    metrics = metrics_of(judged, run)
    contents = {
        INTERVALS: render_intervals(judged),
        LOG: render_log(run.dataset, log_rows(judged)),
        SUBMISSION: render_submission(submitted(judged)),
        REPORT: spot_report.render(metrics, run),
    }
    data = {name: text.encode("utf-8", "backslashreplace") for name, text in contents.items()}
    return metrics, write_together(out, data | {METRICS: render_json(metrics)})


def _ratios(counts: Counts) -> dict[str, Any]:
    return {
        "F1": counts.f1,
        "precision": counts.precision,
        "recall": counts.recall,
        "TP": counts.tp,
        "FP": counts.fp,
        "FN": counts.fn,
        "true": counts.tp + counts.fn,
        "found": counts.tp + counts.fp,
    }


def _matched(judged: Iterable[Judged]) -> dict[str, Any]:
    """Return the mean apex distance, in frames, of the spotted whose true apex is known."""
    away = [
        abs(each.found[m].apex - each.truth[n].apex)
        for each in judged
        for m, n in each.micro.pairs
        if math.isfinite(each.truth[n].apex)
    ]
    return {"apex_MAE_frames": float(np.mean(away)) if away else math.nan, "apexes": len(away)}


def _recognised(judged: Iterable[Judged]) -> dict[str, Any]:
    """Return how the spotted were named; those whose emotion is no class are counted apart."""
    answers = (*EMOTIONS, NONE)
    confusion = np.zeros((len(EMOTIONS), len(answers)), np.int64)
    spotted = unknown = 0
    for each in judged:
        truth = each.video.of_kind(MICRO)
        for found, true in each.micro.pairs:
            spotted += 1
            name = CLASSES.get(truth[true].emotion)
            if name is None:
                unknown += 1
                continue
            said = each.watched.found[found].emotion
            confusion[EMOTIONS.index(name), answers.index(said)] += 1
    score = score_classes(confusion)
    return {
        "F1_A": score.f1,
        "precision": score.precision,
        "recall": score.recall,
        "spotted": spotted,
        "no_class": unknown,
        "absent_classes": score.absent,
        "classes": list(EMOTIONS),
        "answers": list(answers),
        "confusion": confusion.tolist(),
    }


def _per_subject(judged: Sequence[Judged]) -> dict[str, Any]:
    subjects = sorted({each.video.subject for each in judged})
    told = {}
    for subject in subjects:
        own = [each for each in judged if each.video.subject == subject]
        counts = pooled(each.counts(MICRO) for each in own)
        told[subject] = {"videos": len(own), "TP": counts.tp, "FP": counts.fp, "FN": counts.fn}
    return told
