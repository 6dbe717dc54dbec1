"""Another Python process at work on an engine store."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.cache import EngineStore
from engines.spec import BuildSpec

ROOT = Path(__file__).resolve().parents[3]
SPEC = BuildSpec("a" * 64, "tensorrt-rtx", "1.7.1.116", "fp16", ("sm89",))
PREAMBLE = f"""
import os, resource, signal, sys
from pathlib import Path
from engines.cache import EngineStore
from engines.spec import BuildSpec
store = EngineStore(Path(sys.argv[1]), Path(sys.argv[2]))
spec = {SPEC!r}
def say(word):
    print(word, flush=True)
"""


@contextmanager
def starter(store: EngineStore) -> Iterator[Callable[..., subprocess.Popen]]:
    """Give what starts a process with ``store``, ``spec`` and ``say``; none outlives the test."""
    running = []

    def begin(body: str, *wrapper: str) -> subprocess.Popen:
        command = [*wrapper, sys.executable, "-c", PREAMBLE + body]
        process = subprocess.Popen(
            [*command, str(store.folder), str(store.key_folder)],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        running.append(process)
        return process

    try:
        yield begin
    finally:
        for process in running:
            process.kill()
            process.communicate()
