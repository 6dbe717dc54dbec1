"""The maker of clips: ahead of time, once, for all; threads meet at events, nothing sleeps."""

import threading

import pytest

from demos.eye_bank import ClipBank
from demos.eye_game import Trial

LIMIT_S = 20


def trials(count):
    return [Trial(n, 1, "negative", n) for n in range(count)]


class Maker:
    """Makes a clip when it is let; counts what it made, and in which threads."""

    def __init__(self, free=True):
        self.made, self.threads = [], set()
        self.let = threading.Event()
        self.begun = threading.Event()
        if free:
            self.let.set()

    def __call__(self, trial):
        self.begun.set()
        assert self.let.wait(LIMIT_S)
        self.made.append(trial.number)
        self.threads.add(threading.current_thread().name)
        return f"clip {trial.number}"


@pytest.fixture
def bank_of():
    banks = []

    def make(*arguments, **options):
        banks.append(ClipBank(*arguments, **options))
        return banks[-1]

    yield make
    for bank in banks:
        bank.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("mer-eye")]


def test_a_prepared_clip_is_made_once_and_elsewhere(bank_of):
    maker = Maker()
    bank = bank_of(maker)
    [trial] = trials(1)
    bank.prepare(trial)
    bank.prepare(trial)
    assert bank.take(trial) == bank.take(trial) == "clip 0"
    assert maker.made == [0]


def test_one_that_waits_behind_others_is_made_here(bank_of):
    maker = Maker(free=False)
    bank = bank_of(maker)
    first, second = trials(2)
    bank.prepare(first)
    assert maker.begun.wait(LIMIT_S)
    bank.prepare(second)
    taken = []
    taker = threading.Thread(target=lambda: taken.append(bank.take(second)), name="visitor")
    taker.start()
    maker.let.set()
    taker.join(LIMIT_S)
    assert taken == ["clip 1"]
    assert sorted(maker.made) in ([0, 1], [1])
    assert "visitor" in maker.threads
    assert bank.take(first) == "clip 0"


def test_old_clips_are_let_go(bank_of):
    maker = Maker()
    bank = bank_of(maker, kept=2)
    for trial in trials(3):
        bank.take(trial)
    bank.take(trials(1)[0])
    assert maker.made == [0, 1, 2, 0]


def test_what_failed_is_tried_again(bank_of):
    failed = []

    def make(trial):
        if not failed:
            failed.append(trial)
            raise ValueError("no face")
        return "clip"

    bank = bank_of(make)
    [trial] = trials(1)
    with pytest.raises(ValueError, match="no face"):
        bank.take(trial)
    assert bank.take(trial) == "clip"


def test_the_first_clip_of_a_new_game_is_made_before_it_begins(bank_of):
    maker = Maker()
    bank = bank_of(maker)
    bank.warm_up()
    bank.warm_up()
    game, other = bank.new_game(), bank.new_game()
    assert game.seed != other.seed
    assert bank.take(game.trial()) == "clip 0"
    assert len(maker.made) <= 2


def test_finishing_is_left_for_later(bank_of):
    done = threading.Event()
    bank = bank_of(Maker(), finish=lambda clip: done.set())
    bank.prepare(trials(1)[0])
    assert done.wait(LIMIT_S)
