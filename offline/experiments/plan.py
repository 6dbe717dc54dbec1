"""What is the same for all runs of an experiment, and the command that repeats it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from realtime_mer.errors import ConfigError

SMOKE_EPOCHS = 3
"""Of every stage in a smoke run, unless told."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What is the same for all rows.

    Attributes
    ----------
    root
        The folder that holds the data sets the paper used, one folder each, named as for a
        composite; where one data set is enough, it may be that data set.
    dataset
        Which data set to take instead of the paper's, or which of several; ``root`` is then its
        own folder. All the paper's if None.
    seeds, selection, device
        As in ``LosoSettings``.
    epochs
        Of networks; in a smoke run ``SMOKE_EPOCHS`` if None, else the model's own.
    smoke
        Whether systems are made small: to see that all works, for figures say nothing.
    models
        The only ones to run; all rows' if empty.

    Raises
    ------
    ConfigError
        Something is named that does not exist.
    """

    root: Path
    dataset: str | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    selection: str = "fixed"
    epochs: int | None = None
    device: str = "cpu"
    smoke: bool = False
    models: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        from offline.bench.loso_settings import LosoSettings
        from offline.datasets.registry import DATASETS
        from offline.models.registry import find_model

        LosoSettings("", self.root, "", None, self.seeds, self.selection, device=self.device)
        if self.dataset is not None and self.dataset not in DATASETS:
            raise ConfigError(
                f"data set {self.dataset!r} is not known; give one of {', '.join(DATASETS)}"
            )
        for model in self.models:
            find_model(model)

    def wants(self, model: str) -> bool:
        """Return whether a model is to be run."""
        return not self.models or model in self.models

    @property
    def network_epochs(self) -> int | None:
        """Epochs of networks; None for each model's own."""
        return self.epochs or (SMOKE_EPOCHS if self.smoke else None)


def command_of(name: str, plan: RunPlan) -> str:
    """Return the command that prints a table, with ``DIR`` for the root and ``OUT`` for results."""
    first, count = plan.seeds[0], len(plan.seeds)
    parts = [f"mer experiment {name} --root DIR --out OUT"]
    parts += [f"--dataset {plan.dataset}"] * bool(plan.dataset)
    parts += [f"--seeds {count}"] + [f"--seed {first}"] * bool(first)
    parts += [f"--epochs {plan.epochs}"] * bool(plan.epochs)
    parts += [f"--selection {plan.selection}"] * (plan.selection != "fixed")
    parts += [f"--device {plan.device}"] * (plan.device != "cpu")
    parts += ["--smoke"] * plan.smoke
    parts += [f"--model {model}" for model in plan.models]
    return " ".join(parts)
