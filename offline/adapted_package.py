"""Adapt a model package to a data set and write the result as a new package.

What leaves the labelled recordings is the weights and the figures: the golden samples are the
base's own inputs, the card counts people and samples and names none, and of the sample names it
keeps a hash, by which one can tell later whether a model has seen a sample set.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engines import (
    Card,
    EngineError,
    Package,
    PackageError,
    load_package,
    open_backend,
    write_package,
)
from engines.package import CARD
from offline.adaptation import BASE, Adapted, adapt, emotion_columns
from offline.bench.evaluation import find_package
from offline.onnx_fusion import check_parity, fuse, fused_model, in_memory
from realtime_mer.doctor import versions
from realtime_mer.errors import ConfigError, ModelError, OutputError, SourceError
from realtime_mer.events import EMOTIONS

if TYPE_CHECKING:
    from offline.datasets.base import Sample
    from offline.tasks.protocols import Task

VERSION = "1"
PROTOCOL = (
    "Leave one subject out over the labelled data: every step, temperatures and weights included, "
    "is repeated without the subject; rows pooled. prior: the base alone; real: the discriminant "
    "alone (the base where the others are too few to fit one); fused: this model."
)
LIMITS = (
    "Adapted to the labelled samples of {dataset}: good for people, cameras and light like theirs, "
    "and no better elsewhere than the estimate among its metrics. Base model {base}: {limits}"
)

Progress = Callable[[int, int], None]
"""Called with the number of samples done and in all."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Which samples a model was adapted to.

    Attributes
    ----------
    dataset, protocol
        Their names.
    samples
        Those that were read, in the order of the data set.
    labels
        Of each, a position in ``EMOTIONS``.
    unreadable
        One line on each sample that could not be read and counts nowhere.
    left_out
        Number of samples that the data set or the protocol set aside, each with its reason there.
    """

    dataset: str
    protocol: str
    samples: tuple[Sample, ...]
    labels: tuple[int, ...]
    unreadable: tuple[str, ...] = ()
    left_out: int = 0

    @property
    def subjects(self) -> int:
        """Number of leave-one-subject-out groups."""
        return len({sample.group for sample in self.samples})

    @property
    def shown(self) -> dict[str, int]:
        """Number of samples of each emotion."""
        return {emotion: self.labels.count(place) for place, emotion in enumerate(EMOTIONS)}

    @property
    def digest(self) -> str:
        """SHA-256 of the sorted ``dataset/sample_id``, one a line."""
        names = sorted(f"{sample.dataset}/{sample.sample_id}" for sample in self.samples)
        return hashlib.sha256("\n".join(names).encode()).hexdigest()


def adapt_to_dataset(
    dataset: str,
    root: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    protocol: str = "megc2019",
    model: str | os.PathLike[str] = "default",
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Package, Labelled, Adapted]:
    """Adapt a model package to a labelled data set and write the new one to ``out_dir``.

    Parameters
    ----------
    dataset, root
        Name of the data set and the folder that holds it.
    out_dir
        Made if it is missing; must not hold a package.
    protocol
        Which labels count; its classes must be among ``EMOTIONS``.
    model
        Folder of the base, or the name of a bundled one.
    seed
        See ``adaptation.adapt``.
    progress
        Called after every sample that was read.

    Raises
    ------
    SourceError
        The data set cannot be read, or not one of its samples.
    ConfigError
        A name is unknown, the protocol has other classes, or the samples are too few.
    ModelError
        The base is of another kind, is itself adapted, or cannot be run.
    OutputError
        ``out_dir`` holds a package or cannot be written; found out before the work.
    """
    from offline.datasets.registry import open_dataset
    from offline.tasks.protocols import apply_protocol
    from realtime_mer.sinks import check_writable

    try:
        package = load_package(find_package(model))
    except PackageError as error:
        raise ModelError(str(error)) from error
    emotion_columns(package)
    refuse_package(Path(out_dir))
    check_writable(Path(out_dir))
    data = open_dataset(dataset, Path(root))
    task = apply_protocol(data, protocol)
    places = _places(task)
    kept, inputs, unreadable = _read(task, package.card, progress)
    dropped = [each for each in (*data.problems, *task.left_out) if each.action == "dropped"]
    labels = tuple(places[label] for _, label in kept)
    samples = tuple(sample for sample, _ in kept)
    labelled = Labelled(data.name, task.name, samples, labels, unreadable, len(dropped))
    groups = [sample.group for sample in labelled.samples]
    adapted = adapt(package, inputs, np.array(labelled.labels, np.int64), groups, seed)
    return write_adapted(out_dir, package, adapted, labelled, seed), labelled, adapted


def write_adapted(
    out_dir: str | os.PathLike[str],
    package: Package,
    adapted: Adapted,
    labelled: Labelled,
    seed: int = 0,
) -> Package:
    """Put the fusion behind ``package``, check it on golden samples, and write the new package.

    Raises
    ------
    ModelError
        The base cannot be run, has no golden samples, or is in an ONNX too old.
    OutputError
        ``out_dir`` cannot be written.
    """
    model = fused_model(package.model, package.card, adapted.fusion)
    card = _card(package, adapted, labelled, seed)
    try:
        inputs, _ = package.samples()
        with open_backend(package, "onnx") as backend:
            answers = backend.infer(inputs)
        difference = check_parity(in_memory(card, model), adapted.fusion, answers, inputs)
    except (PackageError, EngineError) as error:
        raise ModelError(str(error)) from error
    figures = {"largest difference NumPy / ONNX Runtime": float(f"{difference:.1e}")}
    card = replace(card, metrics=card.metrics | figures)
    outputs = fuse(adapted.fusion, answers, inputs).astype(np.float32)
    try:
        return write_package(Path(out_dir), card, model, inputs, outputs)
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"cannot write {out_dir}: {why}; give another --out") from error


def refuse_package(out_dir: Path) -> None:
    """Raise ``OutputError`` where ``out_dir`` already holds a model package."""
    if (out_dir / CARD).exists():
        raise OutputError(
            f"{out_dir} already holds a model package; give another --out, or delete it first"
        )


def _places(task: Task) -> list[int]:
    """Return the position in ``EMOTIONS`` of each of the task's labels."""
    if not set(task.labels) <= set(EMOTIONS):
        raise ConfigError(
            f"protocol {task.name} tells apart {', '.join(task.labels)}; only labels among "
            f"{', '.join(EMOTIONS)} can be adapted to: give another --protocol, such as megc2019"
        )
    return [EMOTIONS.index(label) for label in task.labels]


def _read(
    task: Task, card: Card, progress: Progress | None
) -> tuple[list[tuple[Sample, int]], NDArray[np.float32], tuple[str, ...]]:
    """Return the samples that can be read, their inputs, and a line on each that cannot."""
    from offline.datasets.inputs import InputReader

    kept, inputs, unreadable = [], [], []
    with InputReader() as reader:
        for done, (sample, label) in enumerate(task.rows, start=1):
            try:
                inputs.append(reader.read(sample, card.recipe))
                kept.append((sample, label))
            except SourceError as error:
                unreadable.append(f"{sample.sample_id}: {error}")
            if progress is not None:
                progress(done, len(task.rows))
    if not kept:
        first = f"; the first: {unreadable[0]}" if unreadable else ""
        raise SourceError(
            f"none of the {len(task.rows)} samples of protocol {task.name} can be read{first}"
        )
    return kept, np.stack(inputs), tuple(unreadable)


def _card(package: Package, adapted: Adapted, labelled: Labelled, seed: int) -> Card:
    """Return the new package's card, without file paths or names of subjects."""
    base = package.card
    count, people = len(labelled.samples), labelled.subjects
    names = " + ".join(sorted({sample.dataset for sample in labelled.samples}))
    strength = {
        key: round(value, 4) if isinstance(value, float) else value
        for key, value in asdict(adapted.strength).items()
    }
    training: dict[str, Any] = {
        BASE: package.model_id,
        "data": f"Adapted to {count} labelled samples of {people} subjects of {names} "
        f"({labelled.protocol}). Base model {package.model_id}: {base.training.get('data', '')}",
        "dataset": labelled.dataset,
        "protocol": labelled.protocol,
        "subjects": people,
        "samples": labelled.shown,
        "unreadable samples": len(labelled.unreadable),
        "left out samples": labelled.left_out,
        "sample ids sha256": labelled.digest,
        "adapted columns": [base.labels[column] for column in adapted.fusion.columns],
        "strength": strength,
        "seed": seed,
        "command": f"mer adapt --dataset {labelled.dataset} --root DIR --protocol "
        f"{labelled.protocol} --model MODEL --seed {seed} --out DIR",
        **versions(("numpy", "scikit-learn", "onnx", "realtime-mer")),
    }
    estimate = {"protocol": PROTOCOL, "subjects": people, "samples": count, **adapted.estimate}
    return replace(
        base,
        name=f"{base.name}-adapted",
        version=VERSION,
        licence=f"{base.licence}; weights fitted on {names}: the licence of those recordings "
        "applies",
        limits=LIMITS.format(dataset=names, base=package.model_id, limits=base.limits),
        training=training,
        metrics={"leave one subject out": estimate},
        sha256="",
    )
