"""What `mer analyze` shows while it works: a progress bar, a table, where the report is."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from realtime_mer.analysis import Options, analyze_source, explainer_of
from realtime_mer.errors import ConfigError, MerError, SourceError
from realtime_mer.events import Analysis, Frame
from realtime_mer.explaining import Explain
from realtime_mer.recognizer import open_recognizer
from realtime_mer.sinks import check_writable, write_all
from realtime_mer.sinks.summary import summary_of
from realtime_mer.sources import open_source, printable, redact
from realtime_mer.spotting import SpotterSettings
from realtime_mer.terminal import (
    STOPPED,
    bundled,
    folder_name,
    interruptible,
    numbered,
    say,
    tell_of_compiling,
    tell_of_waiting,
)
from realtime_mer.warmup import warm_up

UNSEEN_SAID_S = 0.1
NAME_SHOWN = 32


def analyze_inputs(
    inputs: Sequence[str],
    out: Path,
    *,
    model: Path | None = None,
    engine: str = "auto",
    precision: str = "auto",
    fps: float | None = None,
    floor_percent: float | None = None,
    explain: bool = False,
    console: Console | None = None,
) -> int:
    """Analyse every input into ``out/<name>/``; return the exit code.

    With ``explain`` each event gets a picture of what moved the model's answer to it.
    One bad input does not stop the others: its message is printed and the code is 1 at the end.
    Ctrl-C writes what was found so far and ends with 130.
    """
    console = console or Console()
    errors = Console(stderr=True)
    options = Options(model, engine, precision, fps, _spotter(floor_percent), explain)
    explainer = explainer_of(model) if explain else None
    code = 0
    with interruptible() as stop:
        for spec, folder in zip(inputs, _folders(inputs, out), strict=True):
            try:
                analysis = _one(spec, folder, options, explainer, stop, console)
            except MerError as error:
                say(errors, _naming(error, spec), "red")
                code = 1
                continue
            tell_findings(analysis, folder, console, errors)
            if stop.is_set():
                say(errors, "stopped; what was found so far is written")
                return STOPPED
    return code


def _spotter(floor_percent: float | None) -> SpotterSettings:
    if floor_percent is None:
        return SpotterSettings()
    if not 0.05 <= floor_percent <= 20:
        raise ConfigError(
            f"--floor is {floor_percent}: give a percentage of the inter-ocular distance "
            "between 0.05 and 20"
        )
    return replace(SpotterSettings(), least_amplitude_iod=floor_percent / 100)


def _one(
    spec: str,
    folder: Path,
    options: Options,
    explain: Explain | None,
    stop: threading.Event,
    console: Console,
) -> Analysis:
    check_writable(folder)
    # The empty name and "-" would reach the file system as something else than was meant.
    if spec.strip() in ("", "-"):
        raise SourceError(f"{spec!r} is no input; give a video file, a folder of images or a URL")
    with ExitStack() as stack:
        source = stack.enter_context(open_source(bundled(spec), fps=options.fps))
        warm_up(tell_of_waiting)
        recognizer = open_recognizer(
            options.model, options.engine, options.precision, tell_of_compiling
        )
        bar = stack.enter_context(_progress(console))
        task = bar.add_task(escape(_short(source.info.name)), total=source.info.frames, found=0)

        def advance(frame: Frame, found: int) -> None:
            bar.update(task, completed=frame.index + 1, found=found)

        analysis = analyze_source(
            source,
            options=options,
            recognizer=recognizer,
            explain=explain,
            on_frame=advance,
            stop=stop.is_set,
        )
        write_all(analysis, folder)  # before the bar ends: a terminal gone must cost no results
        bar.update(task, total=analysis.media.frames, completed=analysis.media.frames)
    return analysis


def _short(name: str) -> str:
    """Return a name that leaves room for the bar."""
    return name if len(name) <= NAME_SHOWN else f"{name[: NAME_SHOWN - 12]}…{name[-11:]}"


def _folders(inputs: Sequence[str], out: Path) -> Iterator[Path]:
    """Yield one result folder an input, ``-2``, ``-3`` … where names meet."""
    taken: set[str] = set()
    for spec in inputs:
        names = numbered(folder_name(spec))
        taken.add(name := next(name for name in names if name not in taken))
        yield out / name


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[found]} found"),
        console=console,
    )


def tell_findings(
    analysis: Analysis, folder: Path | None, console: Console, errors: Console
) -> None:
    """Print what was found, what went wrong, and where the report lies, if there is one."""
    name = printable(analysis.media.name)
    for problem in analysis.summary["problems"]:  # type: ignore[attr-defined]
        say(errors, f"{name}: {problem}", "yellow")
    for note in analysis.summary.get("engine_notes", ()):  # type: ignore[attr-defined]
        say(errors, f"{name}: {note}", "yellow")
    if _unseen(analysis):
        say(errors, f"{name}: no face was seen, so nothing could be found", "yellow")
    if analysis.events:
        console.print(_table(analysis))
    else:
        console.print("no micro-expression candidates found")
    facts = summary_of(analysis)
    not_seen_s = facts["not_seen_s"]
    if isinstance(not_seen_s, float) and not_seen_s > UNSEEN_SAID_S and not _unseen(analysis):
        console.print(f"face seen in {facts['analysed_s']:.1f} of {facts['duration_s']:.1f} s")
    if folder is not None:
        report = printable(str(folder / "report.html"))
        console.print(f"report: {report}", markup=False, highlight=False, soft_wrap=True)


def _naming(error: MerError, spec: str) -> str:
    """Return the error's text, with the input's name before it unless it is in there."""
    text = str(error)
    return text if redact(spec) in text else f"{redact(spec)}: {text}"


def _unseen(analysis: Analysis) -> bool:
    return bool(np.isnan(analysis.signals.threshold_iod).all())


def _table(analysis: Analysis) -> Table:
    plural = "" if len(analysis.events) == 1 else "s"
    rate = summary_of(analysis)["alarms_per_minute"]
    title = f"{len(analysis.events)} candidate{plural} to look at"
    title += f", {rate:.1f} a minute" if isinstance(rate, float) else ""
    table = Table(title=title, title_justify="left", box=SIMPLE)
    for column in ("#", "onset s", "apex s", "offset s", "ms", "looks", "p", "score", "moved"):
        left = column in ("looks", "moved")
        table.add_column(
            column, justify="left" if left else "right", overflow="fold", no_wrap=column != "moved"
        )
    for event in analysis.events:
        c = event.candidate
        table.add_row(
            str(event.event_id),
            f"{c.onset_s:.2f}",
            f"{c.apex_s:.2f}",
            f"{c.offset_s:.2f}",
            f"{c.duration_s * 1e3:.0f}",
            event.emotion,
            f"{event.confidence:.2f}",
            f"{c.spot_score:.1f}",
            (event.action_unit_text or "+".join(c.regions)).replace("_", " ").replace("+", "\n"),
        )
    return table
