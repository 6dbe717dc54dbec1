"""DSTAN (2021): entries of the registry."""

from __future__ import annotations

from offline.models.entry import ModelEntry, system_learner

_PAPER = (
    "Wang, Huang, Liu, Gu, Yang, Wang & Zhang, Journal of Healthcare Engineering 2021 ({place})"
)
_FACES = "nine grey pictures by temporal interpolation, 224×224"
_FLOW = "motion over each ninth of the clip, u and v, 224×224"
_FACES_RECIPE, _FLOW_RECIPE = "tim9_faces", "tim9_windowed_flow"
_BOTH_RECIPE = "tim9_faces_windowed_flow"

_PUBLISHED = "published: cross-entropy, Adam, batches of 32, r 16, five layers, one LSTM"
_OURS = (
    "ours, where the paper is silent: rate 0.001 falling along a cosine over 60 epochs; channels "
    "16, 32, 64, 128, 256 and 128 values of memory; a frame's weight is the sigmoid of one "
    "connected layer; a layer's map is the one after pooling; the spatially refined third map goes "
    "on to the fourth layer too, or in STMN, which joins no features, it would do nothing"
)
_PICTURES = "grey pictures of the square of 2.2 inter-ocular distances around the face"
_MOTION = (
    "flow between ten even moments from onset to offset by the windowed search, head motion taken "
    "out, in units of 0.005 inter-ocular distances; the paper takes neighbours of the original "
    "sequence, by a method it does not name, and does not say how that comes to a fixed length"
)
_MACHINE = (
    "the streams learn apart; a linear SVM with C 1, one machine a pair of classes, is fitted "
    "inside each fold to both streams' means over time, of which it is silent whether the "
    "softmax is meant instead; a vote is split by its margin and sums of votes divided by 0.5 are "
    "the logits"
)
_AVERAGE = (
    "the paper calls it weighted and gives no weights; its name says average, so a half each, of "
    "the probabilities"
)
_TOLD = "published (leave-one-subject-out, on whom epochs were chosen is not told): {figures}"
_TABLE_1 = (
    "accuracy and F1 {0}/{1} on SMIC, {2}/{3} on CASME with four classes, {4}/{5} on CASME II "
    "with five"
)
_TABLE_2 = "accuracy and F1 {0}/{1} on CASME II with five classes"
_UNPARTED = "no row of the paper, which adds both spatial attentions at once"


def _single(name: str, title: str, recipe: str, inputs: str, size: int, own: str) -> ModelEntry:
    return ModelEntry(
        name=name,
        title=title,
        source=_PAPER.format(place="table 1"),
        recipe=recipe,
        inputs=inputs,
        choices="; ".join((_PUBLISHED, _OURS, own)),
        learner=system_learner(name),
        system=name,
        size=size,
    )


def _dual(name: str, title: str, place: str, size: int, own: str = _MACHINE) -> ModelEntry:
    return ModelEntry(
        name=name,
        title=title,
        source=_PAPER.format(place=place),
        recipe=_BOTH_RECIPE,
        inputs=f"{_FACES}; {_FLOW}",
        choices="; ".join((_PUBLISHED, _OURS, _PICTURES, _MOTION, own)),
        learner=system_learner(name),
        system=name,
        size=size,
    )


def _told(table: str, *figures: str) -> str:
    return _TOLD.format(figures=table.format(*figures))


def _row(*figures: str) -> str:
    return f"{_MACHINE}; {_told(_TABLE_2, *figures)}"


ENTRIES: tuple[ModelEntry, ...] = (
    _single(
        "stan", "STAN-A, appearance through time with attention", _FACES_RECIPE, _FACES, 704_587,
        f"{_PICTURES}; " + _told(_TABLE_1, "0.683", "0.672", "0.669", "0.627", "0.602", "0.559"),
    ),
    _single(
        "stmn", "STMN-A, motion through time with attention", _FLOW_RECIPE, _FLOW, 601_947,
        f"{_MOTION}; " + _told(_TABLE_1, "0.652", "0.649", "0.651", "0.612", "0.638", "0.607"),
    ),
    _dual(
        "dstan", "DSTAN, appearance and motion joined by a support vector machine",
        "tables 1 to 4", 1_306_534,
        f"{_MACHINE}; " + _told(_TABLE_1, "0.774", "0.778", "0.779", "0.752", "0.752", "0.728"),
    ),
    _dual(
        "dstan_average", "DSTAN-Average, the mean of both streams' probabilities",
        "table 3", 1_306_534,
        f"{_AVERAGE}; " + _told(_TABLE_1, "0.73", "0.74", "0.74", "0.73", "0.71", "0.68"),
    ),
    _dual(
        "dstan_basic", "DSTAN without joined levels and attentions",
        "table 2", 1_181_814, _row("0.655", "0.637"),
    ),
    _dual(
        "dstan_fusion", "DSTAN with joined levels, without attentions",
        "table 2", 1_284_534, _row("0.671", "0.654"),
    ),
    _dual(
        "dstan_no_temporal", "DSTAN without temporal attention",
        "table 2", 1_305_956, _row("0.711", "0.690"),
    ),
    _dual(
        "dstan_no_spatial", "DSTAN without spatial attention",
        "section 2.4", 1_302_040, f"{_MACHINE}; {_UNPARTED}",
    ),
    _dual(
        "dstan_no_channel", "DSTAN without channel attention",
        "section 2.4", 1_289_606, f"{_MACHINE}; {_UNPARTED}",
    ),
)  # fmt: skip
"""Every model of this family: tables 1 to 3 of the paper, and one spatial attention at a time."""
