"""What a user changes of a learner: small or full, other settings, weights to begin with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from offline.bench.learning import Learner
from realtime_mer.errors import ConfigError


def parsed(given: Sequence[str]) -> dict[str, Any]:
    """Read ``NAME=VALUE`` words: numbers, true and false as such, everything else as text.

    Raises
    ------
    ConfigError
        A word has no ``=``, or a name comes twice.
    """
    found: dict[str, Any] = {}
    for word in given:
        name, mark, value = word.partition("=")
        if not mark or not name or name in found:
            raise ConfigError(f"--set {word}: give NAME=VALUE, each name once")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def with_settings(
    learner: Learner, model: str, smoke: bool, changes: Mapping[str, Any], start: str
) -> Learner:
    """Return a learner with what a user wants otherwise.

    Parameters
    ----------
    smoke
        Small, to try everything out; networks that are no published system stay as they are.
    changes
        Settings of a published system, see its ``changed``.
    start
        Package or file of weights to begin with; empty draws them.

    Raises
    ------
    ConfigError
        The model is no published system, or has no such setting.
    """
    from offline.systems.learner import SystemLearner

    if not isinstance(learner, SystemLearner):
        if changes or start:
            raise ConfigError(
                f"--set and --start are for the published systems (mer models); {model} is none"
            )
        return learner
    system = learner.found
    if changes:
        try:
            system = system.changed(**changes)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"--set {', '.join(changes)}: {error}") from error
    if smoke:
        system = system.changed(smoke=True)
    return replace(learner, system=system, start=start, start_sha256="")


def files_of(changes: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of every file that a setting names: other weights, other results."""
    named = {name: Path(value) for name, value in changes.items() if isinstance(value, str)}
    files = {name: path for name, path in named.items() if path.is_file()}
    if not files:
        return {}  # before PyTorch is loaded
    from offline.systems.weights import sha256_of

    return {name: sha256_of(path) for name, path in files.items()}
