"""A network or system of the bench, trained on a whole data set, as a model package.

It learns as for ``mer loso``, with nobody left out. What answers in a fold around the network, the
mean of a map and its mirror image, the share of the class balance that is believed and the
softmax, goes into the ONNX file, so that the package says what the bench's learner would.

Beside the ONNX file of a system lie its weights by name, for a training to begin with
(``mer train NAME --start PACKAGE``).

What leaves the recordings is the weights: the golden samples are synthetic, and the card counts
people and samples and names none; of the sample names it keeps a hash.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines import Card, EngineError, Package, PackageError
from offline.adapted_package import refuse_package
from offline.bench.learning import Learner, Material
from offline.bench.loso import Prepared, prepare
from offline.bench.loso_settings import LosoSettings, learner_of
from offline.bench.progress import StageProgress, silent
from offline.export import Answering, write_model
from offline.golden_inputs import golden_clips, synthetic_inputs
from offline.learners.class_balance import believing
from offline.models.flow_cnn import mirrored
from offline.models.registry import MODELS, find_model
from offline.net_card import card_of_network, estimate_command, left_out
from offline.nets.layers import Weights
from offline.nets.learner import NetLearner, engine_of
from offline.nets.modules import module_of
from offline.nets.plan import key_of
from offline.nets.pretrained import start_weights
from offline.nets.training import Fit, Run
from offline.systems.learner import SystemLearner
from offline.systems.weights import WEIGHTS, packed, sha256_of, write_weights
from offline.tasks.protocols import Task, find_protocol
from realtime_mer.errors import ConfigError, ModelError, OutputError
from realtime_mer.events import EMOTIONS

Float = NDArray[np.float32]

EVERYBODY = "everybody"
"""Stands where a fold has the name of who is left out, and seeds what is drawn."""
TRAINING, EXPORT = "training", "export"
"""Stages of the work that have no steps to tell; ``inputs`` comes before them."""


class Judging(nn.Module):
    """A network of logits that answers as ``NetLearner`` reports it.

    Parameters
    ----------
    net
        Maps (N, planes, H, W) to (N, classes) logits.
    lean
        (classes,) added to the logits: what is believed of the class balance.
    mirror
        Answer with the mean logits of a map and its mirror image.
    """

    lean: Tensor

    def __init__(self, net: nn.Module, lean: Float, mirror: bool) -> None:
        super().__init__()
        self.net = net
        self.mirror = mirror
        self.register_buffer("lean", torch.from_numpy(lean.copy()))

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, classes) probabilities."""
        logits = self.net(maps)
        if self.mirror:
            logits = (logits + self.net(mirrored(maps))) / 2
        return torch.softmax(logits + self.lean, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What ``train_package`` read and wrote.

    Attributes
    ----------
    package
        As written.
    prepared
        The samples that were learnt from, and those that could not be read.
    left_out
        Number of samples that the data set or the protocol set aside, each with its reason there.
    estimate
        Command that tells how good such a network is on people left out.
    """

    package: Package
    prepared: Prepared
    left_out: int
    estimate: str

    @property
    def live(self) -> bool:
        """Whether the stream takes it: labels negative, positive, surprise."""
        return set(self.package.card.labels) == set(EMOTIONS)


def train_package(
    model: str,
    dataset: str,
    root: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    protocol: str = "megc2019",
    seed: int = 0,
    epochs: int | None = None,
    inputs_dir: str | os.PathLike[str] | None = None,
    progress: StageProgress = silent,
    device: str = "cpu",
    start: str | os.PathLike[str] = "",
    changes: Mapping[str, Any] | None = None,
) -> Trained:
    """Train a network or system of the bench on a whole data set and write it as a model package.

    Parameters
    ----------
    model
        Name of a network or system in ``models.registry.MODELS``.
    dataset, root
        Name of the data set and the folder that holds it.
    out_dir
        Made if it is missing; must not hold a package.
    protocol
        Which samples and classes; classes must be exclusive.
    seed
        Of weights, batches and everything else drawn. On the same machine and versions equal
        seeds give equal packages.
    epochs
        Instead of the model's own number; more fits closer.
    inputs_dir
        Folder of inputs read before, such as that of a run of ``mer loso``; none is kept if None.
    progress
        Called with the stage (``inputs``, ``TRAINING`` with the name of the system's own stage if
        it is one, ``EXPORT``), how much is done and of what.
    device
        ``cpu`` or ``cuda``.
    start
        For systems: package or file of weights to begin with; empty draws them.
    changes
        For systems: other settings, by name.

    Raises
    ------
    SourceError
        The data set cannot be read, or not one of its samples.
    ConfigError
        A name is unknown, the model is no network, the protocol does not fit, or only one person
        or one class is there.
    ModelError
        The network cannot be exported, or answers otherwise in ONNX Runtime; or ``start`` is of
        another system.
    OutputError
        ``out_dir`` holds a package or cannot be written; found out before the work.
    """
    from realtime_mer.sinks import check_writable

    _check_network(model)
    _check_classes(protocol)
    out = Path(out_dir)
    refuse_package(out)
    check_writable(out)
    settings = LosoSettings(
        dataset, Path(root), model, protocol, (seed,), epochs=epochs, device=device,
        changes=changes or {},
    )  # fmt: skip
    begun = str(start)
    if begun:
        _check_start(model, begun)
    with TemporaryDirectory(prefix="mer-inputs-") as scratch:
        prepared = prepare(settings, Path(inputs_dir or scratch), progress)
    _check_counts(prepared.task)
    learner = learner_of(settings, prepared.task)
    if isinstance(learner, SystemLearner):
        learner = replace(learner, start=begun, start_sha256="")
        package = _system_package(out, settings, prepared, learner, progress)
    else:
        package = _network_package(out, settings, prepared, learner, progress)
    return Trained(package, prepared, left_out(prepared), estimate_command(settings))


def _network_package(
    out: Path, settings: LosoSettings, prepared: Prepared, learner: Learner, tell: StageProgress
) -> Package:
    assert isinstance(learner, NetLearner)
    tell(TRAINING, 0, 1)
    weights = fit_everybody(learner, prepared.material, settings.seeds[0])
    tell(TRAINING, 1, 1)
    card = card_of_network(settings, prepared, learner)
    tell(EXPORT, 0, 1)
    module = judging(learner, prepared.material, weights)
    package = _written(out, module, card, synthetic_inputs(card.recipe))
    tell(EXPORT, 1, 1)
    return package


def _system_package(
    out: Path,
    settings: LosoSettings,
    prepared: Prepared,
    learner: SystemLearner,
    tell: StageProgress,
) -> Package:
    def told(stage: str, done: int, total: int) -> None:
        tell(f"{TRAINING}: {stage}", done, total)

    module = learner.trained(prepared.material, EVERYBODY, settings.seeds[0], told)
    tell(EXPORT, 0, 1)
    weights = packed(module.state_dict(), prepared.task.labels)
    card = card_of_network(settings, prepared, learner)
    card.training["weights sha256"] = hashlib.sha256(weights).hexdigest()
    package = _written(out, Answering(module), card, golden_clips(card.recipe))
    write_weights(out / WEIGHTS, weights)
    tell(EXPORT, 1, 1)
    return package


def fit_everybody(learner: NetLearner, material: Material, seed: int) -> Weights:
    """Return the weights after learning from all of ``material``: a fold that leaves out nobody.

    They are those that ``learner`` answers with for a split called ``EVERYBODY`` whose training
    side is all of it, with ``fixed`` selection.
    """
    net = learner.net_of(material)
    key = key_of(EVERYBODY, seed)
    begun = start_weights(net, learner.labels, seed, key) if learner.start else None
    everyone = np.arange(len(material.targets))
    fits: dict[int, Fit] = {}
    run = Run(everyone, everyone[:1], key, begun)
    train = engine_of(learner, net)
    train(net, learner.plan, material, [run], [learner.plan.epochs], fits.__setitem__)
    return fits[0].weights


def judging(learner: NetLearner, material: Material, weights: Weights) -> Judging:
    """Return a module that answers as ``learner`` does after learning ``weights`` from all."""
    net = module_of(learner.net_of(material), weights)
    plan, even = learner.plan, np.zeros((1, material.targets.shape[1]))
    lean = believing(even, material.targets, plan.believed)[0].astype(np.float32)
    return Judging(net, lean, plan.mirror_test)


def _check_network(model: str) -> None:
    entry = find_model(model)
    if entry.net or entry.system:
        return
    known = ", ".join(name for name, each in MODELS.items() if each.net or each.system)
    raise ConfigError(
        f"model {model} is no single network, and only these become packages: {known}. `mer adapt` "
        "fits the bundled recogniser to labelled recordings; `mer train default` trains it anew "
        "from synthetic motion"
    )


def _check_start(model: str, start: str) -> None:
    """Refuse what cannot be read, or a model that begins with its own weights."""
    if not find_model(model).system:
        known = ", ".join(name for name, entry in MODELS.items() if entry.system)
        raise ConfigError(f"--start is for systems ({known}); {model} is none: leave it out")
    sha256_of(start)


def _check_classes(protocol: str) -> None:
    if not find_protocol(protocol).exclusive:
        raise ConfigError(
            f"protocol {protocol} asks about action units; packages tell classes apart: give "
            "another --protocol, such as megc2019, or leave it to mer loso"
        )


def _check_counts(task: Task) -> None:
    shown = [label for label, count in task.counts.items() if count]
    if len(shown) < 2:
        raise ConfigError(
            f"all {len(task.samples)} samples that can be read are {shown[0]}; a network needs "
            f"samples of two or more of {', '.join(task.labels)}: label others, or give another "
            "--protocol"
        )


def _written(out: Path, module: nn.Module, card: Card, inputs: Float) -> Package:
    try:
        return write_model(out, module, card, inputs)
    except (EngineError, PackageError) as error:
        raise ModelError(str(error)) from error
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"cannot write {out}: {why}; give another --out") from error
