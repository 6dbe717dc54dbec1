"""What the user asked for: which kind of source a spec names, and how to print it safely."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from realtime_mer.errors import SourceError

LIVE_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "tcp", "srt")
WEB_SCHEMES = ("http", "https")
SCHEMES = (*LIVE_SCHEMES, *WEB_SCHEMES)

_URL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://(.*)$", re.DOTALL)
_VALUE = re.compile(r"=[^&;#]*")
_DEVICE = re.compile(r"^/dev/video(\d+)$")

ALLOWED = (
    f"a video file, a folder of images, a camera number such as 0, or a URL ({', '.join(SCHEMES)})"
)


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed spec: ``target`` is a path, the camera's number as text, or a URL as given."""

    kind: Literal["file", "folder", "camera", "stream"]
    target: str
    redacted: str


def parse_spec(spec: str | Path | int) -> Spec:
    """Return what kind of source ``spec`` names.

    An existing path comes before a camera number, so a folder called ``0`` is a folder.

    Raises
    ------
    SourceError
        An unknown URL scheme, an empty spec, or a negative camera number.
    """
    if isinstance(spec, bool) or not isinstance(spec, int | str | Path):
        raise SourceError(f"cannot open {type(spec).__name__}; give {ALLOWED}")
    if isinstance(spec, int):
        return _camera(spec)
    text = str(spec)
    if not text.strip() or "\0" in text:
        raise SourceError(f"the source is {printable(text)!r}; give {ALLOWED}")
    if not isinstance(spec, Path):
        url = _URL.match(text)
        if url:
            return _stream(text, url[1].lower())
        device = _DEVICE.match(text)
        if device:
            return _camera(int(device[1]))
        if re.fullmatch(r"-?[0-9]{1,9}", text) and not _exists(Path(text)):
            return _camera(int(text))
    return _local(Path(text))


def _camera(number: int) -> Spec:
    if number < 0:
        raise SourceError(f"camera {number} does not exist: numbers count from 0; give {ALLOWED}")
    return Spec("camera", str(number), f"camera {number}")


def _stream(url: str, scheme: str) -> Spec:
    if scheme == "file":
        return _local(Path(unquote(urlsplit(url).path)))
    if scheme not in SCHEMES:
        raise SourceError(f"cannot open {redact(url)}: no {scheme} streams; give {ALLOWED}")
    return Spec("stream", url, redact(url))


def _local(path: Path) -> Spec:
    path = path.expanduser()
    try:
        folder = path.is_dir()
    except OSError:
        folder = False
    return Spec("folder" if folder else "file", str(path), printable(str(path)))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def redact(url: str) -> str:
    """Return a URL without what may be secret: user, password and the values of its query.

    Everything up to the last ``@`` goes, so that a password with odd characters in it cannot
    slip through; rather too much than too little.
    """
    match = _URL.match(url)
    if match is None:
        return printable(url)
    scheme, rest = match[1], match[2]
    if "@" in rest:
        rest = "***@" + rest.rpartition("@")[2]
    place, mark, query = rest.partition("?")
    return printable(f"{scheme}://{place}{mark}{_VALUE.sub('=***', query)}")


def printable(text: str) -> str:
    """Return text without control characters or bytes that are no text, escaped instead."""
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain)
