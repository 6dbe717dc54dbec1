"""Clips of moving regions, and the plainest trainer that follows a system's stages."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from offline.bench.learning import Material
from offline.systems.local_regions import LocalRegionNet, LocalRegions
from realtime_mer.face.topology import REGIONS
from realtime_mer.region_recipes import region_boxes, region_window

LABELS = ("negative", "positive", "surprise")
UNITS = ("4+9", "6+12", "1+2")
"""Action units of each class, and …"""
MOVED = (("brow_left", "brow_right", "nose"), ("cheek_left", "cheek_right", "mouth"))
MOVED += (("brow_left", "brow_right"),)
"""… the regions in which they show."""
STEPS = 6
WINDOW = region_window()
SHAPE = (STEPS, 1, WINDOW.height, WINDOW.width)


def clip(label: int, shown: int, rng: np.random.Generator, steps: int = STEPS) -> np.ndarray:
    """A clip (steps, 1, H, W) of one person whose regions of a class grow bright."""
    coarse = torch.from_numpy(rng.uniform(0.2, 0.6, (1, 1, 9, 9)))
    person = functional.interpolate(coarse, SHAPE[2:], mode="bilinear").numpy()[0]
    pictures = np.zeros((steps, *SHAPE[1:]), np.float32)
    for step in range(shown):
        pictures[step] = person
        for name in MOVED[label]:
            box = region_boxes()[name]
            y, x = box.top - WINDOW.top, box.left - WINDOW.left
            part = pictures[step, 0, y : y + box.height, x : x + box.width]
            ripple = np.sin(np.arange(box.height) / (2 + label))[:, None]
            part += np.float32(0.1 * (step + 1) / shown) * (1.2 + ripple).astype(np.float32)
    return pictures


def material(count: int = 8, seed: int = 0) -> Material:
    """Clips of all classes in turns, of two to ``STEPS`` pictures, one person each."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(LABELS)
    inputs = np.stack(
        [clip(label, 2 + place % (STEPS - 1), rng) for place, label in enumerate(labels)]
    )
    targets = np.eye(len(LABELS), dtype=np.float32)[labels]
    groups = tuple(("casme2", str(number)) for number in range(count))
    return Material(inputs, targets, groups, action_units=tuple(UNITS[k] for k in labels))


def built(system: LocalRegions, seed: int = 0) -> LocalRegionNet:
    """The system's network for three classes, drawn from a seed."""
    torch.manual_seed(seed)
    return system.build(len(LABELS), SHAPE)


@dataclass
class Trained:
    """A trained network, and the names of parameters that no gradient ever reached."""

    net: LocalRegionNet
    unmoved: set[str]


def trained(system: LocalRegions, own: Material, seed: int = 0) -> Trained:
    """Train every stage as its plan says; gradients are watched."""
    net = built(system, seed)
    unmoved = {name for name, _ in net.named_parameters()}
    inputs, places = torch.from_numpy(own.inputs), np.arange(len(own.inputs))
    for stage in system.stages(LABELS):
        net.eval()
        with torch.no_grad():
            reads = stage.reads(net, inputs) if stage.reads else inputs
        targets = torch.from_numpy(stage.targets(own, places) if stage.targets else own.targets)
        part = stage.part(net)
        part.train()
        steps = torch.optim.Adam(part.parameters(), stage.plan.rate)
        for _ in range(stage.plan.epochs):
            for some in torch.randperm(len(reads)).split(stage.plan.batch):
                steps.zero_grad()
                told = functional.log_softmax(stage.forward(net, reads[some]), -1)
                (-(told * targets[some]).sum() / targets[some].sum()).backward()
                unmoved -= _reached(net)
                steps.step()
    net.eval()
    return Trained(net, unmoved)


def _reached(net: nn.Module) -> set[str]:
    return {
        name for name, each in net.named_parameters() if each.grad is not None and each.grad.any()
    }


def accuracy(net: nn.Module, own: Material) -> float:
    """Share of clips that the network tells right."""
    with torch.no_grad():
        found = net(torch.from_numpy(own.inputs)).argmax(1).numpy()
    return float((found == own.labels).mean())


assert {name for each in MOVED for name in each} == set(REGIONS)
