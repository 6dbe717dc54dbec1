"""`mer engine`: compile a model for a GPU, see what is compiled, check it, throw it away."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from realtime_mer.errors import ModelError
from realtime_mer.sinks.text import plain

if TYPE_CHECKING:
    from engines import Package
    from engines.building import Built, Verified
    from engines.cache import EngineStore, Entry

engine_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Models compiled for where they run.",
)

Model = Annotated[
    Path | None,
    typer.Argument(metavar="[MODEL]", help="Folder of a model package.", show_default="bundled"),
]
Precision = Annotated[
    str, typer.Option(help="fp32, fp16, or auto: fp32 where the GPU can.", metavar="PRECISION")
]
Cache = Annotated[
    Path | None,
    typer.Option(help="Folder of compiled engines.", show_default="the user's cache folder"),
]
Json = Annotated[bool, typer.Option("--json", help="End with one JSON object on the last line.")]


@engine_app.command()
def build(
    model: Model = None,
    engine: Annotated[
        str, typer.Option(help="tensorrt, tensorrt-rtx, or auto: what is installed here.")
    ] = "auto",
    precision: Precision = "auto",
    targets: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="LIST",
            help="GPU generations to compile for ahead of time (tensorrt-rtx), such as "
            "sm86,sm89, or all.",
            show_default="this machine's GPU; all where there is none",
        ),
    ] = "",
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Compile a model; with a GPU here, hold its answers against the reference before it counts."""
    from engines.building import build_engines

    package = _package(model)
    with _progress() as (tell, stop):
        built = _ours(
            lambda: build_engines(
                package, engine, precision, _listed(targets), _store(cache), tell, stop.is_set
            )
        )
    console = Console()
    if as_json:
        _print_json({"model": package.model_id, "engines": [each.as_dict() for each in built]})
        return
    console.print(_built_table(package, built))
    for each in built:
        if each.note:
            console.print(plain(each.note), markup=False, highlight=False, soft_wrap=True)


@engine_app.command("list")
def list_engines(cache: Cache = None, as_json: Json = False) -> None:
    """List compiled engines, and whether this machine would use them."""
    from engines.building import fresh_here

    store = _store(cache)
    entries = _ours(lambda: store.entries(fresh_here()))
    if as_json:
        _print_json({"folder": str(store.folder), "engines": [entry_dict(e) for e in entries]})
        return
    console = Console()
    where = plain(str(store.folder))
    if not entries:
        console.print(f"no compiled engines in {where}; mer engine build makes one", markup=False,
                      highlight=False, soft_wrap=True)  # fmt: skip
        return
    console.print(_entries_table(entries))
    console.print(where, markup=False, highlight=False, soft_wrap=True)


@engine_app.command()
def verify(
    model: Model = None,
    engine: Annotated[
        str, typer.Option(help="An engine, or auto: every one that this machine can run.")
    ] = "auto",
    precision: Precision = "auto",
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Hold every engine's answers against the reference's on the package's golden samples."""
    from engines.building import verify_engines

    package = _package(model)
    with _progress() as (tell, _):
        found = _ours(lambda: verify_engines(package, engine, precision, _store(cache), tell))
    if as_json:
        _print_json({"model": package.model_id, "engines": [each.as_dict() for each in found]})
    else:
        _print_verified(package, found)
    if not all(each.passed for each in found):
        raise typer.Exit(1)


@engine_app.command()
def clear(
    model: Annotated[
        Path | None,
        typer.Option(help="Only engines of this package.", show_default="all models"),
    ] = None,
    bad: Annotated[
        bool, typer.Option("--unusable", help="Only those that this machine would not use.")
    ] = False,
    cache: Cache = None,
) -> None:
    """Throw compiled engines away; they can be built again."""
    from engines.building import fresh_here

    store = _store(cache)
    wanted = None if model is None else _package(model).card.sha256
    fresh = fresh_here()

    def chosen(entry: Entry) -> bool:
        if wanted is not None and (entry.spec is None or entry.spec.model_sha256 != wanted):
            return False
        useless = entry.state != "good" or (entry.spec is not None and not fresh(entry.spec))
        return useless or not bad

    count, freed = _ours(lambda: store.clear(chosen))
    plural = "" if count == 1 else "s"
    typer.echo(f"{count} engine{plural} removed, {freed / 1e6:.1f} MB freed")


def entry_dict(entry: Entry) -> dict[str, Any]:
    """Return what is known of a stored engine, ready for JSON."""
    spec = entry.spec
    return {
        "key": entry.key,
        "model": entry.model_name,
        "engine": None if spec is None else spec.flavour,
        "runtime": None if spec is None else spec.runtime,
        "precision": None if spec is None else spec.precision,
        "targets": [] if spec is None else list(spec.targets),
        "gpu": "" if spec is None else spec.gpu,
        "driver": "" if spec is None else spec.driver,
        "bytes": entry.size,
        "built_at": entry.built_at,
        "build_s": entry.build_s,
        "verification": entry.verification,
        "state": entry.state,
    }


def _package(folder: Path | None) -> Package:
    from engines import PackageError, load_package
    from realtime_mer.recognizer import default_package

    try:
        return load_package(default_package() if folder is None else folder)
    except PackageError as error:
        raise ModelError(str(error)) from error


def _store(folder: Path | None) -> EngineStore:
    from engines.cache import EngineStore

    return EngineStore(folder)


def _listed(targets: str) -> tuple[str, ...]:
    """Read ``sm86,sm89``; ``all`` for every generation."""
    from engines.spec import GENERATIONS

    names = [name.strip().lower() for name in targets.split(",") if name.strip()]
    return tuple(GENERATIONS) if names == ["all"] else tuple(names)


def _ours(call: Any) -> Any:
    """Turn the engines' errors into those that the command line tells in one line."""
    from engines import EngineError, PackageError

    try:
        return call()
    except (EngineError, PackageError) as error:
        raise ModelError(str(error)) from error


@contextmanager
def _progress() -> Iterator[tuple[Any, threading.Event]]:
    """Show the stages of a build; Ctrl-C ends it at its next step."""
    stop = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    errors = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
        console=errors, transient=True, disable=not errors.is_terminal,
    )  # fmt: skip
    tasks: dict[str, TaskID] = {}

    def tell(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bar.add_task(plain(stage), total=max(total, 1))
        bar.update(tasks[stage], completed=done, total=max(total, 1))

    main = threading.current_thread() is threading.main_thread()
    if main:
        signal.signal(signal.SIGINT, interrupt)
    try:
        with bar:
            yield tell, stop
    except ModelError:
        if stop.is_set():
            raise KeyboardInterrupt from None
        raise
    finally:
        if main:
            signal.signal(signal.SIGINT, before)


def _built_table(package: Package, built: list[Built]) -> Table:
    table = Table(title=f"engines of {plain(package.model_id)}", title_justify="left", box=SIMPLE)
    for column in ("engine", "precision", "for", "MB", "seconds", "agrees"):
        right = column in ("MB", "seconds")
        table.add_column(column, justify="right" if right else "left", no_wrap=column == "engine")
    for each in built:
        spec = each.entry.spec
        assert spec is not None
        table.add_row(
            f"{spec.flavour} {spec.runtime}",
            spec.precision,
            spec.gpu or " ".join(spec.targets),
            f"{each.entry.size / 1e6:.1f}",
            f"{each.entry.build_s:.1f}",
            _agrees(each.agreement.as_dict() if each.agreement else None),
        )
    return table


def _entries_table(entries: list[Entry]) -> Table:
    table = Table(box=SIMPLE)
    for column in ("model", "engine", "type", "for", "MB", "built", "agrees", "state"):
        table.add_column(
            column,
            justify="right" if column == "MB" else "left",
            overflow="fold",
            no_wrap=column in ("engine", "model", "built", "agrees"),
        )
    for entry in entries:
        spec = entry.spec
        table.add_row(
            plain(entry.model_name) or "?",
            spec.flavour if spec else "?",
            spec.precision if spec else "?",
            (plain(spec.gpu) or " ".join(spec.targets)) if spec else "?",
            f"{entry.size / 1e6:.1f}",
            plain(entry.built_at)[:10],
            _agrees(entry.verification),
            plain(entry.state),
        )
    return table


def _agrees(verification: dict[str, Any] | None) -> str:
    if not verification:
        return "not run"
    difference = verification.get("max_abs")
    return "?" if difference is None else f"within {difference:.0e}"


def _print_verified(package: Package, found: list[Verified]) -> None:
    console = Console()
    table = Table(title=f"{plain(package.model_id)} beside its reference", title_justify="left",
                  box=SIMPLE)  # fmt: skip
    for column in ("engine", "samples", "max diff", "in", "cosine", "labels", "verdict"):
        table.add_column(column, no_wrap=column == "engine")
    for each in found:
        seen = each.agreement
        if seen is None:
            table.add_row(each.name, "", "", "", "", "", f"failed: {plain(each.why)}")
            continue
        table.add_row(
            each.name,
            str(seen.samples),
            f"{seen.max_abs:.1e}",
            seen.worst_column,
            f"{seen.cosine:.6f}",
            f"{seen.label_agreement:.1%}",
            "agrees" if each.passed else "differs",
        )
    console.print(table)
    for each in found:
        if each.agreement is not None:
            shares = ", ".join(
                f"{plain(label)} {share:.0%} of {count}" if count else f"{plain(label)}: no sample"
                for label, (count, share) in each.agreement.per_class.items()
            )
            console.print(f"{each.name}: {shares}", markup=False, highlight=False, soft_wrap=True)


def _print_json(facts: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(facts, sort_keys=True) + "\n")
