"""The benchmarks tab: results of `mer loso` and `mer experiment`, browsed and counted again."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos import bench_views
from demos.bench_results import Entry, chosen, find_results, read_run, read_table
from realtime_mer.errors import MerError

if TYPE_CHECKING:
    from demos.safety import DemoSettings

STYLE = Path(__file__).parent / "static" / "bench.css"
PICK = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-place]');
  if (!button) return;
  element.querySelectorAll('[aria-current]').forEach((b) => b.removeAttribute('aria-current'));
  button.setAttribute('aria-current', 'true');
  trigger('click', {place: button.dataset.place});
});
"""


def build(settings: DemoSettings) -> None:
    """Lay out the tab."""
    root = settings.results
    tab = gr.context.Context.block
    bare: dict[str, Any] = {"padding": False, "apply_default_css": False}
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    with gr.Row():
        with gr.Column(scale=2, min_width=260, visible=False) as side:
            words = gr.Textbox(
                "", label="Filter", placeholder="casme2 leaky ststnet …", elem_id="bench-filter",
                max_lines=1,
            )  # fmt: skip
            found = gr.HTML(js_on_load=PICK, elem_id="bench-list", **bare)
        with gr.Column(scale=5, min_width=320):
            shown = gr.HTML(bench_views.empty(root is not None), elem_id="bench-shown", **bare)
    gr.HTML(f"<style>{STYLE.read_text('utf-8')}</style>", elem_id="bench-style", **bare)
    current = gr.State("")
    words.change(partial(_filtered, root), [words, current], found, **quiet)

    def picked(event: gr.EventData) -> tuple[str, str]:
        name = str(event.place)
        return _view(root, name), name

    found.click(picked, None, [shown, current], **quiet)
    if isinstance(tab, gr.Tab):
        tab.select(partial(_looked, root), [words, current], [side, found, shown, current], **quiet)


def _looked(root: Path | None, words: str | None, current: str) -> tuple[Any, ...]:
    """Look for results anew; show the first one if none is shown yet."""
    entries = _entries(root)
    if not entries:
        return gr.Column(visible=False), "", bench_views.empty(root is not None), ""
    if not current:
        current = _name(entries[0])
    listed = bench_views.listing(chosen(entries, words or ""), current)
    return gr.Column(visible=True), listed, _view(root, current), current


def _filtered(root: Path | None, words: str | None, current: str) -> str:
    return bench_views.listing(chosen(_entries(root), words or ""), current)


def _entries(root: Path | None) -> tuple[Entry, ...]:
    return find_results(root) if root is not None and root.is_dir() else ()


def _name(entry: Entry) -> str:
    return f"{entry.kind}:{entry.place}"


def _view(root: Path | None, name: str) -> str:
    """Return one result; what a visitor asks for is confined to the root."""
    kind, _, place = name.partition(":")
    if root is None:
        return bench_views.empty(False)
    try:
        if kind == "table":
            return bench_views.table_view(place, read_table(root, place))
        _, metrics = read_run(root, place)
        return bench_views.run_view(place, metrics, _model_title(metrics["model"]))
    except (MerError, KeyError, TypeError) as error:
        raise gr.Error(f"This result cannot be shown: {error}") from error


def _model_title(model: str) -> str:
    from offline.models.registry import MODELS

    entry = MODELS.get(model.partition("@")[0])
    return f"{entry.title}. {entry.source}" if entry is not None else ""
