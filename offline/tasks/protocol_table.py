"""Every protocol by name: the data sets, the rule that gives a label, the classes, the split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from offline.tasks.label_rules import (
    ANY,
    OBJECTIVE_LABELS,
    ByActionUnits,
    ByEmotion,
    ByObjectiveClass,
    LabelRule,
)
from realtime_mer.events import EMOTIONS

SUBJECT, DATASET = "leave-one-subject-out", "leave-one-data-set-out"
"""How a protocol splits."""

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

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)
"""Action units of CD6ME."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many samples and people the literature has of some data sets under a protocol.

    Attributes
    ----------
    datasets
        The data sets together, in alphabetical order.
    samples, subjects
        Their number; ``subjects`` is None where it is not known.
    of
        Which of several such counts this is, empty if there is one.
    """

    datasets: tuple[str, ...]
    samples: int
    subjects: int | None = None
    of: str = ""


@dataclass(frozen=True, slots=True)
class Protocol:
    """Who takes part, with which label, and who is tested.

    Attributes
    ----------
    labels
        Class names in the order of their numbers.
    rule
        How a sample gets its label.
    sets
        The data sets it was made for; a composite opens these.
    source
        What it is and where it comes from, in a sentence or two.
    split
        ``SUBJECT`` or ``DATASET``.
    beyond
        Further data sets whose samples may take part; ``ANY`` for every one.
    sizes
        What the literature counts.
    """

    labels: tuple[str, ...]
    rule: LabelRule
    sets: tuple[str, ...]
    source: str
    split: str = SUBJECT
    beyond: tuple[str, ...] = ()
    sizes: tuple[Size, ...] = ()

    @property
    def exclusive(self) -> bool:
        """True for classes, of which each sample has one; False for action units."""
        return not isinstance(self.rule, ByActionUnits)

    def takes(self, dataset: str) -> bool:
        """Whether samples of a data set may take part."""
        return ANY in self.beyond or dataset in (*self.sets, *self.beyond)


def _same(*labels: str) -> dict[str, str]:
    return {label: label for label in labels}


def _three(negative: Iterable[str] = (), positive: Iterable[str] = ()) -> dict[str, str]:
    return PLAIN | dict.fromkeys(negative, "negative") | dict.fromkeys(positive, "positive")


_CASME_4 = ("tense", "disgust", "repression", "surprise")
_CASME2_5 = ("happiness", "disgust", "repression", "surprise", "others")
_SAMM_5 = ("anger", "contempt", "happiness", "other", "surprise")
_SMIC = ("smic", "smic-vis", "smic-nir")
_BASIC = ("anger", "contempt", "disgust", "fear", "sadness")
_HAPPY = ("happiness",)

_MEGC2019 = {
    "casme2": _three(("disgust", "repression"), _HAPPY),
    "samm": _three(_BASIC, _HAPPY),
    "casme": _three((*_BASIC, "repression"), _HAPPY),
    "casme3": _three(("disgust", "fear", "anger", "sad", "sadness"), ("happy", "happiness")),
    "mmew": _three(_BASIC, _HAPPY),
    "fourdme": _three(("repression",)),
    ANY: PLAIN,
}
"""The three official data sets, then others by analogy. CASME's ``tense`` has no analogue; the
``others`` of MMEW are called ``repression`` in some copies, so neither counts. 4DME's repression
is negative as in CASME II."""

_UNIT_RULE = ByActionUnits(UNITS)

PROTOCOLS = {
    "megc2019": Protocol(
        EMOTIONS,
        ByEmotion(_MEGC2019, {"casme2": UNUSED}),
        ("casme2", "smic", "samm"),
        "Composite database evaluation of MEGC 2019 (See et al., FG 2019): three classes over "
        "CASME II, SMIC-HS and SAMM; other data sets join by analogy.",
        beyond=(ANY,),
        sizes=(
            Size(("casme2", "samm", "smic"), 442, 68),
            Size(("casme2",), 145, 24),
            Size(("samm",), 133, 28),
            Size(("smic",), 164, 16),
            Size(("casme3",), 699, 88),
        ),
    ),
    "casme2-5": Protocol(
        _CASME2_5,
        ByEmotion({"casme2": _same(*_CASME2_5) | {"other": "others"}}),
        ("casme2",),
        "Five emotions of CASME II (Yan et al., PLOS ONE 2014); fear and sadness are too rare. "
        "The label file decides the number of samples: name it with every figure.",
        sizes=(
            Size(("casme2",), 246, of="sheet of 2014"),
            Size(("casme2",), 247, of="paper of 2014"),
            Size(("casme2",), 249, of="sheet of 2019"),
        ),
    ),
    "smic-3": Protocol(
        EMOTIONS,
        ByEmotion(dict.fromkeys(_SMIC, PLAIN)),
        ("smic",),
        "The three classes of SMIC (Li et al., FG 2013).",
        beyond=_SMIC[1:],
        sizes=(Size(("smic",), 164, 16),),
    ),
    "casme-4": Protocol(
        _CASME_4,
        ByEmotion({"casme": _same(*_CASME_4)}),
        ("casme",),
        "The four emotions of CASME (Yan et al., FG 2013) that occur often enough.",
        sizes=(
            Size(("casme",), 171, of="as mostly quoted"),
            Size(("casme",), 172, 19, of="DSTAN 2021"),
        ),
    ),
    "samm-5": Protocol(
        _SAMM_5,
        ByEmotion({"samm": _same(*_SAMM_5) | {"others": "other"}}),
        ("samm",),
        "Five emotions of SAMM (Davison et al. 2018) that occur often enough.",
        sizes=(Size(("samm",), 136, 27),),
    ),
    "objective": Protocol(
        OBJECTIVE_LABELS,
        ByObjectiveClass(official=True),
        ("casme2", "samm"),
        "Composite database evaluation of MEGC 2018 (Yap et al., FG 2018): objective classes I–V "
        "(Davison et al. 2018) as the data sets bring them, else from the action units.",
        beyond=(ANY,),
        sizes=(
            Size(("casme2", "samm"), 253, 47),
            Size(("casme2",), 185),
            Size(("samm",), 68, 21),
        ),
    ),
    "au5": Protocol(
        OBJECTIVE_LABELS,
        ByObjectiveClass(official=False),
        ("casme2", "samm"),
        "The 5-AU classification of Aouayeb et al. 2022: classes I–V, in CASME II by the table "
        "from the action units instead of the official sheet.",
        sizes=(
            Size(("casme2", "samm"), 242, 47),
            Size(("casme2",), 174, 26),
            Size(("samm",), 68, 21),
        ),
    ),
    "megc2018-hde": Protocol(
        OBJECTIVE_LABELS,
        ByObjectiveClass(official=True),
        ("casme2", "samm"),
        "Holdout database evaluation of MEGC 2018 (Yap et al., FG 2018): train on CASME II and "
        "test on SAMM, then the other way round; objective classes I–V.",
        split=DATASET,
        sizes=(Size(("casme2", "samm"), 253, 47),),
    ),
    "cd6me": Protocol(
        _UNIT_RULE.labels,
        _UNIT_RULE,
        ("casme", "casme2", "samm", "fourdme", "mmew", "casme3"),
        "CD6ME (Varanka et al., Data leakage and evaluation issues in micro-expression analysis): "
        "twelve action units, all data sets but one to train on, the one to test on.",
        split=DATASET,
        sizes=(
            Size(("casme", "casme2", "casme3", "fourdme", "mmew", "samm"), 2031),
        ),
    ),
}  # fmt: skip
"""Every protocol by name."""
