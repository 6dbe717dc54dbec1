"""`mer adapt`: fit a recogniser to labelled recordings, without losing what it knew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from offline.commands.terminal import sample_bar, say

if TYPE_CHECKING:
    from engines import Package
    from offline.adaptation import Adapted
    from offline.adapted_package import Labelled

TOLD = 10
"""Unreadable samples that are told one by one."""

adapt_app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@adapt_app.command(no_args_is_help=True)
def adapt(
    dataset: Annotated[str, typer.Option(help="Name of the data set, such as casme2.")],
    root: Annotated[Path, typer.Option(help="Folder that holds it.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the new package; made if missing.")
    ],
    protocol: Annotated[
        str, typer.Option(help="Which labels count; negative, positive and surprise only.")
    ] = "megc2019",
    model: Annotated[
        str, typer.Option(help="Folder of the package to start from, or a bundled name.")
    ] = "default",
    seed: Annotated[int, typer.Option(min=0, help="Deals subjects to folds.")] = 0,
) -> None:
    """Fit a small model to labelled samples and fuse it with a recogniser."""
    from offline.adapted_package import adapt_to_dataset
    from realtime_mer.face.quiet import quiet_stderr

    console = Console()
    with sample_bar(dataset) as advance, quiet_stderr():
        found = adapt_to_dataset(dataset, root, out, protocol, model, seed, advance)
    print_results(*found, console)


def print_results(package: Package, labelled: Labelled, adapted: Adapted, console: Console) -> None:
    """Print what was read, how good the model would be on other people, and how to use it."""
    shown = ", ".join(f"{count} {emotion}" for emotion, count in labelled.shown.items())
    say(console, f"{len(labelled.samples)} samples of {labelled.subjects} subjects: {shown}")
    if labelled.unreadable:
        say(console, f"{len(labelled.unreadable)} more cannot be read and were left out:")
        for line in labelled.unreadable[:TOLD]:
            say(console, f"  {line}")
        if len(labelled.unreadable) > TOLD:
            say(console, f"  … and {len(labelled.unreadable) - TOLD} others")
    if labelled.left_out:
        say(
            console,
            f"{labelled.left_out} take no part in {labelled.protocol}; mer datasets describe "
            f"{labelled.dataset} --protocol {labelled.protocol} says why.",
        )
    table = Table(box=SIMPLE)
    table.add_column("leave one subject out")
    columns = ("UF1", "UAR", "accuracy", "mean confidence")
    for column in columns:
        table.add_column(column, justify="right")
    for name, figures in adapted.estimate.items():
        table.add_row(name, *(f"{figures[column]:.3f}" for column in columns))
    console.print(table)
    say(console, f"{package.model_id}: {package.folder}")
    say(console, f"Use it: mer analyze VIDEO --model {package.folder}")
    better = max(("prior", "real"), key=lambda name: adapted.estimate[name]["UF1"])
    if adapted.estimate[better]["UF1"] > adapted.estimate["fused"]["UF1"]:
        say(
            console,
            f"Note: {better} alone did better here. With few subjects that may be chance; "
            "label more people before you trust either.",
        )
