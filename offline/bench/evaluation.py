"""Score a model package on a data set without training anything.

The samples of a protocol go through the recipe that the model's card names and through the engine
that runs it live; what comes out is compared with the protocol's labels.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines import Backend, Card, EngineError, Package, PackageError, load_package, open_backend
from engines.package import CARD
from offline.bench.progress import Progress, silent
from offline.datasets.base import Dataset, Problem, Sample
from offline.scores.results import Row, Run, Unreadable, write_results
from offline.synthesis.tree_truth import RENDERED, is_rendered
from realtime_mer.errors import ConfigError, ModelError, SourceError

if TYPE_CHECKING:
    from offline.tasks.protocols import Task

SELECTION = "none: nothing was trained"
BATCH = 64
"""Samples that go through the engine at once; more needs more memory and is hardly faster."""


class Reader(Protocol):
    """Makes a model's input from a sample: ``datasets.inputs.InputReader``."""

    def read(self, sample: Sample, recipe_name: str) -> NDArray[np.float32]:
        """Return the input; raises ``SourceError`` where the sample cannot be read."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What ``evaluate`` found and wrote.

    Attributes
    ----------
    rows
        One for each sample that was judged, in the order of the data set.
    unreadable
        Samples of the protocol that could not be judged.
    metrics
        The content of ``metrics.json``.
    files
        File name → path.
    """

    rows: tuple[Row, ...]
    unreadable: tuple[Unreadable, ...]
    metrics: dict[str, Any]
    files: dict[str, Path]


def evaluate(
    model: str | os.PathLike[str],
    dataset: str,
    root: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    protocol: str | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Evaluation:
    """Score a model package on a data set; write rows, metrics, figures and a report.

    Parameters
    ----------
    model
        Folder of a model package, or the name of a bundled one.
    dataset, root
        Name of the data set and the folder that holds it.
    out_dir
        Made if it is missing; see ``results.write_results``.
    protocol
        Which labels count; ``protocol_for`` chooses if None.
    seed
        Of the intervals. Nothing else is random.
    progress
        Called with the number of samples done and in all, after every one.

    Raises
    ------
    SourceError
        The data set cannot be read, or not one of its samples.
    ConfigError
        The name of a data set or protocol is unknown, or the model lacks a class of the protocol.
    ModelError
        The package or its engine cannot be used.
    OutputError
        ``out_dir`` cannot be written; found out before the work.
    """
    from offline.datasets.inputs import InputReader
    from offline.datasets.registry import open_dataset
    from offline.tasks.protocols import apply_protocol, find_protocol
    from realtime_mer.sinks import check_writable

    started = time.perf_counter()
    check_writable(Path(out_dir))
    try:
        package = load_package(find_package(model))
        wanted = find_protocol(protocol).sets if protocol else None
        data = open_dataset(dataset, Path(root), wanted)
        task = apply_protocol(data, protocol or protocol_for(data, package.card))
        with open_backend(package) as backend, InputReader() as reader:
            rows, unreadable = score(task, reader, package, backend, progress)
    except (PackageError, EngineError) as error:
        raise ModelError(str(error)) from error
    told = (*data.problems, *task.left_out)
    run = _run_of(data.name, task, package, unreadable, told, seed, time.perf_counter() - started)
    if is_rendered(root):
        run = replace(run, published_counts=RENDERED)
    metrics, files = write_results(out_dir, rows, run)
    return Evaluation(rows, unreadable, metrics, files)


def score(
    task: Task,
    reader: Reader,
    package: Package,
    backend: Backend,
    progress: Progress = silent,
) -> tuple[tuple[Row, ...], tuple[Unreadable, ...]]:
    """Return one row for each sample that can be read, and the samples that cannot.

    Parameters
    ----------
    task
        Samples with their labels.
    reader
        Makes the inputs.
    package, backend
        The model and the open engine that runs it.
    progress
        Called with the number of samples done and in all, after every one.

    Raises
    ------
    ConfigError
        The model lacks a class of the task.
    SourceError
        The task is empty, or none of its samples can be read.
    ModelError
        The recipe's output does not fit the model, or the model answers what is no probability.
    """
    columns = class_columns(package.card, task)
    unreadable: list[Unreadable] = []
    rows: list[Row] = []
    for batch in _batches(task, reader, package.card, unreadable, progress):
        answers = backend.infer(np.stack([each for *_, each in batch]))
        shares = _shares(answers[:, : len(package.card.labels)], columns, package.model_id)
        rows += [
            Row(
                sample.sample_id, sample.dataset, sample.subject, label,
                int(share.argmax()), tuple(share.tolist()),
            )
            for (sample, label, _), share in zip(batch, shares, strict=True)
        ]  # fmt: skip
    if not rows:
        first = f"; the first: {unreadable[0].reason}" if unreadable else ""
        raise SourceError(
            f"none of the {len(task.rows)} samples of protocol {task.name} could be judged{first}"
        )
    return tuple(rows), tuple(unreadable)


def class_columns(card: Card, task: Task) -> list[int]:
    """Return which of the model's labels stands for each of the task's, by name.

    Raises
    ------
    ConfigError
        The model lacks one.
    """
    missing = [label for label in task.labels if label not in card.labels]
    if missing:
        raise ConfigError(
            f"protocol {task.name} tells apart {', '.join(task.labels)}, but model {card.name} "
            f"does not know {', '.join(missing)}, only {', '.join(card.labels)}: choose another "
            "--protocol or --model"
        )
    return [card.labels.index(label) for label in task.labels]


def protocol_for(data: Dataset, card: Card) -> str:
    """Return the protocol usual for a data set, or megc2019 if the model lacks its classes."""
    from offline.tasks.protocols import PROTOCOLS, default_protocol

    usual = default_protocol(data)
    return usual if set(PROTOCOLS[usual].labels) <= set(card.labels) else "megc2019"


def find_package(model: str | os.PathLike[str]) -> Path:
    """Return the folder of a model package, given as a folder or as a bundled name.

    Raises
    ------
    ModelError
        There is neither.
    """
    folder = Path(model)
    bundled = Path(str(resources.files("realtime_mer") / "models"))
    if (folder / CARD).is_file():
        return folder
    names = sorted(each.parent.name for each in bundled.glob(f"*/{CARD}"))
    if str(model) in names:
        return bundled / str(model)
    raise ModelError(
        f"model {str(model)!r} is neither a folder with {CARD} nor bundled; bundled: "
        f"{', '.join(names)}"
    )


def _run_of(
    dataset: str,
    task: Task,
    package: Package,
    unreadable: tuple[Unreadable, ...],
    left_out: tuple[Problem, ...],
    seed: int,
    wall_s: float,
) -> Run:
    card = package.card
    return Run(
        dataset=dataset,
        protocol=task.name,
        classes=task.labels,
        model=package.model_id,
        selection=SELECTION,
        seeds={"bootstrap": seed},
        wall_s=wall_s,
        unreadable=unreadable,
        left_out=left_out,
        trained_on=str(card.training.get("data", "")),
        limits=card.limits,
    )


def _batches(
    task: Task,
    reader: Reader,
    card: Card,
    unreadable: list[Unreadable],
    progress: Progress,
) -> Iterator[list[tuple[Sample, int, NDArray[np.float32]]]]:
    """Yield batches of (sample, label, input); what cannot be read goes to ``unreadable``."""
    batch: list[tuple[Sample, int, NDArray[np.float32]]] = []
    for done, (sample, label) in enumerate(task.rows, start=1):
        try:
            entry = reader.read(sample, card.recipe)
        except SourceError as error:
            unreadable.append(
                Unreadable(sample.sample_id, sample.dataset, sample.subject, str(error))
            )
        else:
            if entry.shape != card.input_shape:
                raise ModelError(
                    f"model {card.name} reads {card.input_shape}, its recipe {card.recipe} makes "
                    f"{entry.shape}: choose another --model"
                )
            batch.append((sample, label, entry))
        if len(batch) == BATCH:
            yield batch
            batch = []
        progress(done, len(task.rows))
    if batch:
        yield batch


def _shares(
    answers: NDArray[np.float32], columns: Sequence[int], model: str
) -> NDArray[np.float64]:
    """Return (N, classes) probabilities: the wanted columns, rescaled to sum to 1.

    Where the model gives all of its belief to what the task does not know, all classes are
    equally likely.
    """
    wanted = answers[:, columns].astype(np.float64)
    if not (np.isfinite(wanted).all() and (wanted >= 0).all()):
        raise ModelError(f"model {model} answers with what is no probability: export it anew")
    wanted += np.finfo(np.float64).tiny
    shares: NDArray[np.float64] = wanted / wanted.sum(1, keepdims=True)
    return shares
