"""What the pages of the bench share: templates, pictures in the page, numbers as the field writes.

Every page is one file that asks no network for anything; its content security policy lets a
browser load nothing.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from realtime_mer.sinks.text import decimals, plain

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> Environment:
    """Return the templates, with the filters ``ratio``, ``pair``, ``percent`` and ``plain``."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("offline", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"ratio": ratio, "pair": pair, "percent": percent, "plain": plain}
    return found


def pictures(
    captions: Mapping[str, str], light: Mapping[str, bytes], dark: Mapping[str, bytes]
) -> dict[str, dict[str, str]]:
    """Return name → light, dark, caption of those pictures that there are."""
    return {
        name: {"light": uri(light[name]), "dark": uri(dark[name]), "caption": caption}
        for name, caption in captions.items()
        if name in light
    }


def uri(png: bytes) -> str:
    """Return a picture as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def counted(reasons: Iterable[str]) -> list[tuple[str, int]]:
    """Return how often each was given, the commonest first."""
    return Counter(reasons).most_common()


def ratio(value: float | None, digits: int = 3) -> str:
    """Return a share as .731, as the field writes it, – where it is undefined."""
    if value is None:
        return "–"
    text = decimals(value, digits)
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def pair(values: Sequence[float | None] | None) -> str:
    """Return two shares beside each other."""
    return "–" if values is None else " / ".join(ratio(value) for value in values)


def percent(share: float | None) -> str:
    """Return a share in hundredths, as lengths in a style are written; 0 where undefined."""
    return f"{100 * (share or 0):.2f}"


def points(difference: float) -> str:
    """Return a difference of shares in points (hundredths), with its sign."""
    text = decimals(100 * difference, 1)
    return text.replace("-", "−") if text.startswith("-") else f"+{text}"


def seeds_in_words(seeds: Mapping[str, Any]) -> str:
    """Return every seed by name: ``bootstrap 0; training 0, 1, 2``."""
    return "; ".join(
        f"{name} {', '.join(map(str, seed)) if isinstance(seed, list) else seed}"
        for name, seed in seeds.items()
    )
