"""Leave one subject out: learn from all others, judge the one left out, pool what was said.

Inputs are read once and kept, folds are learnt and their rows appended as they come, and
everything is computed from the rows at the end. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from offline.bench.code_version import code_version
from offline.bench.executors import Executor, Work, here
from offline.bench.fold_store import Fold, digest_of, open_folds
from offline.bench.inputs_store import read_inputs
from offline.bench.learning import HONEST, Job, Learner, Material, Network, Outcome
from offline.bench.loso_settings import (
    SELECTED,
    WARNING,
    LosoSettings,
    config_of,
    learner_of,
)
from offline.bench.progress import StageProgress, silent
from offline.datasets.base import Problem, Sample
from offline.models.registry import find_model
from offline.scores.metrics import confusion_matrix
from offline.scores.results import Row, Run, Unreadable, write_results
from offline.scores.unit_metrics import score_units
from offline.synthesis.tree_truth import RENDERED, is_rendered
from offline.tasks.protocols import (
    Task,
    apply_protocol,
    beside_published,
    default_protocol,
    find_protocol,
    splits_of,
)
from realtime_mer.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from offline.explain.explain_run import Explanations
    from offline.reports.embedding import Embedding

INPUTS = "inputs"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A task with its inputs: the samples that could be read, in the data set's order."""

    task: Task
    material: Material
    unreadable: tuple[Unreadable, ...]
    problems: tuple[Problem, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Data set and sample id of each: two data sets may name their samples alike."""
        return tuple(map(_id, self.task.samples))


@dataclass(frozen=True, slots=True, eq=False)
class LosoResult:
    """What ``run_loso`` found and wrote.

    Attributes
    ----------
    rows
        ``results.Row`` of classes, or ``unit_detection.UnitRow`` of action units.
    metrics
        The content of ``metrics.json``.
    files
        File name → path.
    """

    rows: tuple[Any, ...]
    metrics: dict[str, Any]
    files: dict[str, Path]


def run_loso(
    settings: LosoSettings,
    out_dir: str | os.PathLike[str],
    executor: Executor = here,
    progress: StageProgress = silent,
    inputs_dir: str | os.PathLike[str] | None = None,
    readers: int = 1,
    explain: bool = False,
) -> LosoResult:
    """Run every fold and seed that is not there yet, and write the results.

    Parameters
    ----------
    settings
        What is run.
    out_dir
        Folder of the results; made if it is missing. ``folds`` in it keeps finished folds.
    executor
        Where folds are learnt: ``executors.here``, ``executors.local(workers)`` or
        ``cluster.ray_cluster(address)``. The numbers are the same.
    progress
        Called with the stage (``inputs``, ``folds``), how much is done and how much there is.
    inputs_dir
        Folder of inputs read before, shared by several runs; ``out_dir/inputs`` if None.
    readers
        Processes that read pictures at the same time.
    explain
        Learn one fold again and show what moves its network's answers.

    Raises
    ------
    SourceError
        The data set cannot be read, or none of its samples.
    ConfigError
        A name is unknown, the protocol does not fit the data, or there is only one subject.
    OutputError
        ``out_dir`` cannot be written; found out before the work.
    """
    from realtime_mer.sinks import check_writable

    started = time.perf_counter()
    out = Path(out_dir)
    check_writable(out)
    store = Path(inputs_dir) if inputs_dir is not None else out / INPUTS
    prepared = prepare(settings, store, progress, readers)
    task, material = prepared.task, prepared.material
    learner = learner_of(settings, task)
    if explain:
        from offline.explain.explain_run import check_explainable

        check_explainable(learner, material.inputs.shape, material.exclusive)
    jobs = [Job(split, seed) for seed in settings.seeds for split in splits_of(task)]
    digest = digest_of(config_of(settings, task, learner), prepared.ids, material)
    folds = _learn(Work(learner, material, settings.selection), jobs, prepared, out, digest,
                   executor, progress)  # fmt: skip
    run = _run_of(settings, prepared, folds, digest, time.perf_counter() - started)
    if not task.exclusive:
        return _write_units(out, prepared, folds, run)
    by_seed = {
        seed: _rows(prepared, [fold for fold in folds if fold.seed == seed])
        for seed in settings.seeds
    }
    rows = averaged(list(by_seed.values()))
    view = _embedding(learner, prepared, jobs)
    shown = _explained(settings, learner, prepared, jobs) if explain else None
    run = replace(run, seed_rows=by_seed, embedding=view, explained=shown)
    metrics, files = write_results(out, rows, run)
    return LosoResult(rows, metrics, files)


def prepare(settings: LosoSettings, store: Path, tell: StageProgress, readers: int = 1) -> Prepared:
    """Open a data set under a protocol and read its inputs."""
    from offline.datasets.registry import open_dataset

    entry = find_model(settings.model)
    wanted = find_protocol(settings.protocol).sets if settings.protocol else None
    data = open_dataset(settings.dataset, settings.root, wanted)
    task = apply_protocol(data, settings.protocol or default_protocol(data))
    splits_of(task)  # refuses a single subject before the long work
    if not task.exclusive and not settings.units:
        raise ConfigError(
            f"protocol {task.name} asks about action units; leave it to mer loso: the audit "
            "compares classes"
        )
    learner_of(settings, task)  # refuses what does not fit the model, before the long work
    inputs, unreadable = read_inputs(
        task.samples, entry.recipe, store, readers, lambda done, total: tell(INPUTS, done, total)
    )
    if not inputs:
        raise SourceError(
            f"none of the {len(task.samples)} samples of {data.name} could be read; the first: "
            f"{unreadable[0].reason}"
        )
    task = kept(task, sorted(inputs))
    splits_of(task)
    stacked = np.stack([inputs[place] for place in sorted(inputs)])
    units = tuple(sample.action_units for sample in task.samples)
    material = Material(stacked, task.targets, task.groups, task.exclusive, units)
    return Prepared(task, material, unreadable, (*data.problems, *task.left_out))


def _id(sample: Sample | Row) -> str:
    return f"{sample.dataset}/{sample.sample_id}"


def kept(task: Task, places: Sequence[int]) -> Task:
    """Return a task with the samples at some places alone."""
    if task.exclusive:
        return replace(task, rows=tuple(task.rows[place] for place in places))
    return replace(task, unit_rows=tuple(task.unit_rows[place] for place in places))


def averaged(by_seed: Sequence[Sequence[Row]]) -> tuple[Row, ...]:
    """Return one row a sample: the mean of the seeds' probabilities, joined by name."""
    tables = [{_id(row): row for row in rows} for rows in by_seed]
    found = []
    for row in by_seed[0]:
        shares = np.mean([table[_id(row)].probabilities for table in tables], axis=0)
        found.append(
            replace(row, prediction=int(shares.argmax()), probabilities=tuple(shares.tolist()))
        )
    return tuple(found)


def _learn(
    work: Work,
    jobs: Sequence[Job],
    prepared: Prepared,
    out: Path,
    digest: str,
    executor: Executor,
    tell: StageProgress,
) -> list[Fold]:
    """Return all folds, learning those that are not in the store."""
    with open_folds(out, digest) as store:
        missing = [job for job in jobs if (job.split.name, job.seed) not in store.rows]
        tell("folds", len(jobs) - len(missing), len(jobs))

        def keep(job: Job, outcome: Outcome) -> None:
            store.append(_fold(job, outcome, prepared))
            done = sum((each.split.name, each.seed) in store.rows for each in jobs)
            tell("folds", done, len(jobs))

        if missing:
            executor(work, missing, keep)
        return [store.rows[job.split.name, job.seed] for job in jobs]


def _fold(job: Job, outcome: Outcome, prepared: Prepared) -> Fold:
    material, ids = prepared.material, prepared.ids
    return Fold(
        job.split.name,
        job.seed,
        tuple(ids[place] for place in job.split.test),
        tuple(map(tuple, np.asarray(outcome.test, np.float64).tolist())),
        _train_counts(material.targets[job.split.train], outcome.train, material.exclusive),
        dict(outcome.chosen),
    )


def _train_counts(
    targets: NDArray[np.float32], answers: NDArray[np.float64], exclusive: bool
) -> tuple[tuple[int, ...], ...]:
    if exclusive:
        counts = confusion_matrix(targets.argmax(1), answers.argmax(1), targets.shape[1])
    else:
        scores = score_units(targets > 0.5, answers > 0.5)
        counts = np.stack([scores.hits, scores.false_alarms, scores.misses], axis=1)
    return tuple(map(tuple, counts.tolist()))


def _rows(prepared: Prepared, folds: Sequence[Fold]) -> tuple[Row, ...]:
    """Return one row a sample in the task's order, joined by name."""
    said = {
        sample: shares
        for fold in folds
        for sample, shares in zip(fold.samples, fold.probabilities, strict=True)
    }
    return tuple(
        Row(
            sample.sample_id, sample.dataset, sample.subject, label,
            int(np.argmax(said[_id(sample)])), said[_id(sample)],
        )
        for sample, label in prepared.task.rows
    )  # fmt: skip


def _run_of(
    settings: LosoSettings, prepared: Prepared, folds: Sequence[Fold], digest: str, wall_s: float
) -> Run:
    task = prepared.task
    leaky = settings.selection not in HONEST
    return Run(
        dataset=settings.dataset,
        protocol=task.name,
        classes=task.labels,
        model=settings.model,
        selection=SELECTED[settings.selection],
        seeds={"bootstrap": 0, "training": list(settings.seeds)},
        wall_s=wall_s,
        unreadable=prepared.unreadable,
        left_out=prepared.problems,
        train_confusion=np.sum([fold.train for fold in folds], axis=0).tolist(),
        leaky=leaky,
        warning=WARNING if leaky else "",
        chosen={f"{fold.name} seed {fold.seed}": fold.chosen for fold in folds if fold.chosen},
        digest=digest,
        code=code_version(),
        settings={**asdict(settings), "root": str(settings.root), "split": task.split},
        published_counts=RENDERED if is_rendered(settings.root) else beside_published(task),
    )


def _embedding(learner: Learner, prepared: Prepared, jobs: Sequence[Job]) -> Embedding:
    """Return a picture of inputs and features, for the fold that leaves out most samples."""
    from offline.reports.embedding import embed

    job = max(jobs, key=lambda each: len(each.split.test))
    features = learner.features(prepared.material, job) if isinstance(learner, Network) else None
    held_out = np.zeros(len(prepared.ids), bool)
    held_out[job.split.test] = True
    datasets = [sample.dataset for sample in prepared.task.samples]
    material = prepared.material
    return embed(
        material.inputs, features, material.labels, datasets, held_out, 0, who=job.split.name
    )


def _explained(
    settings: LosoSettings, learner: Learner, prepared: Prepared, jobs: Sequence[Job]
) -> Explanations:
    """Return what moved the answers, for the fold that leaves out most samples."""
    from offline.explain.explain_run import explain_fold

    job = max(jobs, key=lambda each: len(each.split.test))
    recipe = find_model(settings.model).recipe
    return explain_fold(learner, prepared.material, job, prepared.task.labels, recipe)


def _write_units(out: Path, prepared: Prepared, folds: Sequence[Fold], run: Run) -> LosoResult:
    from offline.scores.unit_detection import judged, write_unit_results

    said: dict[str, list[tuple[float, ...]]] = {}
    for fold in folds:
        for name, shares in zip(fold.samples, fold.probabilities, strict=True):
            said.setdefault(name, []).append(shares)
    rows = tuple(
        judged(sample, target, np.mean(said[_id(sample)], axis=0))
        for sample, target in zip(prepared.task.samples, prepared.material.targets, strict=True)
    )
    metrics, files = write_unit_results(out, rows, run)
    return LosoResult(rows, metrics, files)
