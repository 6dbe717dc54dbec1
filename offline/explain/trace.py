"""What a network does with its input, call by call, and the last maps that it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from offline.explain.places import CONVOLUTIONS, Places, followed, places_of, tensors_in

_REMAINS = frozenset({
    "add", "add_", "__add__", "__iadd__", "__radd__", "batch_norm", "celu", "clamp_min", "clip",
    "clamp", "dropout", "elu", "gelu", "group_norm", "hardswish", "hardtanh", "instance_norm",
    "leaky_relu", "leaky_relu_", "maximum", "mish", "prelu", "relu", "relu6", "relu_", "selu",
    "silu",
})  # fmt: skip
"""What follows a convolution and still is its map: normalisation, bending, a sum with what was
there before."""


@dataclass(frozen=True, slots=True, eq=False)
class LastMap:
    """A map that no further map is made of.

    Attributes
    ----------
    values
        (B, C, h, w) or (B, C, t, h, w), part of the graph of derivatives.
    places
        Where each value looks, see ``places``; None where that was lost.
    """

    values: Tensor
    places: Places | None


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    name: str
    given: tuple[int, ...]
    made: tuple[int, ...]


class Trace(TorchFunctionMode):
    """Notes every call of PyTorch while it is active.

    Parameters
    ----------
    inputs
        (N, …, H, W) what the network is about to read.
    """

    def __init__(self, inputs: Tensor) -> None:
        super().__init__()
        self.calls: list[_Call] = []
        self.known: dict[int, Places] = {id(inputs): places_of(inputs)}
        self.tensors: dict[int, Tensor] = {id(inputs): inputs}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call, and note what was made of what."""
        options = kwargs or {}
        given = tuple(id(each) for each in tensors_in((args, options)) if id(each) in self.tensors)
        made = func(*args, **options)
        outputs = tensors_in(made)
        if not given or not outputs:
            return made
        name = getattr(func, "__name__", "")
        with torch.no_grad():
            places = followed(name, func, args, options, made, self.known)
        for each, where in zip(outputs, places, strict=True):
            self.tensors[id(each)] = each  # kept, so that its id stays its own
            if where is not None:
                self.known[id(each)] = where
        self.calls.append(_Call(name, given, tuple(map(id, outputs))))
        return made

    def last_maps(self, answer: Tensor) -> list[LastMap]:
        """Return the last maps on every way to the answer.

        A map comes from a convolution and has more than one place; it is taken after
        normalisation and activation. Maps of one channel, masks of attention mostly, count only
        where there are no others.
        """
        for least in (2, 1):
            found = self._ends(answer, least)
            if found:
                return [LastMap(self.tensors[each], self.known.get(each)) for each in found]
        return []

    def _ends(self, answer: Tensor, channels: int) -> list[int]:
        reaching = {id(answer)}
        beyond: set[int] = set()
        ends = []
        for number in range(len(self.calls) - 1, -1, -1):
            call = self.calls[number]
            if not reaching.intersection(call.made):
                continue
            later = bool(beyond.intersection(call.made))
            reaching.update(call.given)
            candidate = call.name in CONVOLUTIONS and self._is_map(call.made[0], channels)
            if candidate and not later:
                ends.append(self._grown(number))
            if candidate or later:
                beyond.update(set(call.given) - set(call.made))
        return list(dict.fromkeys(ends))

    def _is_map(self, made: int, channels: int) -> bool:
        shape = self.tensors[made].shape
        return bool(shape[-1] * shape[-2] > 1 and shape[1] >= channels)

    def _grown(self, number: int) -> int:
        """Return the convolution's map as it is when the first other thing is done to it."""
        at = self.calls[number].made[0]
        while True:
            readers = [call for call in self.calls[number + 1 :] if at in call.given]
            changed = [call for call in readers if call.made[0] != at]
            if len(changed) != 1 or changed[0].name not in _REMAINS:
                return at
            after = changed[0].made[0]
            if self.tensors[after].shape != self.tensors[at].shape:
                return at
            at = after


def traced(module: nn.Module, inputs: Tensor) -> tuple[Tensor, Trace]:
    """Run a network and return its answer, (N, K), the first one of several, and the trace.

    Parameters
    ----------
    module
        In evaluation mode.
    inputs
        (N, …, H, W) float32 that asks for derivatives.
    """
    trace = Trace(inputs)
    with torch.enable_grad(), trace:
        answer = module(inputs)
    return tensors_in(answer)[0], trace
