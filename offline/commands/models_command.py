"""`mer models`: what the bench can train, each with its source."""

from __future__ import annotations

import json
from typing import Annotated

import typer

models_app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@models_app.command()
def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the models that `mer loso` trains: source, inputs, size, published result."""
    from offline.models.registry import MODELS, card_of
    from realtime_mer.sinks.text import plain

    cards = {name: card_of(entry) for name, entry in MODELS.items()}
    if as_json:
        typer.echo(json.dumps(cards, indent=2))
        return
    for name, card in cards.items():
        typer.echo(plain(f"{name}: {card['title']}"))
        for key, value in card.items():
            if key not in ("name", "title") and value not in ("", None):
                typer.echo("  " + plain(f"{key.replace('_', ' ')}: {value}"))
        typer.echo()
