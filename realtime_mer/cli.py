"""`mer`: thin; every command is one call into a function that a Python user can call too."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from realtime_mer import __version__
from realtime_mer.errors import MerError

COMMANDS = "realtime_mer.commands"
"""Entry points by which the other rooms bring their commands: the stream does not import them."""


class _Rooms(TyperGroup):
    """Our own commands, and those that other packages registered, loaded when they are used."""

    # Typer ≥ 0.2x carries its own click, older ones use the package: ``Any`` serves both.
    def list_commands(self, ctx: Any) -> list[str]:
        own = super().list_commands(ctx)
        return own + sorted(e.name for e in entry_points(group=COMMANDS) if e.name not in own)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for entry in entry_points(group=COMMANDS):
            if entry.name == cmd_name:
                loaded = entry.load()
                return typer.main.get_command(loaded) if isinstance(loaded, typer.Typer) else loaded
        return None


app = typer.Typer(
    cls=_Rooms,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Facial micro-expressions: video in, onset-apex-offset events out. "
    "It says 'look here', never 'this person lies'.",
)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"mer {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log why movements were turned down.")
    ] = False,
) -> None:
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("numba", "matplotlib", "libav"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


@app.command()
def analyze(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Video files, folders of images, stream URLs, or 'sample' for the bundled clip.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Results go to OUT/<name>/.")] = Path(
        "out"
    ),
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model package.", show_default="bundled")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="What runs the model; `mer doctor` lists what is here.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="fp32, fp16, or auto: as the engine was compiled, else fp32.")
    ] = "auto",
    fps: Annotated[
        float | None, typer.Option(help="Frames a second of a folder of images.")
    ] = None,
    floor: Annotated[
        float | None,
        typer.Option(
            help="Least movement that counts, in percent of the inter-ocular distance. "
            "Lower finds fainter movements and raises more alarms.",
            show_default="none",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show on every event what moved the model's answer."),
    ] = False,
) -> None:
    """Find micro-expressions in recordings; write CSV, ELAN, WebVTT, HTML and JSON."""
    from realtime_mer.analyze_command import analyze_inputs

    code = analyze_inputs(
        inputs,
        out,
        model=model,
        engine=engine,
        precision=precision,
        fps=fps,
        floor_percent=floor,
        explain=explain,
    )
    if code:
        raise typer.Exit(code)


@app.command()
def live(
    source: Annotated[
        str,
        typer.Argument(
            help="A camera's number, a stream's URL, or a file or folder to replay at its own "
            "pace; 'sample' for the bundled clip.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write results to OUT/<name>/ as they come."),
    ] = None,
    faces: Annotated[int, typer.Option(min=1, max=8, help="Most faces followed at once.")] = 1,
    fps: Annotated[
        float | None, typer.Option(help="Ask a camera for it; give a replay this rate.")
    ] = None,
    width: Annotated[int | None, typer.Option(help="Ask a camera for it, in pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Ask a camera for it, in pixels.")] = None,
    speed: Annotated[
        float, typer.Option(help="Of a replay: 2 is twice as fast, inf as fast as possible.")
    ] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Replay again and again.")] = False,
    duration: Annotated[
        float | None, typer.Option(help="End after so many seconds.", show_default="none")
    ] = None,
    alarms_per_minute: Annotated[
        float | None,
        typer.Option(
            help="Alarms a minute that you accept: sensitivity follows what is seen.",
            show_default="fixed sensitivity",
        ),
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Show the picture, too.")] = False,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model package.", show_default="bundled")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="What runs the model; `mer doctor` lists what is here.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="fp32, fp16, or auto: as the engine was compiled, else fp32.")
    ] = "auto",
    reconnect: Annotated[
        bool,
        typer.Option(
            "--reconnect/--no-reconnect", help="Open a camera or stream again that was lost."
        ),
    ] = True,
    plain: Annotated[
        bool, typer.Option("--plain", help="Print lines instead of the dashboard.")
    ] = False,
) -> None:
    """Watch a camera, a stream or a replay; tell of micro-expressions while they happen."""
    from realtime_mer.live_command import LiveOptions, watch_live

    options = LiveOptions(
        out=out,
        faces=faces,
        fps=fps,
        width=width,
        height=height,
        speed=speed,
        loop=loop,
        duration_s=duration,
        alarms_per_minute=alarms_per_minute,
        preview=preview,
        model=model,
        engine=engine,
        precision=precision,
        reconnect=reconnect,
        plain=plain,
    )
    code = watch_live(source, options)
    if code:
        raise typer.Exit(code)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what this machine can do: versions, face model, engines, cameras."""
    from realtime_mer.doctor import print_report

    print_report(Console(), as_json)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="Which comparison.", show_default="list", metavar="NAME")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="End with one JSON object on the last line.")
    ] = False,
) -> None:
    """Run a measured comparison; further options go to it."""
    from realtime_mer.bench_command import run_benchmark

    run_benchmark(name, as_json, context.args)


def main() -> None:
    """Run the command line: 0 done, 1 the input was bad, 2 usage, 130 stopped."""
    try:
        app(prog_name="mer")
    except MerError as error:
        sys.stderr.write(f"mer: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("mer: stopped\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
