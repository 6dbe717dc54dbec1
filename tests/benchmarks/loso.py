"""All folds of a leave-one-subject-out run, one after another and together, in one run.

``sequential_s`` is the plain way: for each fold an ordinary PyTorch module, its optimiser, its
loop, with as many threads as PyTorch likes. ``stacked_s`` is the way that ``mer loso`` takes here
(fused kernels on a CPU, grouped channels on a GPU). Both train the same folds for as many steps;
they take turns, and times are the best of the rounds. ``max_difference`` is between the
probabilities of folds learnt together and of the same folds learnt alone through grouped
channels, whose dropout is the same number by number.

    mer bench loso [--json] [--model NAME] [--epochs N] [--folds N] [--rounds N] [--device NAME]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch.nn import functional

from offline.bench.learning import Material
from offline.nets import stacked
from offline.nets.layers import Net
from offline.nets.learner import NetLearner, engine_of
from offline.nets.modules import module_of
from offline.nets.plan import Plan, class_weights, draw, key_of
from offline.nets.training import Fit, Run
from offline.tasks.splits import Split, leave_one_subject_out
from realtime_mer.errors import ConfigError

PEOPLE = (24, 16, 28)
"""Subjects of the three parts of the MEGC2019 composite …"""
SAMPLES = 442
"""… and its samples."""


def synthetic_material(channels: int, seed: int = 0) -> Material:
    """Return noise of the composite's size with some signal in it; times do not depend on it."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, SAMPLES, p=[0.57, 0.25, 0.18])
    maps = rng.standard_normal((SAMPLES, channels, 28, 28)).astype(np.float32)
    maps[labels == 1, 0, 18:24, 6:22] += 1
    maps[labels == 2, 1, 2:8, 4:24] -= 1
    names = [(f"set{k}", f"{n:02d}") for k, count in enumerate(PEOPLE) for n in range(count)]
    owner = np.concatenate([np.arange(68), rng.choice(68, SAMPLES - 68)])
    groups = tuple(names[person] for person in owner)
    return Material(maps, np.eye(3, dtype=np.float32)[labels], groups)


def plain_fold(net: Net, plan: Plan, material: Material, split: Split, seed: int) -> None:
    """Train one fold the ordinary way."""
    torch.manual_seed(seed)
    module = module_of(net).train()
    optimiser = torch.optim.AdamW(module.parameters(), plan.rate, weight_decay=plan.decay)
    maps, targets = torch.from_numpy(material.inputs), torch.from_numpy(material.targets)
    costs = torch.from_numpy(class_weights(plan, material.targets, split.train))
    batches = draw(plan, split.train, plan.steps(len(maps)), key_of(split.name, seed)).first
    for batch in torch.from_numpy(batches):
        loss = functional.cross_entropy(module(maps[batch]), targets[batch].argmax(1), costs)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        module.eval()(maps[torch.from_numpy(split.test)])


def measure(model: str, epochs: int, folds: int, rounds: int, device: str) -> dict[str, object]:
    """Return the times of both ways and how far their answers are apart."""
    from dataclasses import replace

    from offline.models.registry import find_model

    learner = find_model(model).learner(("negative", "positive", "surprise"), True)
    if not isinstance(learner, NetLearner):
        raise ConfigError(f"--model {model} is no network; give one, such as ststnet")
    if epochs < 1 or folds < 1 or rounds < 1:
        raise ConfigError(
            f"epochs {epochs}, folds {folds}, rounds {rounds}: give 1 or more of each"
        )
    net_of = learner.net_of
    channels = 3 if find_model(model).recipe.endswith("strain") else 2
    material = synthetic_material(channels)
    net, plan = net_of(material), replace(learner.plan, epochs=epochs)
    splits = leave_one_subject_out(material.groups)[:folds]
    runs = [Run(split.train, split.test, key_of(split.name, 0)) for split in splits]
    engine = engine_of(replace(learner, device=device), net)
    together: dict[int, Fit] = {}
    plan_one = replace(plan, epochs=1)
    engine(net, plan_one, material, runs, (1,), together.__setitem__)  # compile and warm up
    alone: dict[int, Fit] = {}
    stacked.train(net, plan_one, material, runs, (1,), alone.__setitem__, at_once=1)
    difference = max(
        float(np.abs(_shares(together[n].curve) - _shares(alone[n].curve)).max()) for n in alone
    )
    ways: dict[str, Callable[[], None]] = {
        "sequential_s": lambda: [plain_fold(net, plan, material, split, 0) for split in splits][:0],
        "stacked_s": lambda: engine(net, plan, material, runs, (epochs,), lambda place, fit: None),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - begun)
    best = {name: min(values) for name, values in times.items()}
    return {
        "model": model, "device": device, "folds": len(splits), "epochs": epochs,
        "samples": SAMPLES, "torch_threads": torch.get_num_threads(),
        **{name: round(value, 4) for name, value in best.items()},
        "ratio": round(best["sequential_s"] / best["stacked_s"], 3),
        "max_difference": difference,
        "rounds": {name: [round(each, 4) for each in values] for name, values in times.items()},
    }  # fmt: skip


def _shares(logits: np.ndarray) -> np.ndarray:
    return torch.softmax(torch.from_numpy(logits), -1).numpy()


def main(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Measure; see ``--help``."""
    parser = argparse.ArgumentParser(
        prog="mer bench loso", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--model", default="ststnet", help="a network, see `mer models`")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--folds", type=int, default=68)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    given = parser.parse_args(list(arguments))
    return measure(given.model, given.epochs, given.folds, given.rounds, given.device)
