"""Protocols: which samples take part, in which classes, who is left out and why, and who is tested.

A protocol (``protocol_table``) is put on a data set here, which makes a task. Where the literature
says how many samples that should be, ``beside_published`` says whether it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.datasets.base import Dataset, Problem, Sample
from offline.tasks.label_rules import ANY, ByEmotion
from offline.tasks.protocol_table import DATASET, PROTOCOLS, SUBJECT, UNITS, UNUSED, Protocol, Size
from offline.tasks.splits import Split, leave_one_dataset_out, leave_one_subject_out
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS

__all__ = [
    "DATASET", "DEFAULTS", "PROTOCOLS", "SUBJECT", "UNITS", "UNUSED", "Protocol", "Task",
    "apply_protocol", "beside_published", "default_protocol", "find_protocol", "splits_of",
]  # fmt: skip

DEFAULTS = {
    "casme": "casme-4", "casme2": "casme2-5", "samm": "samm-5",
    "smic": "smic-3", "smic-vis": "smic-3", "smic-nir": "smic-3",
}  # fmt: skip
"""The protocol usual for a data set; megc2019 for the rest."""


@dataclass(frozen=True, slots=True)
class Task:
    """A data set under a protocol.

    Attributes
    ----------
    name
        The protocol's.
    labels
        Class names, or names of action units; a row's number is a position in them.
    rows
        Samples with their class, in the data set's order; empty where labels are not exclusive.
    left_out
        One problem for each sample that does not take part, then notes on those that do.
    split
        ``SUBJECT`` or ``DATASET``.
    exclusive
        True for classes, of which each sample has one; False for action units.
    unit_rows
        Where labels are not exclusive: samples with the positions of their labels, rising.
    """

    name: str
    labels: tuple[str, ...]
    rows: tuple[tuple[Sample, int], ...]
    left_out: tuple[Problem, ...]
    split: str = SUBJECT
    exclusive: bool = True
    unit_rows: tuple[tuple[Sample, tuple[int, ...]], ...] = ()

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Those that take part, in the data set's order."""
        rows = self.rows if self.exclusive else self.unit_rows
        return tuple(sample for sample, _ in rows)

    @property
    def groups(self) -> tuple[tuple[str, str], ...]:
        """The person of each sample."""
        return tuple(sample.group for sample in self.samples)

    @property
    def targets(self) -> NDArray[np.float32]:
        """(N, C) float32: one-hot classes, or 0 and 1 for each action unit."""
        table = np.zeros((len(self.samples), len(self.labels)), np.float32)
        places: Iterable[tuple[int, ...]] = (
            [(label,) for _, label in self.rows]
            if self.exclusive
            else [labels for _, labels in self.unit_rows]
        )
        for row, labels in zip(table, places, strict=True):
            row[list(labels)] = 1
        return table

    @property
    def counts(self) -> dict[str, int]:
        """Samples of each label."""
        found = self.targets.sum(0).astype(int).tolist()
        return dict(zip(self.labels, found, strict=True))


def default_protocol(dataset: Dataset) -> str:
    """Return the protocol usual for a data set: its own classes if it has any, else megc2019."""
    return DEFAULTS.get(dataset.name, "megc2019")


def find_protocol(name: str) -> Protocol:
    """Return a protocol by its name.

    Raises
    ------
    ConfigError
        There is none.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f"protocol {name!r} is not known; give one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def apply_protocol(dataset: Dataset, name: str) -> Task:
    """Give every sample of a data set its label under a protocol, or the reason why not.

    Raises
    ------
    ConfigError
        The protocol is unknown, or made for other data.
    """
    protocol = find_protocol(name)
    _check_fits(dataset, name, protocol)
    rows: list[tuple[Sample, tuple[int, ...]]] = []
    left_out: list[Problem] = []
    notes: Counter[str] = Counter()
    for sample in dataset.samples:
        if not protocol.takes(sample.dataset):
            reason = f"{name} has no samples of {sample.dataset}"
            left_out.append(Problem(sample.sample_id, "dropped", reason))
            continue
        given = protocol.rule.label(sample, name)
        if given.left_out:
            left_out.append(Problem(sample.sample_id, "dropped", given.left_out))
            continue
        rows.append((sample, tuple(map(protocol.labels.index, given.labels))))
        notes[given.note] += bool(given.note)
    if not rows:
        raise ConfigError(_nobody(dataset, name, protocol, left_out))
    told = [Problem(name, "noted", f"{note} ({n} samples)") for note, n in notes.items() if n]
    return Task(
        name,
        protocol.labels,
        tuple((sample, labels[0]) for sample, labels in rows) if protocol.exclusive else (),
        (*left_out, *told),
        protocol.split,
        protocol.exclusive,
        () if protocol.exclusive else tuple(rows),
    )


def splits_of(task: Task) -> tuple[Split, ...]:
    """Return the folds of a task, positions among its samples.

    Raises
    ------
    ConfigError
        There is only one person, or one data set where whole data sets are left out.
    """
    whole = task.split == DATASET
    splits = leave_one_dataset_out(task.groups) if whole else leave_one_subject_out(task.groups)
    if len(splits) < 2:
        what = "data set" if whole else "subject"
        raise ConfigError(
            f"protocol {task.name} leaves out one {what} at a time, and here is only "
            f"{splits[0].name if splits else 'none'}: add others, or give another protocol"
        )
    return splits


def beside_published(task: Task) -> str:
    """Say whether a task has as many samples and people as the literature; empty if unknown."""
    there = tuple(sorted({sample.dataset for sample in task.samples}))
    known = [size for size in PROTOCOLS[task.name].sizes if size.datasets == there]
    samples, subjects = len(task.samples), len(set(task.groups))
    for size in known:
        if size.samples == samples and size.subjects in (None, subjects):
            return f"matches the published {_told(size)}"
    if not known:
        return ""
    published = " or ".join(map(_told, known))
    return f"differs from the published {published}: {samples} samples of {subjects} subjects"


def _told(size: Size) -> str:
    people = f" of {size.subjects} subjects" if size.subjects is not None else ""
    return f"{size.samples} samples{people}" + (f" ({size.of})" if size.of else "")


def _nobody(dataset: Dataset, name: str, protocol: Protocol, left_out: list[Problem]) -> str:
    usual = Counter(problem.reason for problem in left_out).most_common(1)
    why = f" ({usual[0][0]})" if usual else ""
    return (
        f"no sample of {dataset.name} has a class in {name}, {', '.join(protocol.labels)}{why}; "
        "give another protocol"
    )


def _check_fits(dataset: Dataset, name: str, protocol: Protocol) -> None:
    """Refuse data that the protocol was not made for, or that know only three classes."""
    if ANY in protocol.beyond:
        return
    own = [sample for sample in dataset.samples if protocol.takes(sample.dataset)]
    if not own:
        there = ", ".join(sorted({sample.dataset for sample in dataset.samples})) or "nothing"
        raise ConfigError(
            f"protocol {name} is for {', '.join(protocol.sets)}; {dataset.name} holds {there}; "
            "megc2019 fits every data set"
        )
    coarse = {sample.emotion for sample in own} & {"negative", "positive"}
    if isinstance(protocol.rule, ByEmotion) and coarse - set(protocol.labels):
        raise ConfigError(
            f"protocol {name} needs the emotions of the sheet; {dataset.name} tells only "
            f"{', '.join(EMOTIONS)}: use megc2019"
        )
