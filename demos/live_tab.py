"""The live camera tab: a camera of this machine, a stream, or a recording played as if live."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

import gradio as gr

from demos.live_service import LiveService, Start
from demos.safety import DemoSettings
from demos.workspace import Workspace, resolve_allowed
from engines.opening import available_engines
from realtime_mer.analysis import Options
from realtime_mer.errors import MerError
from realtime_mer.events import Evidence
from realtime_mer.live.bounded_signals import BoundedSignals
from realtime_mer.live.session import LiveSession, open_live
from realtime_mer.sources.spec import parse_spec
from realtime_mer.spotting import SpotterSettings
from realtime_mer.spotting.alarm_budget import AlarmBudget

BUNDLED = "bundled"
ALARMS_AT_FIRST, FEWEST_ALARMS, MOST_ALARMS = 4.0, 0.5, 20.0
MOST_FACES = 4
STAGE = """
<section class="mer-live" data-mer-live="{token}" aria-label="Live view">
  <div class="mer-bar" role="status">
    <span class="mer-state" data-state="idle">not started</span>
    <span class="mer-told"></span>
    <span class="mer-figures"></span>
  </div>
  <div class="mer-stage">
    <figure class="mer-view">
      <canvas class="mer-frame" width="640" height="480" role="img"
        aria-label="Camera picture"></canvas>
      <p class="mer-hint">Choose a source and press Start.</p>
      <p class="mer-advice" aria-live="polite"></p>
      <p class="mer-flag" aria-live="polite"></p>
    </figure>
    <figure class="mer-face">
      <canvas class="mer-crop" width="320" height="320" role="img"
        aria-label="Aligned face with moving regions tinted"></canvas>
    </figure>
  </div>
  <canvas class="mer-timeline" height="150" role="img"
    aria-label="Movement of six facial regions over the last 20 seconds"></canvas>
  <p class="mer-key"><i class="line"></i> movement, in units of the threshold
    <i class="dash"></i> threshold <i class="found"></i> event
    <span>The face is tinted where it moves.</span></p>
  <div class="mer-downloads" hidden></div>
  <div class="mer-table"><table>
    <caption>Events, newest first</caption>
    <thead><tr><th>Onset</th><th>Apex</th><th scope="col">At</th><th scope="col">Lasts</th>
      <th scope="col">Regions</th><th scope="col">Class</th><th scope="col">Score</th></tr></thead>
    <tbody></tbody>
  </table><p class="mer-none">No events yet.</p></div>
</section>
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the controls say when Start is pressed."""

    source: str
    alarms: float
    model: str
    engine: str
    faces: int
    record: bool


def build(settings: DemoSettings) -> None:
    """Fill the tab."""
    with gr.Row(elem_classes="mer-columns", equal_height=False):
        with gr.Column(elem_classes="mer-first"):
            source = gr.Textbox(
                "0",
                label="Source",
                info="Camera number, stream URL, 'sample', or the path of a shared video",
                max_lines=1,
                elem_id="mer-source",
            )
            with gr.Row():
                start = gr.Button("Start", variant="primary", min_width=90, elem_id="mer-start")
                stop = gr.Button("Stop", min_width=90, elem_id="mer-stop")
        with gr.Column(elem_classes="mer-second"):
            stage = gr.HTML(
                STAGE.format(token=""), elem_classes="mer-plain", apply_default_css=False
            )
        with gr.Column(elem_classes="mer-third"):
            alarms = gr.Slider(
                FEWEST_ALARMS,
                MOST_ALARMS,
                ALARMS_AT_FIRST,
                step=0.5,
                label="Sensitivity",
                info="Alarms a minute you accept. More: fainter movements, more false alarms",
            )
            record = gr.Checkbox(True, label="Record result files")
            with gr.Accordion("Model, engine, faces", open=False):
                model = gr.Dropdown(models(settings), value=models(settings)[-1], label="Model")
                engine = gr.Dropdown(
                    ["auto", *available_engines()], value=settings.engine, label="Engine"
                )
                faces = gr.Slider(1, MOST_FACES, 1, step=1, label="Faces followed at once")

    def arrive(request: gr.Request) -> str:
        return STAGE.format(token=escape(settings.workspaces.of(request.session_hash).token))

    def begin(
        spec: str, rate: float, package: str, runs: str, count: int, keep: bool, request: gr.Request
    ) -> None:
        workspace = settings.workspaces.of(request.session_hash)
        wish = Wish(spec, rate, package, runs, int(count), keep)
        try:
            workspace.part(LiveService, LiveService).start(start_of(wish, workspace, settings))
        except MerError as error:
            raise gr.Error(str(error), print_exception=False) from error

    def end(request: gr.Request) -> None:
        settings.workspaces.of(request.session_hash).part(LiveService, LiveService).stop()

    gr.on(None, arrive, None, stage, show_progress="hidden", api_visibility="private")
    wishes = [source, alarms, model, engine, faces, record]
    gr.on(
        [start.click, source.submit], begin, wishes, None,
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    stop.click(end, None, None, show_progress="hidden", api_visibility="private")


def models(settings: DemoSettings) -> list[str]:
    """Return the names that the model list offers."""
    return [BUNDLED] if settings.model is None else [BUNDLED, settings.model.name]


def start_of(wish: Wish, workspace: Workspace, settings: DemoSettings) -> Start:
    """Return how to begin what the controls ask for.

    Raises
    ------
    SourceError
        The source is no camera, stream or file.
    ConfigError
        It is a file that visitors may not open, or an option is out of range.
    """
    parsed = parse_spec(wish.source.strip().strip("\"'"))
    spec: str | Path = parsed.target
    if parsed.kind in ("file", "folder"):
        spec = resolve_allowed(parsed.target, settings)
    options = Options(
        model=None if wish.model == BUNDLED else settings.model,
        engine=wish.engine,
        spotter=SpotterSettings(budget=AlarmBudget(wish.alarms)),
    )

    def open_session(evidence: MutableMapping[int, Evidence]) -> LiveSession:
        return open_live(
            spec, options=options, faces=wish.faces, evidence=evidence, recorder=BoundedSignals
        )

    chosen = {"faces": wish.faces, "alarms_per_minute": wish.alarms}
    return Start(
        title=spec.name if isinstance(spec, Path) else parsed.redacted,
        open_session=open_session,
        scratch=workspace.folder,
        hidden=str(spec) if isinstance(spec, Path) else "",
        folder=workspace.new_folder("live") if wish.record else None,
        settings={"settings": {"spotter": asdict(options.spotter), "live": chosen}},
    )
