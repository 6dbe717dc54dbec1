"""What a layout is: who and how many are filmed, where it lies, which sheets come with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from offline.synthesis.layouts.film import Film
from offline.synthesis.portrait import Portrait
from offline.synthesis.tree_truth import TrueClip
from realtime_mer.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """What can be chosen of a rendered data set; None and empty take the layout's own.

    Attributes
    ----------
    seed
        Equal seeds give equal trees.
    subjects, clips
        How many people, and how many clips (recordings, maps) of each.
    scale
        Pictures' size, 1 as in the real set; faces keep ``film.LEAST_IOD`` px between the eyes.
    variant
        Which of the layout's trees, for instance ``raw`` or ``cropped``.
    seconds
        Length of a recording; for layouts of long ones.
    train_copies
        Write the copies that a flow archive keeps of every other subject's maps.
    """

    seed: int = 0
    subjects: int | None = None
    clips: int | None = None
    scale: float | None = None
    variant: str = ""
    seconds: float | None = None
    train_copies: bool = False

    def __post_init__(self) -> None:
        checks = {
            "seed": self.seed >= 0,
            "subjects": self.subjects is None or self.subjects >= 1,
            "clips": self.clips is None or self.clips >= 1,
            "scale": self.scale is None or 0.1 <= self.scale <= 2,
            "seconds": self.seconds is None or 4 <= self.seconds <= 600,
        }
        for name, good in checks.items():
            if not good:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}: give a seed from 0, at least one subject "
                    "and clip, a scale of 0.1–2, 4–600 seconds"
                )


class Job(Protocol):
    """A folder that is written in one go, and what is true of it."""

    @property
    def folder(self) -> str:
        """Path below the data set's root."""

    @property
    def truths(self) -> tuple[TrueClip, ...]:
        """The clips in it."""

    def write(self, into: Path, portraits: Sequence[Portrait]) -> None:
        """Write the folder's files into ``into``, an empty folder."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of one data set.

    Attributes
    ----------
    name, about
        As on the command line; what it is, in one line.
    plan
        From settings without gaps (see ``settled``) to the folders to write.
    sheets
        Writes what lies beside the pictures into a data set's root.
    films
        Variant → how it is filmed, the usual one first; empty where nothing is filmed.
    subjects, clips, seconds
        What is rendered where nothing is asked for; no seconds where clips are short.
    folders
        Folders below the root that hold a data set each, empty where the root does.
    """

    name: str
    about: str
    plan: Callable[[TreeSettings], tuple[Job, ...]]
    sheets: Callable[[Path, Sequence[TrueClip], TreeSettings], None]
    films: Mapping[str, Film] = field(default_factory=dict)
    subjects: int | None = 4
    clips: int | None = 4
    seconds: float | None = None

    def settled(self, settings: TreeSettings) -> TreeSettings:
        """Fill in what was left open.

        Raises
        ------
        ConfigError
            There is no such variant, or something was asked for that this layout has not.
        """
        variant = settings.variant or next(iter(self.films), "")
        if variant and variant not in self.films:
            known = ", ".join(self.films) or "none"
            raise ConfigError(f"{self.name} has no variant {variant!r}; there is: {known}")
        film = self.films.get(variant)
        for option, fits in (
            ("scale", film is not None),
            ("seconds", self.seconds is not None),
            ("train_copies", not self.films),
        ):
            if getattr(settings, option) and not fits:
                raise ConfigError(f"{self.name} has no {option.replace('_', ' ')} to choose")
        return TreeSettings(
            settings.seed,
            settings.subjects or self.subjects,
            settings.clips or self.clips,
            (settings.scale or film.scale) if film else None,
            variant,
            settings.seconds or self.seconds,
            settings.train_copies,
        )
