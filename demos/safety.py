"""What a visitor of the demo may do: settings, limits of uploads, and rules for each request."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from demos.workspace import Workspaces
from realtime_mer.errors import ConfigError
from realtime_mer.sources import open_source, printable

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What the person who starts the demo chose.

    Attributes
    ----------
    host, port
        Where it listens; ``port`` None takes a free one near 7860.
    auth
        User and password that a visitor must give; None for nobody to ask.
    max_upload_mb
        Largest upload in megabytes. Larger: longer recordings, more disk used.
    max_duration_s
        Longest recording that is analysed, in seconds. Longer: one visitor may keep the
        machine busy for longer.
    videos
        Folders whose files a visitor may name by their path; empty for none.
    results
        Folder of results that the benchmarks tab shows.
    model, engine
        As in ``realtime_mer.analysis.Options``; what the tabs begin with.
    workspaces
        The private folders of the browser sessions.
    """

    host: str = LOOPBACK
    port: int | None = None
    auth: tuple[str, str] | None = field(default=None, repr=False)
    max_upload_mb: int = 500
    max_duration_s: float = 30 * 60
    videos: tuple[Path, ...] = ()
    results: Path | None = None
    model: Path | None = None
    engine: str = "auto"
    workspaces: Workspaces = field(default_factory=Workspaces)


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a server that listens on ``host``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_video(path: Path, settings: DemoSettings) -> Path:
    """Return ``path`` if the recording is short and small enough to be analysed here.

    Raises
    ------
    ConfigError
        It is too large or too long; the text says how large and what the limit is.
    SourceError
        It is no video.
    """
    megabytes = path.stat().st_size / 1e6
    if megabytes > settings.max_upload_mb:
        raise ConfigError(
            f"{printable(path.name)!r} has {megabytes:.0f} MB and {settings.max_upload_mb} MB are "
            "allowed; cut it, or start mer demo with a larger --max-upload-mb"
        )
    with open_source(path) as source:
        duration_s = source.info.duration_s
    if duration_s is not None and settings.max_duration_s < duration_s < math.inf:
        raise ConfigError(
            f"{printable(path.name)!r} lasts {duration_s / 60:.1f} minutes and "
            f"{settings.max_duration_s / 60:g} are allowed; cut it, start mer demo with a "
            "larger --max-minutes, or use mer analyze, which has no limit"
        )
    return path
