"""The flow archive of the MEGC2019 composite: maps of u, v and strain, a folder a subject."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from offline.synthesis.action_units import draw_activation, scaled_to_peak
from offline.synthesis.clip_spec import MicroExpression
from offline.synthesis.label_mixtures import LABEL_MIXTURES
from offline.synthesis.layouts.film import stream
from offline.synthesis.layouts.flow_drawing import Sitter, draw_flow_picture, draw_sitter
from offline.synthesis.layouts.flow_people import Member, members
from offline.synthesis.layouts.layout import Layout, TreeSettings
from offline.synthesis.layouts.recording import mark_of, save_picture
from offline.synthesis.layouts.smic import SHORT
from offline.synthesis.layouts.takes import CYCLE
from offline.synthesis.layouts.wording import unit_text
from offline.synthesis.portrait import Portrait
from offline.synthesis.tree_truth import TrueClip
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS

NAME = "flow-archive"
TREE = "three_norm_u_v_os"
TEST, TRAIN = "u_test", "u_train"
PEAK_IOD = (0.012, 0.05)
_FIRST_CLIP = 31


@dataclass(frozen=True, slots=True)
class Album:
    """One subject's maps.

    Attributes
    ----------
    seed
        The archive's.
    number
        The subject's place among the people of the archive: their face and muscles.
    member
        Who it is.
    labels
        Emotion of each map.
    """

    seed: int
    number: int
    member: Member
    labels: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Path below the root."""
        return f"{TREE}/{self.member.name}"

    @property
    def truths(self) -> tuple[TrueClip, ...]:
        """The maps."""
        return tuple(self._truth(number) for number in range(len(self.labels)))

    def write(self, into: Path, portraits: Sequence[Portrait]) -> None:
        """Draw the maps into ``u_test/<class>/<name>``."""
        sitter = draw_sitter(self.seed, NAME, self.number, portraits)
        for number, truth in enumerate(self.truths):
            rng = stream(self.seed, NAME, self.number, number, 1)
            (mark,) = truth.marks
            activation = {unit: (right, left) for unit, right, left in mark.intensities}
            picture = draw_flow_picture(activation, mark.peak_iod, sitter, rng)
            folder = into / TEST / str(EMOTIONS.index(mark.label))
            folder.mkdir(parents=True, exist_ok=True)
            save_picture(folder / f"{truth.clip} .png", picture)

    def _truth(self, number: int) -> TrueClip:
        rng = stream(self.seed, NAME, self.number, number)
        label = self.labels[number]
        low, high = np.log(PEAK_IOD)
        peak = float(np.exp(rng.uniform(low, high)))
        units = scaled_to_peak(draw_activation(label, rng, LABEL_MIXTURES), peak)
        triples = tuple((unit, *sides) for unit, sides in units.items())
        expression = MicroExpression(0.0, 0.1, 0.2, label, triples, peak)
        name = f"{self.member.name}_{self._clip(label, number, rng)}"
        mark = mark_of(expression, name, None, label, unit_text(expression))
        sitter: Sitter = draw_sitter(self.seed, NAME, self.number, None)
        folder = f"{self.folder}/{TEST}/{EMOTIONS.index(label)}"
        return TrueClip(
            self.member.dataset, self.member.name, name, folder, 0.0, (0, 0), (), (mark,),
            {"anatomy_seed": sitter.anatomy_seed, "muscle_share": sitter.muscle_share},
        )  # fmt: skip

    def _clip(self, label: str, number: int, rng: np.random.Generator) -> str:
        """Return an invented clip's name as the subject's data set would give it."""
        index = _FIRST_CLIP + number
        if self.member.dataset == "smic":
            return f"{self.member.name}_{SHORT[label]}_{index}"
        if self.member.dataset == "samm":
            return f"{self.member.name}_{int(rng.integers(1, 8))}_{index}"
        return f"EP{int(rng.integers(1, 20)):02d}_{index}{'f' if rng.random() < 0.4 else ''}"


def plan(settings: TreeSettings) -> tuple[Album, ...]:
    """Return the subjects: all 68, or as many of them, spread over the three data sets.

    Raises
    ------
    ConfigError
        More are wanted than there are.
    """
    people = members()
    wanted = settings.subjects or len(people)
    if wanted > len(people):
        raise ConfigError(f"{NAME} has {len(people)} subjects, asked for {wanted}")
    places = [k * len(people) // wanted for k in range(wanted)]
    return tuple(
        Album(settings.seed, place, people[place], _labels(people[place], place, settings.clips))
        for place in places
    )


def _labels(member: Member, number: int, clips: int | None) -> tuple[str, ...]:
    if clips is None:
        counts = zip(EMOTIONS, member.counts, strict=True)
        return tuple(label for label, count in counts for _ in range(count))
    return tuple(CYCLE[(number + k) % len(CYCLE)] for k in range(clips))


def write_copies(root: Path, clips: Sequence[TrueClip], settings: TreeSettings) -> None:
    """Give every subject copies of all the others' maps, if that is asked for."""
    subjects = sorted({clip.subject for clip in clips}) if settings.train_copies else ()
    for subject in subjects:
        for clip in clips:
            if clip.subject == subject:
                continue
            label = Path(clip.folder).name
            folder = root / TREE / subject / TRAIN / label
            folder.mkdir(parents=True, exist_ok=True)
            name = f"{clip.clip} .png"
            shutil.copyfile(root / clip.folder / name, folder / name)


FLOW_ARCHIVE = Layout(
    NAME,
    "onset-apex motion of the MEGC2019 composite as 28×28 pictures",
    plan,
    write_copies,
    subjects=None,
    clips=None,
)
