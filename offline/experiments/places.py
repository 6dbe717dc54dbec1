"""Where the data sets of an experiment lie, and whether they are rendered."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from offline.datasets.composite import PARTS
from offline.experiments.plan import RunPlan
from offline.experiments.table import WHOLE, Experiment, Setup
from offline.synthesis.tree_truth import FILE, is_rendered
from realtime_mer.errors import SourceError


def chosen_setups(experiment: Experiment, plan: RunPlan) -> tuple[Setup, ...]:
    """Return what is run: the paper's data sets, or the one that was asked for.

    That may be one that the paper did not use, under the same protocol.
    """
    if plan.dataset is None:
        return experiment.setups
    for setup in experiment.setups:
        if setup.dataset == plan.dataset:
            return (setup,)
    return (replace(experiment.setups[0], dataset=plan.dataset),)


def place_of(setup: Setup, plan: RunPlan, alone: bool) -> Path | str:
    """Return the folder of a setup's data set, or in words what is missing.

    Parameters
    ----------
    setup, plan
        What is run.
    alone
        Whether the experiment has no other setup: the root itself may then be the data set.

    Raises
    ------
    SourceError
        There is no such root.
    """
    root = plan.root
    if not root.is_dir():
        raise SourceError(f"--root {root} is no folder; give the one that holds the data sets")
    if plan.dataset is not None:
        return root
    below = {name: _below(root, name) for name in setup.needs}
    lacking = [name for name, folder in below.items() if folder is None]
    if setup.dataset == WHOLE:
        return f"--root has no folder {' nor '.join(lacking)}" if lacking else root
    own = below[setup.dataset]
    if own is not None:
        return own
    return root if alone else f"--root has no folder {setup.dataset}"


def rendered(root: Path) -> bool:
    """Return whether `mer synth dataset` wrote what lies here, or the composite around it."""
    return is_rendered(root) or (root.parent / FILE).is_file()


def how_rendered(place: Path, root: Path) -> tuple[str, ...]:
    """Return the commands that render what lies in a place; nothing where none is rendered.

    The root is called ``DIR`` in them.
    """
    for folder in (place, place.parent):
        if (folder / FILE).is_file():
            return (_command(folder, root),)
    return tuple(_command(path.parent, root) for path in sorted(place.glob(f"*/{FILE}")))


def _command(folder: Path, root: Path) -> str:
    truth = json.loads((folder / FILE).read_text(encoding="utf-8"))
    options = "".join(
        f" --{name.replace('_', '-')}" + ("" if value is True else f" {value}")
        for name, value in truth["settings"].items()
        if value not in (None, "", False) or name == "seed"
    )
    below = f"/{folder.name}" if folder.parent == root else ""
    return f"mer synth dataset --layout {truth['layout']}{options} --out DIR{below}"


def _below(root: Path, name: str) -> Path | None:
    """Return the folder of a data set, named as a composite knows it."""
    stems = PARTS[name][0] if name in PARTS else (name,)
    folders = [path for path in sorted(root.iterdir()) if path.is_dir()]
    plain = {path: re.sub(r"[^a-z0-9]", "", path.name.lower()) for path in folders}
    return next((path for path in folders if plain[path] in stems), None)
