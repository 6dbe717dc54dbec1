"""Every network on every engine: latency, throughput, cold start, memory, agreement.

PyTorch, as the network was written, eager and compiled, stands beside our engines. All backends
of one model take turns in the same run, so that what slows the machine slows all. Times are from
an array in host memory to an array in host memory, copies included, after warm-up.

    mer bench engines --json --agreement 1000 --out docs/benchmarks
    mer bench engines --json --gpu --agreement 1000 --out docs/benchmarks
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engines import survey
from realtime_mer.errors import ConfigError
from tests.benchmarks import engine_models, engine_runners
from tests.benchmarks.engine_figures import targets
from tests.benchmarks.engine_report import gpu_facts, machine, plain, write
from tests.benchmarks.engine_run import Options, measure
from tests.benchmarks.engine_runners import torch_gpu_obstacle

GPU_SAMPLES = 1000
"""Rendered samples for agreement that ``--gpu`` takes if none are named."""


def figures(options: Options) -> dict[str, Any]:
    """Measure, and return everything JSON-ready."""
    facts = machine(options.threads)
    found = measure(options)
    told = {
        "rows": found.rows,
        "ratios": found.ratios,
        "targets": targets(found.rows, found.ratios, found.agreement, facts["gpu"] is not None),
        "agreement": found.agreement,
        "verified": found.verified,
        "skipped": found.skipped,
        "notes": found.notes,
        "machine": facts,
    }
    ready: dict[str, Any] = plain(told)
    return ready


def require_gpu() -> None:
    """Raise ``ConfigError``, saying what is missing, unless all GPU checks can run here."""
    missing = []
    if why := gpu_facts().get("why"):
        missing.append(why)
    flavours = {each.engine: each for each in survey() if each.engine.startswith("tensorrt")}
    if not any(each.usable for each in flavours.values()):
        missing += [f"{name}: {each.why}" for name, each in flavours.items()]
    if why := torch_gpu_obstacle():
        missing.append(why)
    if missing:
        raise ConfigError(f"--gpu: this machine cannot run the GPU checks: {'; '.join(missing)}")


def main(arguments: Sequence[str] = ()) -> dict[str, Any]:
    """Measure; see ``--help``."""
    parser = _parser()
    given = parser.parse_args(list(arguments))
    options = Options(
        models=engine_models.chosen(_names(given.models)),
        contestants=engine_runners.chosen(_names(given.backends)),
        batches=_sizes(parser, given.batches),
        rounds=given.rounds,
        seconds=given.seconds,
        threads=given.threads,
        agreement=given.agreement if given.agreement is not None else GPU_SAMPLES * given.gpu,
        verify=given.gpu,
        tell=_tell if given.verbose else lambda line: None,
    )
    low = options.threads < 1 or options.agreement < 0 or not options.seconds > 0
    if low or (options.rounds is not None and options.rounds < 1):
        parser.error("--threads and --rounds must be 1 or more, --agreement 0 or more, "
                     "--seconds above 0")  # fmt: skip
    if given.gpu:
        require_gpu()
    told = figures(options)
    if given.out is not None:
        written = write(told, given.out, f"mer bench engines {shlex.join(arguments)}".strip())
        told["files"] = [str(path) for path in written]
    return told


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mer bench engines", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--models",
        default=",".join(engine_models.QUICK),
        help=f"of {','.join(engine_models.NAMES)}",
    )
    parser.add_argument("--backends", default="", help=f"of {','.join(engine_runners.BACKENDS)}")
    parser.add_argument("--batches", default="1,4,16", help="samples of a call; default 1,4,16")
    parser.add_argument("--rounds", type=int, help="exactly so many; default: as --seconds allows")
    parser.add_argument(
        "--seconds", type=float, default=6.0, help="for each model and batch, about; default 6"
    )
    parser.add_argument("--threads", type=int, default=1, help="of each engine on the CPU")
    parser.add_argument(
        "--agreement", type=int, help="rendered samples to compare labels on; default none"
    )
    parser.add_argument(
        "--gpu", action="store_true",
        help=f"insist on a GPU, verify every engine, compare labels on {GPU_SAMPLES} samples",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="folder that takes a JSON file and a table")
    parser.add_argument("--verbose", action="store_true", help="say on stderr what is going on")
    return parser


def _names(given: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))


def _sizes(parser: argparse.ArgumentParser, given: str) -> tuple[int, ...]:
    names = _names(given)
    if not names or not all(name.isdecimal() and int(name) > 0 for name in names):
        parser.error(f"--batches {given!r}: give numbers of samples, such as 1,4,16")
    return tuple(sorted({int(name) for name in names}))


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
