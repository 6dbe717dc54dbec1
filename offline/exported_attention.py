"""What a network weighs how much, as an ONNX file of its own beside the one that answers.

So an explanation can show the weights of any package without its Python code, and the file that
runs live calculates nothing that is not asked for.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines import Card, EngineError
from offline.nets.answering import Answering
from offline.torch_to_onnx import export_outputs

TOLERANCE = 1e-4
"""Largest difference of a weight between torch and ONNX Runtime."""
COMPARED = 2
"""Samples of which weights are compared; a clip of regions has thousands."""
EVEN = 1e-6
"""Weights that differ by less say nothing: there is a place for attention, but none in it."""


@dataclass(frozen=True, slots=True)
class ExportedAttention:
    """Names of the outputs and the file's bytes; both empty without attention."""

    names: tuple[str, ...] = ()
    model: bytes = b""


def named_weights(module: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """Return what a network's attention weighs, by name; empty if it offers none.

    Parameters
    ----------
    module
        In evaluation; see ``offline.explain.attention`` for what it offers.
    inputs
        (N, …) float32.
    """
    ask = getattr(module, "attention", None)
    if not inspect.ismethod(ask):  # a submodule may be called so, too
        return {}
    told = ask(inputs)
    return dict(told) if isinstance(told, Mapping) else {"spatial": told}


class Attending(nn.Module):
    """A network that answers with some of its weights, in the order of ``names``."""

    def __init__(self, net: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.net = net
        self.names = names

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return each kind of weights, (N, …) float32."""
        told = named_weights(self.net, inputs)
        return tuple(told[name].float() for name in self.names)


def export_attention(module: nn.Module, card: Card, inputs: NDArray[Any]) -> ExportedAttention:
    """Export the attention of a network, if it has any, and compare it with torch.

    Parameters
    ----------
    module
        The network, or ``Answering`` around it.
    card
        Says what it reads.
    inputs
        (N, *input_shape) of the card's dtype, N at least 1.

    Raises
    ------
    EngineError
        If it cannot be exported, or ONNX Runtime differs by more than ``TOLERANCE``.
    """
    net = copy.deepcopy(module.net if isinstance(module, Answering) else module).eval()
    some = inputs[:COMPARED]
    with torch.no_grad():
        told = named_weights(net, torch.from_numpy(some))
    told = {name: each for name, each in told.items() if _tells(each)}
    if not told:
        return ExportedAttention()
    names = tuple(told)
    model = export_outputs(
        Attending(net, names),
        card.input_shape,
        names,
        input_name=card.input_name,
        dtype=card.input_dtype,
    )
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    found = session.run(list(names), {card.input_name: some})
    for name, mine in zip(names, found, strict=True):
        apart = float(np.abs(mine - told[name].numpy()).max())
        if not apart <= TOLERANCE:
            raise EngineError(
                f"model {card.name}: torch and ONNX Runtime weigh {name} otherwise, by "
                f"{apart:.1e} (allowed {TOLERANCE:.0e}): the export is wrong"
            )
    return ExportedAttention(names, model)


def _tells(weights: Tensor) -> bool:
    """Return whether the weights of places that count, those above zero, differ at all."""
    there = weights[weights > 0]
    return bool(len(there)) and float(there.max() - there.min()) > EVEN
