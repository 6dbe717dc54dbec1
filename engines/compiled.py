"""Compiled engines: from the store if they are there, compiled and checked if not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engines.backend import PRECISIONS, Backend, EngineError, OpenedByWith
from engines.cache import EngineStore, Entry
from engines.nvidia.tensorrt_build import build_plan
from engines.package import Package
from engines.spec import BuildSpec
from engines.tensorrt_backend import TensorRtBackend
from engines.verify import Agreement, require, verify_backend

Progress = Callable[[str, int, int], None]
"""Told of a compilation: stage, steps done, steps in all."""


class StoredPlans:
    """The store's engines; what is not there is compiled under a lock and kept.

    Parameters
    ----------
    store
        The user's own by default.
    progress
        Told of waiting and compiling.
    stop
        Asked while it compiles; True ends that.
    compiling
        False refuses to compile: a plan that is not in the store is an ``EngineError``.
    """

    def __init__(
        self,
        store: EngineStore | None = None,
        progress: Progress | None = None,
        stop: Callable[[], bool] | None = None,
        compiling: bool = True,
    ) -> None:
        self.store = store or EngineStore()
        self._progress = progress or _silent
        self._stop = stop
        self._compiling = compiling

    def plan(self, spec: BuildSpec, package: Package) -> bytes:
        """Return a compiled engine that covers ``spec``.

        Raises
        ------
        EngineError
            It cannot be compiled or kept.
        """
        ready = self._ready(spec)
        if ready is not None:
            return ready
        if not self._compiling:
            raise EngineError(f"no {spec.flavour} engine is compiled for {package.model_id}")
        work = f"compiling {package.model_id} for {spec.flavour} in {spec.precision}"
        with self.store.lock(spec, lambda: self._progress(f"waiting: another is {work}", 0, 1)):
            ready = self._ready(spec)  # the other one may have compiled it
            if ready is not None:
                return ready
            self._progress(work, 0, 1)
            begin = time.monotonic()
            plan = build_plan(package.model, package.card.name, spec, self._progress, self._stop)
            self.store.put(spec, plan, package.card.name, time.monotonic() - begin)
            self._progress(work, 1, 1)
            return plan

    def refuse(self, spec: BuildSpec, reason: str) -> None:
        """Throw away what is stored for ``spec``: it was found unusable."""
        self.store.refuse(self.stored(spec) or spec, reason)

    def stored(self, spec: BuildSpec) -> BuildSpec | None:
        """Return the spec under which an engine for this GPU is kept, perhaps for others too."""
        if spec.flavour == "tensorrt" or len(spec.targets) > 1:
            return spec if self.store.describe(spec) else None
        found: BuildSpec | None = self.store.find(
            spec.model_sha256, spec.flavour, spec.runtime, spec.precision, spec.targets[0]
        )
        return found

    def _ready(self, spec: BuildSpec) -> bytes | None:
        plan = self.store.get(spec)  # what does not check is removed, with a word
        while plan is None and (stored := self.stored(spec)) is not None:
            plan = self.store.get(stored)
        return plan


class CheckedEngine(OpenedByWith):
    """A compiled engine that opens only if it answers the golden samples as the reference does.

    Parameters
    ----------
    engine
        Not open yet.
    plans
        Where its plan comes from; one that answers otherwise is thrown away there.
    precision
        What it calculates in, which decides how far it may be off.

    Attributes
    ----------
    agreement
        How far it agreed when it was opened.
    """

    def __init__(self, engine: TensorRtBackend, plans: StoredPlans, precision: str) -> None:
        self.package = engine.package
        self.name = engine.name
        self.agreement: Agreement | None = None
        self._engine, self._plans, self._precision = engine, plans, precision

    @property
    def notes(self) -> tuple[str, ...]:
        """What is slower than it could be, and why."""
        return self._engine.notes

    @property
    def entry(self) -> Entry | None:
        """What the store knows of it, once it is open."""
        spec = self._engine.spec
        stored = None if spec is None else self._plans.stored(spec)
        return None if stored is None else self._plans.store.describe(stored)

    def open(self) -> Self:
        """Open and check the engine.

        Raises
        ------
        EngineError
            It cannot be opened, or answers otherwise than the reference.
        """
        if self.agreement is not None:
            return self
        self._engine.open()
        spec = self._engine.spec
        assert spec is not None
        try:
            agreement = verify_backend(self._engine, self._precision)
            require(agreement, self.name, self._precision)
        except EngineError as error:
            self._engine.close()
            self._plans.refuse(spec, str(error))
            raise
        stored = self._plans.stored(spec)
        if stored is not None:
            with suppress(EngineError):  # a store that cannot be written to still serves
                self._plans.store.annotate(stored, agreement.as_dict())
        self.agreement = agreement
        return self

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Map (N, *input_shape) to (N, columns) float32; see ``TensorRtBackend.infer``."""
        return self._engine.infer(batch)

    def close(self) -> None:
        """Free the GPU's memory."""
        self.agreement = None
        self._engine.close()


def compiled_backend(
    package: Package, flavour: str, precision: str, plans: StoredPlans
) -> CheckedEngine:
    """Return a backend, not open yet, that takes its engine from the store or compiles it."""
    engine = TensorRtBackend(package, flavour, precision, plans=plans)
    return CheckedEngine(engine, plans, precision)


def built_backends(
    package: Package, flavour: str, precision: str, store: EngineStore | None
) -> Iterator[Callable[[], Backend]]:
    """Yield a maker for each precision in which the store holds an engine of this model."""
    plans = StoredPlans(store, compiling=False)
    wanted = (package.card.sha256, flavour)
    kept = {
        spec.precision
        for spec in plans.store.specs()
        if (spec.model_sha256, spec.flavour) == wanted
    }
    for each in PRECISIONS if precision == "auto" else (precision,):
        if each in kept:
            yield partial(compiled_backend, package, flavour, each, plans)


def _silent(stage: str, done: int, total: int) -> None:
    pass
