"""The composite of MEGC2019: CASME II, SMIC and SAMM, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from offline.synthesis.layouts.casme2 import CASME2
from offline.synthesis.layouts.film import Film
from offline.synthesis.layouts.layout import Job, Layout, TreeSettings
from offline.synthesis.layouts.samm import SAMM
from offline.synthesis.layouts.smic import SMIC
from offline.synthesis.portrait import Portrait
from offline.synthesis.tree_truth import TrueClip

PARTS = {"CASME2": CASME2, "SMIC": SMIC, "SAMM": SAMM}
"""Folder → what lies in it, the same as alone."""


@dataclass(frozen=True, slots=True)
class Below:
    """A part's job, in the part's folder."""

    part: str
    job: Job

    @property
    def folder(self) -> str:
        """Path below the composite's root."""
        return f"{self.part}/{self.job.folder}"

    @property
    def truths(self) -> tuple[TrueClip, ...]:
        """The clips in it."""
        return tuple(
            replace(truth, folder=f"{self.part}/{truth.folder}") for truth in self.job.truths
        )

    def write(self, into: Path, portraits: Sequence[Portrait]) -> None:
        """Write the folder's files into ``into``."""
        self.job.write(into, portraits)


def plan(settings: TreeSettings) -> tuple[Below, ...]:
    """Return the clips of the three."""
    return tuple(
        Below(part, job)
        for part, layout in PARTS.items()
        for job in layout.plan(_of_part(layout, settings))
    )


def _of_part(layout: Layout, settings: TreeSettings) -> TreeSettings:
    """Return a part's settings; where it has no such variant, its usual one."""
    variant = settings.variant if settings.variant in layout.films else ""
    return layout.settled(replace(settings, variant=variant))


def write_sheets(root: Path, clips: Sequence[TrueClip], settings: TreeSettings) -> None:
    """Write each part's sheets into its folder."""
    for part, layout in PARTS.items():
        own = [clip for clip in clips if clip.dataset == layout.name]
        layout.sheets(root / part, own, settings)


_FILMS: dict[str, Film] = {"selected": CASME2.films["selected"], **SAMM.films}

COMPOSITE = Layout("composite", "CASME II, SMIC and SAMM together", plan, write_sheets, _FILMS)
