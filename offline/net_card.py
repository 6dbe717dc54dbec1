"""What the card of a network or system says: which data, how it learnt, what is not known."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from engines import Card
from offline.adapted_package import Labelled
from offline.bench.code_version import code_version
from offline.bench.loso import Prepared
from offline.bench.loso_settings import LosoSettings
from offline.models.registry import find_model
from offline.synthesis.tree_truth import is_rendered
from offline.tasks.protocols import Task
from realtime_mer.doctor import versions

if TYPE_CHECKING:
    from offline.nets.learner import NetLearner
    from offline.systems.learner import SystemLearner

VERSION = "1"
LICENCE = "weights learnt from {names}: see the terms of the data they were learnt from"
SAMPLES = (
    "synthetic: drawn action units on the canonical face, scaled by the recipe; no recording "
    "that was learnt from"
)
CLIPS = "synthetic: rendered clips of painted faces through the recipe, rounded; no recording"
LIMITS = (
    "Learnt from the labelled samples of {names}: at best good for people, cameras, light and "
    "labelling like theirs, and how good is not known from this package. It was never shown a "
    "face that does nothing, and always answers with one of its labels. Says what motion between "
    "two moments looks like; nothing about what a person feels or whether they lie."
)
ESTIMATE = (
    "none: everybody was learnt from, so nobody is left to test on. `{command}` tells how a "
    "network learnt alike does on people left out"
)


def card_of_network(
    settings: LosoSettings, prepared: Prepared, learner: NetLearner | SystemLearner
) -> Card:
    """Return the card of a network or system that learnt from everybody.

    It names no person, no sample and no folder.

    Parameters
    ----------
    settings
        As for ``mer loso``; the first seed counts.
    prepared
        What was learnt from.
    learner
        How.
    """
    task, entry = prepared.task, find_model(settings.model)
    names = _names(task)
    return Card(
        name=settings.model,
        version=VERSION,
        labels=task.labels,
        recipe=entry.recipe,
        input_name="input" if entry.system else "maps",
        input_shape=prepared.material.inputs.shape[1:],
        input_dtype="float32",
        output_name="answers",
        licence=LICENCE.format(names=names),
        limits=LIMITS.format(names=names) + _never_shown(task),
        training=_training(settings, prepared, learner),
        metrics={"estimate of accuracy": ESTIMATE.format(command=estimate_command(settings))},
    )


def estimate_command(settings: LosoSettings) -> str:
    """Return the command that tests such a network on people left out."""
    return f"mer loso --model {settings.model} {_options(settings)} --seeds 1 --out DIR"


def left_out(prepared: Prepared) -> int:
    """Return how many samples the data set or the protocol set aside."""
    return sum(problem.action == "dropped" for problem in prepared.problems)


def _names(task: Task) -> str:
    return " + ".join(sorted({sample.dataset for sample in task.samples}))


def _never_shown(task: Task) -> str:
    absent = [label for label, count in task.counts.items() if not count]
    return f" Never shown, and so hardly ever answered: {', '.join(absent)}." if absent else ""


def _training(
    settings: LosoSettings, prepared: Prepared, learner: NetLearner | SystemLearner
) -> dict[str, Any]:
    task, entry = prepared.task, find_model(settings.model)
    people, count = len(set(task.groups)), len(task.samples)
    labels = tuple(label for _, label in task.rows)
    told = Labelled(settings.dataset, task.name, task.samples, labels)
    rendered = " The faces are rendered." if is_rendered(settings.root) else ""
    return {
        "data": f"{'System' if entry.system else 'Network'} {settings.model}, learnt from "
        f"{count} labelled samples of {people} subjects of {_names(task)} ({task.name}), nobody "
        f"left out.{rendered}{_begun(learner)}",
        "dataset": settings.dataset,
        "protocol": task.name,
        "subjects": people,
        "samples": task.counts,
        "unreadable samples": len(prepared.unreadable),
        "left out samples": left_out(prepared),
        "sample ids sha256": told.digest,
        "source": entry.source,
        "choices": entry.choices,
        "golden samples": CLIPS if entry.system else SAMPLES,
        "seed": settings.seeds[0],
        **_plans(learner, task.labels),
        "command": f"mer train {settings.model} {_options(settings)} --out PACKAGE",
        "code": code_version(),
        **versions(("numpy", "torch", "onnx", "onnxruntime", "realtime-mer")),
    }


def _begun(learner: NetLearner | SystemLearner) -> str:
    """Say which weights it began with, if any."""
    from offline.nets.learner import NetLearner

    if not learner.start:
        return ""
    if isinstance(learner, NetLearner):
        return " Begun with the bundled recogniser's weights."
    return f" Begun with weights of SHA-256 {learner.start_sha256}."


def _plans(learner: NetLearner | SystemLearner, labels: tuple[str, ...]) -> dict[str, Any]:
    """Return how it was trained, stage by stage where it is a system."""
    from offline.nets.learner import NetLearner

    if isinstance(learner, NetLearner):
        return {"epochs": learner.plan.epochs, "plan": asdict(learner.plan)}
    stages = learner.found.stages(labels)
    return {
        "epochs": stages[-1].plan.epochs,
        "plan": {stage.name: asdict(stage.plan) for stage in stages},
        "system": repr(learner.found),
    }


def _options(settings: LosoSettings) -> str:
    """Return the options that both commands share, without a file path."""
    given = f"--dataset {settings.dataset} --root ROOT --protocol {settings.protocol}"
    epochs = "" if settings.epochs is None else f" --epochs {settings.epochs}"
    return f"{given} --seed {settings.seeds[0]}{epochs}"
