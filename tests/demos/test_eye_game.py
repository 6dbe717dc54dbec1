"""The rules of the game: what follows from a seed and the guesses, and nothing else."""

from itertools import pairwise

import numpy as np
import pytest

from demos.eye_game import (
    AHEAD,
    LARGEST_IOD,
    LEVELS,
    LONGEST_S,
    SHORTEST_S,
    SMALLEST_IOD,
    Answer,
    Game,
    Trial,
    difficulty,
    level_after,
)
from realtime_mer.errors import ConfigError
from realtime_mer.events import EMOTIONS


def played(seed, pattern):
    """A game with right and wrong guesses as a string of r and w."""
    game = Game(seed)
    for letter in pattern:
        right = game.trial().emotion
        wrong = EMOTIONS[(EMOTIONS.index(right) + 1) % 3]
        game = game.answered(right if letter == "r" else wrong)
    return game


def answers(pattern):
    trial = Trial(0, 1, "negative", 0)
    return tuple(Answer(trial, "negative" if letter == "r" else "positive") for letter in pattern)


def test_equal_seeds_give_equal_games_and_others_differ():
    assert played(5, "rrwr").trial() == played(5, "rrwr").trial()
    shown = {tuple(played(seed, "r" * n).trial().emotion for n in range(8)) for seed in range(20)}
    assert len(shown) > 15


def test_every_emotion_comes_up_about_as_often():
    seen = [Game(seed).trial().emotion for seed in range(600)]
    for emotion in EMOTIONS:
        assert 160 < seen.count(emotion) < 240


def test_what_comes_is_settled_before_it_is_shown():
    game = played(7, "rrrrw")
    for ahead in range(1, AHEAD + 1):
        promised = game.trial(ahead)
        for letters in ("rr", "ww", "rw"):
            later = game
            for letter in letters[:ahead]:
                right = later.trial().emotion
                wrong = next(e for e in EMOTIONS if e != right)
                later = later.answered(right if letter == "r" else wrong)
            assert later.trial() == promised
    with pytest.raises(ConfigError, match="ahead"):
        game.trial(AHEAD + 1)


@pytest.mark.parametrize(
    ("pattern", "level"),
    [("", 1), ("r", 1), ("rr", 2), ("rrr", 2), ("rrrr", 3), ("rrrrw", 2), ("rrw", 1), ("www", 1),
     ("rrrwrr", 2), ("r" * 40, LEVELS)],
)  # fmt: skip
def test_two_right_make_it_harder_and_one_wrong_easier(pattern, level):
    assert level_after(answers(pattern)) == level


def test_the_level_of_a_trial_follows_the_answers_with_a_delay():
    levels = [played(1, "r" * n).trial().level for n in range(10)]
    assert levels == [1, 1, 1, 1, 2, 2, 3, 3, 4, 4]


def test_harder_is_shorter_and_smaller_by_equal_factors():
    every = [difficulty(level) for level in range(1, LEVELS + 1)]
    assert (every[0].duration_s, every[0].peak_iod) == pytest.approx((LONGEST_S, LARGEST_IOD))
    assert (every[-1].duration_s, every[-1].peak_iod) == pytest.approx((SHORTEST_S, SMALLEST_IOD))
    factors = [b.duration_s / a.duration_s for a, b in pairwise(every)]
    assert factors == pytest.approx([factors[0]] * (LEVELS - 1))
    assert 0.7 < factors[0] < 0.9
    for level in (0, LEVELS + 1):
        with pytest.raises(ConfigError, match="level"):
            difficulty(level)


def test_score_streak_and_confusion_add_up():
    game = played(3, "rrrwrr")
    assert (game.right, game.streak, game.best_streak) == (5, 2, 3)
    assert game.score == sum(10 * a.trial.level for a in game.answers if a.right)
    assert game.confusion.sum() == 6
    assert np.trace(game.confusion) == 5
    shown = [sum(a.trial.emotion == e for a in game.answers) for e in EMOTIONS]
    assert game.confusion.sum(1).tolist() == shown
    assert played(3, "").streak == 0


def test_a_guess_must_be_an_emotion():
    with pytest.raises(ConfigError, match="guess"):
        Game(0).answered("anger")
