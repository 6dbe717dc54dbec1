"""How players see the analysed file: its type, its address, its time line."""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePath
from urllib.parse import urlsplit, urlunsplit

from realtime_mer.events import MediaInfo

MIME_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".qt": "video/quicktime",
    ".avi": "video/x-msvideo", ".mkv": "video/x-matroska", ".webm": "video/webm",
    ".mpg": "video/mpeg", ".mpeg": "video/mpeg", ".vob": "video/mpeg", ".ts": "video/mp2t",
    ".mts": "video/mp2t", ".m2ts": "video/mp2t", ".wmv": "video/x-ms-wmv",
    ".asf": "video/x-ms-asf", ".flv": "video/x-flv", ".3gp": "video/3gpp", ".ogv": "video/ogg",
}  # fmt: skip
UNKNOWN_TYPE = "unknown"
"""What ELAN itself writes for a container it does not know."""

_STARTS_AT_ZERO_IN_PLAYERS = frozenset({".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".vob"})


def mime_type(media: MediaInfo) -> str:
    """Return the MIME type that the file's suffix stands for."""
    return MIME_TYPES.get(PurePath(media.path).suffix.lower(), UNKNOWN_TYPE)


def is_stream(media: MediaInfo) -> bool:
    """Say whether the media is a network address rather than something on this disk."""
    return "://" in media.path and not media.path.startswith("file://")


def player_start_s(media: MediaInfo) -> float:
    """Return the media time that players show as 0:00.

    MPEG transport and program streams carry a running clock, and every player starts its display
    at the first picture. All other containers are played by their own time stamps.
    """
    suffix = PurePath(media.path).suffix.lower()
    restarts = suffix in _STARTS_AT_ZERO_IN_PLAYERS and math.isfinite(media.start_s)
    return media.start_s if restarts else 0.0


def addresses(media: MediaInfo, out_dir: Path) -> tuple[str, str] | None:
    """Return (absolute URL, URL relative to ``out_dir``) as ELAN spells them.

    ELAN takes the path after ``file://`` literally, without percent signs for spaces. A password
    in a stream's address is left out. None for what no player can open: cameras, image folders.
    """
    if is_stream(media):
        parts = urlsplit(media.path)
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return url, url
    path = Path(media.path.removeprefix("file://"))
    if not media.path or media.path.isdigit() or path.is_relative_to("/dev") or path.is_dir():
        return None
    absolute = path.absolute()
    relative = os.path.relpath(os.path.normpath(absolute), os.path.normpath(out_dir.absolute()))
    prefix = "" if relative.startswith(".") else "./"
    return f"file://{absolute.as_posix()}", prefix + Path(relative).as_posix()
