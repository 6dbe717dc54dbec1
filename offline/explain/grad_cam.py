"""Grad-CAM of given layers: which places of a picture their part in an answer rests on.

Selvaraju, Cogswell, Das, Vedantam, Parikh & Batra, *Grad-CAM: visual explanations from deep
networks via gradient-based localization*, ICCV 2017, equations 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from realtime_mer.errors import ConfigError


def grad_cam(module: nn.Module, layer: nn.Module, inputs: Tensor, classes: Tensor) -> Tensor:
    """Return the map of one layer for one class of each sample, (N, h, w) float32, 0 or more.

    See ``grad_cams``.
    """
    return grad_cams(module, (layer,), inputs, classes)[0]


def grad_cams(
    module: nn.Module, layers: Sequence[nn.Module], inputs: Tensor, classes: Tensor
) -> list[Tensor]:
    """Return the maps of several layers for one class of each sample, from one pass.

    A channel weighs as much as the class's logit rises with it, averaged over its places; the
    map is the weighed sum of the channels where that is above 0. Maps are not scaled: a larger
    value is more evidence within one map.

    Parameters
    ----------
    module
        Maps ``inputs`` to logits (N, C); used in evaluation mode and left as it was.
    layers
        Modules inside it that answer (M, channels, h, w).
    inputs
        (N, …) float32, on the module's device.
    classes
        (N,) int64: whose logit is explained.

    Returns
    -------
    For each layer (M, h, w) float32. M is N, or N · K where the layer sees K pictures of each
    sample (frames, regions), or is called K times, in the order in which it sees them.

    Raises
    ------
    ConfigError
        A layer is not used, answers no maps, or the logits do not depend on it.
    """
    seen: list[list[Tensor]] = [[] for _ in layers]
    hooks = [
        layer.register_forward_hook(_keeping(kept))
        for layer, kept in zip(layers, seen, strict=True)
    ]
    modes = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        # cuDNN's recurrent layers refuse a backward pass in evaluation mode.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            logits = module(inputs.detach().requires_grad_())
            told = logits[torch.arange(len(logits), device=logits.device), classes].sum()
            flat = [each for kept in seen for each in kept]
            _check(layers, seen)
            slopes = iter(torch.autograd.grad(told, flat, allow_unused=True))
    finally:
        for hook in hooks:
            hook.remove()
        for each, training in modes:
            each.training = training
    found = []
    for layer, kept in zip(layers, seen, strict=True):
        maps = [_weighed(layer, each.detach(), next(slopes)) for each in kept]
        found.append(torch.cat(maps))
    return found


def _keeping(kept: list[Tensor]) -> Callable[[nn.Module, Any, Any], Any]:
    def hook(_: nn.Module, __: Any, answer: Any) -> Any:
        kept.append(answer)
        # What changes the answer in place later shall not change what is kept.
        return answer.clone() if isinstance(answer, Tensor) else answer

    return hook


def _check(layers: Sequence[nn.Module], seen: Sequence[list[Tensor]]) -> None:
    for layer, kept in zip(layers, seen, strict=True):
        name = type(layer).__name__
        if not kept:
            raise ConfigError(f"the layer {name} takes no part in the answer; give another")
        if not all(isinstance(each, Tensor) and each.ndim == 4 for each in kept):
            raise ConfigError(
                f"the layer {name} does not answer maps (N, channels, h, w); give a convolution "
                "or a block of them"
            )


def _weighed(layer: nn.Module, values: Tensor, slope: Tensor | None) -> Tensor:
    if slope is None:
        raise ConfigError(f"the answer does not depend on the layer {type(layer).__name__}")
    weights = slope.mean((2, 3), keepdim=True)
    return torch.relu((weights * values).sum(1)).float()
