"""Protocols: which samples take part, in which classes, and who is left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from offline.datasets.base import Dataset, Problem, Sample
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS

ANY = ""
"""Stands for every data set that a protocol does not name."""

PLAIN = {emotion: emotion for emotion in EMOTIONS}
"""Emotions of data that already have the three classes."""

UNUSED = frozenset(
    {
        ("sub04", "EP12_01f"),
        ("sub05", "EP09_05f"),
        ("sub24", "EP07_01"),
        ("sub24", "EP07_04f"),
        ("sub24", "EP10_03"),
    }
)
"""CASME II clips that MEGC2019 does not have: two without a usable apex, and three that were sad
in the sheet of 2014, which it was made from, and are surprised in that of 2019."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How emotions become classes.

    Attributes
    ----------
    labels
        Class names in the order of their numbers.
    classes
        Data set (``ANY`` for the rest) → emotion as the sheet spells it → class name.
    excluded
        Subject and clip of samples that the protocol does not have, by data set.
    """

    labels: tuple[str, ...]
    classes: Mapping[str, Mapping[str, str]]
    excluded: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)


def _same(*labels: str) -> dict[str, str]:
    return {label: label for label in labels}


_CASME2_5 = ("happiness", "disgust", "repression", "surprise", "others")
_SAMM_5 = ("anger", "contempt", "happiness", "other", "surprise")
_NEGATIVE = dict.fromkeys(("anger", "contempt", "disgust", "fear", "sadness"), "negative")

PROTOCOLS = {
    "megc2019": Protocol(
        EMOTIONS,
        {
            "casme2": PLAIN
            | {"disgust": "negative", "repression": "negative", "happiness": "positive"},
            "samm": PLAIN | _NEGATIVE | {"happiness": "positive"},
            ANY: PLAIN,
        },
        {"casme2": UNUSED},
    ),
    "casme2-5": Protocol(_CASME2_5, {"casme2": _same(*_CASME2_5) | {"other": "others"}}),
    "smic-3": Protocol(EMOTIONS, {"smic": PLAIN}),
    "samm-5": Protocol(_SAMM_5, {"samm": _same(*_SAMM_5) | {"others": "other"}}),
}
"""Every protocol by name."""

DEFAULTS = {"casme2": "casme2-5", "smic": "smic-3", "samm": "samm-5"}


@dataclass(frozen=True, slots=True)
class Task:
    """A data set under a protocol.

    Attributes
    ----------
    name
        The protocol's.
    labels
        Class names; a row's number is a position in them.
    rows
        Samples with their class, in the data set's order.
    left_out
        One problem for each sample that does not take part.
    """

    name: str
    labels: tuple[str, ...]
    rows: tuple[tuple[Sample, int], ...]
    left_out: tuple[Problem, ...]


def default_protocol(dataset: Dataset) -> str:
    """Return the protocol usual for a data set: its own classes if it has any, else megc2019."""
    return DEFAULTS.get(dataset.name, "megc2019")


def apply_protocol(dataset: Dataset, name: str) -> Task:
    """Give every sample of a data set its class under a protocol, or the reason why not.

    Raises
    ------
    ConfigError
        The protocol is unknown, or made for other data.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f"protocol {name!r} is not known; give one of {', '.join(PROTOCOLS)}")
    protocol = PROTOCOLS[name]
    _check_fits(dataset, name, protocol)
    rows, left_out = [], []
    for sample in dataset.samples:
        label, reason = _class_of(sample, name, protocol)
        if reason:
            left_out.append(Problem(sample.sample_id, "dropped", reason))
        else:
            rows.append((sample, protocol.labels.index(label)))
    if not rows:
        raise ConfigError(
            f"no sample of {dataset.name} has a class in {name} ({', '.join(protocol.labels)}); "
            "give another protocol"
        )
    return Task(name, protocol.labels, tuple(rows), tuple(left_out))


def _check_fits(dataset: Dataset, name: str, protocol: Protocol) -> None:
    """Refuse data that the protocol was not made for, or that know only three classes."""
    if ANY in protocol.classes:
        return
    own = [sample for sample in dataset.samples if sample.dataset in protocol.classes]
    if not own:
        there = ", ".join(sorted({sample.dataset for sample in dataset.samples})) or "nothing"
        raise ConfigError(
            f"protocol {name} is for {', '.join(protocol.classes)}; {dataset.name} holds {there}; "
            "megc2019 fits every data set"
        )
    coarse = {sample.emotion for sample in own} & {"negative", "positive"}
    if coarse - set(protocol.labels):
        raise ConfigError(
            f"protocol {name} needs the emotions of the sheet; {dataset.name} tells only "
            f"{', '.join(EMOTIONS)}: use megc2019"
        )


def _class_of(sample: Sample, name: str, protocol: Protocol) -> tuple[str, str]:
    """Return the class name of a sample, or the reason why it has none."""
    classes = protocol.classes.get(sample.dataset, protocol.classes.get(ANY))
    if classes is None:
        return "", f"{name} has no samples of {sample.dataset}"
    excluded = protocol.excluded.get(sample.dataset, frozenset())
    if sample.sample_id in {"_".join(key) for key in excluded}:
        return "", f"{name} does not have this clip"
    if sample.emotion not in classes:
        return "", f"emotion {sample.emotion or 'unknown'} has no class in {name}"
    return classes[sample.emotion], ""
