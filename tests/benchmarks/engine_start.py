"""How long an engine takes to its first answer and what memory it holds, in a fresh process.

Imports are not counted: a program has them anyway. What is counted begins with reading the
model's files. An engine that is compiled for a GPU was compiled before; ``torch.compile`` compiles
when it first answers, and starts with an empty cache here.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offline.worker_life import end_with_parent
from tests.benchmarks.engine_models import BenchModel
from tests.benchmarks.engine_runners import Contestant, failure, runner

if TYPE_CHECKING:
    from engines.cache import EngineStore

ANSWERS = 10
"""Answers after which memory is looked at."""
MEGABYTE = 1e6
_IMPORTS = {
    "": ("torch", "offline.training"),
    "torch": ("torch", "onnx", "onnx.inliner", "engines.torch_backend", "torch.fx"),
    "onnxruntime": ("onnxruntime", "onnx", "engines.half"),
    "onnxruntime-cuda": ("onnxruntime", "onnx", "engines.half"),
    "tensorrt": ("tensorrt", "cuda.bindings.runtime", "engines.compiled", "engines.half"),
    "tensorrt-rtx": ("tensorrt_rtx", "cuda.bindings.runtime", "engines.compiled", "engines.half"),
}


@dataclass(frozen=True, slots=True)
class Start:
    """What a fresh process measured.

    Attributes
    ----------
    cold_start_ms
        From the files to the first answer.
    memory_mb
        By which the process grew, from before to after ten answers.
    gpu_memory_mb
        The same of the GPU; None on the CPU.
    why
        What went wrong; empty if nothing did.
    """

    cold_start_ms: float | None = None
    memory_mb: float | None = None
    gpu_memory_mb: float | None = None
    why: str = ""


def start(contestant: Contestant, model: BenchModel, threads: int, store: Path) -> Start:
    """Open an engine in a process of its own and measure.

    Parameters
    ----------
    store
        Folder of compiled engines and of the secret that signs them.
    """
    with ProcessPoolExecutor(1, get_context("spawn"), end_with_parent) as pool:
        try:
            return pool.submit(_measured, contestant, model, threads, store).result()
        except BrokenProcessPool:
            return Start(why="the process ended before it answered; perhaps memory ran out")


def _measured(contestant: Contestant, model: BenchModel, threads: int, store: Path) -> Start:
    """Measure; runs in the fresh process."""
    import torch

    from engines.cache import EngineStore

    torch.set_num_threads(threads)
    for name in _IMPORTS[contestant.engine]:
        importlib.import_module(name)
    if contestant.compiled:
        for name in ("torch._dynamo", "torch._inductor.compile_fx"):
            importlib.import_module(name)
    kept = EngineStore(store / "engines", store / "keys")
    with tempfile.TemporaryDirectory(prefix="mer-inductor-") as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        try:
            sample = model.package().samples()[0][:1]
            return _opened(contestant, model, threads, kept, sample)
        except Exception as error:  # whatever a compiler or a driver raises is told, not fatal
            return Start(why=failure(error))


def _opened(
    contestant: Contestant, model: BenchModel, threads: int, store: EngineStore, sample: Any
) -> Start:
    on_gpu = contestant.device == "cuda"
    gpu_before = _gpu_used() if on_gpu else 0
    before = _resident()
    begin = time.perf_counter()
    engine = runner(contestant, model, threads, store).open()
    engine.infer(sample)
    taken = time.perf_counter() - begin
    for _ in range(ANSWERS - 1):
        engine.infer(sample)
    grown = max(_resident() - before, 0) / MEGABYTE
    on_it = (_gpu_used() - gpu_before) / MEGABYTE if on_gpu else None
    engine.close()
    return Start(1e3 * taken, grown, on_it)


def _resident() -> int:
    """Return bytes of this process in memory (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _gpu_used() -> int:
    """Return bytes of the GPU that are taken, by anybody; makes CUDA's own share beforehand."""
    from engines.nvidia.cuda import check, load_cuda

    cuda = load_cuda()
    free, total = check(cuda, cuda.cudaMemGetInfo(), "ask how much memory is free")
    return int(total) - int(free)
