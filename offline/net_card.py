"""What the card of a network of the bench says: which data, how it learnt, what is not known."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from engines import Card
from offline.adapted_package import Labelled
from offline.bench.code_version import code_version
from offline.bench.loso import LosoSettings, Prepared
from offline.models.registry import PLANES, find_model
from offline.synthesis.tree_truth import is_rendered
from offline.tasks.protocols import Task
from realtime_mer.doctor import versions
from realtime_mer.recipes import FLOW_SIDE

if TYPE_CHECKING:
    from offline.nets.learner import NetLearner

VERSION = "1"
LICENCE = "weights learnt from {names}: see the terms of the data they were learnt from"
SAMPLES = (
    "synthetic: drawn action units on the canonical face, scaled by the recipe; no recording "
    "that was learnt from"
)
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


def card_of_network(settings: LosoSettings, prepared: Prepared, learner: NetLearner) -> Card:
    """Return the card of a network that learnt from everybody.

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
        input_name="maps",
        input_shape=(PLANES[entry.recipe], FLOW_SIDE, FLOW_SIDE),
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


def _training(settings: LosoSettings, prepared: Prepared, learner: NetLearner) -> dict[str, Any]:
    task, entry = prepared.task, find_model(settings.model)
    people, count = len(set(task.groups)), len(task.samples)
    labels = tuple(label for _, label in task.rows)
    told = Labelled(settings.dataset, task.name, task.samples, labels)
    rendered = " The faces are rendered." if is_rendered(settings.root) else ""
    begun = " Begun with the bundled recogniser's weights." if learner.start else ""
    return {
        "data": f"Network {settings.model}, learnt from {count} labelled "
        f"samples of {people} subjects of {_names(task)} ({task.name}), nobody left out."
        f"{rendered}{begun}",
        "dataset": settings.dataset,
        "protocol": task.name,
        "subjects": people,
        "samples": task.counts,
        "unreadable samples": len(prepared.unreadable),
        "left out samples": left_out(prepared),
        "sample ids sha256": told.digest,
        "source": entry.source,
        "choices": entry.choices,
        "golden samples": SAMPLES,
        "seed": settings.seeds[0],
        "epochs": learner.plan.epochs,
        "plan": asdict(learner.plan),
        "command": f"mer train {settings.model} {_options(settings)} --out PACKAGE",
        "code": code_version(),
        **versions(("numpy", "torch", "onnx", "onnxruntime", "realtime-mer")),
    }


def _options(settings: LosoSettings) -> str:
    """Return the options that both commands share, without a file path."""
    given = f"--dataset {settings.dataset} --root ROOT --protocol {settings.protocol}"
    epochs = "" if settings.epochs is None else f" --epochs {settings.epochs}"
    return f"{given} --seed {settings.seeds[0]}{epochs}"
