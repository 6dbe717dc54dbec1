"""What *train your eye* shows, as HTML: pure functions of a game and its clips."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from types import MappingProxyType

from demos.eye_clips import Clips
from demos.eye_game import CHANCE, LEVELS, Answer, Game, difficulty
from realtime_mer.events import EMOTIONS

MARKS: Mapping[str, str] = MappingProxyType({"negative": "−", "positive": "+", "surprise": "!"})
"""A sign for each emotion, so that colour is never all there is."""
RENDERED = (
    "The faces are rendered: one public-domain portrait, bent into different people and moved by "
    "action units. Getting good at them is practice, not a proof about real people."
)


def intro() -> str:
    """Return the stage before the first face."""
    return (
        '<div class="eye-stage eye-intro"><div>'
        '<p class="eye-kicker">Train your eye</p>'
        "<h2>See what lasts less than half a second</h2>"
        "<ol><li>A face at rest. Somewhere in the next seconds it moves, <b>once</b>.</li>"
        "<li>Say what it was: negative, positive or surprise.</li>"
        "<li>See it again, slowed and magnified, with what moved.</li></ol>"
        f'<p class="eye-note">{RENDERED}</p></div></div>'
    )


def waiting() -> str:
    """Return the stage while the first clip is being made."""
    return (
        '<div class="eye-stage eye-wait" role="status"><div><span class="eye-spinner"></span>'
        "<p>Rendering a face …</p></div></div>"
    )


def flash(clips: Clips, game: Game) -> str:
    """Return the stage with the face, played once, without controls."""
    trial = game.trial()
    return (
        f'<div class="eye-stage"><video data-trial="{trial.number}" autoplay muted playsinline '
        'disablepictureinpicture disableremoteplayback aria-label="a face that moves once" '
        f'src="{_data(clips.flash)}"></video><span class="eye-badge">rendered face</span></div>'
    )


def verdict(answer: Answer) -> str:
    """Return whether a guess was right, and what it was."""
    shown, guess = answer.trial.emotion, answer.guess
    kind = "right" if answer.right else "wrong"
    if answer.right:
        words = f"<b>Right.</b> It was {shown}.", f"+{answer.points}"
    else:
        words = f"<b>Not this time.</b> It was {shown}, you said {guess}.", ""
    return (
        f'<p class="eye-verdict {kind}" role="status"><i>{MARKS[shown]}</i>'
        f"<span>{words[0]}</span><em>{words[1]}</em></p>"
    )


def explanation(clips: Clips) -> str:
    """Return the stage after a guess: the slowed clip and what moved."""
    units = "".join(
        f"<li><abbr title='FACS action unit {number}'>AU {number}</abbr> {escape(words)}</li>"
        for number, words in clips.moved
    )
    return (
        '<div class="eye-answer"><video class="eye-slow" autoplay loop muted playsinline '
        'aria-label="the same, slowed; on the right with its motion magnified" '
        f'src="{_data(clips.slowed())}"></video>'
        f'<div class="eye-moved"><h3>What moved</h3><ul>{units}</ul>'
        f"<p>{1000 * clips.duration_s:.0f} ms from onset to offset; the skin moved by at most "
        f"{100 * clips.peak_iod:.1f} % of the distance between the eyes. A rendered face.</p>"
        "</div></div>"
    )


def score_card(game: Game) -> str:
    """Return the score of the session."""
    level = game.trial().level
    hard = difficulty(level)
    seen = len(game.answers)
    share = f"{100 * game.right / seen:.0f} %" if seen else "–"
    tiles = (
        ("Points", f"{game.score}", ""),
        ("Right", f"{game.right} of {seen}" if seen else "–", share if seen else ""),
        ("In a row", f"{game.streak}", f"best {game.best_streak}"),
    )
    cells = "".join(
        f"<li><span>{name}</span><b>{value}</b><small>{more}</small></li>"
        for name, value, more in tiles
    )
    steps = "".join(f'<i class="{"on" if n < level else ""}"></i>' for n in range(LEVELS))
    return (
        '<section class="eye-card" aria-label="score of this session">'
        f'<div class="eye-level"><p><b>Level {level}</b> <span>{1000 * hard.duration_s:.0f} ms, '
        f"{100 * hard.peak_iod:.1f} %</span></p><div>{steps}</div></div>"
        f'<ul class="eye-tiles">{cells}</ul>{_history(game)}{_confusion(game)}'
        f'<p class="eye-note">Guessing gets {100 * CHANCE:.0f} %. Two right in a row: shorter and '
        "smaller. One wrong: easier again.</p></section>"
    )


def _history(game: Game) -> str:
    dots = "".join(
        f'<i class="{"right" if a.right else "wrong"}" '
        f'title="{a.trial.number + 1}: {a.trial.emotion}, you said {a.guess}"></i>'
        for a in game.answers[-24:]
    )
    return f'<div class="eye-history" aria-hidden="true">{dots}</div>' if dots else ""


def _confusion(game: Game) -> str:
    counts = game.confusion
    head = "".join(f'<th scope="col">{name}</th>' for name in EMOTIONS)
    rows = []
    for place, name in enumerate(EMOTIONS):
        total = max(int(counts[place].sum()), 1)
        cells = "".join(
            f'<td style="--share:{100 * int(count) / total:.0f}%" '
            f'class="{"hit" if place == guess else "miss"}">{int(count) or "·"}</td>'
            for guess, count in enumerate(counts[place])
        )
        rows.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    return (
        '<table class="eye-confusion"><caption>What it was (rows), what you said (columns)'
        f"</caption><thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _data(clip: bytes) -> str:
    return "data:video/mp4;base64," + base64.b64encode(clip).decode("ascii")
