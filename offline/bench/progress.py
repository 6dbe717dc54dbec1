"""Who is told how far a long work has come."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with how much is done, and how much there is."""
StageProgress = Callable[[str, int, int], None]
"""Called with the name of a stage before those two."""


def silent(*_: object) -> None:
    """Tell nobody."""
