"""A model package: a folder with ``card.json``, ``model.onnx`` and golden ``samples.npz``.

The card says what the model reads, what it answers, where it comes from and how far to trust it.
The network's SHA-256 stands in the card and is checked on loading; the checked bytes themselves
are handed to the engine, so what was verified is what runs. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CARD, MODEL, SAMPLES = "card.json", "model.onnx", "samples.npz"
DTYPES = ("float32", "float16", "uint8")
LATER = frozenset({"scores"})
"""Entries that cards of older packages do not have."""


class PackageError(ValueError):
    """A model package is missing, incomplete, damaged or contradicts itself."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a model package says about itself.

    Attributes
    ----------
    name, version
        ``name`` is short and file-name safe; ``version`` rises with every retraining.
    labels
        Class names in the order of the output's first columns.
    recipe
        Name of the preprocessing that makes the input; training and live use the same one.
    input_name, input_shape, input_dtype
        The network's input; the shape is one sample's, without the batch axis.
    output_name
        The network's one output, (batch, len(columns)): first the probabilities of ``labels``,
        which sum to 1, then ``scores``.
    licence, limits
        Licence identifier of the weights; in plain words what the model cannot do.
    training
        JSON-ready provenance: data, seeds, command, versions.
    metrics
        JSON-ready figures, each beside the protocol that gave it.
    sha256
        Of ``model.onnx``, lower-case hexadecimal; filled in by ``write_package``.
    scores
        Names of the output's further columns, each an independent number between 0 and 1.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    recipe: str
    input_name: str
    input_shape: tuple[int, ...]
    input_dtype: str
    output_name: str
    licence: str
    limits: str
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    scores: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or not self.name.replace("-", "").replace("_", "").isalnum():
            raise PackageError(f"card: name {self.name!r} must be letters, digits, - and _ only")
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise PackageError(f"card: labels must be two or more distinct names: {self.labels}")
        if len(set(self.columns)) != len(self.columns):
            raise PackageError(f"card: scores must be distinct names, no labels: {self.scores}")
        if not self.input_shape or min(self.input_shape) < 1:
            raise PackageError(f"card: input_shape must be positive sizes, got {self.input_shape}")
        if self.input_dtype not in DTYPES:
            raise PackageError(f"card: input_dtype {self.input_dtype!r} is none of {DTYPES}")

    @property
    def columns(self) -> tuple[str, ...]:
        """What the output's columns hold, in order: ``labels``, then ``scores``."""
        return self.labels + self.scores


@dataclass(frozen=True, slots=True)
class Package:
    """A verified model package: ``model`` holds the bytes whose hash was checked."""

    folder: Path
    card: Card
    model: bytes = field(repr=False)

    @property
    def model_id(self) -> str:
        """``name@`` and the first eight digits of the network's SHA-256."""
        return f"{self.card.name}@{self.card.sha256[:8]}"

    def samples(self) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Read golden inputs, (N, *input_shape), and outputs, (N, columns), for parity checks.

        Raises
        ------
        PackageError
            If ``samples.npz`` is missing, unreadable or contradicts the card.
        """
        path = self.folder / SAMPLES
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                inputs, outputs = archive["inputs"], archive["outputs"]
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise PackageError(f"{path}: cannot read the golden samples: {error}") from error
        _check_samples(self.card, inputs, outputs)
        return inputs, outputs


def load_package(folder: str | os.PathLike[str]) -> Package:
    """Read and verify the model package in ``folder``.

    Raises
    ------
    PackageError
        If a file is missing, the card is not understood, or ``model.onnx`` does not have the
        hash that the card records.
    """
    folder = Path(folder)
    card = _read_card(folder / CARD)
    try:
        model = (folder / MODEL).read_bytes()
    except OSError as error:
        raise PackageError(f"{folder}: no readable {MODEL} beside {CARD}: {error}") from error
    found = hashlib.sha256(model).hexdigest()
    if found != card.sha256:
        raise PackageError(
            f"{folder / MODEL}: its SHA-256 begins {found[:12]}, the card records "
            f"{card.sha256[:12] or 'none'}: the file was damaged or replaced; restore the package"
        )
    return Package(folder, card, model)


def write_package(
    folder: str | os.PathLike[str],
    card: Card,
    model: bytes,
    inputs: NDArray[Any],
    outputs: NDArray[np.float32],
) -> Package:
    """Write a model package and return it as ``load_package`` would.

    The card is written last, so an interrupted write never leaves a package that loads.

    Parameters
    ----------
    folder
        Made if need be; a package already there is replaced.
    card
        Its ``sha256`` is replaced by that of ``model``.
    model
        The ONNX file's bytes, weights inside.
    inputs, outputs
        Golden samples: (N, *input_shape) of the card's dtype and (N, columns) float32.

    Raises
    ------
    PackageError
        If the samples contradict the card.
    """
    _check_samples(card, inputs, outputs)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    card = replace(card, sha256=hashlib.sha256(model).hexdigest())
    archive = io.BytesIO()
    np.savez_compressed(archive, inputs=inputs, outputs=outputs)
    text = json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n"
    for name, data in (
        (MODEL, model),
        (SAMPLES, archive.getvalue()),
        (CARD, text.encode()),
    ):
        partial = folder / f".{name}.partial"
        partial.write_bytes(data)
        partial.replace(folder / name)
    return Package(folder, card, model)


def _read_card(path: Path) -> Card:
    """Read ``card.json``; say which entries are missing or unknown."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PackageError(
            f"{path}: cannot read the card: {error}; a model package is a folder with "
            f"{CARD}, {MODEL} and {SAMPLES}"
        ) from error
    known = {entry.name for entry in fields(Card)}
    given = set(raw) if isinstance(raw, dict) else set()
    missing, unknown = known - given - LATER, given - known
    if missing or unknown:
        raise PackageError(f"{path}: missing entries {sorted(missing)}, unknown {sorted(unknown)}")
    try:
        raw["labels"] = tuple(str(label) for label in raw["labels"])
        raw["scores"] = tuple(str(score) for score in raw.get("scores", ()))
        raw["input_shape"] = tuple(int(size) for size in raw["input_shape"])
        return Card(**raw)
    except (TypeError, ValueError, AttributeError) as error:
        raise PackageError(f"{path}: {error}") from error


def _check_samples(card: Card, inputs: NDArray[Any], outputs: NDArray[Any]) -> None:
    """Raise ``PackageError`` unless the golden samples fit the card."""
    wanted = f"inputs (N, {', '.join(map(str, card.input_shape))}) {card.input_dtype} and "
    if (
        inputs.shape[1:] != card.input_shape
        or inputs.dtype.name != card.input_dtype
        or outputs.shape != (len(inputs), len(card.columns))
        or outputs.dtype != np.float32
    ):
        raise PackageError(
            f"golden samples: the card wants {wanted}outputs (N, {len(card.columns)}) float32; "
            f"got {inputs.shape} {inputs.dtype} and {outputs.shape} {outputs.dtype}"
        )
    scores = outputs[:, len(card.labels) :]
    if not ((scores >= 0) & (scores <= 1)).all():
        raise PackageError("golden samples: the card's scores must lie between 0 and 1")
