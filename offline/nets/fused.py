"""Train folds one by one in numba kernels, one on each processor core.

The batches of the shallow networks of this field are small: what a step of a general framework
costs is mostly memory traffic and calls. Here every array is made once for a training, a
convolution takes its ReLU, statistics and pooling along while its rows are in the cache, and no
Python lock is held, so that threads train different folds at the same time. The numbers are those
of ``stacked`` up to the rounding of sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from offline.bench.executors import usable_cores
from offline.bench.learning import Material
from offline.mirroring import mirrored
from offline.nets import dice, kernels_step
from offline.nets.fused_block import BlockOp, RowsStore, recognised
from offline.nets.fused_ops import (
    AvgPoolOp,
    BranchesOp,
    DenseOp,
    DropOp,
    FlattenOp,
    Float,
    MaxPoolOp,
    Moment,
    NormOp,
    Op,
    Parameters,
    ReluOp,
    Signal,
    TakeOp,
    signal,
)
from offline.nets.layers import (
    AvgPool,
    Branches,
    Capsules,
    Conv,
    Dense,
    Drop,
    Flatten,
    Layer,
    MaxPool,
    Net,
    Norm,
    Relu,
    Take,
    Weights,
    initial,
    learnt,
    shape_after,
    walk,
)
from offline.nets.plan import Plan, class_weights, draw
from offline.nets.training import Fit, Ready, Run, marked_steps


def supported(net: Net) -> bool:
    """Return whether every layer has kernels here; ``stacked`` trains the others."""
    return not any(isinstance(layer, Capsules) for _, layer, _ in walk(net.layers, net.inputs))


def train(
    net: Net,
    plan: Plan,
    material: Material,
    runs: Sequence[Run],
    marks: Sequence[int],
    ready: Ready,
    threads: int | None = None,
) -> None:
    """Train several runs at the same time; an ``Engine``.

    Parameters
    ----------
    ready
        Called in the thread of the caller, as soon as a run is done.
    threads
        Runs at the same time; one for each core that this process may use if None.
    """
    stop = Event()
    task = _Task(net, plan, material, marks, stop)
    workers = max(1, min(threads or usable_cores(), len(runs)))
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        try:
            begun = {pool.submit(task.train, run): place for place, run in enumerate(runs)}
            for done in as_completed(begun):
                fit = done.result()
                assert fit is not None
                ready(begun.pop(done), fit)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


class _Task:
    """What all runs have in common; read by all threads and written by none."""

    def __init__(
        self, net: Net, plan: Plan, material: Material, marks: Sequence[int], stop: Event
    ) -> None:
        self.net, self.plan, self.marks, self.stop = net, plan, marks, stop
        maps = np.concatenate([material.inputs, mirrored(material.inputs)])
        self.maps = np.ascontiguousarray(maps, np.float32)
        self.targets = np.array(material.targets, np.float32, order="C")
        self.exclusive = material.exclusive
        self.levels = dice.normal_levels()

    def train(self, run: Run) -> Fit | None:
        """Train one run; None if it was stopped."""
        training = _Training(self, run)
        stops = marked_steps(self.plan, len(self.targets), self.marks)
        curves = []
        for step in range(stops[-1]):
            if self.stop.is_set():
                return None
            training.advance(step)
            if step + 1 in stops:
                curves.append(training.answers(run.watch))
        return Fit(np.stack(curves), training.weights())


class _Training:
    """One run: its parameters, its arrays, its random numbers."""

    def __init__(self, task: _Task, run: Run) -> None:
        self.task, self.key = task, run.key
        net, plan = task.net, task.plan
        samples = len(task.targets)
        self.parameters, self.flat = _parameters(run.weights or initial(net, run.key))
        self.input = signal(plan.batch, net.inputs, False)
        self.input.shared = True
        builder = _Builder(self.parameters, run.key)
        self.ops, self.end = builder.build(net.layers, self.input, "")
        self.goals = np.zeros((plan.batch, task.targets.shape[1]), np.float32)
        self.costs = class_weights(plan, task.targets, run.train)
        steps = plan.steps(samples)
        drawn = draw(plan, run.train, steps, run.key)
        self.drawn = drawn.first, drawn.second, drawn.share, drawn.flips, drawn.shifts, drawn.gains
        self.rates = plan.rates(steps)

    def advance(self, step: int) -> None:
        """Take one step of descent."""
        task, plan = self.task, self.task.plan
        kernels_step.assemble(
            task.maps, task.targets, self.drawn, step, self.input.value, self.goals
        )
        if plan.noise:
            start = np.uint64(dice.start(self.key, step, dice.NOISE))
            values = self.input.value.reshape(-1)
            kernels_step.add_noise(values, start, task.levels, np.float32(plan.noise))
        moment = Moment(plan.batch, step)
        for op in self.ops:
            op.forward(moment)
        logits, slopes = self.end.value, self.end.slope
        if task.exclusive:
            kernels_step.blame_classes(logits, self.goals, self.costs, plan.smoothing, slopes)
        else:
            kernels_step.blame_units(logits, self.goals, slopes)
        for op in reversed(self.ops):
            op.backward()
        kernels_step.descend(*self.flat, step + 1, float(self.rates[step]), plan.decay)

    def answers(self, watch: NDArray[np.int64]) -> Float:
        """Return (w, C) logits of some samples."""
        samples = len(self.task.targets)
        logits = self._asked(watch)
        if self.task.plan.mirror_test:
            logits = (logits + self._asked(watch + samples)) / np.float32(2)
        return logits

    def _asked(self, places: NDArray[np.int64]) -> Float:
        size = len(self.input.value)
        logits = np.empty((len(places), self.end.shape[0]), np.float32)
        for begin in range(0, len(places), size):
            some = places[begin : begin + size]
            count = len(some)
            np.take(self.task.maps, some, 0, self.input.value[:count], "clip")
            for op in self.ops:
                op.forward(Moment(count))
            logits[begin : begin + count] = self.end.value[:count]
        return logits

    def weights(self) -> Weights:
        """Return a copy of all parameters."""
        return {name: values.copy() for name, values in self.parameters.values.items()}


def _parameters(begun: Weights) -> tuple[Parameters, tuple[Float, ...]]:
    """Lay all learnt parameters in one row; return views, and row, slopes and two moments."""
    size = sum(each.size for name, each in begun.items() if learnt(name))
    rows = tuple(np.zeros(size, np.float32) for _ in range(4))
    values: dict[str, Float] = {}
    slopes: dict[str, Float] = {}
    low = 0
    for name, each in begun.items():
        if learnt(name):
            values[name], slopes[name] = (
                row[low : low + each.size].reshape(each.shape) for row in rows[:2]
            )
            values[name][...] = each
            low += each.size
        else:
            values[name] = np.array(each, np.float32)
    return Parameters(values, slopes), rows


class _Builder:
    """Turns layers into operations."""

    def __init__(self, parameters: Parameters, key: int) -> None:
        self.parameters, self.key = parameters, key
        self.store = RowsStore()
        self.streams = 0

    def build(self, layers: Sequence[Layer], x: Signal, path: str) -> tuple[list[Op], Signal]:
        """Return the operations of some layers and what comes out."""
        ops: list[Op] = []
        place = 0
        while place < len(layers):
            layer = layers[place]
            if isinstance(layer, Conv):
                block = recognised(layers, place)
                op: Op = BlockOp(block, x, self.parameters, path, place, self.store)
                place += block.length
            else:
                op = self._op(layer, x, f"{path}{place}")
                place += 1
            ops.append(op)
            x = op.out
        return ops, x

    def _op(self, layer: Layer, x: Signal, name: str) -> Op:
        match layer:
            case Relu():
                return ReluOp(x)
            case Norm():
                return NormOp(layer, x, self.parameters, name)
            case Dense():
                return DenseOp(layer, x, self.parameters, name)
            case MaxPool():
                return MaxPoolOp(layer, x, shape_after((layer,), x.shape))
            case AvgPool():
                return AvgPoolOp(layer, x, shape_after((layer,), x.shape))
            case Flatten():
                return FlattenOp(x)
            case Take():
                return TakeOp(layer.channels, x)
            case Drop():
                self.streams += 1
                return DropOp(layer, x, self.key, self.streams - 1)
            case Branches():
                return BranchesOp(
                    x, [self._way(way, x, f"{name}.{n}.") for n, way in enumerate(layer.paths)]
                )
        raise AssertionError(layer)

    def _way(
        self, layers: Sequence[Layer], x: Signal, path: str
    ) -> tuple[Signal, list[Op], Signal]:
        slope = None if x.slope is None else np.zeros_like(x.slope)
        begin = Signal(x.value, slope, shared=True)
        ops, end = self.build(layers, begin, path)
        return begin, ops, end
