"""Words and numbers as the result files show them, made harmless on the way.

File names, model names and reasons come from outside. What leaves this module holds no control
character, no unpaired surrogate, nothing that reverses the direction of the text; each format
then escapes for itself.
"""

from __future__ import annotations

import math
import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNSHOWABLE = re.compile("[\ud800-\udfff\ufffe\uffff\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def plain(text: str) -> str:
    """Return ``text`` on one line, encodable as UTF-8 and as XML 1.0.

    Runs of control characters become one space; unpaired surrogates (file names that are not
    UTF-8), non-characters and direction overrides become U+FFFD.
    """
    return _UNSHOWABLE.sub("\ufffd", _CONTROL.sub(" ", text)).strip()


def spreadsheet_safe(text: str) -> str:
    """Return ``plain(text)``, with a leading apostrophe where a spreadsheet would see a formula."""
    text = plain(text)
    return "'" + text if text.startswith(_FORMULA_START) else text


def decimals(value: float, digits: int) -> str:
    """Return ``value`` with ``digits`` decimals, the empty string where it is not finite."""
    if not math.isfinite(value):
        return ""
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def clock(seconds: float) -> str:
    """Return seconds as ``MM:SS.mmm``, with hours in front from one hour on."""
    total_ms = round(seconds * 1000)
    sign, total_ms = ("-", -total_ms) if total_ms < 0 else ("", total_ms)
    minutes, ms = divmod(total_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    lead = f"{hours}:" if hours else ""
    return f"{sign}{lead}{minutes:02d}:{ms // 1000:02d}.{ms % 1000:03d}"


def spoken(identifier: str) -> str:
    """Return an identifier as a reader would say it: ``brow_left`` is ``left brow``."""
    words = plain(identifier).replace("-", "_").split("_")
    sides = [word for word in words if word in ("left", "right")]
    return " ".join(sides + [word for word in words if word not in ("left", "right")]).strip()
