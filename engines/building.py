"""Build engines, and hold what this machine can run against the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engines.backend import EngineError, check_precision
from engines.cache import EngineStore, Entry
from engines.compiled import Progress, StoredPlans, compiled_backend
from engines.nvidia.tensorrt_flavour import installed_flavours, load_flavour
from engines.opening import known, open_engine, survey
from engines.package import Package
from engines.spec import FLAVOURS, GENERATIONS, BuildSpec
from engines.verify import Agreement, verify_backend

HALF_ONLY = ("sm75",)
"""Generations for which TensorRT-RTX compiles no matrix products in fp32."""


@dataclass(frozen=True, slots=True)
class Built:
    """An engine that was compiled, or had been.

    Attributes
    ----------
    entry
        What the store knows of it.
    agreement
        How far it agrees with the reference; None of one that cannot run on this machine.
    note
        What a person should know.
    """

    entry: Entry
    agreement: Agreement | None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        spec = self.entry.spec
        assert spec is not None
        return {
            "key": self.entry.key,
            "engine": spec.flavour,
            "runtime": spec.runtime,
            "precision": spec.precision,
            "targets": list(spec.targets),
            "gpu": spec.gpu,
            "bytes": self.entry.size,
            "build_s": self.entry.build_s,
            "verification": self.agreement.as_dict() if self.agreement else None,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Verified:
    """An engine held against the reference.

    Attributes
    ----------
    name
        Engine, device and precision.
    agreement
        None if it could not answer at all.
    why
        What is wrong with it; empty if nothing is.
    """

    name: str
    agreement: Agreement | None
    why: str = ""

    @property
    def passed(self) -> bool:
        """Whether it answers as the reference does."""
        return self.agreement is not None and not self.why

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "engine": self.name,
            "passed": self.passed,
            "why": self.why,
            "verification": self.agreement.as_dict() if self.agreement else None,
        }


def build_engines(
    package: Package,
    engine: str = "auto",
    precision: str = "auto",
    targets: Sequence[str] = (),
    store: EngineStore | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> list[Built]:
    """Compile a model for this machine's GPU, or ahead of time for GPUs that are elsewhere.

    An engine for the GPU at hand is run and held against the reference before it counts. One
    that is compiled ahead is checked so when it is first opened on a GPU.

    Parameters
    ----------
    engine
        ``tensorrt``, ``tensorrt-rtx`` or ``auto``: TensorRT where it and a GPU are there, else
        TensorRT-RTX.
    precision
        ``fp32``, ``fp16``, or ``auto``: fp32, and fp16 for GPUs that take nothing else.
    targets
        Compute capabilities to compile for ahead of time, with TensorRT-RTX only. None: for the
        GPU at hand; where there is none, for all of ``GENERATIONS``.

    Raises
    ------
    EngineError
        Nothing that compiles is installed, there is no GPU for TensorRT, a target is unknown, the
        model cannot be compiled, or it answers otherwise than the reference.
    """
    if precision != "auto":
        check_precision(precision)
    usable = {probe.engine: probe.usable for probe in survey()}
    flavour = _flavour(engine, usable, bool(targets))
    plans = StoredPlans(store, progress, stop)
    if flavour == "tensorrt" and targets:
        raise EngineError(
            "tensorrt compiles for the GPU of this machine only; --for is for engine tensorrt-rtx"
        )
    if flavour == "tensorrt" or (usable[flavour] and not targets):
        return [_for_this_gpu(package, flavour, precision, plans)]
    return _ahead(package, precision, tuple(targets) or tuple(GENERATIONS), plans)


def verify_engines(
    package: Package,
    engine: str = "auto",
    precision: str = "auto",
    store: EngineStore | None = None,
    progress: Progress | None = None,
) -> list[Verified]:
    """Hold engines against the reference on the package's golden samples.

    Parameters
    ----------
    engine
        A name, or ``auto``: every engine that this machine can run.
    precision
        ``fp32``, ``fp16``, or ``auto``: both.

    Raises
    ------
    EngineError
        The engine is unknown.
    """
    if precision != "auto":
        check_precision(precision)
    usable = [probe.engine for probe in survey() if probe.usable]
    names = usable if engine == "auto" else [known(engine)]
    precisions = ("fp32", "fp16") if precision == "auto" else (precision,)
    return [
        _verified(package, name, each, store, progress) for name in names for each in precisions
    ]


def fresh_here() -> Callable[[BuildSpec], bool]:
    """Return a function that says whether this machine's runtime and GPU would use an engine."""
    versions: dict[str, str] = {}
    for flavour in installed_flavours():
        try:
            versions[flavour] = load_flavour(flavour).version
        except EngineError:
            continue
    gpu = None
    if any(probe.usable for probe in survey() if probe.engine in FLAVOURS):
        from engines.nvidia.cuda import find_gpu

        gpu = find_gpu()

    def fresh(spec: BuildSpec) -> bool:
        if versions.get(spec.flavour) != spec.runtime:
            return False
        if spec.flavour == "tensorrt-rtx":
            return gpu is None or gpu.capability in spec.targets
        return gpu is not None and (gpu.name, gpu.driver) == (spec.gpu, spec.driver)

    return fresh


def _flavour(engine: str, usable: dict[str, bool], ahead: bool) -> str:
    if engine != "auto":
        name = known(engine)
        if name not in FLAVOURS:
            raise EngineError(f"engine {name} is not compiled: choose {' or '.join(FLAVOURS)}")
        return name
    if usable["tensorrt"] and not ahead:
        return "tensorrt"
    if "tensorrt-rtx" in installed_flavours():
        return "tensorrt-rtx"
    raise EngineError(
        "nothing that compiles engines can be used here: pip install 'realtime-mer[rtx]' "
        "(compiles ahead of time too), or 'realtime-mer[tensorrt]' on a machine with an NVIDIA GPU"
    )


def _for_this_gpu(package: Package, flavour: str, precision: str, plans: StoredPlans) -> Built:
    """Compile for the GPU at hand, run it, hold it against the reference."""
    from engines.nvidia.cuda import find_gpu

    if precision == "auto":
        half = flavour == "tensorrt-rtx" and find_gpu().capability in HALF_ONLY
        precision = "fp16" if half else "fp32"
    with compiled_backend(package, flavour, precision, plans) as backend:
        entry = backend.entry
        assert entry is not None
        return Built(entry, backend.agreement, "; ".join(backend.notes))


def _ahead(
    package: Package, precision: str, targets: tuple[str, ...], plans: StoredPlans
) -> list[Built]:
    """Compile for GPUs that are elsewhere."""
    runtime = load_flavour("tensorrt-rtx").version
    groups = {precision: targets}
    if precision == "auto":
        half = tuple(target for target in targets if target in HALF_ONLY)
        groups = {"fp32": tuple(t for t in targets if t not in half), "fp16": half}
    built = []
    for each, group in groups.items():
        if group:
            ordered = tuple(sorted(set(group), key=lambda name: (len(name), name)))
            spec = BuildSpec(package.card.sha256, "tensorrt-rtx", runtime, each, ordered)
            plans.plan(spec, package)
            entry = plans.store.describe(spec)
            assert entry is not None
            built.append(Built(entry, None, _unchecked(each, ordered)))
    return built


def _unchecked(precision: str, targets: tuple[str, ...]) -> str:
    names = ", ".join(GENERATIONS.get(target, target) for target in targets)
    return (
        f"{precision} for {names}: compiled, and not yet run; it is held against the reference "
        "when it is first opened on such a GPU"
    )


def _verified(
    package: Package,
    name: str,
    precision: str,
    store: EngineStore | None,
    progress: Progress | None,
) -> Verified:
    told = f"{name} {precision}"
    try:
        opened = open_engine(package, name, precision, store=store, progress=progress)
        with opened.backend as backend:
            agreement = verify_backend(backend, precision)
            return Verified(backend.name, agreement, agreement.complaint())
    except EngineError as error:
        return Verified(told, None, str(error))
