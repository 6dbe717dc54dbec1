"""One run over models and engines: open, time, start afresh, compare, close."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tests.benchmarks import engine_models, engine_runners
from tests.benchmarks.engine_agreement import agreement
from tests.benchmarks.engine_figures import ratios
from tests.benchmarks.engine_models import BenchModel, prepare
from tests.benchmarks.engine_runners import (
    REFERENCE,
    Contestant,
    Runner,
    failure,
    obstacle,
    runner,
)
from tests.benchmarks.engine_start import Start, start
from tests.benchmarks.engine_timing import Timings, batch_of, row, time_all

if TYPE_CHECKING:
    from engines.cache import EngineStore

TOGETHER = 16
"""Samples of the larger batch when agreement is measured."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured; the command's options."""

    models: tuple[str, ...] = engine_models.QUICK
    contestants: tuple[Contestant, ...] = engine_runners.CONTESTANTS
    batches: tuple[int, ...] = (1, 4, 16)
    rounds: int | None = None
    seconds: float = 6.0
    threads: int = 1
    agreement: int = 0
    verify: bool = False
    tell: Callable[[str], None] = lambda line: None


@dataclass(slots=True)
class Found:
    """What was measured so far, JSON-ready but for ``timings``: (model, batch) → times."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    ratios: dict[str, dict[str, float]] = field(default_factory=dict)
    agreement: list[dict[str, Any]] = field(default_factory=list)
    verified: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    notes: list[dict[str, str]] = field(default_factory=list)
    timings: dict[tuple[str, int], Timings] = field(default_factory=dict)

    def skip(self, model: str, contestant: Contestant, why: str) -> None:
        """Say why there is no row."""
        self.skipped.append(_about(model, contestant, why))

    def note(self, model: str, contestant: Contestant, text: str) -> None:
        """Say what is worth knowing of a row."""
        self.notes.append(_about(model, contestant, text))


def _about(model: str, contestant: Contestant, why: str) -> dict[str, str]:
    own = {"backend": contestant.backend, "precision": contestant.precision}
    return {"model": model, **own, "why": why}


def measure(options: Options) -> Found:
    """Measure everything; networks, packages and compiled engines lie in a temporary folder."""
    found = Found()
    here = []
    for contestant in options.contestants:
        if why := obstacle(contestant):
            found.skip("", contestant, why)
        else:
            here.append(contestant)
    with tempfile.TemporaryDirectory(prefix="mer-engines-") as name, _threads(options.threads):
        place = Path(name)
        for each in options.models:
            options.tell(f"{each}: prepare")
            model = prepare(each, place, taught=options.agreement > 0)
            _measure_model(model, here, options, place, found)
    return found


def _measure_model(
    model: BenchModel,
    contestants: Sequence[Contestant],
    options: Options,
    place: Path,
    found: Found,
) -> None:
    from engines.cache import EngineStore

    store = EngineStore(place / "engines", place / "keys")
    opened: dict[Contestant, Runner] = {}
    try:
        for contestant in contestants:
            options.tell(f"{model.name}: open {contestant.key}")
            engine = runner(contestant, model, options.threads, store)
            try:
                opened[contestant] = engine.open()
            except Exception as error:  # a compiler's or a driver's, told beside the rest
                found.skip(model.name, contestant, failure(error))
        names = {contestant: engine.name for contestant, engine in opened.items()}
        _time_model(model, opened, options, place, found)
        if options.agreement:
            _agree(model, opened, options, found)
        for contestant, engine in opened.items():
            for text in engine.notes:
                found.note(model.name, contestant, text)
            if engine.name != names[contestant]:
                strike(model.name, contestant, f"{engine.name} took over", found)
    finally:
        for engine in opened.values():
            engine.close()
    if options.verify:
        _verify(model, store, options, found)


def _time_model(
    model: BenchModel,
    opened: dict[Contestant, Runner],
    options: Options,
    place: Path,
    found: Found,
) -> None:
    """Add rows and ratios; who fails is closed and dropped from ``opened``."""
    samples = model.package().samples()[0]
    timed: list[tuple[int, Timings]] = []
    for size in options.batches:
        options.tell(f"{model.name}: batch {size}")
        batch = batch_of(samples, size)
        timings, failed = time_all(opened, batch, options.seconds, options.rounds)
        for contestant, why in failed.items():
            found.skip(model.name, contestant, f"batch {size}: {why}")
            opened.pop(contestant).close()
        timed.append((size, timings))
        found.timings[model.name, size] = timings
    starts: dict[Contestant, Start] = {}
    for contestant in opened:
        options.tell(f"{model.name}: start {contestant.key}")
        starts[contestant] = start(contestant, model, options.threads, place)
        if starts[contestant].why:
            found.note(model.name, contestant, f"no cold start: {starts[contestant].why}")
    for size, timings in timed:
        for contestant, timing in timings.items():
            begun = starts.get(contestant, Start())
            found.rows.append(
                row(model.name, contestant, size, timing)
                | {
                    "cold_start_ms": begun.cold_start_ms,
                    "memory_mb": begun.memory_mb,
                    "gpu_memory_mb": begun.gpu_memory_mb,
                }
            )
        if size == 1:
            by_key = {each.key: timing for each, timing in timings.items()}
            found.ratios[model.name] = ratios(by_key)


def _agree(
    model: BenchModel, opened: dict[Contestant, Runner], options: Options, found: Found
) -> None:
    reference = opened.get(REFERENCE) or runner(REFERENCE, model, options.threads, None).open()

    def tell(done: int) -> None:
        options.tell(f"{model.name}: agreement, {done} of {options.agreement}")

    card = model.package().card
    told = agreement(card, opened, reference, options.agreement, TOGETHER, tell)
    found.agreement += [{"model": model.name, **each} for each in told]


def strike(model: str, contestant: Contestant, why: str, found: Found) -> None:
    """Take back what another engine answered in its place."""
    own = (model, contestant.backend, contestant.precision)
    for table in (found.rows, found.agreement):
        table[:] = [r for r in table if (r["model"], r["backend"], r["precision"]) != own]
    for timings in (each for (name, _), each in found.timings.items() if name == model):
        timings.pop(contestant, None)
    if model in found.ratios:
        left = found.timings[model, 1]
        found.ratios[model] = ratios({each.key: timing for each, timing in left.items()})
    found.skip(model, contestant, why)


def _verify(model: BenchModel, store: EngineStore, options: Options, found: Found) -> None:
    from engines.building import verify_engines

    options.tell(f"{model.name}: verify")
    told = verify_engines(model.package(), store=store)
    found.verified += [{"model": model.name, **each.as_dict()} for each in told]


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
