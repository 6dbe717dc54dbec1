"""One model of the bench in words: what it is, what it reads, how it comes to learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from offline.bench.learning import Learner
from offline.nets.zoo import NETS
from offline.scores.published import MEGC2019, Published
from realtime_mer.events import EMOTIONS
from realtime_mer.recipes import FLOW_SIDE

MakeLearner = Callable[[tuple[str, ...], bool], Learner]
"""Class (or action unit) names, and whether they are exclusive, to a learner."""

FLOW, STRAIN = "onset_apex_flow", "onset_apex_strain"
PLANES = {FLOW: 2, STRAIN: 3}


def system_learner(name: str) -> MakeLearner:
    """Return what makes the learner of a system in ``offline.systems.registry``.

    The system is looked up when a learner is made, so that a list of models needs no torch.
    """

    def make(classes: tuple[str, ...], exclusive: bool) -> Learner:
        from offline.systems.learner import SystemLearner

        return SystemLearner(name, classes)

    return make


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model of the bench.

    Attributes
    ----------
    name, title, source
        Short name; what it is; who described it.
    recipe
        Which input it reads: a name in ``realtime_mer.recipes`` or a handcrafted feature.
    inputs
        The same in words.
    choices
        What we chose where the source is silent, contradicts itself or reads something else.
    learner
        Makes it for a task.
    net
        Its network in ``offline.nets.zoo``, empty if it is none.
    system
        Its system in ``offline.systems.registry``, empty if it is none.
    size
        Learnt values of its system for three classes, as its tests count them.
    reported
        Its method in ``offline.scores.published``, empty if it has none.
    """

    name: str
    title: str
    source: str
    recipe: str
    inputs: str
    choices: str
    learner: MakeLearner
    net: str = ""
    reported: str = ""
    system: str = ""
    size: int | None = None

    @property
    def parameters(self) -> int | None:
        """Learnt values of its network for three classes; None if it is none."""
        if not self.net:
            return self.size
        return NETS[self.net](len(EMOTIONS), PLANES[self.recipe], FLOW_SIDE).parameters

    @property
    def published(self) -> Published | None:
        """What its authors report on MEGC2019, with its marks; None if nothing is known."""
        return next((row for row in MEGC2019 if row.method == self.reported), None)
