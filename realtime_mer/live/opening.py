"""A pipeline that waits for nothing any more: kernels, face mesh and model warm."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import ExitStack

from realtime_mer.analysis import Options, explainer_of, open_mesh
from realtime_mer.events import Evidence
from realtime_mer.face.gate import GateSettings
from realtime_mer.pipeline import Pipeline
from realtime_mer.recognizer import open_recognizer
from realtime_mer.recording import SignalRecorder
from realtime_mer.warmup import warm_up


def open_pipeline(
    options: Options,
    *,
    fps: float | None = None,
    faces: int = 1,
    gate: GateSettings | None = None,
    evidence: MutableMapping[int, Evidence] | None = None,
    recorder: Callable[[], SignalRecorder] = SignalRecorder,
) -> Pipeline:
    """Return a pipeline for live frames; see ``Pipeline`` for the parameters. Close it.

    Raises
    ------
    ModelError, ConfigError
        The model package cannot be used; an option is out of range.
    """
    explain = explainer_of(options.model) if options.explain else None
    warm_up()
    with ExitStack() as on_error:
        recognizer = open_recognizer(options.model, options.engine, options.precision)
        on_error.callback(recognizer.close)
        mesh = open_mesh(faces)
        on_error.callback(mesh.close)
        pipeline = Pipeline(
            mesh,
            recognizer,
            fps=fps,
            spotter=options.spotter,
            explain=explain,
            faces=faces,
            gate=gate,
            evidence=evidence,
            recorder=recorder,
            beside=True,
        )
        on_error.pop_all()
    return pipeline
