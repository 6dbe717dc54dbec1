"""What makes the kernels fast: vector instructions, no warming up twice, no interpreter lock."""

from __future__ import annotations

import platform
import re
import threading

import numpy as np
import pytest
from numba import njit

from realtime_mer.motion import residual


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86 instruction names")
def test_the_sums_work_on_whole_vectors_of_bytes() -> None:
    start, rows = np.zeros(99, np.uint8), np.zeros((5, 99), np.uint8)
    kernel = njit(nogil=True, error_model="numpy")(residual._ars.py_func)
    kernel(start, rows, np.arange(5), start.copy())
    (assembly,) = kernel.inspect_asm().values()
    for instruction in ("pmaxub", "pminub", "psubb", "paddb"):
        assert re.search(rf"\bv?{instruction}\b.*%[xyz]mm", assembly), instruction


def test_warm_up_compiles_everything_uint8_needs() -> None:
    residual.warm_up()
    kernels = (residual._ars, residual._sum_uint16, residual._stretch, residual._sum_any)
    before = [len(kernel.signatures) for kernel in kernels]
    for shape in ((320, 320, 3), (9, 9)):
        start, key = np.zeros(shape, np.uint8), np.zeros((20, *shape), np.uint8)
        key[:, 0, 0] = 255
        residual.ars(start, key)
        residual.residual_sum(start, key)
        residual.rrs(start, key)
        residual.rrs(start, key[:5])
        start.flags.writeable = False
        residual.rrs(start, key[:5])
    assert [len(kernel.signatures) for kernel in kernels] == before


def test_kernels_may_run_in_several_threads_at_once() -> None:
    rng = np.random.default_rng(1)
    start = rng.integers(0, 256, (320, 320, 3), dtype=np.uint8)
    key = rng.integers(0, 256, (5, 320, 320, 3), dtype=np.uint8)
    expected = residual.ars_numpy(start, key), residual.rrs_numpy(start, key)
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            found = residual.ars(start, key), residual.rrs(start, key)
            if not all(map(np.array_equal, found, expected)):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
