"""``mer synth dataset``: a rendered data set in the layout of a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

FACES = (
    "Picture of one frontal face; the bundled public-domain astronaut by default. Repeat for "
    "more; subjects take turns and are bent into other people."
)


def dataset(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder: new, empty, or a run to go on with.")
    ],
    layout: Annotated[str, typer.Option(help="Whose layout; `mer synth layouts` lists them.")],
    subjects: Annotated[
        int | None, typer.Option(min=1, help="People.", show_default="the layout's")
    ] = None,
    clips: Annotated[
        int | None, typer.Option(min=1, help="Clips of each.", show_default="the layout's")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal trees.")] = 0,
    scale: Annotated[
        float | None,
        typer.Option(help="Size of the pictures, 1 as in the real set.", show_default="0.5 mostly"),
    ] = None,
    variant: Annotated[
        str, typer.Option(help="Which tree, as raw or cropped.", show_default="the first")
    ] = "",
    seconds: Annotated[
        float | None, typer.Option(help="Length of long recordings.", show_default="the layout's")
    ] = None,
    train_copies: Annotated[
        bool, typer.Option("--train-copies", help="Write a flow archive's u_train folders too.")
    ] = False,
    portrait: Annotated[list[Path] | None, typer.Option(help=FACES)] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes.", show_default="one for each core")
    ] = None,
) -> None:
    """Render a data set in the layout of a real one; stop it and run it again to go on."""
    import os

    from offline.commands.synth_command import read_portraits
    from offline.commands.terminal import sample_bar, say
    from offline.synthesis.dataset_tree import make_dataset
    from offline.synthesis.layouts.layout import TreeSettings
    from offline.synthesis.layouts.registry import find_layout
    from offline.synthesis.tree_truth import FILE

    console = Console()
    find_layout(layout)
    settings = TreeSettings(seed, subjects, clips, scale, variant, seconds, train_copies)
    faces = read_portraits(portrait or [])
    with sample_bar(f"rendering {layout}") as tell:
        truth = make_dataset(layout, out, settings, faces, tell, workers or os.cpu_count() or 1)
    people = len({(clip.dataset, clip.subject) for clip in truth.clips})
    say(
        console,
        f"{len(truth.marks)} expressions of {people} subjects in the layout of {layout}: {out}; "
        f"what is true of them: {out / FILE}",
    )


def layouts() -> None:
    """List the layouts of `mer synth dataset`, one line each."""
    from offline.commands.terminal import say
    from offline.synthesis.layouts.registry import LAYOUTS

    for layout in LAYOUTS.values():
        variants = f"; variants {', '.join(layout.films)}" if layout.films else ""
        say(Console(), f"{layout.name}: {layout.about}{variants}")
