"""Run a published table: every row's model by ``run_loso``, then our figures beside the paper's.

Each run has a folder of its own below ``runs``, so that a stopped experiment goes on where it was
and several experiments share what they have in common; inputs are read once for all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline.bench.executors import Executor, here
from offline.bench.fold_store import digest_of
from offline.bench.learning import Network
from offline.bench.loso import INPUTS, prepare, run_loso
from offline.bench.loso_settings import LosoSettings, config_of, learner_of
from offline.bench.progress import StageProgress, silent
from offline.experiments.compared import Attempt, Made, compared
from offline.experiments.places import chosen_setups, how_rendered, place_of, rendered
from offline.experiments.plan import RunPlan
from offline.experiments.table import Experiment, Setup
from offline.models.registry import MODELS
from offline.scores.results import METRICS
from offline.tasks.protocols import find_protocol
from realtime_mer.errors import MerError, OutputError, SourceError

RUNS = "runs"


@dataclass(frozen=True, slots=True, eq=False)
class Runner:
    """Runs what experiments need, each thing once.

    Attributes
    ----------
    plan
        What is the same for all.
    out
        Folder of ``runs`` and ``inputs``; made if it is missing.
    executor, progress, readers
        As for ``run_loso``.
    done
        What was run.
    """

    plan: RunPlan
    out: Path
    executor: Executor = here
    progress: StageProgress = silent
    readers: int = 1
    done: dict[tuple[Path, str, str, str], Attempt] = field(default_factory=dict)

    def compare(self, experiment: Experiment) -> dict[str, Any]:
        """Run every row of an experiment; return the content of its ``table.json``.

        A row that cannot be run says why; the others are run.

        Raises
        ------
        SourceError
            None of its data sets is there.
        OutputError
            The folder cannot be written.
        """
        from realtime_mer.sinks import check_writable

        check_writable(self.out)
        setups = chosen_setups(experiment, self.plan)
        made = [self._made(experiment, setup, len(setups) == 1) for setup in setups]
        if all(each.missing for each in made):
            raise SourceError(f"{experiment.name}: {'; '.join(each.missing for each in made)}")
        return compared(experiment, self.plan, made)

    def _made(self, experiment: Experiment, setup: Setup, alone: bool) -> Made:
        root = place_of(setup, self.plan, alone)
        if isinstance(root, str):
            return Made(setup, root, {}, False, ())
        attempts = {
            model: self._attempt(model, setup, root)
            for model in experiment.models
            if model in MODELS and self.plan.wants(model)
        }
        return Made(setup, "", attempts, rendered(root), how_rendered(root, self.plan.root))

    def _attempt(self, model: str, setup: Setup, root: Path) -> Attempt:
        """Return what a model says of a data set under a protocol, or why it says nothing."""
        key = (root, setup.dataset, setup.protocol, model)
        if key not in self.done:
            out = self.out / RUNS / f"{setup.dataset}-{setup.protocol}" / model
            try:
                self.done[key] = Attempt(self._metrics(self._settings(model, setup, root), out))
            except OutputError:
                raise
            except MerError as error:
                self.done[key] = Attempt(None, str(error))
        return self.done[key]

    def _settings(self, model: str, setup: Setup, root: Path) -> LosoSettings:
        plan, protocol = self.plan, find_protocol(setup.protocol)
        network = isinstance(MODELS[model].learner(protocol.labels, True), Network)
        return LosoSettings(
            setup.dataset, root, model, setup.protocol, plan.seeds, plan.selection,
            plan.network_epochs if network else None, plan.device, units=False, smoke=plan.smoke,
        )  # fmt: skip

    def _metrics(self, settings: LosoSettings, out: Path) -> dict[str, Any]:
        """Return the metrics of a run; one that is finished is not run again."""

        def tell(stage: str, done: int, total: int) -> None:
            self.progress(f"{settings.model} on {settings.dataset}: {stage}", done, total)

        inputs = self.out / INPUTS
        kept = _kept(out / METRICS)
        if kept is not None:
            prepared = prepare(settings, inputs, tell, self.readers)
            config = config_of(settings, prepared.task, learner_of(settings, prepared.task))
            digest = digest_of(config, prepared.ids, prepared.material)
            if (kept["digest"], kept["seeds"]["training"]) == (digest, list(settings.seeds)):
                return kept
        return run_loso(settings, out, self.executor, tell, inputs, self.readers).metrics


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found
