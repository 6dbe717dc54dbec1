"""What a leave-one-subject-out run is asked to do, and the learner that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline.bench.learning import SELECTIONS, Learner, Network
from offline.models.registry import find_model
from offline.tasks.protocols import Task
from realtime_mer.doctor import versions
from realtime_mer.errors import ConfigError

DEVICES = ("cpu", "cuda")
LEAK = "test-fold"
WARNING = (
    "selected on the test subjects: epochs or parameters were chosen by the score on the very "
    "people who are tested. This is no result; it shows what that leak is worth."
)
SELECTED = {
    "fixed": "fixed: epochs and parameters were set beforehand",
    "inner": "inner: epochs and parameters were chosen on people of the training side",
    LEAK: "test-fold: chosen on the tested people (leaky)",
}


@dataclass(frozen=True, slots=True)
class LosoSettings:
    """What is run.

    Attributes
    ----------
    dataset, root
        Name of the data set and the folder that holds it.
    model
        Name of a model, see ``models.registry.MODELS``.
    protocol
        Which samples and classes; the one usual for the data set if None.
    seeds
        One training each; the answers of all are averaged. More are steadier and slower.
    selection
        One of ``learning.SELECTIONS``.
    epochs
        Instead of the model's own number, for networks; more fits closer.
    device
        ``cpu`` or ``cuda``.
    units
        Whether a protocol of action units is welcome.
    smoke
        Whether published systems are made small, to try out everything: the figures say nothing.
    changes
        Settings of a published system, by name; files of weights are among them.
    start
        Package or file of weights that a published system begins with; empty draws them.
    """

    dataset: str
    root: Path
    model: str
    protocol: str | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    selection: str = "fixed"
    epochs: int | None = None
    device: str = "cpu"
    units: bool = True
    smoke: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    start: str = ""

    def __post_init__(self) -> None:
        if self.selection not in SELECTIONS:
            raise ConfigError(
                f"--selection is {self.selection!r}; give one of {', '.join(SELECTIONS)}"
            )
        if self.device not in DEVICES:
            raise ConfigError(f"--device is {self.device!r}; give one of {', '.join(DEVICES)}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ConfigError(f"seeds are {self.seeds}; give different numbers from 0")


def learner_of(settings: LosoSettings, task: Task) -> Learner:
    """Return the model's way to learn this task, with what the settings change of it."""
    learner = find_model(settings.model).learner(task.labels, task.exclusive)
    if settings.smoke or settings.changes or settings.start:
        from offline.systems.settings import with_settings

        learner = with_settings(
            learner, settings.model, settings.smoke, settings.changes, settings.start
        )
    if isinstance(learner, Network):
        return learner.changed(settings.epochs, settings.device)
    if settings.epochs is not None:
        raise ConfigError(f"--epochs is for networks; {settings.model} is none: leave it out")
    return learner


def config_of(settings: LosoSettings, task: Task, learner: Learner) -> dict[str, Any]:
    """Return what the rows depend on beside data, code and seed."""
    from offline.systems.settings import files_of

    return {
        "files": files_of(settings.changes),
        "model": settings.model,
        "learner": repr(learner),
        "protocol": task.name,
        "labels": task.labels,
        "split": task.split,
        "selection": settings.selection,
        "versions": versions(),
    }
