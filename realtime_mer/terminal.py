"""What the commands that watch a source share: their names, words, and how they are stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from itertools import chain, count
from pathlib import Path

from rich.console import Console

from realtime_mer.sources import printable

SAMPLE = "sample"
STOPPED = 130
"""Exit code after Ctrl-C or SIGTERM."""


def say(console: Console, text: str, style: str = "") -> None:
    """Print one line, whatever it holds."""
    line = printable(f"mer: {text}")
    console.print(line, markup=False, highlight=False, soft_wrap=True, style=style)


def tell_of_waiting() -> None:
    """Say why nothing happens while kernels are compiled."""
    say(Console(stderr=True), "compiling kernels, once on this machine …")


def tell_of_compiling(stage: str, done: int, total: int) -> None:
    """Say why nothing happens while an engine is built."""
    if done == 0:
        say(Console(stderr=True), f"{stage} …")


def bundled(spec: str) -> str:
    """Return the bundled clip for ``sample``, unless a file of that name lies here."""
    if spec == SAMPLE and not Path(SAMPLE).exists():
        return str(resources.files("realtime_mer") / "data" / "sample.mp4")
    return spec


def folder_name(spec: str) -> str:
    """Return the file's stem, the image folder's name, or the harmless part of a URL."""
    if "://" in spec:
        spec = spec.split("://", 1)[1].rsplit("@", 1)[-1].split("?", 1)[0]
        return "".join(c if c.isalnum() or c in "-_." else "_" for c in spec).strip("._") or "url"
    path = Path(spec)
    if spec.isdecimal() and not path.exists():
        return f"camera{spec}"
    name = path.resolve().name if path.is_dir() else path.stem
    return name if name not in ("", ".", "..") else "input"


def numbered(name: str) -> Iterator[str]:
    """Yield ``name``, ``name-2``, ``name-3`` … without end."""
    return chain([name], (f"{name}-{number}" for number in count(2)))


@contextmanager
def interruptible(
    on_stop: Callable[[], None] = lambda: None,
    signals: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM),
) -> Iterator[threading.Event]:
    """Turn the first of ``signals`` into a flag and a call; the second one kills as usual."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in signals}

    def handle(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])
        on_stop()

    for number in before:
        signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
