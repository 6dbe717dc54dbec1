"""The browser camera tab: the browser records a clip, and its true times are analysed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from demos.preview_video import link
from demos.recording_run import Chosen, run_of
from demos.safety import DemoSettings
from demos.workspace import Workspace

NAME = "browser"
WHY = f"""
<style>#{NAME}-camera video {{ transform: scaleX(-1); }}</style>
<div class="why"><p><b>Record a few seconds, then look.</b> Your browser records at the camera's
own rate and keeps the time of every picture; the analysis begins when you stop.</p>
<details><summary>Why not live in the browser?</summary><p>Live streaming from a browser page sends
single pictures by a timer, about 5 to 15 a second and without their times. Half of all
micro-expressions last less than a third of a second: they would fall between those pictures. A
recorded clip has all of them. For live analysis at the camera's full rate, use the live camera tab
on the machine that the camera is plugged into.</p></details>
<ul><li>One face, looking at the camera, at least a quarter of the picture wide</li>
<li>Even light on the face: in dim light cameras drop to 15 pictures a second</li>
<li>Keep still for the first second</li></ul></div>
"""
_STYLE = """
.html-container:has(> &) { padding: 0; }
.why { color: var(--body-text-color); font-size: 15px; line-height: 1.5; }
.why p { margin: 0 0 8px; } .why ul { margin: 10px 0 0; padding-left: 1.2em; }
.why li { margin: 5px 0; color: var(--body-text-color-subdued); list-style: disc; }
.why details p { margin-top: 8px; color: var(--body-text-color-subdued); }
.why summary { cursor: pointer; color: var(--color-accent); }
"""
WISHES = {
    "video": {"width": {"ideal": 640}, "height": {"ideal": 480}, "frameRate": {"ideal": 60}},
    "audio": False,
}
"""What the browser asks for: many pictures rather than large ones, and no microphone."""


def build(settings: DemoSettings) -> None:
    """Fill the tab."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            # Told to mirror or to mute, Gradio would have FFmpeg write the clip anew: it would
            # exchange the person's left and right and could change the times of its pictures.
            # The style sheet above mirrors what the person sees; there is no sound to take away.
            camera = gr.Video(
                sources=["webcam"],
                label="Your camera",
                include_audio=True,
                webcam_options=gr.WebcamOptions(mirror=False, constraints=WISHES),
                height=360,
                elem_id=f"{NAME}-camera",
            )
        with gr.Column(scale=2, min_width=280):
            gr.HTML(WHY, css_template=_STYLE)
    run = run_of(settings, NAME)

    def steps(clip: str | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        if not clip:
            return
        try:
            for values in run.steps(request, lambda space: choose(space, clip)):
                yield None, *values
        finally:
            Path(clip).unlink(missing_ok=True)

    camera.stop_recording(
        steps,
        camera,
        [camera, *run.outputs],
        concurrency_limit=2,
        concurrency_id="recordings",
        show_progress="hidden",
        api_visibility="private",
    )


def choose(workspace: Workspace, clip: str) -> Chosen:
    """Return the recorded clip, laid in the visitor's folder.

    It is linked rather than moved, for the page still shows the recorder's copy for a moment.

    Raises
    ------
    OutputError
        It is gone.
    """
    folder = workspace.new_folder("clip")
    path = link(Path(clip), folder / ("recorded" + Path(clip).suffix))
    return Chosen(path, "recorded clip" + path.suffix, folder)
