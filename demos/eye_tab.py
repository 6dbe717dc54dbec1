"""The *train your eye* tab: rendered micro-expressions to be guessed, then explained.

The answer stays on the server until it is given: what the browser gets before is a clip without a
telling name. Each browser session has its own game; the clips' maker is shared.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos import eye_views
from demos.eye_bank import ClipBank
from demos.eye_game import AHEAD, Game
from realtime_mer.events import EMOTIONS

if TYPE_CHECKING:
    from demos.eye_clips import Clips
    from demos.safety import DemoSettings

STYLE = Path(__file__).parent / "static" / "eye.css"
KEYS = """
if (!window.merEyeKeys) {
  window.merEyeKeys = true;
  document.addEventListener('keydown', (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest('input, textarea, select, [contenteditable=true]')) return;
    const names = {1: 'eye-negative', 2: 'eye-positive', 3: 'eye-surprise'};
    if (event.key === 'Enter' && event.target.closest('button, a, video')) return;
    const seen = (id) => {
      const found = document.getElementById(id);
      return found && !found.disabled && found.offsetParent !== null ? found : null;
    };
    const button = event.key === 'Enter' ? seen('eye-start') || seen('eye-next')
      : seen(names[event.key] || '');
    if (!button) return;
    event.preventDefault();
    button.click();
  });
}
"""
"""1, 2, 3 and Enter, while the tab is the one that is seen."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """One browser session: its game, and whether a face waits for its answer."""

    game: Game | None = None
    asked: bool = False


@cache
def clip_bank() -> ClipBank[Clips]:
    """Return the one maker of clips of this process."""
    from demos.eye_clips import make_clips

    bank: ClipBank[Clips] = ClipBank(make_clips, lambda clips: clips.slowed())
    atexit.register(bank.close)
    return bank


def build(settings: DemoSettings) -> None:
    """Lay out the tab."""
    tab = gr.context.Context.block
    sitting = gr.State(Sitting())
    bare: dict[str, Any] = {"padding": False, "apply_default_css": False}
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            with gr.Row(elem_id="eye-said", visible=False) as said:
                verdict = gr.HTML(**bare)
                following = gr.Button("Next face", variant="primary", elem_id="eye-next")
            stage = gr.HTML(eye_views.intro(), elem_id="eye-stage", **bare)
            start = gr.Button("Show me a face", variant="primary", elem_id="eye-start")
            with gr.Row(elem_id="eye-guesses", visible=False) as guesses:
                buttons = [
                    gr.Button(f"{number}  {name.capitalize()}", elem_id=f"eye-{name}")
                    for number, name in enumerate(EMOTIONS, start=1)
                ]
            keys = '<p class="eye-note">Keys: 1, 2, 3 to answer, Enter to go on.</p>'
            css = f"<style>{STYLE.read_text('utf-8')}</style>"
            gr.HTML(keys + css, js_on_load=KEYS, elem_id="eye-keys", **bare)
        with gr.Column(scale=2, min_width=300):
            card = gr.HTML(eye_views.score_card(Game(0)), elem_id="eye-score", **bare)
    shown = [sitting, stage, said, verdict, start, guesses, card]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    for button in (start, following):
        button.click(_show, sitting, shown, concurrency_limit=4, **quiet)
    for name, button in zip(EMOTIONS, buttons, strict=True):
        button.click(partial(_judge, name), sitting, shown, concurrency_limit=4, **quiet)
    if isinstance(tab, gr.Tab):
        tab.select(clip_bank().warm_up, None, None, **quiet)


def _show(sitting: Sitting) -> Iterator[tuple[Any, ...]]:
    """Show the next face; meanwhile those after it are made."""
    bank = clip_bank()
    if sitting.asked:  # a second click on the way
        return
    game = sitting.game or bank.new_game()
    hidden, same = gr.Row(visible=False), gr.skip()
    yield sitting, eye_views.waiting(), hidden, same, gr.Button(visible=False), same, same
    clips = bank.take(game.trial())
    _prepare(game)
    asked = Sitting(game, asked=True)
    stage, guesses = eye_views.flash(clips, game), gr.Row(visible=True)
    yield asked, stage, hidden, same, same, guesses, eye_views.score_card(game)


def _judge(guess: str, sitting: Sitting) -> tuple[Any, ...]:
    """Take a guess; show what it was."""
    same = gr.skip()
    if sitting.game is None or not sitting.asked:  # a second click on the way
        return (same,) * 7
    clips = clip_bank().take(sitting.game.trial())
    game = sitting.game.answered(guess)
    _prepare(game)
    return (
        Sitting(game),
        eye_views.explanation(clips),
        gr.Row(visible=True),
        eye_views.verdict(game.answers[-1]),
        same,
        gr.Row(visible=False),
        eye_views.score_card(game),
    )


def _prepare(game: Game) -> None:
    for ahead in range(AHEAD + 1):
        clip_bank().prepare(game.trial(ahead))
