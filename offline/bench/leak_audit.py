"""How many points a leak is worth: the same run under every rule of selection, side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from offline.bench.executors import Executor, here
from offline.bench.learning import SELECTIONS
from offline.bench.loso import INPUTS, LosoResult, run_loso
from offline.bench.loso_settings import LosoSettings
from offline.bench.progress import StageProgress, silent


def run_audit(
    settings: LosoSettings,
    out_dir: str | os.PathLike[str],
    executor: Executor = here,
    progress: StageProgress = silent,
    readers: int = 1,
    selections: Sequence[str] = SELECTIONS,
) -> dict[str, LosoResult]:
    """Run every rule into its own folder below ``out_dir``; return rule → result.

    Inputs are read once for all. A rule that was run before is not run again.

    Parameters
    ----------
    settings
        What is run; its ``selection`` is replaced.
    selections
        The rules, see ``learning.SELECTIONS``.

    Raises
    ------
    Whatever ``run_loso`` raises.
    """
    out = Path(out_dir)
    found = {}
    for rule in selections:
        ruled = replace(settings, selection=rule, units=False)
        told = _named(progress, rule)
        found[rule] = run_loso(ruled, out / rule, executor, told, out / INPUTS, readers)
    return found


def _named(progress: StageProgress, rule: str) -> StageProgress:
    def tell(stage: str, done: int, total: int) -> None:
        progress(f"{rule}: {stage}", done, total)

    return tell
