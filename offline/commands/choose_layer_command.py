"""`mer choose-layer`: from which layer a network learnt on faces should learn further."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from offline.commands.terminal import sample_bar, say

if TYPE_CHECKING:
    from offline.datasets.base import Sample
    from offline.systems.layer_choice import LayerChoice

RECIPE = "face_apex"

choose_layer_app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@choose_layer_app.command("choose-layer", no_args_is_help=True)
def choose_layer(
    dataset: Annotated[str, typer.Option(help="Data set, see `mer datasets list`.")],
    root: Annotated[Path, typer.Option(help="Folder that holds it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Results go here; made if missing.")],
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Local file of VGGFace2's ResNet-50: torch, safetensors or npz.",
            show_default="drawn at random, to try it out",
        ),
    ] = None,
    faces: Annotated[int, typer.Option(min=1, max=512, help="More are surer and slower.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Which faces; and drawn weights.")] = 0,
) -> None:
    """Measure by Grad-CAM how much each layer of a face network looks at the parts that move."""
    from offline.datasets.registry import open_dataset
    from offline.reports.layer_choice_report import write_choice
    from offline.systems import layer_choice
    from realtime_mer.sinks import check_writable

    check_writable(out)
    net = layer_choice.recognising(weights or "", seed)
    data = open_dataset(dataset, root)
    samples = spread(data.samples, seed)
    with sample_bar(dataset, "faces") as advance:
        names, pictures, unreadable = read_faces(samples, faces, advance)
    choice = layer_choice.choose_layer(net, pictures, trained=weights is not None)
    told = {
        "dataset": data.name,
        "weights": weights.name if weights else "",
        "seed": seed,
        "samples": names,
        "unreadable": unreadable,
    }
    files = write_choice(out, choice, pictures, told)
    _print(choice, data.name, len(names), len(unreadable), files)


def spread(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """Return all samples in an order in which people take turns, drawn from a seed."""
    rng = np.random.default_rng(seed)
    drawn = [samples[place] for place in rng.permutation(len(samples))]
    turns: dict[tuple[str, str], int] = {}
    keyed = []
    for place, sample in enumerate(drawn):
        person = (sample.dataset, sample.subject)
        turns[person] = turns.get(person, -1) + 1
        keyed.append((turns[person], place))
    return [drawn[place] for _, place in sorted(keyed)]


def read_faces(
    samples: Sequence[Sample], wanted: int, advance: Callable[[int, int], None]
) -> tuple[list[str], NDArray[np.float32], list[str]]:
    """Return names and faces, (N, 3, 224, 224), of the first samples that can be read.

    Also the names of those that cannot.

    Raises
    ------
    SourceError
        Not one can be read.
    """
    from offline.datasets.inputs import InputReader
    from realtime_mer.errors import SourceError
    from realtime_mer.face.quiet import quiet_stderr

    names: list[str] = []
    unreadable: list[str] = []
    found: list[NDArray[np.float32]] = []
    with quiet_stderr(), InputReader() as reader:
        for sample in samples:
            if len(found) == wanted:
                break
            try:
                found.append(reader.read(sample, RECIPE))
                names.append(sample.sample_id)
            except SourceError:
                unreadable.append(sample.sample_id)
            advance(len(found), min(wanted, len(samples)))
    if not found:
        raise SourceError(
            f"not one of {len(samples)} samples can be read; mer datasets describe says more"
        )
    return names, np.stack(found), unreadable


def _print(
    choice: LayerChoice, dataset: str, faces: int, unreadable: int, files: dict[str, Path]
) -> None:
    from offline.reports.layer_choice_report import table_of

    console = Console()
    say(console, f"Grad-CAM at the apex of {faces} samples of {dataset}:")
    for line in table_of(choice):
        say(console, line)
    if unreadable:
        say(console, f"{unreadable} samples could not be read and were passed over.")
    say(console, f"Learn from {choice.chosen} on, and keep what comes before it.")
    if choice.warning:
        say(console, f"WARNING: {choice.warning}")
    for path in files.values():
        say(console, str(path))
