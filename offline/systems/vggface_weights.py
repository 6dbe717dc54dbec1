"""The published weights of VGGFace2's ResNet-50, from a local file."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from offline.systems.resnet50 import ResNet50
from offline.systems.weights import read_weights
from realtime_mer.errors import ModelError

CONVERT = (
    "python -c \"import pickle, numpy; w = pickle.load(open('{name}', 'rb'), encoding='latin1'); "
    "numpy.savez('{stem}.npz', **w)\""
)
PREFIXES = ("module.", "encoder.")
_SHOWN = 3


def load_encoder(encoder: ResNet50, path: str | os.PathLike[str]) -> nn.Linear | None:
    """Fill an encoder with weights, and return the layer of identities where the file has one.

    Parameters
    ----------
    encoder
        Of the published size; layers that it leaves out are passed over in the file.
    path
        A file of ``torch.save``, ``.safetensors`` or ``.npz`` with the names of
        cydonia999/VGGFace2-pytorch (``conv1.weight`` to ``layer4.2.bn3.bias``, ``fc.weight``);
        ``module.`` or ``encoder.`` may stand before them. Nothing in it is executed.

    Raises
    ------
    ModelError
        The file cannot be read or would run code, or its weights are of another network.
    """
    path = Path(path)
    found = {_plain(name): each for name, each in _read(path).items()}
    wanted = encoder.state_dict()
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing = sorted(set(wanted) - counters - set(found))
    with torch.device("meta"):
        published = set(ResNet50().state_dict()) | {"fc.weight", "fc.bias"}
    unknown = sorted(set(found) - set(wanted) - published)
    if missing or unknown:
        told = [f"{_listed(missing)} missing"] if missing else []
        told += [f"{_listed(unknown)} unknown to it"] if unknown else []
        raise ModelError(
            f"{path}: weights of another network than ResNet-50 of VGGFace2: "
            f"{'; '.join(told)}. Take resnet50_ft or resnet50_scratch"
        )
    for name, tensor in wanted.items():
        if name in found and found[name].shape != tensor.shape:
            raise ModelError(
                f"{path}: {name} has shape {tuple(found[name].shape)}, ResNet-50 wants "
                f"{tuple(tensor.shape)}. Take resnet50_ft or resnet50_scratch"
            )
    encoder.load_state_dict({name: found.get(name, tensor) for name, tensor in wanted.items()})
    return _identities(path, found, encoder)


def _identities(path: Path, found: Mapping[str, Tensor], encoder: ResNet50) -> nn.Linear | None:
    weight, bias = found.get("fc.weight"), found.get("fc.bias")
    if weight is None or bias is None:
        return None
    weight = weight.reshape(len(weight), -1)
    if bias.shape != weight.shape[:1]:
        raise ModelError(f"{path}: fc.bias has {len(bias)} values for {len(weight)} classes")
    if weight.shape[1] != encoder.channels:
        return None  # the encoder ends before it
    layer = nn.Linear(weight.shape[1], len(weight))
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def _read(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise ModelError(f"{path}: there is no such file of weights")
    if path.suffix in (".pkl", ".pickle") and not zipfile.is_zipfile(path):
        how = CONVERT.format(name=path.name, stem=path.stem)
        raise ModelError(
            f"{path}: a pickle, which may run any code when it is read, so it is not read here. If "
            f"you trust where it is from, convert it once: {how}"
        )
    if path.suffix == ".npz":
        return _arrays(path)
    return read_weights(path)[0]


def _arrays(path: Path) -> dict[str, Tensor]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: torch.from_numpy(np.array(file[name])).float() for name in file.files}
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: cannot read weights: {error}") from error


def _plain(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more are"
