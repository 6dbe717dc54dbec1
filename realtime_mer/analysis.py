"""`mer analyze` as functions: a source in, an ``Analysis`` and its files out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from engines import PackageError, load_package
from realtime_mer.doctor import versions
from realtime_mer.errors import ModelError
from realtime_mer.events import Analysis, Event, Frame
from realtime_mer.explaining import Explain, open_explainer
from realtime_mer.face.mesh import MediaPipeMesh, MeshDetector
from realtime_mer.face.quiet import QuietMesh
from realtime_mer.face.tracker import TrackerSettings
from realtime_mer.pipeline import Pipeline
from realtime_mer.recognizer import Recognizer, default_package, open_recognizer
from realtime_mer.sinks import check_writable, write_all
from realtime_mer.sources import Prefetch, Source, open_source
from realtime_mer.spotting import SpotterSettings
from realtime_mer.threads import one_thread_each
from realtime_mer.warmup import warm_up

Progress = Callable[[Frame, int], None]
"""Called after every frame with the frame and the number of events so far."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose.

    Attributes
    ----------
    model
        Folder of a model package; None for the bundled one.
    engine, precision
        As in ``engines.open_engine``.
    fps
        Frames a second of a folder of images.
    spotter
        Thresholds.
    explain
        Adds to each event what moved the model's answer; needs PyTorch.
    """

    model: Path | None = None
    engine: str = "auto"
    precision: str = "auto"
    fps: float | None = None
    spotter: SpotterSettings = field(default_factory=SpotterSettings)
    explain: bool = False


def analyze_file(
    spec: str | Path,
    out_dir: Path | None = None,
    *,
    options: Options | None = None,
    on_frame: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Analysis:
    """Analyse one recording and, if ``out_dir`` is given, write all result files there.

    Parameters
    ----------
    spec
        What ``open_source`` takes: a video file, a folder of images, a stream URL.
    out_dir
        Checked for writing before the work begins.
    on_frame
        Progress, see ``Progress``.
    stop
        Asked before every frame; once it says True, what was found so far is written and
        ``summary["interrupted"]`` is True.

    Raises
    ------
    SourceError
        The recording cannot be opened, or nothing in it can be decoded.
    OutputError
        The results cannot be written.
    ModelError
        The model package cannot be used.
    """
    options = options or Options()
    if out_dir is not None:
        check_writable(out_dir)
    with open_source(spec, fps=options.fps) as source:
        analysis = analyze_source(source, options=options, on_frame=on_frame, stop=stop)
    if out_dir is not None:
        write_all(analysis, out_dir)
    return analysis


def analyze_source(
    source: Source,
    *,
    options: Options | None = None,
    detector: MeshDetector | None = None,
    recognizer: Recognizer | None = None,
    explain: Explain | None = None,
    on_frame: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
    threads: bool = True,
) -> Analysis:
    """Analyse an open source.

    ``threads`` decodes ahead in a second thread; it changes nothing but the time taken.
    ``detector`` and ``recognizer`` are made from ``options`` if not given, and closed; so is
    ``explain``, where ``options`` ask for it.

    Raises
    ------
    ConfigError
        Something is to be explained, and what can do it is not installed.
    """
    options = options or Options()
    if explain is None and options.explain:
        explain = explainer_of(options.model)
    warm_up()
    recognizer = recognizer or open_recognizer(options.model, options.engine, options.precision)
    pipeline = Pipeline(
        detector or open_mesh(),
        recognizer,
        fps=source.info.fps,
        spotter=options.spotter,
        explain=explain,
    )
    begin = time.perf_counter()
    try:
        with one_thread_each(), Prefetch(source) if threads else nullcontext(source) as frames:
            seen = _run(pipeline, frames, on_frame, stop)
        gaps = sorted((*pipeline.gaps, *source.gaps), key=lambda gap: gap.start_s)
        return Analysis(
            media=replace(source.measured, frames=seen.frames),
            events=tuple(seen.events),
            signals=pipeline.signals,
            evidence=dict(pipeline.evidence),
            gaps=tuple(gaps),
            summary=_summary(source, pipeline, seen, time.perf_counter() - begin, options),
        )
    finally:
        pipeline.close()


def explainer_of(folder: Path | None) -> Explain:
    """Return what explains the answers of a model package, the bundled one for None.

    Raises
    ------
    ConfigError
        What can do it is not installed.
    ModelError
        The package cannot be used, or not be looked into.
    """
    try:
        package = load_package(default_package() if folder is None else folder)
    except PackageError as error:
        raise ModelError(str(error)) from error
    return open_explainer(package)


def open_mesh(faces: int = 1) -> MeshDetector:
    """Load the model of up to ``faces`` faces now, on a blank picture: no frame waits for it."""
    mesh = QuietMesh(MediaPipeMesh(faces))
    try:
        mesh.detect(np.zeros((64, 64, 3), np.uint8))
    except BaseException:
        mesh.close()
        raise
    return mesh


@dataclass(slots=True)
class _Seen:
    """What the loop counted."""

    events: list[Event]
    frames: int = 0
    interrupted: bool = False


def _run(
    pipeline: Pipeline,
    frames: Iterable[Frame],
    on_frame: Progress | None,
    stop: Callable[[], bool],
) -> _Seen:
    seen = _Seen([])
    for frame in frames:
        if stop():
            seen.interrupted = True
            break
        with pipeline.latency.measure("frame"):
            seen.events += pipeline.step(frame).events
        seen.frames += 1
        if on_frame is not None:
            on_frame(frame, len(seen.events))
    seen.events += pipeline.finish().events
    return seen


def _summary(
    source: Source, pipeline: Pipeline, seen: _Seen, wall_s: float, options: Options
) -> dict[str, object]:
    """Return what only the run knows; the sinks add counts, gaps and measured fps."""
    return {
        "input": source.redacted,
        "interrupted": seen.interrupted,
        "rejected": dict(sorted(pipeline.rejected.items())),
        "problems": [str(problem) for problem in source.problems],
        "model": pipeline.recognizer.model,
        "trained_on": pipeline.recognizer.trained_on,
        "engine": pipeline.recognizer.engine,
        "engine_reason": pipeline.recognizer.engine_reason,
        "engine_notes": list(pipeline.recognizer.engine_notes),
        "settings": {"spotter": asdict(options.spotter), "tracker": asdict(TrackerSettings())},
        "versions": {k: v for k, v in versions().items() if v is not None},
        "seeds": {},
        "stages": pipeline.latency.table(),
        "wall_s": round(wall_s, 3),
        "throughput_fps": seen.frames / wall_s if wall_s > 0 else None,
        "mesh_runs": pipeline.mesh_runs,
        "analysed_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
