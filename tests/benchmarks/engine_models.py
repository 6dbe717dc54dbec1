"""The networks that are compared: as PyTorch modules, and as model packages of the same weights.

``default`` is the bundled package as it is; beside it stands the trained network in PyTorch, with
the weights of that very file. All others come from the table of torch networks with drawn weights
and are exported as any model is; ``default_exported`` is the bundled network's kind among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engines import Card, Package, load_package
from offline.export import write_model
from offline.models.registry import PLANES
from offline.models.torch_zoo import TORCH_MODELS, TorchModel, seeded
from offline.systems.registry import SYSTEMS
from realtime_mer.errors import ConfigError, ModelError
from realtime_mer.recognizer import default_package

DEFAULT, EXPORTED = "default", "default_exported"
NAMES = (DEFAULT, *(EXPORTED if name == DEFAULT else name for name in TORCH_MODELS))
QUICK = tuple(name for name in NAMES if name not in SYSTEMS or name == "cropnet")
"""Measured unless others are named: the papers' big systems take seconds an answer on a CPU."""
"""Every network that is compared."""
FIT_SEED, TEST_SEED = 1, 2
"""Of the rendered samples that a network learns from, and of those it is judged on."""
MOST_VALUES = 200_000_000
"""Numbers in the samples that a network is fitted to: fewer samples of large inputs."""
FITTED_ON = 300
EPOCHS, BATCH, RATE = 15, 32, 1e-3
SAMPLES, PICTURES = 64, 12
"""Inputs that go into a package that is written here: flow maps, and pictures, which cost more."""
PARITY = 1e-4
"""Largest difference between the bundled file's answers and its network's in PyTorch."""


@dataclass(frozen=True, slots=True)
class BenchModel:
    """One network in its two forms; may be handed to another process.

    Attributes
    ----------
    name
        One of ``NAMES``.
    kind
        Its entry in the table of torch networks.
    folder
        Its package.
    weights
        A file of its tensors by name, for the PyTorch form.
    temperature
        Of the bundled network; None of others.
    """

    name: str
    kind: str
    folder: Path
    weights: Path
    temperature: float | None = None

    def package(self) -> Package:
        """Read and verify the package."""
        return load_package(self.folder)

    def network(self) -> nn.Module:
        """Build the PyTorch form and load its weights."""
        entry = TORCH_MODELS[self.kind]
        module = entry.build(len(entry.labels)).eval()
        if self.temperature is not None:
            module.temperature = self.temperature
        module.load_state_dict(torch.load(self.weights, weights_only=True))
        return module


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names asked for, all if none; raise ``ConfigError`` for one there is not."""
    wanted = tuple(names) or QUICK
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        raise ConfigError(f"--models {','.join(unknown)}: there are {', '.join(NAMES)}")
    return wanted


def prepare(name: str, place: Path, taught: bool, seed: int = 0) -> BenchModel:
    """Make both forms of a network.

    Parameters
    ----------
    place
        Folder that takes them.
    taught
        Whether a network with drawn weights learns from rendered samples first, so that its
        answers lie apart as a trained one's do. Times do not depend on it.
    """
    weights = place / f"{name}.pt"
    if name == DEFAULT:
        package = load_package(default_package())
        bundled = bundled_network(package)
        torch.save(bundled.state_dict(), weights)
        return BenchModel(name, DEFAULT, package.folder, weights, bundled.temperature)
    kind = DEFAULT if name == EXPORTED else name
    entry, module = TORCH_MODELS[kind], seeded(kind, seed)
    count = SAMPLES if entry.recipe in PLANES else PICTURES
    inputs = entry.inputs(count, seed).numpy()
    if taught:
        from tests.benchmarks.engine_samples import draw  # a heavy room; fresh processes need none

        fitted = max(PICTURES, min(FITTED_ON, MOST_VALUES // prod(entry.input_shape)))
        samples, labels = stacked(draw(entry.recipe, entry.labels, fitted, FIT_SEED))
        teach(module, entry, samples, labels, seed)
        inputs = samples[:count]
    card = Card(
        name=name, version="0", labels=entry.labels, recipe=entry.recipe, input_name="input",
        input_shape=entry.input_shape, input_dtype="float32", output_name="answers",
        licence="Apache-2.0", limits="For measuring engines; it recognises nothing.",
        scores=entry.scores,
    )  # fmt: skip
    folder = place / name
    write_model(folder, module, card, inputs)
    torch.save(module.state_dict(), weights)
    return BenchModel(name, kind, folder, weights)


def stacked(
    samples: Iterable[tuple[NDArray[np.float32], int]],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return samples as one array, and their labels."""
    inputs, labels = zip(*samples, strict=True)
    return np.stack(inputs), np.array(labels, np.int64)


def teach(
    module: nn.Module,
    entry: TorchModel,
    samples: NDArray[np.float32],
    labels: NDArray[np.int64],
    seed: int,
) -> None:
    """Let a network learn a little: all of a small one, the last layer of one on pictures."""
    if entry.recipe in PLANES:
        _train(module, torch.from_numpy(samples), torch.from_numpy(labels), seed)
    else:
        _fit_last(module, samples, labels)
    module.eval()


def bundled_network(package: Package) -> Any:
    """Return the bundled recogniser in PyTorch, with the weights of its file.

    The file holds normalisation merged into the convolutions; here it stands behind them and
    does nothing more, as in training it stood there.

    Raises
    ------
    ModelError
        The file is of another kind, or PyTorch answers otherwise.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_from_string(package.model).graph
    arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    convolutions = list(
        dict.fromkeys(tuple(node.input[1:]) for node in graph.node if node.op_type == "Conv")
    )
    pairs = iter([pair for pair in convolutions if set(pair) <= set(arrays)])
    entry = TORCH_MODELS[DEFAULT]
    module: Any = entry.build(len(entry.labels)).eval()
    state = {name: each for name, each in arrays.items() if name.startswith("members.")}
    state["bias"] = arrays["bias"]
    for number, member in enumerate(module.members):
        norms = [n for n, each in member.named_modules() if isinstance(each, nn.BatchNorm2d)]
        for norm, (kernels, bias) in zip(norms, islice(pairs, len(norms)), strict=True):
            path, place = norm.rsplit(".", 1)
            state[f"members.{number}.{path}.{int(place) - 1}.weight"] = arrays[kernels]
            own = f"members.{number}.{norm}"
            epsilon = member.get_submodule(norm).eps
            state[f"{own}.weight"] = np.full(len(arrays[bias]), np.sqrt(1 + epsilon), np.float32)
            state[f"{own}.bias"] = arrays[bias]
    tensors = {name: torch.from_numpy(each.copy()) for name, each in state.items()}
    untouched = ("running_mean", "running_var", "num_batches_tracked")
    missing, extra = module.load_state_dict(tensors, strict=False)
    missing = [name for name in missing if not name.endswith(untouched)]
    if missing or extra:
        raise ModelError(f"the bundled model has no {missing}, and {extra} besides")
    module.temperature = _divisor(graph)
    _check_parity(package, module)
    return module


def _divisor(graph: Any) -> float:
    """Return the temperature: the one constant that something is divided by."""
    from onnx import numpy_helper

    constants = {
        node.output[0]: numpy_helper.to_array(node.attribute[0].t)
        for node in graph.node
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    }
    constants |= {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    (found,) = (constants[node.input[1]] for node in graph.node if node.op_type == "Div")
    return float(found)


def _check_parity(package: Package, module: nn.Module) -> None:
    inputs, answers = package.samples()
    with torch.inference_mode():
        found = module(torch.from_numpy(inputs)).numpy()
    difference = float(np.abs(found - answers).max())
    if not difference <= PARITY:
        raise ModelError(f"the bundled model and its network in PyTorch differ by {difference:.1e}")


def _train(module: nn.Module, samples: torch.Tensor, labels: torch.Tensor, seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module.train()
        optimiser = torch.optim.Adam(module.parameters(), RATE)
        for _ in range(EPOCHS):
            for part in torch.randperm(len(samples)).split(BATCH):
                if len(part) < 2:
                    continue  # normalisation needs two
                likely = module(samples[part])[torch.arange(len(part)), labels[part]]
                optimiser.zero_grad()
                (-likely.clamp_min(1e-6).log().mean()).backward()
                optimiser.step()


@torch.no_grad()
def _fit_last(module: nn.Module, samples: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
    """Fit the last connected layer by logistic regression on what it reads."""
    from sklearn.linear_model import LogisticRegression

    last = [each for each in module.modules() if isinstance(each, nn.Linear)][-1]
    seen: list[NDArray[np.float32]] = []
    hook = last.register_forward_hook(lambda _, given, __: seen.append(given[0].numpy().copy()))
    for part in torch.from_numpy(samples).split(4):
        module(part)
    hook.remove()
    features = np.concatenate(seen)
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    found = LogisticRegression(C=0.1, max_iter=500).fit((features - mean) / deviation, labels)
    weights = found.coef_ / deviation
    last.weight.copy_(torch.from_numpy(weights))
    last.bias.copy_(torch.from_numpy(found.intercept_ - weights @ mean))
