import os
import time
from dataclasses import dataclass

import numpy as np
import pytest

from offline.bench.executors import (
    THREADS,
    Work,
    allowed_threads,
    here,
    limited_threads,
    local,
    parted,
    usable_cores,
)
from offline.bench.learning import Job, Material, Outcome
from offline.tasks.splits import leave_one_subject_out
from realtime_mer.errors import ConfigError

GROUPS = tuple(("set", str(n // 3)) for n in range(21))
MATERIAL = Material(
    np.arange(21, dtype=np.float32)[:, None], np.eye(3, dtype=np.float32)[np.arange(21) % 3], GROUPS
)


@dataclass(frozen=True)
class Means:
    """Answers with the mean input of each class; where it ran is what it chose."""

    fails: str = ""
    takes_s: float = 0.0

    def learn(self, material, jobs, selection, done):
        for job in jobs:
            time.sleep(self.takes_s)
            if job.split.name == self.fails:
                raise ValueError("no means")
            train = job.split.train
            means = [material.inputs[train][material.labels[train] == c].mean() for c in range(3)]
            shares = np.array(means) / sum(means) + job.seed
            test = np.tile(shares, (len(job.split.test), 1))
            done(job, Outcome(test, test, {"pid": os.getpid(), "n": len(train)}))


def jobs(seeds=(0, 1)):
    return [Job(split, seed) for seed in seeds for split in leave_one_subject_out(GROUPS)]


def outcomes(executor, work, todo):
    found = {}
    executor(work, todo, lambda job, outcome: found.setdefault((job.split.name, job.seed), outcome))
    return found


def test_processes_give_what_this_one_gives():
    work = Work(Means(), MATERIAL, "fixed")
    alone, shared = outcomes(here, work, jobs()), outcomes(local(2), work, jobs())
    assert alone.keys() == shared.keys() == {(j.split.name, j.seed) for j in jobs()}
    for key, outcome in alone.items():
        np.testing.assert_array_equal(outcome.test, shared[key].test)
    pids = {outcome.chosen["pid"] for outcome in shared.values()}
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids


def test_an_error_in_a_process_comes_out_here():
    with pytest.raises(ValueError, match="no means"):
        outcomes(local(2), Work(Means("set/3"), MATERIAL, "fixed"), jobs())


def test_one_worker_is_this_process():
    assert local(1) is here


@pytest.mark.parametrize(("count", "workers"), [(0, 2), (1, 2), (7, 2), (8, 3), (204, 2)])
def test_parts_are_all_jobs_in_order_and_small(count, workers):
    parts = parted(list(range(count)), workers)
    assert [each for part in parts for each in part] == list(range(count))
    assert all(1 <= len(part) <= 4 for part in parts)
    assert len(parts) >= min(count, workers)


def test_threads_are_limited_and_given_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv(THREADS, raising=False)
    with limited_threads(2):
        assert os.environ["OMP_NUM_THREADS"] == os.environ[THREADS] == "2"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert THREADS not in os.environ


def test_only_the_cores_that_this_process_may_use_count():
    assert usable_cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("told", "allowed"), [(None, None), ("", None), ("3", 3)])
def test_threads_are_as_many_as_the_environment_allows(monkeypatch, told, allowed):
    monkeypatch.delenv(THREADS, raising=False)
    if told is not None:
        monkeypatch.setenv(THREADS, told)
    assert allowed_threads() == allowed


@pytest.mark.parametrize("told", ["0", "-2", "two", "1.5"])
def test_what_is_no_number_of_threads_is_refused(monkeypatch, told):
    monkeypatch.setenv(THREADS, told)
    with pytest.raises(ConfigError, match="MER_THREADS"):
        allowed_threads()
