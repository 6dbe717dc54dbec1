"""What the commands of this room share when they talk to a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


def say(console: Console, text: str) -> None:
    """Print a line as it is, never wrapped, so that paths can be copied."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def sample_bar(title: str, unit: str = "samples") -> Iterator[Callable[[int, int], None]]:
    """Show how many samples are done, or other units; yield what is called with (done, total).

    On a terminal's stderr only, and gone at the end: results and errors stand alone.
    """
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(escape(title), total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


@contextmanager
def going_on_later(out: Path) -> Iterator[None]:
    """On Ctrl-C say that nothing is lost, and end with exit code 130."""
    try:
        yield
    except KeyboardInterrupt as error:
        line = f"mer: stopped; what is done is kept in {out}: run the same command again to go on"
        say(Console(stderr=True), line)
        raise typer.Exit(130) from error


@contextmanager
def stage_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each stage of a long work; yield what is called with (stage, done, total).

    On a terminal's stderr only, and gone at the end, like ``sample_bar``.
    """
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(escape(stage), total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield advance
