"""What is compiled: which model, for which GPU, in which precision, for which batches."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from engines.backend import EngineError, check_precision

GENERATIONS = {
    "sm75": "Turing",
    "sm80": "Ampere A",
    "sm86": "Ampere",
    "sm89": "Ada",
    "sm120": "Blackwell",
}
"""The GPU generations that TensorRT-RTX compiles for without a GPU, by compute capability."""
FLAVOURS = ("tensorrt", "tensorrt-rtx")
OPTIONS = "user-allocation no-tf32"
"""How engines are compiled besides: recordable as CUDA graphs, fp32 as exact as it is elsewhere."""
PROFILES = ((1, 1, 1), (1, 8, 16))
"""(least, best, most) samples of a batch: one for the single candidate, one for several."""


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """All that decides what a compiled engine is. Equal specs mean that an engine may be used.

    Attributes
    ----------
    model_sha256
        Of ``model.onnx``, as in the card.
    flavour
        One of ``FLAVOURS``.
    runtime
        The version of TensorRT or TensorRT-RTX, such as ``1.7.1.116``.
    precision
        One of ``PRECISIONS``.
    targets
        Compute capabilities, rising, such as ``("sm86", "sm89")``.
    gpu, driver
        Name of the GPU and version of its driver. Empty for TensorRT-RTX, which compiles the
        rest on the GPU that it finds.
    profiles
        (least, best, most) samples of a batch, one triple for each optimisation profile.
    options
        ``OPTIONS`` of the program that compiled it; another program's differ.
    """

    model_sha256: str
    flavour: str
    runtime: str
    precision: str
    targets: tuple[str, ...]
    gpu: str = ""
    driver: str = ""
    profiles: tuple[tuple[int, int, int], ...] = PROFILES
    options: str = OPTIONS

    def __post_init__(self) -> None:
        if self.flavour not in FLAVOURS:
            raise EngineError(f"engine {self.flavour!r}: choose {' or '.join(FLAVOURS)}")
        check_precision(self.precision)
        if not self.targets:
            raise EngineError("an engine is compiled for one GPU generation or more, got none")
        for least, best, most in self.profiles:
            if not 1 <= least <= best <= most:
                raise EngineError(f"profile {least, best, most}: need 1 <= least <= best <= most")

    @property
    def key(self) -> str:
        """SHA-256 over everything above: the name under which the engine is kept."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
