"""The recorded interview tab: a video in, its candidates to review, the reviewed files out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from demos.recording_run import Chosen, run_of
from demos.safety import DemoSettings
from demos.workspace import Workspace, resolve_allowed
from realtime_mer.errors import ConfigError

SUFFIXES = [
    ".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts",
    ".wmv", ".flv", ".3gp", ".ogv",
]  # fmt: skip
NAME = "interview"


def build(settings: DemoSettings) -> None:
    """Fill the tab."""
    gr.Markdown(
        "Every short movement of the face that stands out is listed. Look at each slowly and "
        "magnified, accept or reject it, and take the table with you."
    )
    with gr.Row(equal_height=True):
        upload = gr.File(
            label=f"Video file, up to {settings.max_upload_mb} MB and "
            f"{settings.max_duration_s / 60:g} minutes",
            file_types=SUFFIXES,
            height=148,
            elem_id=f"{NAME}-upload",
            scale=3,
        )
        with gr.Column(scale=2, min_width=280):
            path = gr.Textbox(
                label="Or a video on the server",
                placeholder="sample, or a path in a shared folder",
                info=shared(settings),
                max_lines=1,
                elem_id=f"{NAME}-path",
            )
            analyse = gr.Button("Analyse", variant="primary", elem_id=f"{NAME}-analyse")
    run = run_of(settings, NAME)

    def steps(uploaded: str | None, named: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        for values in run.steps(request, lambda space: choose(space, uploaded, named, settings)):
            yield None, *values

    gr.on(
        [analyse.click, path.submit, upload.upload],
        steps,
        [upload, path],
        [upload, *run.outputs],
        concurrency_limit=2,
        concurrency_id="recordings",
        show_progress="hidden",
        api_visibility="private",
    )


def shared(settings: DemoSettings) -> str:
    """Return what a visitor may name, in words."""
    names = [folder.name or str(folder) for folder in settings.videos]
    return f"sample, or a file in {', '.join(names)}" if names else "sample is the bundled clip"


def choose(
    workspace: Workspace, uploaded: str | None, named: str, settings: DemoSettings
) -> Chosen:
    """Return the recording that the visitor means: the upload, or else the path.

    Raises
    ------
    ConfigError
        Neither was given, or the path is not allowed.
    OutputError
        The upload is gone.
    """
    if uploaded:
        mine = workspace.adopt(uploaded)
        return Chosen(mine, mine.name, mine.parent)
    if not named or not named.strip():
        raise ConfigError("no recording was given; drop a video file, or name one on the server")
    path = resolve_allowed(named, settings)
    return Chosen(path, Path(path).name, workspace.new_folder("recording"))
