"""The rules of *train your eye*: what is shown next, how hard it is, what the answers add up to.

After the Micro Expression Training Tool (Ekman 2002): a face at rest, a flash of expression, rest
again, a guess, and the answer. Two right answers in a row make it harder, a wrong one easier
(Levitt 1971, *Transformed up-down methods in psychoacoustics*, JASA 49:467), which settles where
seven of ten are right. Pure: equal seeds and equal guesses give equal games.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS

LEVELS = 8
LONGEST_S, SHORTEST_S = 0.5, 0.1
LARGEST_IOD, SMALLEST_IOD = 0.055, 0.02
CLEAR_UP_TO = 3
"""Levels up to this show the commonest expressions of each emotion only; higher ones all."""
HARDER_AFTER = 2
"""Right answers in a row after which the level rises."""
POINTS = 10
"""Of a right answer at the first level; times the level at others."""
CHANCE = 1 / len(EMOTIONS)
AHEAD = 2
"""Trials after the one on the screen that are settled, so that their clips can be made."""


@dataclass(frozen=True, slots=True)
class Difficulty:
    """How short and how small an expression is.

    ``duration_s`` is from onset to offset; ``peak_iod`` the largest displacement of the skin, in
    inter-ocular distances.
    """

    duration_s: float
    peak_iod: float


def difficulty(level: int) -> Difficulty:
    """Return how short and small expressions of a level are, from 1 (easiest) to ``LEVELS``.

    Both shrink by equal factors from level to level: half a second and 5.5 % of the inter-ocular
    distance at first, a tenth of a second and 2 % at last.

    Raises
    ------
    ConfigError
        There is no such level.
    """
    if not 1 <= level <= LEVELS:
        raise ConfigError(f"level is {level}; give 1 to {LEVELS}")
    share = (level - 1) / (LEVELS - 1)
    return Difficulty(
        LONGEST_S * (SHORTEST_S / LONGEST_S) ** share,
        LARGEST_IOD * (SMALLEST_IOD / LARGEST_IOD) ** share,
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """One expression to be guessed.

    ``number`` counts from 0 within a game; ``seed`` decides everything else about the clip: who,
    which muscles, when.
    """

    number: int
    level: int
    emotion: str
    seed: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A trial and what was guessed."""

    trial: Trial
    guess: str

    @property
    def right(self) -> bool:
        """Whether it was that."""
        return self.guess == self.trial.emotion

    @property
    def points(self) -> int:
        """More for a higher level, none for a wrong guess."""
        return POINTS * self.trial.level if self.right else 0


@dataclass(frozen=True)
class Game:
    """One person's game so far; ``answered`` returns the next one.

    The level of a trial depends on all answers but the last ``AHEAD``: so the trials after the one
    on the screen are known already, and their clips can be made while the person looks.
    """

    seed: int
    answers: tuple[Answer, ...] = ()

    def trial(self, ahead: int = 0) -> Trial:
        """Return the trial on the screen, or the one that many trials after it.

        Raises
        ------
        ConfigError
            It lies farther ahead, and so depends on answers that are not given yet.
        """
        if not 0 <= ahead <= AHEAD:
            raise ConfigError(f"ahead is {ahead}; give 0 (the one on the screen) to {AHEAD}")
        number = len(self.answers) + ahead
        rng = np.random.default_rng([self.seed, number])
        emotion = EMOTIONS[int(rng.integers(len(EMOTIONS)))]
        level = level_after(self.answers[: max(number - AHEAD, 0)])
        return Trial(number, level, emotion, int(rng.integers(1 << 31)))

    def answered(self, guess: str) -> Game:
        """Return the game with the trial on the screen answered.

        Raises
        ------
        ConfigError
            ``guess`` is none of ``EMOTIONS``.
        """
        if guess not in EMOTIONS:
            raise ConfigError(f"the guess is {guess!r}; give one of {', '.join(EMOTIONS)}")
        return replace(self, answers=(*self.answers, Answer(self.trial(), guess)))

    @cached_property
    def right(self) -> int:
        """Number of right answers."""
        return sum(answer.right for answer in self.answers)

    @cached_property
    def score(self) -> int:
        """Sum of all points."""
        return sum(answer.points for answer in self.answers)

    @cached_property
    def streak(self) -> int:
        """Right answers in a row, up to the last one."""
        wrong = (n for n, answer in enumerate(reversed(self.answers)) if not answer.right)
        return next(wrong, len(self.answers))

    @cached_property
    def best_streak(self) -> int:
        """Most right answers in a row."""
        best = run = 0
        for answer in self.answers:
            run = run + 1 if answer.right else 0
            best = max(best, run)
        return best

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """(3, 3) counts in the order of ``EMOTIONS``: rows are what was shown, columns guesses."""
        counts = np.zeros((len(EMOTIONS), len(EMOTIONS)), np.int64)
        for answer in self.answers:
            counts[EMOTIONS.index(answer.trial.emotion), EMOTIONS.index(answer.guess)] += 1
        return counts


def level_after(answers: tuple[Answer, ...]) -> int:
    """Return the level that some answers lead to, from the first one on."""
    level, run = 1, 0
    for answer in answers:
        run = run + 1 if answer.right else 0
        if not answer.right:
            level -= 1
        elif run % HARDER_AFTER == 0:
            level += 1
        level = min(max(level, 1), LEVELS)
    return level
