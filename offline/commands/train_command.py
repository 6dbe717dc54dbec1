"""``mer train``: models that this project trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

train_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Train models; each ends as a package for `mer analyze --model`.",
)


@train_app.callback()
def _root() -> None:
    """Keep the model's name a word of its own: `mer train default`."""


@train_app.command()
def default(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the model package.")],
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal weights.")] = 0,
    processes: Annotated[
        int | None, typer.Option(min=1, help="At once.", show_default="one for each core")
    ] = None,
    maps: Annotated[
        int | None,
        typer.Option(min=400, help="Training maps; fewer is quicker and worse."),
    ] = None,
    members: Annotated[
        int | None, typer.Option(min=1, max=32, help="Networks in the ensemble.")
    ] = None,
) -> None:
    """Train the default recogniser from synthetic motion; stop it and run it again to go on."""
    from dataclasses import replace

    from offline.commands.synth_command import folder
    from offline.commands.terminal import say
    from offline.training import TrainSettings, train_default
    from realtime_mer.face.quiet import quiet_stderr

    settings = TrainSettings(seed=seed)
    if maps is not None:
        settings = replace(settings, maps=maps, held_out=max(maps // 10, 200))
    if members is not None:
        settings = replace(settings, members=members)
    console = Console()
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}")
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar, quiet_stderr():
        tasks: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done)

        package = train_default(folder(out), settings, None, processes, tell)
    say(console, f"{package.model_id}: {out}")
