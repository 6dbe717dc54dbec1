"""Weights by name in a file: what a training may begin with, and what is kept of one."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from engines import PackageError, load_package
from offline.systems.system import System
from realtime_mer.errors import ModelError, OutputError

WEIGHTS = "weights.safetensors"
"""Name of the file in a model package."""
_LABELS = "labels"


def packed(state: Mapping[str, Tensor], labels: tuple[str, ...]) -> bytes:
    """Return weights as a safetensors file that says which classes they tell apart."""
    plain = {name: each.detach().cpu().contiguous().clone() for name, each in state.items()}
    return bytes(save(plain, {_LABELS: json.dumps(labels)}))


def write_weights(path: str | os.PathLike[str], data: bytes) -> None:
    """Write what ``packed`` returns, whole or not at all.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def weights_file(path: str | os.PathLike[str]) -> Path:
    """Return the file of weights that a path stands for: itself, or the one in a package."""
    path = Path(path)
    return path / WEIGHTS if path.is_dir() else path


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the hash of a file of weights, lower-case hexadecimal.

    Raises
    ------
    ModelError
        It cannot be read, or is not the one that its package records.
    """
    file_path = weights_file(path)
    try:
        with file_path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if file_path != Path(path):
            card = load_package(path).card
            if card.training.get("weights sha256") != found:
                raise ModelError(f"{file_path}: is not the file that the card records")
    except OSError as error:
        raise ModelError(
            f"{file_path}: cannot read weights: {error.strerror or error}; give a package of a "
            "system or a safetensors file, as `mer train` writes them"
        ) from error
    except PackageError as error:
        raise ModelError(str(error)) from error
    return found


def read_weights(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return weights by name, and the classes that they tell apart, empty where nothing says so.

    Parameters
    ----------
    path
        A model package of a system, a ``.safetensors`` file, or a state dict saved by torch. Of
        the last only tensors are read; nothing in it is run.

    Raises
    ------
    ModelError
        It cannot be read, or holds something else.
    """
    path = weights_file(path)
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                told = (file.metadata() or {}).get(_LABELS, "[]")
                found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                return found, tuple(json.loads(told))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (
        OSError, EOFError, ValueError, RuntimeError, SafetensorError, pickle.UnpicklingError,
    ) as error:  # fmt: skip
        raise ModelError(f"{path}: cannot read weights: {error}") from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ModelError(f"{path}: holds no weights by name: save net.state_dict()")
    return dict(state), ()


def class_layers(system: System, classes: int, shape: tuple[int, ...]) -> frozenset[str]:
    """Return the names of the weights whose shape depends on the number of classes."""
    one, other = (_shapes(system, count, shape) for count in (classes, classes + 1))
    return frozenset(name for name in one if one[name] != other.get(name))


def start_for(
    path: str | os.PathLike[str], system: System, labels: tuple[str, ...], shape: tuple[int, ...]
) -> dict[str, Tensor]:
    """Return weights of a file for a system to begin with.

    Layers that depend on the classes are left out, to be drawn, where the classes are others. All
    other weights must be there with the right shape, and no further ones.

    Parameters
    ----------
    path
        See ``read_weights``.
    labels, shape
        Classes of the new task; shape of one input.

    Raises
    ------
    ModelError
        The file cannot be read, or is of another network.
    """
    found, told = read_weights(path)
    wanted = _shapes(system, len(labels), shape)
    drawn = class_layers(system, len(labels), shape)
    other = told not in ((), labels) or any(
        tuple(found[name].shape) != wanted[name] for name in drawn & set(found)
    )
    needed = {name: size for name, size in wanted.items() if not (other and name in drawn)}
    missing, unknown = sorted(set(needed) - set(found)), sorted(set(found) - set(wanted))
    if missing or unknown:
        what, names = ("lacks", missing) if missing else ("holds", unknown)
        raise ModelError(
            f"{path}: weights of another network than {system.name}: it {what} {names[0]}"
            + (f" and {len(names) - 1} others" if len(names) > 1 else "")
        )
    for name, size in needed.items():
        if tuple(found[name].shape) != size:
            raise ModelError(
                f"{path}: {name} has shape {tuple(found[name].shape)}, {system.name} wants {size}"
            )
    return {name: found[name] for name in needed}


def begin_with(module: nn.Module, start: Mapping[str, Tensor]) -> None:
    """Put weights into a network, in place; what ``start`` does not name stays as it was drawn."""
    state = module.state_dict()
    module.load_state_dict({**state, **start})


def _shapes(system: System, classes: int, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a system's weights by name; nothing is drawn."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # weights from a file do not reach the meta device
        state = system.build(classes, shape).state_dict()
    return {name: tuple(each.shape) for name, each in state.items()}
