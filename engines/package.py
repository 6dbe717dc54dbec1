"""A model package: a folder with ``card.json``, ``model.onnx`` and golden ``samples.npz``.

A network that weighs what it reads (attention) has ``attention.onnx`` beside it, which answers with
these weights; nothing but an explanation reads it.

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
ATTENTION = "attention.onnx"
DTYPES = ("float32", "float16", "uint8")
LATER = frozenset({"scores", "attention", "attention_sha256"})
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
    attention
        What ``attention.onnx`` answers with, in the order of its outputs: weights between 0 and 1
        with the batch as their first axis. Empty without that file.
    attention_sha256
        Of ``attention.onnx``; filled in by ``write_package``.
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
    attention: tuple[str, ...] = ()
    attention_sha256: str = ""

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

    def attention_model(self) -> bytes:
        """Read ``attention.onnx``; empty where the network has no attention.

        Raises
        ------
        PackageError
            If the file is missing or does not have the hash that the card records.
        """
        if not self.card.attention:
            return b""
        return _read_verified(self.folder / ATTENTION, self.card.attention_sha256)


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
    return Package(folder, card, _read_verified(folder / MODEL, card.sha256))


def _read_verified(path: Path, sha256: str) -> bytes:
    """Return a file's bytes, or raise ``PackageError`` unless they have the recorded hash."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackageError(
            f"{path.parent}: no readable {path.name} beside {CARD}: {error}"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise PackageError(
            f"{path}: its SHA-256 begins {found[:12]}, the card records "
            f"{sha256[:12] or 'none'}: the file was damaged or replaced; restore the package"
        )
    return data


def write_package(
    folder: str | os.PathLike[str],
    card: Card,
    model: bytes,
    inputs: NDArray[Any],
    outputs: NDArray[np.float32],
    attention: bytes = b"",
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
    attention
        Bytes of the ONNX file that answers with ``card.attention``; empty if it names none.

    Raises
    ------
    PackageError
        If the samples contradict the card, or attention is named without its file.
    """
    _check_samples(card, inputs, outputs)
    if bool(attention) != bool(card.attention):
        raise PackageError(
            f"card: attention {card.attention} and {len(attention)} bytes of {ATTENTION}: give "
            "both or neither"
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    card = replace(
        card,
        sha256=hashlib.sha256(model).hexdigest(),
        attention_sha256=hashlib.sha256(attention).hexdigest() if attention else "",
    )
    archive = io.BytesIO()
    np.savez_compressed(archive, inputs=inputs, outputs=outputs)
    text = json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n"
    if not attention:
        (folder / ATTENTION).unlink(missing_ok=True)
    for name, data in (
        (MODEL, model),
        *([(ATTENTION, attention)] if attention else []),
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
        raw["attention"] = tuple(str(name) for name in raw.get("attention", ()))
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
