"""The commands of this room: `mer synth`, clips and data sets whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from offline.commands.synth_dataset_command import dataset, layouts
from offline.commands.terminal import say
from realtime_mer.errors import ConfigError, OutputError, SourceError
from realtime_mer.events import EMOTIONS
from realtime_mer.face.quiet import quiet_stderr

if TYPE_CHECKING:
    from offline.synthesis.portrait import Portrait
    from offline.synthesis.truth import Truth

synth_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Render clips of moving faces; what really happens lies beside them as JSON.",
)

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder; made if missing.")]
Seed = Annotated[int, typer.Option(min=0, help="Equal seeds give equal clips.")]
PORTRAIT = "Picture of one frontal face; the bundled public-domain astronaut by default."


@synth_app.command()
def clip(
    out: Out,
    seed: Seed = 0,
    fps: Annotated[
        float | None, typer.Option(min=1, max=1000, help="Frames a second; drawn if not given.")
    ] = None,
    emotion: Annotated[
        list[str] | None,
        typer.Option(help=f"Plant one of {', '.join(EMOTIONS)}; repeat for more; drawn if absent."),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=2, max=3600, help="Seconds; drawn if not given.")
    ] = None,
    portrait: Annotated[Path | None, typer.Option(help=PORTRAIT)] = None,
) -> None:
    """Render one clip to OUT/clip-SEED.mp4 and its truth beside it."""
    import numpy as np

    from offline.synthesis.render import write_clip
    from offline.synthesis.sampling import sample_spec

    _check_emotions(emotion or ())
    spec = sample_spec(
        np.random.default_rng(seed), duration_s=duration, fps=fps, emotions=emotion or None
    )
    target = folder(out)
    face = read_portraits([portrait] if portrait else [])[0]
    _tell(write_clip(spec, face, target / f"clip-{seed}.mp4"), out)


@synth_app.command()
def sample(out: Out) -> None:
    """Render the bundled sample clip again: OUT/sample.mp4."""
    from offline.synthesis.sample import make_sample

    _tell(make_sample(folder(out)), out)


@synth_app.command()
def suite(
    out: Out,
    clips: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    seed: Seed = 0,
    portrait: Annotated[
        list[Path] | None, typer.Option(help=PORTRAIT + " Repeat for more; they take turns.")
    ] = None,
) -> None:
    """Render a varied suite to judge a spotter by: OUT/clip-000.mp4 and so on."""
    from offline.synthesis.dataset import spotting_suite
    from offline.synthesis.render import write_clip

    target = folder(out)
    faces = read_portraits(portrait or [])
    with Progress(console=Console()) as bar:
        specs = spotting_suite(seed, clips, faces)
        for number, (spec, face) in enumerate(bar.track(specs, clips, description="rendering")):
            write_clip(spec, face, target / f"clip-{number:03d}.mp4")
    say(Console(), f"{clips} clips: {target}")


synth_app.command()(dataset)
synth_app.command()(layouts)


def read_portraits(pictures: Sequence[Path]) -> list[Portrait]:
    """Return the faces of some picture files, the public-domain astronaut without any.

    Raises
    ------
    SourceError
        A picture cannot be read, or holds no face that could be animated.
    """
    from offline.synthesis.portrait import Portrait

    with quiet_stderr():
        if not pictures:
            return [Portrait.astronaut()]
        return [_read_portrait(Path(picture)) for picture in pictures]


def _read_portrait(path: Path) -> Portrait:
    import cv2

    from offline.synthesis.portrait import Portrait

    image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if image is None:
        raise SourceError(f"cannot read the picture {path}; give a PNG or JPEG of one frontal face")
    return Portrait.from_image(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), path.name)


def folder(out: Path) -> Path:
    """Return ``out``, made if it was missing.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"cannot make the folder {out}: {why}; give another --out") from error
    return out


def _check_emotions(emotions: Sequence[str]) -> None:
    for emotion in emotions:
        if emotion not in EMOTIONS:
            raise ConfigError(f"--emotion is {emotion!r}; give one of {', '.join(EMOTIONS)}")


def _tell(truth: Truth, out: Path) -> None:
    planted = len(truth.micro_expressions)
    line = f"{out / truth.video}: {truth.frames} frames at {truth.fps:g}/s, {planted} planted"
    say(Console(), line)
