"""Whether a fast engine answers what the reference answers, sample by sample, in pure NumPy.

An engine counts as built only after it agreed: nearly the same probabilities, and the same label
wherever the reference itself had a clear one.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backend import Backend, EngineError, check_precision
from engines.package import Card

TOLERANCE = {"fp32": 1e-4, "fp16": 5e-2}
"""Largest allowed difference of any one probability or score, by precision."""
SAME_LABEL = {"fp32": 1.0, "fp16": 0.995}
"""Least share of the clear samples that must get the reference's label, by precision."""
BATCHES = (1, 16)
"""Batch sizes that take turns when a backend is judged, so that every batch profile answers."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far an engine's answers agree with the reference's.

    Attributes
    ----------
    precision
        One of ``PRECISIONS``: what the engine calculates in, and so how it is judged.
    samples, clear
        How many samples were compared, and how many of them are clear: the reference's best label
        leads the second by more than the tolerance. Rounding may settle the others either way.
    max_abs, mean_abs
        Of the differences of all columns; NaN if an answer is no finite number.
    cosine
        Between the rows of columns, the least of all samples; NaN as above.
    label_agreement, clear_label_agreement
        Shares of all and of the clear samples that get the same label; NaN if there are none.
    per_class
        For each label of the reference: how many samples, and which share of them agrees (NaN if
        there are none).
    worst_column, worst_sample
        Where the difference is largest, or the first answer that is no finite number.
    finite
        Whether all answers are finite numbers.
    """

    precision: str
    samples: int
    clear: int
    max_abs: float
    mean_abs: float
    cosine: float
    label_agreement: float
    clear_label_agreement: float
    per_class: dict[str, tuple[int, float]]
    worst_column: str
    worst_sample: int
    finite: bool

    def passed(self, tolerance: float | None = None) -> bool:
        """Whether the engine may be used.

        Parameters
        ----------
        tolerance
            Largest allowed ``max_abs``, that of the precision if None; more forgives more.
        """
        return not self.complaint(tolerance)

    def complaint(self, tolerance: float | None = None) -> str:
        """Return in a few words what is wrong, with figures; empty if the engine passed."""
        allowed = TOLERANCE[self.precision] if tolerance is None else tolerance
        where = f"column {self.worst_column!r} of sample {self.worst_sample}"
        if not self.finite:
            return f"{where} is no finite number"
        if not self.max_abs <= allowed:
            return f"{where} differs by {self.max_abs:.2g}, {self.precision} allows {allowed:g}"
        if self.clear_label_agreement < SAME_LABEL[self.precision]:
            return (
                f"{self.clear_label_agreement:.2%} of {self.clear} clear samples have the same "
                f"label, {self.precision} needs {SAME_LABEL[self.precision]:.1%}; most differs "
                f"{where}, by {self.max_abs:.2g}"
            )
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Return everything JSON-ready, NaN as None, with ``passed``."""
        entries = {name: _plain(value) for name, value in asdict(self).items()}
        entries["per_class"] = {
            label: {"samples": count, "agreement": _plain(share)}
            for label, (count, share) in self.per_class.items()
        }
        return entries | {"passed": self.passed()}


def compare(
    card: Card, reference: NDArray[Any], answers: NDArray[Any], precision: str
) -> Agreement:
    """Return how far ``answers`` agree with ``reference``.

    The card's scores count in the differences and the cosine; only its labels give the label.

    Parameters
    ----------
    reference, answers
        (N, columns) floats, in the card's order; N is 1 or more.
    precision
        What the engine that answered calculates in.

    Raises
    ------
    EngineError
        If there are no samples, the shapes are not the card's, or the reference is not finite.
    """
    check_precision(precision)
    right, given = np.asarray(reference, np.float64), np.asarray(answers, np.float64)
    _check_answers(card, right, given)
    differences = np.abs(given - right)
    finite = bool(np.isfinite(given).all())
    ranked = np.where(np.isfinite(differences), differences, np.inf)
    sample, column = np.unravel_index(int(ranked.argmax()), ranked.shape)
    places = len(card.labels)
    labels = right[:, :places].argmax(1)
    same = np.isfinite(given).all(1) & (labels == given[:, :places].argmax(1))
    second, first = np.sort(right[:, :places], 1)[:, -2:].T
    clear = first - second > TOLERANCE[precision]
    return Agreement(
        precision=precision,
        samples=len(right),
        clear=int(clear.sum()),
        max_abs=float(differences.max()) if finite else math.nan,
        mean_abs=float(differences.mean()) if finite else math.nan,
        cosine=_least_cosine(right, given) if finite else math.nan,
        label_agreement=_share(same),
        clear_label_agreement=_share(same[clear]),
        per_class={
            label: (int((labels == place).sum()), _share(same[labels == place]))
            for place, label in enumerate(card.labels)
        },
        worst_column=card.columns[int(column)],
        worst_sample=int(sample),
        finite=finite,
    )


def verify_backend(
    backend: Backend,
    precision: str,
    inputs: NDArray[Any] | None = None,
    reference: NDArray[Any] | None = None,
) -> Agreement:
    """Return how far an open backend agrees with the reference; it is neither opened nor closed.

    Samples go through alone and in sixteens by turns, so that every batch profile is judged.

    Parameters
    ----------
    precision
        What the backend calculates in.
    inputs, reference
        (N, *input_shape) of the card's dtype and (N, columns) float32; both, or neither: then
        the package's golden samples.

    Raises
    ------
    EngineError
        If the backend cannot answer, or ``compare`` refuses the answers.
    PackageError
        If the golden samples cannot be read.
    """
    if (inputs is None) != (reference is None):
        raise EngineError("give inputs and their reference answers together, or neither")
    if inputs is None or reference is None:
        inputs, reference = backend.package.samples()
    answers, begin, turn = [np.zeros((0, len(backend.package.card.columns)), np.float32)], 0, 0
    while begin < len(inputs):
        size = BATCHES[turn % len(BATCHES)]
        answers.append(backend.infer(inputs[begin : begin + size]).copy())
        begin, turn = begin + size, turn + 1
    return compare(backend.package.card, reference, np.concatenate(answers), precision)


def require(agreement: Agreement, backend_name: str, precision: str) -> None:
    """Raise ``EngineError``, in one line with figures, unless ``agreement`` passes."""
    check_precision(precision)
    complaint = agreement.complaint(TOLERANCE[precision])
    if not complaint:
        return
    advice = (
        "keep layers that overflow or sum in fp32 (`engines.drift` names the first), or use fp32"
        if precision == "fp16"
        else "export the package again, or run it with the engine onnxruntime"
    )
    raise EngineError(
        f"{backend_name} does not answer as the reference does: {complaint} "
        f"({agreement.samples} samples compared); {advice}"
    )


def _check_answers(card: Card, right: NDArray[Any], given: NDArray[Any]) -> None:
    """Raise ``EngineError`` unless both are (N, columns), N > 0, and the reference is finite."""
    if not len(right):
        raise EngineError(f"model {card.name} has no samples to compare: write some to its package")
    wanted = (len(right), len(card.columns))
    if right.shape != wanted or given.shape != wanted:
        raise EngineError(
            f"model {card.name} answers {wanted}, compared were {right.shape} and {given.shape}"
        )
    if not np.isfinite(right).all():
        sample = int(np.flatnonzero(~np.isfinite(right).all(1))[0])
        raise EngineError(
            f"model {card.name}: the reference answer to sample {sample} is no finite number: "
            f"export the package again"
        )


def _share(same: NDArray[np.bool_]) -> float:
    return float(same.mean()) if same.size else math.nan


def _least_cosine(right: NDArray[np.float64], given: NDArray[np.float64]) -> float:
    """Return the least cosine of two rows; two zero rows count as 1, one zero row as 0."""
    lengths = np.linalg.norm(right, axis=1), np.linalg.norm(given, axis=1)
    product, dots = lengths[0] * lengths[1], (right * given).sum(1)
    both = (lengths[0] == 0) & (lengths[1] == 0)
    cosines = np.divide(dots, product, out=both.astype(np.float64), where=product > 0)
    return float(np.clip(cosines, -1, 1).min())


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
