"""`mer datasets`: what a folder holds, before anything is trained on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from offline.datasets.base import Dataset, Problem
    from offline.datasets.long_videos import SpottingDataset
    from offline.tasks.protocols import Task

SHOWN = 20
"""Problems that the table lists; --json has them all."""

datasets_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Data sets of micro-expressions: what can be read, and what a folder holds.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@datasets_app.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """Name the data sets and protocols that can be read."""
    from offline.datasets.registry import DATASETS
    from offline.datasets.spotting_registry import SPOTTING_DATASETS
    from offline.tasks.protocols import PROTOCOLS

    told = {name: (read.__doc__ or "").split("\n")[0] for name, read in DATASETS.items()}
    spotting = {n: (read.__doc__ or "").split("\n")[0] for n, read in SPOTTING_DATASETS.items()}
    labels = {name: ", ".join(protocol.labels) for name, protocol in PROTOCOLS.items()}
    if as_json:
        names = {"datasets": told, "spotting": spotting, "protocols": labels}
        typer.echo(json.dumps(names, indent=2))
        return
    _print_pairs("data sets", told)
    _print_pairs("long videos, for `mer spot-eval`", spotting)
    _print_pairs("protocols", labels)


@datasets_app.command()
def describe(
    name: Annotated[str, typer.Argument(help="Data set, see `mer datasets list`.")],
    root: Annotated[Path, typer.Option(help="Folder that holds the sheet and the pictures.")],
    protocol: Annotated[
        str | None,
        typer.Option(help="Count the classes of this protocol.", show_default="as annotated"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count samples, subjects and classes; tell what was repaired or left out."""
    from offline.datasets.registry import DATASETS, open_dataset
    from offline.datasets.spotting_registry import SPOTTING_DATASETS
    from offline.tasks.protocols import apply_protocol, find_protocol
    from realtime_mer.errors import ConfigError

    if name in SPOTTING_DATASETS:
        if protocol:
            raise ConfigError(f"{name} is for spotting: it has no --protocol, leave that out")
        _describe_spotting(name, root, as_json)
        return
    if name not in DATASETS:
        known = ", ".join((*DATASETS, *SPOTTING_DATASETS))
        raise ConfigError(f"data set {name!r} is not known; give one of {known}")
    wanted = find_protocol(protocol).sets if protocol else None
    dataset = open_dataset(name, root, wanted)
    task = apply_protocol(dataset, protocol) if protocol else None
    description = describe_dataset(dataset, task)
    if as_json:
        typer.echo(json.dumps(description, indent=2))
        return
    classes = description["classes"]
    assert isinstance(classes, dict)
    counts = {key: description[key] for key in ("samples", "subjects")} | classes
    title = f"{name} under {protocol}" if protocol else name
    _print_pairs(title, {key: str(count) for key, count in counts.items()})
    if description["published"]:
        typer.echo(f"{description['published']}\n")
    _print_problems(_problems(dataset, task))


def _describe_spotting(name: str, root: Path, as_json: bool) -> None:
    from offline.datasets.spotting_registry import open_spotting_dataset

    dataset = open_spotting_dataset(name, root)
    description = describe_spotting(dataset)
    if as_json:
        typer.echo(json.dumps(description, indent=2))
        return
    classes = description["classes"]
    assert isinstance(classes, dict)
    counts = {key: description[key] for key in ("samples", "subjects", "videos")} | classes
    _print_pairs(name, {key: str(count) for key, count in counts.items()})
    _print_problems(dataset.problems)


def describe_spotting(dataset: SpottingDataset) -> dict[str, object]:
    """Return what `mer datasets describe --json` prints of long videos: samples are expressions."""
    from dataclasses import asdict

    from offline.datasets.long_videos import KINDS

    classes = {kind: sum(len(v.of_kind(kind)) for v in dataset.videos) for kind in KINDS}
    return {
        "dataset": dataset.name,
        "protocol": None,
        "samples": sum(classes.values()),
        "subjects": len({video.group for video in dataset.videos}),
        "classes": classes,
        "videos": len(dataset.videos),
        "problems": [asdict(problem) for problem in dataset.problems],
    }


def describe_dataset(dataset: Dataset, task: Task | None = None) -> dict[str, object]:
    """Return what `mer datasets describe --json` prints.

    Parameters
    ----------
    task
        The data set under a protocol, so that only its rows and classes count; without one,
        the emotions as annotated do.
    """
    from collections import Counter
    from dataclasses import asdict

    from offline.tasks.protocols import beside_published

    if task:
        samples = list(task.samples)
        classes = task.counts
    else:
        samples = list(dataset.samples)
        emotions = Counter(sample.emotion or "unknown" for sample in samples)
        classes = dict(sorted(emotions.items()))
    return {
        "dataset": dataset.name,
        "protocol": task.name if task else None,
        "samples": len(samples),
        "subjects": len({sample.group for sample in samples}),
        "classes": classes,
        "published": beside_published(task) if task else "",
        "problems": [asdict(problem) for problem in _problems(dataset, task)],
    }


def _problems(dataset: Dataset, task: Task | None) -> tuple[Problem, ...]:
    return dataset.problems + (task.left_out if task else ())


def _print_pairs(title: str, pairs: dict[str, str]) -> None:
    from realtime_mer.sinks.text import plain

    width = max(map(len, pairs))
    typer.echo(plain(title))
    for left, right in pairs.items():
        typer.echo("  " + plain(f"{left:<{width}}  {right}"))
    typer.echo()


def _print_problems(problems: tuple[Problem, ...]) -> None:
    from realtime_mer.sinks.text import plain

    for problem in problems[:SHOWN]:
        typer.echo(plain(f"{problem.action}: {problem.where}: {problem.reason}"))
    if len(problems) > SHOWN:
        typer.echo(f"… and {len(problems) - SHOWN} more; --json lists them all")
    if not problems:
        typer.echo("no problems")
