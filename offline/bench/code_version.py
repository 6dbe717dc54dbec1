"""Which code, and which bundled models, numbers were computed with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

STREAM = ("engines", "realtime_mer")
"""Packages that decide what the stream finds."""
ALL = (*STREAM, "offline")
"""Packages that decide what the bench computes."""
FILES = (".py", ".npy", ".onnx", ".json")
"""Ends of the names of files that can change a number."""


@cache
def code_version(packages: tuple[str, ...] = ALL) -> str:
    """Return 16 hexadecimal digits that stand for the files of some packages as installed."""
    found = hashlib.sha256()
    for package in packages:
        for name, content in _files(package, resources.files(package)):
            found.update(f"{name}\0{len(content)}\0".encode())
            found.update(content)
    return found.hexdigest()[:16]


def _files(name: str, folder: Traversable) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every file that counts, in the order of names."""
    for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = f"{name}/{each.name}"
        if each.is_dir():
            yield from _files(path, each)
        elif each.name.endswith(FILES):
            yield path, each.read_bytes()
