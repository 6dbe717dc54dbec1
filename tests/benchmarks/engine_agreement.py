"""How far every engine's answers agree with PyTorch's in single precision, on rendered samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines import Card
from engines.verify import compare
from tests.benchmarks.engine_models import TEST_SEED
from tests.benchmarks.engine_runners import REFERENCE, Contestant, Runner
from tests.benchmarks.engine_samples import draw

Float = NDArray[np.float32]
TOLD = (
    "samples", "label_agreement", "clear", "clear_label_agreement", "max_abs", "cosine", "finite",
)  # fmt: skip


def agreement(
    card: Card,
    opened: Mapping[Contestant, Runner],
    reference: Runner,
    samples: int,
    together: int,
    tell: Callable[[int], None] = lambda done: None,
) -> list[dict[str, Any]]:
    """Hold every open engine's answers against the reference's.

    Samples are drawn a few at a time, so that memory stays small. One goes through alone, then
    ``together`` at once, by turns: engines have a way for each.

    Parameters
    ----------
    samples
        How many; more people, more motion, a finer share.
    together
        Samples of the larger batch.
    tell
        Told how many are done.

    Returns
    -------
    list of dict
        For each but the reference: ``backend``, ``precision``, share of equal labels among all
        (``label_agreement``) and among those whose two likeliest labels lie further apart than the
        precision's tolerance (``clear_label_agreement``), largest difference (``max_abs``), and
        how often the reference named what was planted (``reference_hits``).
    """
    right: list[Float] = []
    planted: list[int] = []
    given: dict[Contestant, list[Float]] = {each: [] for each in opened if each != REFERENCE}
    for inputs, labels in _batches(card, samples, together):
        right.append(_answers(reference, inputs, together))
        planted += labels
        for contestant, answers in given.items():
            answers.append(_answers(opened[contestant], inputs, together))
        tell(len(planted))
    expected = np.concatenate(right)
    hits = float((expected[:, : len(card.labels)].argmax(1) == np.array(planted)).mean())
    return [
        _told(card, contestant, expected, np.concatenate(answers)) | {"reference_hits": hits}
        for contestant, answers in given.items()
    ]


def _told(card: Card, contestant: Contestant, expected: Float, answers: Float) -> dict[str, Any]:
    seen = compare(card, expected, answers, contestant.precision).as_dict()
    own = {"backend": contestant.backend, "precision": contestant.precision}
    return own | {name: seen[name] for name in TOLD}


def _batches(card: Card, samples: int, together: int) -> Iterator[tuple[Float, list[int]]]:
    """Yield inputs and labels: one, then ``together``, and so on."""
    drawn = draw(card.recipe, card.labels, samples, TEST_SEED)
    turn = 0
    while part := list(islice(drawn, together if turn % 2 else 1)):
        inputs, labels = zip(*part, strict=True)
        yield np.stack(inputs), list(labels)
        turn += 1


def _answers(runner: Runner, inputs: Float, together: int) -> Float:
    """Return the answers. A short last batch is filled up: engines are compiled for whole ones."""
    count = len(inputs)
    if 1 < count < together:
        inputs = np.concatenate([inputs, np.repeat(inputs[-1:], together - count, 0)])
    return runner.infer(inputs)[:count].copy()
