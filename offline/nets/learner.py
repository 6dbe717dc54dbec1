"""Networks as learners of the bench: which epoch answers, and who chose it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from offline.bench.executors import allowed_threads, usable_cores
from offline.bench.learning import Done, Job, Material, Outcome
from offline.learners.class_balance import believing
from offline.learners.selection import check_selection, mean_f1
from offline.nets.layers import Net, Weights
from offline.nets.plan import Plan, key_of
from offline.nets.pretrained import start_weights
from offline.nets.training import Engine, Fit, Run
from offline.nets.zoo import NETS
from offline.tasks.splits import inner_folds, inner_split
from realtime_mer.errors import ConfigError

Logits = NDArray[np.float32]

ENGINES = ("auto", "fused", "stacked")
STARTS = ("", "synthetic")
SMOOTHED = 5
"""Marks that a validation curve is averaged over: a dozen people make it jump. More hold on to
the trend, fewer to chance."""
AT_ONCE = 16
"""Jobs on a CPU, at least, that are chosen for and then trained; fewer report earlier."""
STACK = {"cpu": 4, "cuda": 128}
"""Runs in one stack of the PyTorch engine; more use a device better and take more memory …"""
STACK_BYTES = {"cpu": 1 << 30, "cuda": 4 << 30}
"""… and no more than weights, gradients and Adam's two moments of so many bytes."""


@dataclass(frozen=True, slots=True)
class NetLearner:
    """A network, how it is trained, and by which engine.

    With ``fixed`` selection the last epoch answers. With ``inner`` the epoch is taken at which
    people of the training side, set aside for that, were told apart best; then all of the
    training side is learnt from. With ``test-fold`` it is the epoch with the most hits on the
    very people who are tested (of equals the last, as in published code): a leak, to be shown.

    Attributes
    ----------
    net
        Name in ``zoo.NETS``.
    plan
        How it is trained.
    engine
        ``fused`` (CPU only), ``stacked``, or ``auto``: fused on a CPU where it can, else stacked.
    device
        ``cpu`` or ``cuda``.
    inner
        Inner splits of a job: 1 sets a fifth of the people aside once, more (2 or above) deals
        all people into so many folds and pools them. More choose better and take longer.
    start
        ``synthetic`` begins with the bundled recogniser's weights, learnt from synthetic maps
        alone; empty draws them.
    labels
        Names of the classes, which say whether the bundled last layer fits.
    """

    net: str
    plan: Plan
    engine: str = "auto"
    device: str = "cpu"
    inner: int = 1
    start: str = ""
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("net", self.net, tuple(NETS)),
            ("engine", self.engine, ENGINES),
            ("device", self.device, tuple(STACK)),
            ("start", self.start, STARTS),
        ):
            if value not in allowed:
                known = ", ".join(repr(each) for each in allowed)
                raise ConfigError(f"{name} is {value!r}; give one of {known}")
        if self.inner < 1:
            raise ConfigError(f"inner is {self.inner}; give 1 split or more")

    def learn(self, material: Material, jobs: Sequence[Job], selection: str, done: Done) -> None:
        """Learn every job; see ``offline.bench.learning.Learner``."""
        check_selection(selection)
        size = len(jobs)
        if self.device == "cpu" and selection == "inner":
            size = max(AT_ONCE, 2 * usable_cores())
        for begin in range(0, len(jobs), size or 1):
            _Work(self, material, jobs[begin : begin + size]).learn(selection, done)

    def changed(self, epochs: int | None = None, device: str | None = None) -> NetLearner:
        """Return the learner with another number of epochs or another device, where given."""
        plan = self.plan if epochs is None else replace(self.plan, epochs=epochs)
        return replace(self, plan=plan, device=device or self.device)

    def net_of(self, material: Material) -> Net:
        """Return the network for what ``material`` holds."""
        if material.inputs.ndim != 4:
            raise ConfigError(
                f"{self.net} reads maps of planes, rows and columns, got {material.inputs.shape}: "
                "give it a recipe that makes maps"
            )
        _, channels, side, _ = material.inputs.shape
        return NETS[self.net](material.targets.shape[1], channels, side)

    def features(self, material: Material, job: Job) -> NDArray[np.float32]:
        """Return what the last layer reads of every sample, (N, K), after learning a job."""
        from offline.nets.modules import features

        work = _Work(self, material, [job])
        fits: dict[int, Fit] = {}
        run = work.run(job, job.split.train, job.split.name)
        work.fit([run], [self.plan.epochs], fits.__setitem__)
        described: NDArray[np.float32] = features(work.net, fits[0].weights, material.inputs)
        return described


def choose_mark(curve: Logits, targets: NDArray[np.float32], exclusive: bool) -> int:
    """Return the place of the best mark of a validation curve.

    Parameters
    ----------
    curve
        (marks, n, C) logits.
    targets
        (n, C).

    Returns
    -------
    Where UF1 (the mean F1 of units where ``exclusive`` is False), averaged over ``SMOOTHED``
    neighbouring marks, is highest; of equals the first.
    """
    heights = np.array([mean_f1(targets, logits, exclusive) for logits in curve])
    reach = min(SMOOTHED, len(heights)) // 2
    padded = np.pad(heights, reach, mode="edge")
    smooth = np.convolve(padded, np.full(2 * reach + 1, 1 / (2 * reach + 1)), "valid")
    return int(np.round(smooth, 9).argmax())


class _Work:
    """Some jobs of one learner."""

    def __init__(self, learner: NetLearner, material: Material, jobs: Sequence[Job]) -> None:
        self.learner, self.material, self.jobs = learner, material, jobs
        self.net = learner.net_of(material)
        self.train = engine_of(learner, self.net)

    def learn(self, selection: str, done: Done) -> None:
        """Learn all jobs and report each."""
        epochs = self.learner.plan.epochs
        all_marks = list(range(1, epochs + 1))
        if selection == "test-fold":
            marks, choose = all_marks, self._best_on_test
        else:
            picked = self._inner_epochs(all_marks) if selection == "inner" else {}
            marks = sorted(set(picked.values())) or [epochs]
            choose = partial(_looked_up, picked, marks)

        def ready(place: int, fit: Fit) -> None:
            job = self.jobs[place]
            mark = choose(place, fit)
            test = len(job.split.test)
            answers = self._probabilities(fit.curve[mark])
            chosen = {"epochs": float(marks[mark])}
            done(job, Outcome(answers[:test], answers[test:], chosen))

        runs = [self.run(job, job.split.train, job.split.name) for job in self.jobs]
        runs = [
            Run(run.train, np.concatenate([job.split.test, run.train]), run.key, run.weights)
            for run, job in zip(runs, self.jobs, strict=True)
        ]
        self.fit(runs, marks, ready)

    def _inner_epochs(self, marks: Sequence[int]) -> dict[int, int]:
        """Return the epoch of each job by its place; nothing of the test side is looked at."""
        runs, owners = [], []
        for place, job in enumerate(self.jobs):
            for number, (taught, validation) in enumerate(self._parts(job)):
                run = self.run(job, taught, f"{job.split.name}/inner/{number}")
                runs.append(Run(run.train, validation, run.key, run.weights))
                owners.append(place)
        fits: dict[int, Fit] = {}
        self.fit(runs, marks, fits.__setitem__)
        epochs = {}
        for place in range(len(self.jobs)):
            own = [number for number, owner in enumerate(owners) if owner == place]
            curve = np.concatenate([fits[number].curve for number in own], axis=1)
            watched = np.concatenate([runs[number].watch for number in own])
            targets = self.material.targets[watched]
            epochs[place] = marks[choose_mark(curve, targets, self.material.exclusive)]
        return epochs

    def _parts(self, job: Job) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        groups, train, wanted = self.material.groups, job.split.train, self.learner.inner
        seed = key_of(f"{job.split.name}/inner", job.seed)
        if wanted == 1:
            yield inner_split(groups, train, seed)
        else:
            yield from inner_folds(groups, train, seed, wanted)

    def run(self, job: Job, train: NDArray[np.int64], name: str) -> Run:
        """Return a training of a job under a name of its own, watching what it learns from."""
        key = key_of(name, job.seed)
        weights: Weights | None = None
        if self.learner.start:
            weights = start_weights(self.net, self.learner.labels, job.seed, key)
        return Run(train, train, key, weights)

    def fit(
        self, runs: Sequence[Run], marks: Sequence[int], ready: Callable[[int, Fit], None]
    ) -> None:
        """Train and report every run, what it says moved by what it believes."""

        def lean(place: int, fit: Fit) -> None:
            ready(place, replace(fit, curve=self._leaning(fit.curve, runs[place].train)))

        self.train(self.net, self.learner.plan, self.material, runs, marks, lean)

    def _leaning(self, curve: Logits, train: NDArray[np.int64]) -> Logits:
        if not self.material.exclusive:
            return curve
        taught = self.material.targets[train]
        exact = believing(curve.astype(np.float64), taught, self.learner.plan.believed)
        return exact.astype(np.float32)

    def _best_on_test(self, place: int, fit: Fit) -> int:
        """Return the last of the marks with the most hits on the test side: the leak."""
        test = self.jobs[place].split.test
        truth = self.material.targets[test]
        logits = fit.curve[:, : len(test)]
        if self.material.exclusive:
            hits = (logits.argmax(2) == truth.argmax(1)).sum(1)
        else:
            hits = ((logits > 0) == (truth > 0.5)).sum((1, 2))
        return int(np.flatnonzero(hits == hits.max())[-1])

    def _probabilities(self, logits: Logits) -> NDArray[np.float64]:
        exact = logits.astype(np.float64)
        return np.asarray(softmax(exact, 1) if self.material.exclusive else expit(exact))


def _looked_up(picked: dict[int, int], marks: Sequence[int], place: int, fit: Fit) -> int:
    return marks.index(picked[place]) if picked else len(marks) - 1


def engine_of(learner: NetLearner, net: Net) -> Engine:
    """Return the engine that trains ``net`` as the learner asks.

    Raises
    ------
    ConfigError
        The fused engine was asked for and cannot, or ``MER_THREADS`` is no number of threads.
    """
    if learner.engine != "stacked" and learner.device == "cpu":
        from offline.nets import fused

        if fused.supported(net):
            return partial(fused.train, threads=allowed_threads())
    if learner.engine == "fused":
        raise ConfigError(
            f"the fused engine cannot train {learner.net} on {learner.device}: give auto"
        )
    from offline.nets import stacked

    share = STACK_BYTES[learner.device] // (16 * net.parameters)
    at_once = max(1, min(STACK[learner.device], share))
    return partial(stacked.train, device=learner.device, at_once=at_once)
